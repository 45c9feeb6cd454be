"""``featkit store``: what is in a store, is it whole, and how to make one from a table of features."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from featkit.core.options import ImportOptions
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


def store_import(table: str | Path, output: str | Path, *, options: ImportOptions | None = None) -> EmbeddingStore:
    """Make a store from embeddings that already exist.

    Parameters
    ----------
    table : path
        ``.npz`` or ``.npy`` with a table of what is known about each patch, or a table with the embeddings as columns.
    output : path
        The store to write.
    options : ImportOptions, optional
        Which columns are what, and the domain; paths are relative to the current folder.

    Returns
    -------
    EmbeddingStore
        The sealed store.

    Raises
    ------
    InputError
        If a file cannot be read, its rows do not match, a column is not there, or ``output`` holds something else.

    Examples
    --------
    >>> featkit.store_import(
    ...     "uni.npz", "uni.zarr", options=ImportOptions(metadata="patches.csv", columns={"patient": "case_id"})
    ... )  # doctest: +SKIP
    """
    from featkit.core.options import ImportOptions
    from featkit.store import import_table

    return import_table(table, output, options or ImportOptions())
