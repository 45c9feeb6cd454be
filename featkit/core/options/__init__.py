"""Options as objects: the shell, ``featkit.toml`` and Python fill the same ones, and they are checked when made."""

from featkit.core.options.base import Options
from featkit.core.options.comparison import CompareOptions
from featkit.core.options.data import DataOptions, SplitOptions
from featkit.core.options.probe import ProbeOptions
from featkit.core.options.resampling import Resampling
from featkit.core.options.sparse import (
    ComputeOptions,
    PathOptions,
    PenaltyOptions,
    RidgeOptions,
    SignatureOptions,
    StabilityOptions,
)
from featkit.core.options.store import ImportOptions, StoreOptions
from featkit.core.options.training import EncoderOptions, ExtractOptions, TrainOptions

__all__ = [
    "CompareOptions",
    "ComputeOptions",
    "DataOptions",
    "EncoderOptions",
    "ExtractOptions",
    "ImportOptions",
    "Options",
    "PathOptions",
    "PenaltyOptions",
    "ProbeOptions",
    "Resampling",
    "RidgeOptions",
    "SignatureOptions",
    "SplitOptions",
    "StabilityOptions",
    "StoreOptions",
    "TrainOptions",
]
