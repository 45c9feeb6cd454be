"""What every result promises: frozen, of a named run, serialisable at full precision, and a frame on request."""

from __future__ import annotations

import dataclasses
import inspect
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from featkit.core.errors import InputError
from featkit.core.files import read_json, write_json
from featkit.core.fingerprint import Fingerprint
from featkit.core.provenance import json_sha256
from featkit.core.run_key import RunKey
from featkit.results.by_run import ByRun

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from matplotlib.figure import Figure

_KINDS: dict[str, type[Result]] = {}
_DAMAGED = "Delete it and run the command that made it again"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Result:
    """Base of the frozen result dataclasses.

    A subclass is a ``@dataclass(frozen=True, eq=False, repr=False)`` whose fields are numbers, strings, booleans, None,
    numpy arrays, run keys, other results, and tuples, string-keyed dicts or `ByRun` of those. ``version`` grows when a
    field changes meaning.

    Parameters
    ----------
    key : RunKey
        The run it is of; empty where it is of no run in particular.
    made_from : Fingerprint, optional
        The estimator, inputs and options it was made with.
    """

    version: ClassVar[int] = 1

    key: RunKey = dataclasses.field(default=RunKey(), kw_only=True)
    made_from: Fingerprint | None = dataclasses.field(default=None, kw_only=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "kind" in inspect.get_annotations(cls):
            raise TypeError(f"{cls.__name__}: 'kind' tells results apart on disk and cannot be a field")
        _KINDS[cls.__name__] = cls

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict: numbers at full precision, arrays as lists, NaN and infinity as strings."""
        body = {f.name: _encode(getattr(self, f.name)) for f in dataclasses.fields(self)}
        for name in ("key", "made_from"):
            if not body[name]:
                del body[name]
        return {"kind": type(self).__name__, "version": self.version, **body}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Return the result that `to_dict` wrote.

        Raises
        ------
        InputError
            If ``data`` is another kind of result, another version of it, or damaged.
        """
        from featkit.results.decode import decode_result

        return decode_result(data, cls)

    def save(self, path: str | Path) -> Path:
        """Write `to_dict` and its SHA-256 as JSON; a reader never sees half a file."""
        body = self.to_dict()
        return write_json(path, {"sha256": json_sha256(body), **body})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the result that `save` wrote.

        Raises
        ------
        InputError
            If there is no such file, or it is damaged or of another kind or version; the message names the file.
        """
        data = read_json(path, "result")
        if not isinstance(data, dict) or "kind" not in data:
            raise InputError(f"{path} must be a result that featkit saved", type(data).__name__, _DAMAGED)
        written = data.pop("sha256", None)
        if written is not None and written != json_sha256(data):
            raise InputError(f"{path} must hold what featkit wrote there", "other contents", _DAMAGED)
        try:
            return cls.from_dict(data)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    def frame(self) -> pl.DataFrame:
        """Return the result as a tidy polars frame; by default one row of its scalar fields."""
        import polars as pl

        row = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None or isinstance(value, bool | int | float | str | np.generic):
                row[field.name] = value.item() if isinstance(value, np.generic) else value
        return pl.DataFrame([{k: v for k, v in row.items() if k != "made_from"}])

    def to_pandas(self) -> pd.DataFrame:
        """Return `frame` as a pandas frame; whole numbers and truth values with gaps keep their type."""
        import pandas as pd
        import polars as pl

        columns = {}
        for series in self.frame():
            values = pd.Series(series.to_list(), name=series.name, dtype=object if series.dtype == pl.String else None)
            if series.null_count() and (series.dtype.is_integer() or series.dtype == pl.Boolean):
                values = values.astype("Int64" if series.dtype.is_integer() else "boolean")
            columns[series.name] = values
        return pd.DataFrame(columns)

    def summary(self) -> str:
        """Return the result in a line or two."""
        shown = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool | int | str | np.integer) and value != "":
                shown.append(f"{field.name}={value}")
            elif isinstance(value, float | np.floating) and math.isfinite(value):
                shown.append(f"{field.name}={value:.4g}")
        return ", ".join(shown[:6])

    def plot(self) -> Figure:
        """Return the figure that shows the result best.

        Raises
        ------
        InputError
            If there is no figure for results of this kind.
        """
        from featkit.results.plots import PLOTS

        return PLOTS[type(self).__name__](self)

    def __repr__(self) -> str:
        of = f" of {self.key.label()}" if self.key != RunKey() else ""
        summary = self.summary()
        return f"<{type(self).__name__}{of}{': ' if summary else ''}{summary}>"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(repr(self)[1:-1])}</p>{self.frame()._repr_html_()}"


def load_result(path: str | Path) -> Result:
    """Return whatever kind of result a JSON file holds.

    Parameters
    ----------
    path : path
        A file that `Result.save` wrote.

    Raises
    ------
    InputError
        If there is no such file, it is damaged, or another version of featkit wrote it.
    """
    return Result.load(path)


def result_type(name: object) -> type[Result] | None:
    """Return the result type of that name, imported on demand; None if there is none."""
    if isinstance(name, str) and name not in _KINDS:
        from featkit import results

        getattr(results, name, None)  # importing the module registers it
    return _KINDS.get(name) if isinstance(name, str) else None


def _encode(value: Any) -> Any:
    if isinstance(value, Result | RunKey | Fingerprint):
        return value.to_dict()
    if isinstance(value, ByRun):
        return [{"key": key.to_dict(), "value": _encode(one)} for key, one in value.items()]
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
