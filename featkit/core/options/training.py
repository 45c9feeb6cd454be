"""Encoders, training and extraction."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from featkit.core.options.base import Options

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "float16", "bfloat16"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderOptions(Options):
    """The encoder every method starts from, and the frozen one.

    Parameters
    ----------
    name : str
        "tiny", a timm model, "hf-hub:owner/name" or a checkpoint file.
    weights : str, optional
        A local file instead of the hub's weights.
    offline : bool
        Never ask a hub.
    """

    name: str = "timm:resnet50"
    weights: str | None = None
    offline: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainOptions(Options):
    """What all methods share; ``method_options`` holds the options of single methods.

    Parameters
    ----------
    methods : tuple of str
        Which to train.
    seeds : tuple of int
        Training seeds, 0 or more.
    n_epochs, batch_size, patience : int
        Passes over the training patches, patches per step, epochs without improvement before stopping.
    selection : str
        Named rule for the epoch that is kept.
    augmentation : str
        Named set of label-preserving changes.
    colour_jitter : float
        Strength of colour changes, 0 for none.
    device : {"auto", "cpu", "cuda"}
        Where to compute.
    precision : {"auto", "float32", "float16", "bfloat16"}
        Of the computation.
    method_options : dict of str to dict
        Options of one method by its name: the table ``[train.NAME]``.
    """

    methods: tuple[str, ...] = ("baseline", "grl")
    seeds: tuple[int, ...] = (0,)
    n_epochs: int = 20
    batch_size: int = 64
    patience: int = 5
    selection: str = "source-val-balanced-cross-entropy"
    augmentation: str = "dihedral"
    colour_jitter: float = 0.0
    device: Device = "auto"
    precision: Precision = "auto"
    method_options: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)

    def check(self) -> None:
        """Refuse values out of range."""
        self.require("seeds", "whole numbers of at least 0", all(seed >= 0 for seed in self.seeds), "Use 0, 1, 2, ...")
        self.require("n_epochs", "at least 1", self.n_epochs >= 1)
        self.require("batch_size", "at least 1", self.batch_size >= 1)
        self.require("patience", "at least 0", self.patience >= 0)
        self.require("colour_jitter", "at least 0", self.colour_jitter >= 0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExtractOptions(Options):
    """How embeddings are written.

    Parameters
    ----------
    batch_size : int, optional
        Patches at a time; found when not set.
    n_jobs : int
        Threads that read patches.
    device, precision : str
        As in `TrainOptions`.
    dtype : {"float32", "float16"}
        How embeddings are stored.
    strict : bool
        Stop at the first patch that cannot be read.
    """

    batch_size: int | None = None
    n_jobs: int = 2
    device: Device = "auto"
    precision: Precision = "auto"
    dtype: Literal["float32", "float16"] = "float32"
    strict: bool = False

    def check(self) -> None:
        """Refuse values out of range."""
        self.require("batch_size", "at least 1", self.batch_size is None or self.batch_size >= 1)
        self.require("n_jobs", "at least 1", self.n_jobs >= 1)
