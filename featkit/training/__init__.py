"""Fine-tuning encoders for domains they have not seen: methods, one training loop, checkpoints (torch)."""

from featkit.core.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Batch": "featkit.training.method",
        "Checkpoint": "featkit.training.checkpoint",
        "METHODS": "featkit.training.registry",
        "Method": "featkit.training.method",
        "PatchSet": "featkit.training.data",
        "SELECTION_RULES": "featkit.training.selection",
        "Task": "featkit.training.method",
        "TrainingConfig": "featkit.training.config",
        "TrainingData": "featkit.training.data",
        "load_checkpoint": "featkit.training.checkpoint",
        "train": "featkit.training.loop",
    },
)
