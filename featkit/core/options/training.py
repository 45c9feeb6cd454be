"""Encoders, training and extraction."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Literal

from featkit.core.errors import InputError, did_you_mean
from featkit.core.options.base import Options
from featkit.core.seeds import check_seeds

Precision = Literal["auto", "float32", "float16", "bfloat16"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderOptions(Options):
    """The encoder every method starts from, and the frozen one.

    Parameters
    ----------
    name : str
        "tiny", a timm model, "hf-hub:owner/name" or a file that featkit saved.
    weights : str, optional
        A local file instead of the hub's weights, for "hf-hub:" also a folder; "random" for untrained ones.
    offline : bool
        Never ask a hub.

    Examples
    --------
    >>> EncoderOptions(name="timm:resnet18", weights="random")
    EncoderOptions(name='timm:resnet18', weights='random', offline=False)
    """

    name: str = "timm:resnet50"
    weights: str | None = None
    offline: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainOptions(Options):
    """What all training methods share; ``method_options`` holds the options of single methods.

    Parameters
    ----------
    methods : tuple of str
        Names in `featkit.training.METHODS` to train, one or more.
    seeds : tuple of int
        Training seeds, each 0 or more; every one gives a run of its own.
    n_epochs : int
        An epoch draws about as many patches as there are training patches; 1 or more.
    batch_size : int
        Patches per step, the same number from each training domain; 1 or more.
    patience : int
        Epochs without improvement of the selection rule before training stops; 0 never stops.
    selection : str
        Name in `featkit.training.SELECTION_RULES`; looks at validation rows of the training domains only.
    augmentation : {"dihedral", "none"}
        Random flips and quarter turns, or nothing.
    colour_jitter : float
        Largest relative change of each colour channel, in [0, 1); 0 for none.
    device : str
        "auto", "cpu", "cuda", or one GPU by number ("cuda:1"). No part of a run's identity.
    precision : {"auto", "float32", "float16", "bfloat16"}
        Of the computation; weights stay float32. "auto" is float16 on a GPU and float32 elsewhere, and goes on with
        what a run was begun with.
    n_jobs : int, optional
        Threads that read patches; one per core, eight at most, when not set.
    cache_bytes : int
        Decoded patches are kept in memory when they fit into this, and read in every epoch when they do not.
    method_options : dict of str to dict
        Options of one method by its name: the table ``[train.NAME]``.

    Examples
    --------
    >>> TrainOptions(n_epochs=3, device="gpu")
    Traceback (most recent call last):
    ...
    featkit.core.errors.InputError: device must be auto, cpu or cuda, got 'gpu'. Use 'cuda' for a GPU.
    """

    methods: tuple[str, ...] = ("baseline", "grl")
    seeds: tuple[int, ...] = (0,)
    n_epochs: int = 20
    batch_size: int = 64
    patience: int = 5
    selection: str = "source-val-balanced-cross-entropy"
    augmentation: Literal["dihedral", "none"] = "dihedral"
    colour_jitter: float = 0.0
    device: str = "auto"
    precision: Precision = "auto"
    n_jobs: int | None = None
    cache_bytes: int = 4_000_000_000
    method_options: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)

    def check(self) -> None:
        """Refuse values out of range."""
        self.require("methods", "at least one method", bool(self.methods), "Use baseline and grl")
        self.require("seeds", "at least one seed", bool(self.seeds), "Use 0")
        check_seeds(self.seeds)
        self.require("n_epochs", "at least 1 and at most 1,000,000", 1 <= self.n_epochs <= 1_000_000, "Use 20")
        self.require("batch_size", "at least 1", self.batch_size >= 1, "Use 64")
        self.require("patience", "at least 0", self.patience >= 0, "0 never stops")
        self.require("colour_jitter", "at least 0 and below 1", 0 <= self.colour_jitter < 1, "0 leaves colours alone")
        self.require("n_jobs", "between 1 and 1,024", self.n_jobs is None or 1 <= self.n_jobs <= 1024)
        self.require("cache_bytes", "at least 0", self.cache_bytes >= 0, "0 keeps nothing in memory")
        check_device(self.device)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExtractOptions(Options):
    """How embeddings are computed and written.

    Parameters
    ----------
    batch_size : int, optional
        Patches at a time, 1 or more; when not set 64 on a CPU and 256 on a GPU, halved while the GPU's memory does not
        suffice.
    n_jobs : int
        Threads that read patches, 1 or more.
    device : str
        "auto", "cpu", "cuda", or one GPU by number ("cuda:1").
    precision : {"auto", "float32", "float16", "bfloat16"}
        Of the computation; "auto" is float16 on a GPU and float32 elsewhere, and takes a finished store as it is.
    dtype : {"float32", "float16"}
        How embeddings are stored.
    strict : bool
        Stop at the first patch that cannot be read, instead of leaving it out and naming it in a file.

    Examples
    --------
    >>> ExtractOptions(dtype="float16").with_given(batch_size=32).batch_size
    32
    """

    batch_size: int | None = None
    n_jobs: int = 2
    device: str = "auto"
    precision: Precision = "auto"
    dtype: Literal["float32", "float16"] = "float32"
    strict: bool = False

    def check(self) -> None:
        """Refuse values out of range."""
        is_known = self.batch_size is None or self.batch_size >= 1
        self.require("batch_size", "at least 1", is_known, "Leave it out to have one found")
        self.require("n_jobs", "between 1 and 1,024", 1 <= self.n_jobs <= 1024, "Use 2")
        check_device(self.device)


def check_device(name: str) -> None:
    """Refuse a device that no machine has; whether this one has it is seen when it is needed."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        is_gpu = re.search("gpu|nvidia", name.lower()) is not None
        fix = "Use 'cuda' for a GPU" if is_gpu else did_you_mean(name, ("auto", "cpu", "cuda"))
        raise InputError("device must be auto, cpu or cuda", repr(name), fix)
