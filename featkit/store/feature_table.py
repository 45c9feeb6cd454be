"""The contract of feature files: what a reader hands over, and how that becomes the rows of a store.

A reader is a function ``(path, options) -> FeatureTable``, listed in `featkit.store.feature_files.READERS` by the
ending of the files it reads. It gives the vectors as they are in the file, and the columns that the file itself has; it
renames nothing and leaves nothing out. All that follows is done here, once, for every format:

* **Identifiers** (`IDENTIFIERS` and the domain column) become text: "01" stays "01", a number 7 becomes "7", outer
  spaces go. Names that differ only in how they are written are noted, never merged.
* **Other text** that is a number in every row, written as that number would be, becomes a number.
* **Magnifications** become printed labels once ("40" and 40.0 are "40X").
* **Metadata** are joined by ``patch_id`` where both sides have it, else row by row; the store says which.
* **Patches** without a ``patch_id`` are numbered; a repeated one is refused.
* **Left out** are embeddings without a row of metadata; how many, and which first, is noted.
* **Labels and patients** must be there in every row unless the options say otherwise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from featkit.core.errors import InputError, did_you_mean
from featkit.core.identifiers import identifier_column, near_twins
from featkit.core.magnification import magnification_label
from featkit.core.options import ImportOptions
from featkit.core.patient_groups import PATCHES_AS_PATIENTS, with_own_patients
from featkit.core.text import first_few

IDENTIFIERS = ("patch_id", "label", "patient", "slide", "case", "path", "split", "sha256")
"""Columns that are names, whatever they look like."""
_COMPARED_NAMES = ("patient", "label", "slide")


@dataclasses.dataclass(frozen=True, eq=False)
class FeatureTable:
    """What a reader of feature files hands over.

    Parameters
    ----------
    X : (n, d) array of numbers
        The vectors, in the order of the file.
    rows : polars.DataFrame
        n rows: the columns the file has besides the vectors, under its own names; no columns where it has none.
    dimensions : tuple of str
        The d names of the dimensions; empty where the file has none.
    facts : mapping
        What the file says about where the vectors come from (``encoder``, ...), JSON-ready.

    Raises
    ------
    InputError
        If the vectors are no matrix of numbers, or rows or names do not match it.
    """

    X: np.ndarray
    rows: pl.DataFrame
    dimensions: tuple[str, ...] = ()
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.X.ndim != 2 or self.X.dtype.kind not in "fiu" or not self.X.shape[1]:
            got = f"{self.X.dtype} {self.X.shape}"
            raise InputError("embeddings must be numbers of shape (n, d)", got, "Check the file")
        if self.rows.width and self.rows.height != len(self.X):
            raise InputError(f"a file must have one row per embedding, {len(self.X)}", self.rows.height)
        if self.dimensions and len(self.dimensions) != self.X.shape[1]:
            raise InputError(f"names of dimensions must be {self.X.shape[1]}", len(self.dimensions))


@dataclasses.dataclass(frozen=True, eq=False)
class DescribedFeatures:
    """Embeddings with one checked row each: what a store is written from.

    Parameters
    ----------
    X : (n, d) array of numbers
        The vectors that are kept.
    rows : polars.DataFrame
        n rows with ``patch_id`` first.
    joined_by : {"same file", "patch_id", "row order"}
        How rows and vectors found each other.
    notes : tuple of str
        What a reader of results should know: how rows were joined, what was left out, names that look alike.
    """

    X: np.ndarray
    rows: pl.DataFrame
    joined_by: str
    notes: tuple[str, ...]


def describe(features: FeatureTable, metadata: pl.DataFrame | None, options: ImportOptions) -> DescribedFeatures:
    """Return the embeddings with their rows, joined and checked as the contract says.

    Parameters
    ----------
    features : FeatureTable
        From a reader.
    metadata : polars.DataFrame, optional
        What is known about each patch, under the names of its own table.
    options : ImportOptions
        ``columns``, ``domain``, ``groups`` and ``unlabelled`` are used.

    Returns
    -------
    DescribedFeatures

    Raises
    ------
    InputError
        If a column is not there, rows cannot be joined, a ``patch_id`` is repeated, or labels or patients are missing.
    """
    known = pl.DataFrame() if metadata is None else metadata
    for theirs in options.columns.values():
        if theirs not in (*features.rows.columns, *known.columns):
            every = [*features.rows.columns, *known.columns]
            raise InputError("column must be in the table", theirs, did_you_mean(theirs, every))
    own, known = (_identified(_renamed(table, options.columns), options.domain) for table in (features.rows, known))
    X, rows, joined_by = features.X, own, "same file"
    notes: list[str] = []
    if metadata is not None:
        X, rows, joined_by, notes = _joined(features.X, own, known)
    if "patch_id" not in rows.columns:
        width = len(str(len(X) - 1))
        numbers = pl.Series("patch_id", [f"patch-{i:0{width}d}" for i in range(len(X))])
        rows = pl.DataFrame([numbers, *rows.get_columns()])
    rows = rows.select("patch_id", pl.exclude("patch_id"))
    _require_ids(rows["patch_id"], "the table")
    rows, more = _with_groups(rows, options)
    _require_described(rows, options)
    rows = rows.with_columns(_typed(rows[name]) for name in rows.columns if name not in (*IDENTIFIERS, options.domain))
    return DescribedFeatures(X, rows, joined_by, (*notes, *more, *_look_alikes(rows, options.domain)))


def _renamed(table: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
    """Return the table under featkit's names where it has the columns that are mapped."""
    mapped = {ours: theirs for ours, theirs in columns.items() if theirs in table.columns}
    table = table.with_columns(**{ours: pl.col(theirs) for ours, theirs in mapped.items()})
    return table.drop([theirs for theirs in set(mapped.values()) if theirs not in mapped])


def _identified(table: pl.DataFrame, domain: str | None) -> pl.DataFrame:
    names = [name for name in table.columns if name in (*IDENTIFIERS, domain)]
    table = table.with_columns(identifier_column(table[name]) for name in names)
    if "magnification" in table.columns:
        texts = identifier_column(table["magnification"]).to_list()
        labels = {text: magnification_label(text) for text in set(texts) - {None}}
        table = table.with_columns(magnification=pl.Series([labels.get(t) for t in texts], dtype=pl.String))
    return table


def _joined(X: np.ndarray, own: pl.DataFrame, known: pl.DataFrame) -> tuple[np.ndarray, pl.DataFrame, str, list[str]]:
    """Return vectors and rows that belong together, how they were joined, and notes."""
    if "patch_id" not in own.columns or "patch_id" not in known.columns:
        if known.height != len(X):
            raise InputError(
                f"metadata must have one row per embedding, {len(X)}",
                known.height,
                "Check both files, or give both a column patch_id to join them by",
            )
        lacking = "the metadata have" if "patch_id" in own.columns else "the embeddings have"
        note = f"metadata were joined to embeddings row by row, since {lacking} no column patch_id"
        rest = own.drop([name for name in own.columns if name in known.columns])
        return X, pl.DataFrame([*rest.get_columns(), *known.get_columns()]), "row order", [note]
    _require_ids(own["patch_id"], "the embeddings")
    _require_ids(known["patch_id"], "the metadata")
    is_known = own["patch_id"].is_in(known["patch_id"].implode()).to_numpy()
    if not is_known.any():
        raise InputError(
            "embeddings and metadata must share patch_ids",
            f"none: {own['patch_id'][0]} and {known['patch_id'][0]} are the first",
            "Check which columns are the patch_id, with columns={'patch_id': '...'}",
        )
    notes = [f"metadata were joined to embeddings by patch_id: {is_known.sum()} rows"]
    without = own["patch_id"].filter(pl.Series(~is_known)).to_list()
    if without:
        notes.append(f"{len(without)} embeddings without metadata were left out: {first_few(without)}")
    n_unused = known.height - int(is_known.sum())
    if n_unused:
        notes.append(f"{n_unused} rows of metadata have no embedding")
    own = own.drop([name for name in own.columns if name in known.columns and name != "patch_id"])
    rows = own.filter(pl.Series(is_known)).join(known, on="patch_id", how="left", maintain_order="left")
    return (X if is_known.all() else X[is_known]), rows, "patch_id", notes


def _require_ids(ids: pl.Series, of: str) -> None:
    if ids.null_count():
        raise InputError(f"patch_id must never be missing in {of}", f"{ids.null_count()} missing", "Give each an id")
    repeated = ids.filter(ids.is_duplicated()).unique(maintain_order=True).to_list()
    if repeated:
        raise InputError(f"patch_id must be unique in {of}", first_few(repeated), "Remove or rename the repeated ones")


def _with_groups(rows: pl.DataFrame, options: ImportOptions) -> tuple[pl.DataFrame, list[str]]:
    if options.groups == "patients":
        return rows, []
    return with_own_patients(rows), [PATCHES_AS_PATIENTS]


def _require_described(rows: pl.DataFrame, options: ImportOptions) -> None:
    advice = {
        "label": "Name it with columns={'label': '...'}, or say unlabelled=True",
        "patient": "Name it with columns={'patient': '...'}, or say groups='patches' if nobody knows the patients",
    }
    needed = [name for name in ("label", "patient", options.domain) if name is not None]
    for name in needed:
        is_optional = name == "label" and options.unlabelled
        fix = advice.get(name, "Name it with columns=...")
        if name not in rows.columns:
            if not is_optional:
                raise InputError(f"the table must have the column {name}", ", ".join(rows.columns), fix)
        elif rows[name].null_count() and not is_optional:
            without = rows.filter(pl.col(name).is_null())["patch_id"].to_list()
            raise InputError(
                f"column '{name}' must have a value in every row",
                f"{len(without)} without, first {first_few(without)}",
                "Fill them in, or leave these patches out",
            )


def _typed(column: pl.Series) -> pl.Series:
    """Return text that is a number in every row as numbers; all other columns as they are."""
    if column.dtype != pl.String or not column.len() - column.null_count():
        return column
    whole = column.cast(pl.Int64, strict=False)
    if (whole.cast(pl.String) == column).all() and whole.null_count() == column.null_count():
        return whole
    numbers = column.cast(pl.Float64, strict=False)
    is_padded = column.str.contains(r"^[+-]?0\d|^\s|\s$").any()
    if numbers.null_count() > column.null_count() or is_padded or numbers.n_unique() < column.n_unique():
        return column
    return numbers


def _look_alikes(rows: pl.DataFrame, domain: str | None) -> Sequence[str]:
    notes = []
    for name in dict.fromkeys((*_COMPARED_NAMES, domain)):
        if name is not None and name in rows.columns:
            twins = near_twins(rows[name].unique().to_list())
            if twins:
                shown = first_few([" and ".join(map(repr, group)) for group in twins])
                notes.append(f"{name}: names that differ only in how they are written count as different: {shown}")
    return notes
