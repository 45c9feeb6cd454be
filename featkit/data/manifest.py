"""The manifest: one checked row per patch."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from featkit.core.errors import InputError
from featkit.core.files import whole_file
from featkit.core.identifiers import identifier_column
from featkit.core.magnification import magnification_label
from featkit.core.table_files import read_table_file
from featkit.core.text import first_few
from featkit.data.classes import class_order, integer_labels

COLUMNS = ("patch_id", "path", "label", "patient", "magnification", "mpp")
"""The standard columns, in their order; any others follow them."""
_NEVER_NULL = ("patch_id", "path", "label", "patient")


@dataclasses.dataclass(frozen=True, eq=False)
class Manifest:
    """One row per patch, checked where it is made.

    Parameters
    ----------
    frame : polars.DataFrame
        With columns ``patch_id`` (unique), ``path``, ``label``, ``patient`` (none of them null), ``magnification``
        (the printed label, "100X", or null where nobody knows it), ``mpp`` (microns per pixel of the stored image
        along x, or null), and any further columns ("mpp_y" along y, "slide", "subtype", ...). Identifiers may come as
        numbers and are kept as text. Magnification is never computed from mpp, nor mpp from magnification. Where there
        is a column ``slide``, a slide belongs to one patient.

    Raises
    ------
    InputError
        If a column is missing, an identifier is null or repeated, a magnification is no printed label, an mpp is not
        positive, or a slide has two patients.
    """

    frame: pl.DataFrame

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame", _checked(self.frame))

    def __len__(self) -> int:
        return self.frame.height

    def __repr__(self) -> str:
        patients, labels = self.frame["patient"].n_unique(), ", ".join(self.classes)
        return f"Manifest({len(self)} patches, {patients} patients, classes {labels})"

    @property
    def classes(self) -> tuple[str, ...]:
        """The distinct labels in class order (see `class_order`): of two, the positive one is last."""
        return class_order(self.frame["label"].to_list())

    def targets(self, positive: str | None = None) -> np.ndarray:
        """Return (n,) int64 class indices in class order, with ``positive`` as class 1 of two where it is named."""
        labels = self.frame["label"].to_list()
        return integer_labels(labels, class_order(labels, positive))

    def require(self, columns: Iterable[str]) -> Manifest:
        """Return the manifest itself if ``columns`` are there with a value in every row.

        Raises
        ------
        InputError
            Naming the columns that are missing, or the first patches without a value.
        """
        _require_columns(self.frame, columns)
        for name in columns:
            empty = self.frame.filter(pl.col(name).is_null())
            if empty.height:
                raise InputError(
                    f"column '{name}' must have a value in every row",
                    f"{empty.height} without, first {first_few(empty['patch_id'].to_list())}",
                    "Fill them in, or leave these patches out",
                )
        return self

    def select(self, patch_ids: Sequence[str]) -> Manifest:
        """Return the manifest of ``patch_ids``, in that order.

        Raises
        ------
        InputError
            If one of them is not in the manifest; it is named.
        """
        position = {p: i for i, p in enumerate(self.frame["patch_id"].to_list())}
        unknown = [p for p in patch_ids if p not in position]
        if unknown:
            raise InputError("patch_ids must be in the manifest", first_few(unknown))
        return Manifest(self.frame[[position[p] for p in patch_ids]])

    def missing_files(self) -> list[str]:
        """Return the paths at which no file lies."""
        return [p for p in self.frame["path"].to_list() if not Path(p).is_file()]

    @property
    def content_hash(self) -> str:
        """SHA-256 (hex) of every column but ``path``, whatever the order of rows and of columns.

        Where the files lie is no part of what they are, so a moved folder keeps its hash.
        """
        frame = self.frame.sort("patch_id")
        digest = hashlib.sha256()
        for name in sorted(set(frame.columns) - {"path"}):
            digest.update(repr((name, frame[name].cast(pl.String).to_list())).encode())
        return digest.hexdigest()

    def write(self, path: str | Path) -> Path:
        """Write a ``.parquet`` or ``.csv`` file; a reader never sees half of it.

        Images that lie below the file's folder are written relative to it, so that the folder can be moved.
        """
        path = Path(path)
        if path.suffix.lower() not in (".parquet", ".csv"):
            raise InputError("a manifest's name must end in .parquet or .csv", path.name)
        root = path.parent.resolve()
        places = [Path(p) for p in self.frame["path"].to_list()]
        written = [p.relative_to(root).as_posix() if p.is_relative_to(root) else str(p) for p in places]
        frame = self.frame.with_columns(path=pl.Series(written))
        with whole_file(path) as partial:
            frame.write_parquet(partial) if path.suffix.lower() == ".parquet" else frame.write_csv(partial)
        return path

    @classmethod
    def read(cls, path: str | Path) -> Manifest:
        """Return the manifest in a file that `write` wrote, or any table with the standard column names.

        Relative paths are taken from the table's folder. Columns beyond the standard ones come back from a CSV as text.
        Whether the images still lie there is not asked; see `missing_files`.
        """
        path = Path(path)
        frame = read_table_file(path)
        if "path" in frame.columns:
            frame = frame.with_columns(path=pl.Series(absolute(frame["path"].to_list(), path.parent), dtype=pl.String))
        return cls(frame)


def absolute(paths: Sequence[str | None], root: Path) -> list[str | None]:
    """Return ``paths`` as absolute ones, relative ones taken from ``root``; nulls stay."""
    return [None if p is None else str((root / p).resolve()) for p in paths]


def _require_columns(frame: pl.DataFrame, columns: Iterable[str]) -> None:
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise InputError(
            f"the table must have {'columns' if len(missing) > 1 else 'the column'} {', '.join(missing)}",
            ", ".join(frame.columns) or "no columns",
            "Rename yours, or map them with columns={'patient': 'your name'}",
        )


def _checked(frame: pl.DataFrame) -> pl.DataFrame:
    if not isinstance(frame, pl.DataFrame):
        raise InputError("a manifest is made of a polars.DataFrame", type(frame).__name__)
    _require_columns(frame, COLUMNS)
    if frame.height == 0:
        raise InputError("a manifest must have at least one patch", 0, "Check the folder or the table it was read from")
    frame = frame.with_columns(identifier_column(frame[name]) for name in _NEVER_NULL)
    for name in _NEVER_NULL:
        empty = np.flatnonzero(frame[name].is_null().to_numpy())
        if empty.size:
            who = frame["patch_id"].to_list()
            raise InputError(
                f"column '{name}' must have a value in every row",
                f"{empty.size} without, first {first_few([who[i] or f'row {i + 1}' for i in empty])}",
                "Fill them in, or leave these patches out",
            )
    repeated = frame.filter(pl.col("patch_id").is_duplicated())["patch_id"].unique(maintain_order=True)
    if repeated.len():
        raise InputError("every patch_id must be unique", f"{repeated.len()} repeated: {first_few(repeated.to_list())}")
    lengths = [_mpp(frame, name) for name in ("mpp", "mpp_y") if name in frame.columns]
    frame = frame.with_columns(_magnifications(frame["magnification"]), *lengths)
    if "slide" in frame.columns:
        torn = frame.group_by("slide").agg(pl.col("patient").unique().sort()).filter(pl.col("patient").list.len() > 1)
        torn = torn.drop_nulls("slide").sort("slide")
        if torn.height:
            raise InputError(
                "a slide must belong to one patient",
                first_few([f"{s} with {' and '.join(p)}" for s, p in torn.select("slide", "patient").iter_rows()]),
            )
    rest = [c for c in frame.columns if c not in COLUMNS]
    return frame.select(*COLUMNS, *rest)


def _magnifications(column: pl.Series) -> pl.Series:
    texts = column.cast(pl.String).to_list()
    labels = {t: magnification_label(t) for t in set(texts) if t is not None}
    return pl.Series("magnification", [labels.get(t) for t in texts], dtype=pl.String)


def _mpp(frame: pl.DataFrame, name: str) -> pl.Series:
    try:
        values = frame[name].cast(pl.Float64).fill_nan(None)
    except pl.exceptions.InvalidOperationError as error:
        raise InputError(f"column '{name}' must hold numbers, microns per pixel", error) from error
    for patch, value in zip(frame["patch_id"], values, strict=True):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise InputError(
                f"{name} must be positive and finite", f"{value} for {patch}", "Leave it empty where it is unknown"
            )
    return values
