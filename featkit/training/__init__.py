"""Fine-tuning encoders for domains they have not seen: methods, one training loop, checkpoints (torch)."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
