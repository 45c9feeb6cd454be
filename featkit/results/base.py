"""What every result promises: frozen, serialisable at full precision, and a polars frame on request."""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import types
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from featkit.core.errors import InputError

if TYPE_CHECKING:
    import polars as pl

_KINDS: dict[str, type[Result]] = {}


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """Base of the frozen result dataclasses.

    A subclass is a ``@dataclass(frozen=True, eq=False)`` whose fields are numbers, strings, booleans, None, numpy
    arrays, other results, and tuples or string-keyed dicts of those. ``version`` grows when a field changes meaning.
    """

    version: ClassVar[int] = 1

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "kind" in inspect.get_annotations(cls):
            raise TypeError(f"{cls.__name__}: 'kind' tells results apart on disk and cannot be a field")
        _KINDS[cls.__name__] = cls

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict: numbers at full precision, arrays as lists, NaN and infinity as strings."""
        body = {f.name: _encode(getattr(self, f.name)) for f in dataclasses.fields(self)}
        return {"kind": type(self).__name__, "version": self.version, **body}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Return the result that `to_dict` wrote.

        Raises
        ------
        InputError
            If ``data`` is another kind of result or another version of it.
        """
        kind, version = data.get("kind"), data.get("version")
        found = _kind(kind)
        if found is None or not issubclass(found, cls):
            raise InputError(f"result must be of kind {cls.__name__}", kind, "Read it with the class that wrote it")
        if version != found.version:
            raise InputError(
                f"{kind} must be of version {found.version}", version, "Run the analysis again with this version"
            )
        hints = typing.get_type_hints(found)
        fields = {f.name: _decode(data[f.name], hints[f.name]) for f in dataclasses.fields(found) if f.name in data}
        return found(**fields)

    def save(self, path: str | Path) -> Path:
        """Write `to_dict` as JSON, by rename so that a reader never sees half a file."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(json.dumps(self.to_dict(), indent=1, allow_nan=False), encoding="utf-8")
        return partial.replace(path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the result that `save` wrote."""
        return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))

    def frame(self) -> pl.DataFrame:
        """Return the result as a tidy polars frame; by default one row of its scalar fields."""
        import polars as pl

        row = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None or isinstance(value, bool | int | float | str | np.generic):
                row[field.name] = value.item() if isinstance(value, np.generic) else value
        return pl.DataFrame([row])


def load_result(path: str | Path) -> Result:
    """Return whatever kind of result a JSON file holds."""
    return Result.load(path)


def _kind(name: object) -> type[Result] | None:
    """Return the result type of that name, imported on demand; None if there is none."""
    if isinstance(name, str) and name not in _KINDS:
        from featkit import results

        getattr(results, name, None)  # importing the module registers it
    return _KINDS.get(name) if isinstance(name, str) else None


def _encode(value: Any) -> Any:
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, np.ndarray):
        return _encode(value.tolist())
    if isinstance(value, np.generic):
        return _encode(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(k): _encode(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(v) for v in value]
    if isinstance(value, Path):
        return str(value)
    return value


def _decode(value: Any, hint: Any) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(value, dict) and _kind(value.get("kind")) is not None:
        return Result.from_dict(value)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        return _decode(value, next(a for a in args if a is not type(None)))
    if hint is np.ndarray or origin is np.ndarray:
        return _decode_array(value)
    if hint is float:
        return float(value)
    if origin is tuple:
        inner = args[0] if args else Any
        return tuple(_decode(v, inner) for v in value)
    if origin is dict:
        return {k: _decode(v, args[1]) for k, v in value.items()}
    return value


def _decode_array(value: Any) -> np.ndarray:
    flat = np.array(value, dtype=object).ravel()
    texts = [v for v in flat if isinstance(v, str)]
    if texts and set(texts) <= {"nan", "inf", "-inf"}:  # how JSON carries what it has no word for
        return np.array(value, dtype=object).astype(np.float64)
    return np.array(value)
