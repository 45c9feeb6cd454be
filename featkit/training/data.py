"""What a method learns from: training rows and source-validation rows, and nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from featkit.core.errors import InputError
from featkit.encoders.read import AnyPatch, Patch


@dataclasses.dataclass(frozen=True, eq=False)
class PatchSet:
    """Patches with their labels and domains.

    Parameters
    ----------
    images : sequence of path or Patch, or ndarray of uint8, shape (n, height, width, 3)
        Files, patches read before (`featkit.encoders.read_patches`), or pixels.
    labels : ndarray of int, shape (n,)
        Class of each patch, 0..C-1.
    domains : ndarray of int, shape (n,)
        Domain of each patch (magnification by default), an index into `TrainingData.domains`.
    """

    images: Sequence[AnyPatch] | np.ndarray
    labels: np.ndarray
    domains: np.ndarray

    def __post_init__(self) -> None:
        for name in ("labels", "domains"):
            values = np.asarray(getattr(self, name))
            if values.ndim != 1 or (values.size and not np.issubdtype(values.dtype, np.integer)):
                raise InputError(f"{name} must be a 1-D array of whole numbers", f"{values.dtype} {values.shape}")
            if len(values) != len(self.images):
                raise InputError(f"{name} must be one per patch ({len(self.images)})", len(values))
            object.__setattr__(self, name, values.astype(np.int64))
        if isinstance(self.images, np.ndarray) and (
            self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.shape[3] != 3
        ):
            raise InputError(
                "images must be uint8 of shape (n, height, width, 3)", f"{self.images.dtype} {self.images.shape}"
            )

    def __len__(self) -> int:
        return len(self.labels)


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingData:
    """Training and source-validation patches of one fold; the held-out domain has no place here.

    Parameters
    ----------
    train, val : PatchSet
        Patient-disjoint (the split saw to that). ``val`` may be empty for the rule "last-epoch".
    classes : tuple of str
        Names of the classes 0..C-1.
    domains : tuple of str
        Names that domain numbers index.

    Raises
    ------
    InputError
        If a label or domain has no name, the training rows hold fewer than two classes, or a validation row lies in a
        domain that is not trained on: the held-out domain must not choose a model.
    """

    train: PatchSet
    val: PatchSet
    classes: tuple[str, ...]
    domains: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        object.__setattr__(self, "domains", tuple(self.domains))
        if not len(self.train):
            raise InputError("training rows must not be empty", None, "Check the split")
        for side in (self.train, self.val):
            for kind, values, names in (
                ("labels", side.labels, self.classes),
                ("domains", side.domains, self.domains),
            ):
                if values.size and (values.min() < 0 or values.max() >= len(names)):
                    raise InputError(f"{kind} must lie in 0..{len(names) - 1}", f"{values.min()}..{values.max()}")
        present = np.unique(self.train.labels)
        if len(present) < 2:
            raise InputError(
                "training rows must hold at least two classes",
                f"only {self.classes[present[0]]!r}",
                "Check the labels, or use another seed for the split",
            )
        foreign = np.setdiff1d(self.val.domains, self.train.domains)
        if foreign.size:
            raise InputError(
                "validation rows must come from the training domains",
                ", ".join(self.domains[d] for d in foreign),
                "Keep the held-out domain for the test",
            )

    @property
    def training_domains(self) -> np.ndarray:
        """Numbers of the domains that are trained on, sorted."""
        return np.unique(self.train.domains)

    def sha256(self) -> str:
        """Return a hash over labels, domains, names, and what the patches are: pixels, hashes or file names."""
        digest = hashlib.sha256(repr((self.classes, self.domains)).encode())
        for side in (self.train, self.val):
            digest.update(side.labels.tobytes() + side.domains.tobytes())
            if isinstance(side.images, np.ndarray):
                digest.update(repr(side.images.shape).encode())
                digest.update(np.ascontiguousarray(side.images).data)
            else:
                names = (p.sha256 if isinstance(p, Patch) else Path(p).name for p in side.images)
                digest.update("\n".join(names).encode())
        return digest.hexdigest()
