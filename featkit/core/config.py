"""The workspace's ``featkit.toml`` as typed tables; unknown keys and wrong types name the key."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from featkit.core.errors import InputError, did_you_mean

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where the patches are and how to read them.

    ``metadata``, ``columns`` and ``labels`` are for folders and tables, ``patient_key``, ``scale`` and ``complete`` for
    BreaKHis; what they mean is said by the adapters in `featkit.data`. None and empty leave the choice to the adapter.
    """

    path: str = "."
    adapter: str = "breakhis"
    metadata: str = ""
    columns: dict[str, str] = dataclasses.field(default_factory=dict)
    labels: tuple[str, ...] = ()
    patient_key: str = "case"
    scale: float | None = None
    complete: bool | None = None
    domain: str = "magnification"
    positive: str = ""


@dataclasses.dataclass(frozen=True)
class SplitConfig:
    """How patients are divided; ``folds`` empty means every domain."""

    folds: tuple[str, ...] = ()
    test_fraction: float = 0.3
    val_fraction: float = 0.15
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class EncoderConfig:
    """The encoder every method starts from, and the frozen one."""

    name: str = "timm:resnet50"
    weights: str = ""
    offline: bool = False


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """What all methods share; a table ``[train.NAME]`` holds the options of one method."""

    methods: tuple[str, ...] = ("baseline", "grl")
    seeds: tuple[int, ...] = (0,)
    epochs: int = 20
    batch_size: int = 64
    patience: int = 5
    selection: str = "source-val-balanced-cross-entropy"
    augmentation: str = "dihedral"
    colour_jitter: float = 0.0
    device: str = "auto"
    precision: str = "auto"
    options: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class ExtractConfig:
    """How embeddings are written; ``batch_size`` 0 finds one."""

    batch_size: int = 0
    workers: int = 2
    device: str = "auto"
    precision: str = "auto"
    dtype: str = "float32"
    strict: bool = False


@dataclasses.dataclass(frozen=True)
class SignaturesConfig:
    """How signatures are chosen."""

    rule: str = "1se"
    n_lambdas: int = 49
    n_pairs: int = 50
    threshold: float = 0.75
    q: int = 0
    n_splits: int = 5


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """How intervals are made."""

    n_draws: int = 2000
    level: float = 0.95


@dataclasses.dataclass(frozen=True)
class ProbeConfig:
    """How probes are fitted and what their null is."""

    n_permutations: int = 200
    n_splits: int = 5


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything a ``featkit.toml`` may say."""

    data: DataConfig = DataConfig()
    split: SplitConfig = SplitConfig()
    encoder: EncoderConfig = EncoderConfig()
    train: TrainConfig = TrainConfig()
    extract: ExtractConfig = ExtractConfig()
    signatures: SignaturesConfig = SignaturesConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    probe: ProbeConfig = ProbeConfig()


def read_config(path: str | Path) -> Config:
    """Return the configuration a TOML file holds.

    Raises
    ------
    InputError
        If the file is no TOML, or a key is unknown or of the wrong type.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} must be valid TOML", str(error), f"Mend {path}") from None
    train = dict(table.get("train", {})) if isinstance(table.get("train", {}), dict) else table["train"]
    if isinstance(train, dict):  # [train.grl] reads better than [train.options.grl]
        methods = {k: v for k, v in train.items() if isinstance(v, dict)}
        table["train"] = {k: v for k, v in train.items() if not isinstance(v, dict)} | {"options": methods}
    return parse_table(Config, table, where=path.name)


def parse_table(cls: type[T], table: Any, where: str, prefix: str = "") -> T:
    """Return the dataclass ``cls`` filled from ``table``, checking names and types of keys.

    Parameters
    ----------
    cls : type
        A dataclass.
    table : mapping
        What the file holds.
    where : str
        The file, for messages.
    prefix : str
        Dotted path of the table, for messages.
    """
    if not isinstance(table, Mapping):
        raise InputError(f"[{prefix}] in {where} must be a table", repr(table), f"Write it as [{prefix}]")
    hints = typing.get_type_hints(cls)
    values = {}
    for key, value in table.items():
        name = f"{prefix}.{key}" if prefix else key
        if key not in hints:
            raise InputError(f"every key in {where} must be known", repr(name), did_you_mean(key, hints))
        values[key] = _convert(value, hints[key], where, name)
    return cls(**values)


def _convert(value: Any, hint: Any, where: str, name: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return parse_table(typing.cast(type, hint), value, where, name)
    if origin is tuple and isinstance(value, list):
        return tuple(_convert(v, args[0], where, name) for v in value)
    if origin is dict and isinstance(value, dict):
        return {str(k): _convert(v, args[1], where, f"{name}.{k}") for k, v in value.items()}
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        return _convert(value, next(a for a in args if a is not type(None)), where, name)
    if hint is Any:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    expected = origin or hint
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        kind = {tuple: "a list", dict: "a table", str: "a string", int: "a whole number", float: "a number"}
        raise InputError(
            f"{name} in {where} must be {kind.get(expected, 'true or false')}", repr(value), f"Correct {name} there"
        )
    return value
