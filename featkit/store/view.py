"""Some rows of a store, not read before they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


class StoreView:
    """Chosen rows of a store as an array-like: slices are read on demand, ``numpy.asarray`` reads them all.

    Parameters
    ----------
    read : callable
        Returns the embeddings of some rows of the store, float32 (k, d).
    rows : (n,) int64
        The store's rows, in the order of the view.
    n_dimensions : int
        d.
    block_rows : int
        Rows that `blocks` reads at a time.
    """

    dtype = np.dtype(np.float32)
    ndim = 2

    def __init__(
        self, read: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, n_dimensions: int, block_rows: int
    ) -> None:
        self._read, self.rows, self._n_dimensions, self._block_rows = read, rows, n_dimensions, block_rows

    def __len__(self) -> int:
        return self.rows.size

    @property
    def shape(self) -> tuple[int, int]:
        """``(n, d)``."""
        return self.rows.size, self._n_dimensions

    def __getitem__(self, which: slice | np.ndarray) -> np.ndarray:
        """Return embeddings of the view's rows ``which``, float32."""
        return self._read(self.rows[which])

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
        step = self._block_rows
        for first in range(0, max(1, len(self)), step):
            which = slice(first, min(len(self), first + step))
            yield which, self[which]
