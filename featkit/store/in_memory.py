"""Writing a store from embeddings that are in memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featkit.core.errors import InputError
from featkit.core.options import StoreOptions
from featkit.store.seal import partial_folder
from featkit.store.store import EmbeddingStore
from featkit.store.writer import StoreWriter

if TYPE_CHECKING:
    import polars as pl


def write_store(
    path: str | Path,
    X: np.ndarray,
    obs: pl.DataFrame,
    provenance: Mapping[str, Any],
    *,
    probabilities: np.ndarray | None = None,
    classes: Sequence[str] | None = None,
    options: StoreOptions | None = None,
) -> EmbeddingStore:
    """Write embeddings that are in memory and open the store.

    The hash of ``X`` joins the provenance as ``features_sha256``: writing the same again is no error and does
    nothing but check what is there, writing something else to the same path is refused.

    Parameters
    ----------
    path : str or Path
        The store's folder.
    X : (n, d) array of numbers
        Finite embeddings.
    obs : polars.DataFrame
        n rows; ``patch_id`` unique.
    provenance : mapping
        Where the embeddings come from, JSON-ready (see `StoreWriter.create_or_resume`).
    probabilities : (n, n_classes) array of float, optional
        Class probabilities of a head.
    classes : sequence of str, optional
        Names of the columns of ``probabilities``.
    options : StoreOptions, optional
        How embeddings are stored, and the names of the dimensions.

    Returns
    -------
    EmbeddingStore

    Raises
    ------
    InputError
        As `StoreWriter.create_or_resume`, `StoreWriter.write` and `StoreWriter.seal`.

    Examples
    --------
    >>> store = write_store("e.zarr", X, obs, {"encoder": "uni"})  # doctest: +SKIP
    """
    X = np.ascontiguousarray(X)
    if X.ndim != 2 or X.dtype.kind not in "fiu" or len(X) != len(obs):
        raise InputError(
            f"X must be numbers of shape ({len(obs)}, d)", f"{X.dtype} {X.shape}", "Give one row of X per row of obs"
        )
    begun_before = os.path.lexists(partial_folder(Path(path)))
    writer = StoreWriter.create_or_resume(
        path,
        obs,
        X.shape[1],
        provenance={**provenance, "features_sha256": hashlib.sha256(X.data).hexdigest()},
        classes=classes,
        options=options,
    )
    try:
        for shard in writer.pending():
            writer.write(shard, X[shard.rows], None if probabilities is None else np.asarray(probabilities)[shard.rows])
        return writer.seal()
    except InputError:
        if not begun_before:  # what is fixed must find the path free; what others work on is theirs
            writer.abandon()
        raise
