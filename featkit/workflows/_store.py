"""``featkit store``: what is in a store, is it whole, and how to make one from a table of features."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from featkit.store.inspection import StoreCheck
    from featkit.store.store import EmbeddingStore


def store_info(store: str | Path) -> dict[str, Any]:
    """Return what a store holds: shape, columns, encoder, method, fold and versions.

    Parameters
    ----------
    store : path
        A sealed store.
    """
    from featkit.store import store_info as info

    return info(store)


def store_verify(store: str | Path) -> StoreCheck:
    """Recompute a store's checksums and return what does not match.

    Parameters
    ----------
    store : path
        A sealed store.
    """
    from featkit.store import verify_store

    return verify_store(store)


def store_import(
    table: str | Path,
    output: str | Path,
    *,
    metadata: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    domain: str | None = None,
) -> EmbeddingStore:
    """Make a store from embeddings that already exist.

    Parameters
    ----------
    table : path
        ``.npz`` or ``.npy`` with a ``metadata`` table in the same row order, or a CSV or Parquet table with columns
        ``d0 ... dN`` or one list column.
    output : path
        The store to write.
    metadata : path, optional
        CSV or Parquet with patch_id, label, patient, magnification, and more where known.
    columns : mapping of str to str, optional
        featkit's column name to the table's, where they differ: ``{"patient": "case_id"}``.
    domain : str, optional
        The column a method must generalise over, where it is not "magnification"; the analyses go by it.

    Returns
    -------
    EmbeddingStore
        The sealed store.

    Raises
    ------
    InputError
        If a file cannot be read, its rows do not match, a column is not there, or ``output`` holds something else.
    """
    from featkit.core.options import ImportOptions
    from featkit.store import import_table

    named = None if metadata is None else str(metadata)
    return import_table(table, output, ImportOptions(metadata=named, columns=dict(columns or {}), domain=domain))
