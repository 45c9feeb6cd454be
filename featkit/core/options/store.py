"""How a store is laid out, and how embeddings that already exist become one."""

from __future__ import annotations

import dataclasses
from typing import Literal

from featkit.core.options.base import Options
from featkit.core.patient_groups import Groups


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoreOptions(Options):
    """How embeddings are kept.

    Parameters
    ----------
    dtype : {"float32", "float16"}
        How embeddings are stored; they are always read as float32.
    shard_rows : int, optional
        Rows written at once, and lost by a kill; by default about 32 MB, at least 16 shards in a small store.
    dimensions : tuple of str
        The name of each dimension, all different; empty for d0, d1, ...
    """

    dtype: Literal["float32", "float16"] = "float32"
    shard_rows: int | None = None
    dimensions: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse values out of range."""
        is_positive = self.shard_rows is None or self.shard_rows >= 1
        self.require("shard_rows", "at least 1", is_positive, "Leave it out for the default")
        is_distinct = len(set(self.dimensions)) == len(self.dimensions) and all(self.dimensions)
        self.require("dimensions", "different names, none empty", is_distinct, "Rename the repeated ones")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportOptions(Options):
    """How embeddings that already exist become a store.

    Parameters
    ----------
    metadata : str, optional
        A table with what is known about each patch.
    columns : dict of str to str
        featkit's column name to the file's, where they differ: ``{"patient": "case_id"}``.
    domain : str, optional
        The column a method must generalise over, where it is not "magnification"; it must be there.
    dimensions : tuple of str
        The numeric columns that are the embedding, by name or by pattern (``"feature_*"``); empty for the columns
        d0, d1, ... or the one list column.
    array : str, optional
        The matrix of an ``.npz`` or the list column of a table, where there are several.
    groups : {"patients", "patches"}
        "patches" counts each patch as a patient of its own, where nobody knows the patients.
    unlabelled : bool
        Whether the table may come without the column ``label``.
    dtype : {"float32", "float16"}
        How embeddings are stored.
    """

    metadata: str | None = None
    columns: dict[str, str] = dataclasses.field(default_factory=dict)
    domain: str | None = None
    dimensions: tuple[str, ...] = ()
    array: str | None = None
    groups: Groups = "patients"
    unlabelled: bool = False
    dtype: Literal["float32", "float16"] = "float32"
