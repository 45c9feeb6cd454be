"""The workspace's ``featkit.toml`` as option objects; unknown keys and wrong values name the key."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

from featkit.core.errors import InputError
from featkit.core.options import (
    DataOptions,
    EncoderOptions,
    ExtractOptions,
    Options,
    ProbeOptions,
    Resampling,
    SignatureOptions,
    SplitOptions,
    TrainOptions,
)
from featkit.core.structure import read_table

_MOVED = {
    "data.domain": "split.domain",
    "train.epochs": "train.n_epochs",
    "extract.workers": "extract.n_jobs",
    "signatures.rule": "signatures.penalty.rule",
    "signatures.n_splits": "signatures.penalty.n_folds",
    "signatures.n_lambdas": "signatures.path.n_lambdas",
    "signatures.n_pairs": "signatures.stability.n_pairs",
    "signatures.threshold": "signatures.stability.threshold",
    "signatures.q": "signatures.stability.q",
    "probe.n_splits": "probe.n_folds",
}
"""Keys of version 0.1 and what they are called now."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Everything a ``featkit.toml`` may say, one field per table."""

    data: DataOptions = dataclasses.field(default_factory=DataOptions)
    split: SplitOptions = dataclasses.field(default_factory=SplitOptions)
    encoder: EncoderOptions = dataclasses.field(default_factory=EncoderOptions)
    train: TrainOptions = dataclasses.field(default_factory=TrainOptions)
    extract: ExtractOptions = dataclasses.field(default_factory=ExtractOptions)
    signatures: SignatureOptions = dataclasses.field(default_factory=SignatureOptions)
    evaluate: Resampling = dataclasses.field(default_factory=Resampling)
    probe: ProbeOptions = dataclasses.field(default_factory=ProbeOptions)


def read_config(path: str | Path) -> Config:
    """Return the configuration a TOML file holds.

    Raises
    ------
    InputError
        If the file is no TOML, or a key is unknown, has moved, or holds a value that is refused.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path.name} must be valid TOML", str(error), f"Fix {path}") from None
    _refuse_moved(table, path.name)
    train = table.get("train")
    if isinstance(train, dict):  # [train.grl] reads better than [train.method_options.grl]
        methods = {k: v for k, v in train.items() if isinstance(v, dict)}
        table["train"] = {k: v for k, v in train.items() if k not in methods} | {"method_options": methods}
    return read_table(Config, table, path.name)


def _refuse_moved(table: dict[str, Any], where: str) -> None:
    for old, new in _MOVED.items():
        section, _, key = old.partition(".")
        if isinstance(table.get(section), dict) and key in table[section]:
            below, _, last = new.rpartition(".")
            raise InputError(
                f"{old} in {where} is called {new} since version 0.2", None, f"Write it in [{below}] as {last}"
            )
