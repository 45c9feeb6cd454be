"""The table that says what each row of a store is."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from featkit.core.errors import InputError
from featkit.core.text import first_few
from featkit.store.layout import is_element_name

if TYPE_CHECKING:
    import polars as pl


def checked_rows(obs: Any) -> pl.DataFrame:
    """Return the table in the form in which a store keeps it.

    ``patch_id`` comes first, as text; categories and dates become text; NaN becomes null.

    Parameters
    ----------
    obs : polars.DataFrame
        One row per patch; ``patch_id`` unique and never missing.

    Raises
    ------
    InputError
        If ``patch_id`` is absent, missing somewhere or repeated, or a column cannot be stored.
    """
    import polars as pl

    if not isinstance(obs, pl.DataFrame):
        raise InputError("obs must be a polars.DataFrame", type(obs).__name__, "Convert it, e.g. with polars.DataFrame")
    if "patch_id" not in obs.columns:
        raise InputError("obs must have the column patch_id", ", ".join(obs.columns) or "no columns", "Add it")
    if not len(obs):
        raise InputError("store must have at least one patch", 0, "Check the manifest")
    obs = obs.select("patch_id", *[c for c in obs.columns if c != "patch_id"])
    rows = pl.DataFrame([checked_column(obs[name]) for name in obs.columns])
    ids = rows["patch_id"].cast(pl.String)
    if ids.null_count():
        raise InputError("patch_id must never be missing", f"{ids.null_count()} missing", "Give each patch an id")
    if ids.n_unique() < len(ids):
        repeated = ids.filter(ids.is_duplicated()).unique(maintain_order=True).to_list()
        raise InputError("patch_id must be unique", first_few(repeated), "Remove or rename the repeated ones")
    return rows.with_columns(ids)


def checked_column(column: pl.Series) -> pl.Series:
    """Return a column as numbers, booleans or text."""
    import polars as pl

    if not is_element_name(column.name) or column.name == "_index":
        raise InputError("column name must be plain text without a slash", repr(column.name), "Rename the column")
    kind = column.dtype
    if kind.is_float():
        return column.fill_nan(None)
    if kind.is_integer() or kind in (pl.Boolean, pl.String):
        return column
    if kind in (pl.Categorical, pl.Enum, pl.Null) or kind.is_temporal():
        return column.cast(pl.String)
    raise InputError(
        f"column {column.name} must hold numbers, booleans or text", str(kind), "Convert the column or leave it out"
    )


def rows_sha256(rows: pl.DataFrame) -> str:
    """Return a SHA-256 over names, types and values of a table, in order."""
    digest = hashlib.sha256()
    for name in rows.columns:
        column = rows[name]
        digest.update(json.dumps([name, str(column.dtype), column.to_list()]).encode())
    return digest.hexdigest()
