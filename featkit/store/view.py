"""Some rows of a store, not read before they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from featkit.store.store import EmbeddingStore


class StoreView:
    """Chosen rows of a store as an array-like: slices are read on demand, ``numpy.asarray`` reads them all.

    Parameters
    ----------
    store : EmbeddingStore
        The store.
    rows : (n,) int64
        Its rows, in the order of the view.
    """

    dtype = np.dtype(np.float32)
    ndim = 2

    def __init__(self, store: EmbeddingStore, rows: np.ndarray) -> None:
        self.store, self.rows = store, rows

    def __len__(self) -> int:
        return self.rows.size

    @property
    def shape(self) -> tuple[int, int]:
        """``(n, d)``."""
        return self.rows.size, self.store.d

    def __getitem__(self, which: slice | np.ndarray) -> np.ndarray:
        """Return embeddings of the view's rows ``which``, float32."""
        return self.store.X(self.rows[which])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("embeddings on disk cannot be had without a copy")
        return self[:].astype(dtype or self.dtype, copy=False)

    def columns(self, dimensions: np.ndarray) -> np.ndarray:
        """Return some dimensions of all rows, float32 (n, k), with no more than a block of the others in memory."""
        found = np.empty((len(self), len(dimensions)), np.float32)
        for which, X in self.blocks():
            found[which] = X[:, dimensions]
        return found

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield ``(which, X)`` over the view in order, at most one shard's number of rows at a time."""
        step = self.store.seal.shard_rows
        for first in range(0, max(1, len(self)), step):
            which = slice(first, min(len(self), first + step))
            yield which, self[which]
