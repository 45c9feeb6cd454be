"""What all methods share in training."""

from __future__ import annotations

import dataclasses
from typing import Any

from featkit.core.errors import InputError

AUGMENTATIONS = ("dihedral", "none")


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """Settings of the loop; a method's own are its ``config_type``.

    Parameters
    ----------
    n_epochs : int
        An epoch draws about as many patches as there are training patches.
    batch_size : int
        Patches a step, divided evenly over the training domains.
    patience : int
        Epochs without improvement of the selection rule before training stops; 0 never stops.
    selection : str
        Name in `featkit.training.SELECTION_RULES`; looks at validation rows of the training domains only.
    augmentation : {"dihedral", "none"}
        Random flips and quarter turns, or nothing.
    colour_jitter : float
        Largest relative change of each colour channel, 0 (off) to below 1.
    seed : int
        Of everything random.
    device, precision : str
        As in `featkit.encoders.embed_patches`.
    n_workers : int
        Reading threads; 0 takes one per core, eight at most.
    cache_bytes : int
        Decoded patches are kept in memory when they fit, and read in every epoch when they do not.
    """

    n_epochs: int = 20
    batch_size: int = 64
    patience: int = 5
    selection: str = "source-val-balanced-cross-entropy"
    augmentation: str = "dihedral"
    colour_jitter: float = 0.0
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    n_workers: int = 0
    cache_bytes: int = 4_000_000_000

    def __post_init__(self) -> None:
        for name in ("n_epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1", getattr(self, name))
        for name in ("patience", "n_workers", "cache_bytes"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} must not be negative", getattr(self, name))
        if self.augmentation not in AUGMENTATIONS:
            raise InputError(f"augmentation must be one of {', '.join(AUGMENTATIONS)}", repr(self.augmentation))
        if not 0 <= self.colour_jitter < 1:
            raise InputError("colour_jitter must lie in [0, 1)", self.colour_jitter)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready record of every field."""
        return dataclasses.asdict(self)

    def outcome(self) -> dict[str, Any]:
        """Return the fields that decide the weights: all but where patches are held and who reads them."""
        return {k: v for k, v in self.to_dict().items() if k not in ("n_workers", "cache_bytes")}
