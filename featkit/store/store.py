"""Reading a sealed store."""

from __future__ import annotations

import contextlib
import functools
import itertools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featkit.core.errors import InputError
from featkit.core.text import first_few
from featkit.store.layout import read_frame
from featkit.store.seal import read_seal
from featkit.store.view import StoreView
from featkit.store.zarr_io import no_remarks, zarr

if TYPE_CHECKING:
    import anndata
    import polars as pl


class EmbeddingStore:
    """Per-patch embeddings with their table and provenance, read on demand.

    Opening reads one small file. A store is complete or refused: unsealed, truncated and newer ones raise
    `InputError`.

    Parameters
    ----------
    path : str or Path
        A folder that `StoreWriter.seal` wrote.

    Attributes
    ----------
    path : Path
        The folder.
    n, d : int
        Rows and dimensions.
    store_id : str
        SHA-256 of the content, fixed at sealing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.seal = read_seal(self.path)
        self.n, self.d, self.store_id = self.seal.n, self.seal.d, self.seal.store_id

    def __repr__(self) -> str:
        return f"EmbeddingStore({str(self.path)!r}, n={self.n}, d={self.d})"

    def __len__(self) -> int:
        return self.n

    @property
    def shape(self) -> tuple[int, int]:
        """``(n, d)``."""
        return self.n, self.d

    @property
    def provenance(self) -> dict[str, Any]:
        """Encoder, weights, transform, precision, method, fold, seed, ... and how many patches were left out."""
        return self.seal.provenance

    @property
    def classes(self) -> list[str] | None:
        """Names of the columns of `probabilities`; None without a head."""
        names: list[str] | None = self.seal.plan["classes"]
        return names

    @property
    def dimension_names(self) -> tuple[str, ...]:
        """The name of each dimension, as imported; d0, d1, ... where nobody named them."""
        names = self.seal.plan.get("dimensions")
        return tuple(f"d{j}" for j in range(self.d)) if names is None else tuple(names)

    @functools.cached_property
    def obs(self) -> pl.DataFrame:
        """The table of patches (n rows): manifest columns, ``sha256``, ``mpp_effective``, split roles."""
        with self._readable("the table of patches"):
            return read_frame(self._root["obs"])

    @functools.cached_property
    def var(self) -> pl.DataFrame:
        """The table of dimensions (d rows): ``dimension``, ``name`` where they have any, ``is_dead``, ``variance``."""
        with self._readable("the table of dimensions"):
            return read_frame(self._root["var"])

    @property
    def probabilities(self) -> np.ndarray | None:
        """Class probabilities of the trained head, float32 (n, n_classes); None without a head."""
        if self.classes is None:
            return None
        with self._readable("the class probabilities"):
            return np.asarray(self._root["obsm"]["probabilities"][...])

    def to_anndata(self) -> anndata.AnnData:
        """Return the whole store in memory as an AnnData object: X, obs, var, obsm, and provenance in uns["featkit"].

        Raises
        ------
        InputError
            If the package anndata is not installed; the extra ``featkit-embeddings[anndata]`` brings it.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # remarks of anndata's on its own dependencies
                import anndata
        except ImportError:
            raise InputError(
                "to_anndata needs the package anndata", "none", 'Run: pip install "featkit-embeddings[anndata]"'
            ) from None
        with self._readable("the store"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return anndata.read_zarr(self.path)

    def X(self, rows: slice | np.ndarray | None = None) -> np.ndarray:
        """Return embeddings as float32.

        Parameters
        ----------
        rows : slice, integer array or boolean mask of length n, optional
            Which rows, in which order; default all. Only shards that hold one of them are read.

        Returns
        -------
        np.ndarray of shape (len(rows), d)

        Raises
        ------
        InputError
            If a row does not exist or a value read is not finite.
        """
        if rows is None:
            rows = slice(None)
        if isinstance(rows, slice) and rows.step in (None, 1):
            first, stop, _ = rows.indices(self.n)
            return self._read(first, max(first, stop))
        wanted = self._indices(rows)
        found = np.empty((len(wanted), self.d), dtype=np.float32)
        order = np.argsort(wanted, kind="stable")
        edges = np.searchsorted(wanted[order], np.arange(0, self.n + self.seal.shard_rows, self.seal.shard_rows))
        for low, high in itertools.pairwise(edges):
            if low < high:
                places = order[low:high]
                first = wanted[places[0]]
                found[places] = self._read(int(first), int(wanted[places[-1]]) + 1)[wanted[places] - first]
        return found

    def view(self, rows: slice | np.ndarray | None = None) -> StoreView:
        """Return some rows, as in `X`, as an array-like that reads them when they are asked for."""
        wanted = self._indices(slice(None) if rows is None else rows)
        return StoreView(self.X, wanted, self.d, self.seal.shard_rows)

    def blocks(self, rows_per_block: int | None = None) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield ``(rows, X)`` over all rows in order, so that the whole never has to fit into memory.

        Parameters
        ----------
        rows_per_block : int, optional
            Default: one shard, which reads each byte once.
        """
        step = self.seal.shard_rows if rows_per_block is None else rows_per_block
        if step < 1:
            raise InputError("rows_per_block must be at least 1", step, "Leave it out for the default")
        for first in range(0, self.n, step):
            rows = slice(first, min(self.n, first + step))
            yield rows, self._read(rows.start, rows.stop)

    def check_finite(self) -> None:
        """Read everything once; raise `InputError` naming the patches with NaN or infinity."""
        for _ in self.blocks():
            pass

    @functools.cached_property
    def _root(self) -> Any:
        with no_remarks():
            return zarr().open_group(self.path, mode="r")

    @functools.cached_property
    def _array(self) -> Any:
        return self._root["X"]

    def _indices(self, rows: slice | np.ndarray) -> np.ndarray:
        if isinstance(rows, slice):
            return np.arange(self.n)[rows]
        rows = np.asarray(rows)
        if rows.dtype == bool and rows.shape == (self.n,):
            return np.flatnonzero(rows)
        if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
            raise InputError(
                f"rows must be row numbers or a mask of length {self.n}", f"{rows.dtype} {rows.shape}", "Check rows"
            )
        rows = rows.astype(np.int64)
        if rows.size and not (rows.min() >= 0 and rows.max() < self.n):
            raise InputError(f"rows must lie in 0 to {self.n - 1}", f"{rows.min()} to {rows.max()}", "Check rows")
        return rows

    @contextlib.contextmanager
    def _readable(self, what: str) -> Iterator[None]:
        """Name what cannot be read: zarr's codecs raise whatever their compressor raises."""
        try:
            yield
        except (InputError, MemoryError):
            raise
        except Exception as error:
            raise InputError(
                f"{what} of {self.path} must be readable",
                f"{type(error).__name__}: {error}",
                "Run featkit store verify and write the store again",
            ) from error

    def _read(self, first: int, stop: int) -> np.ndarray:
        with self._readable(f"rows {first} to {stop - 1}"):
            X = np.asarray(self._array[first:stop], dtype=np.float32)
        with np.errstate(invalid="ignore"):
            total = X.sum(dtype=np.float64)
        if not np.isfinite(total):
            bad_rows = np.flatnonzero(~np.isfinite(X).all(axis=1))
            ids = self.obs["patch_id"][first:stop].gather(bad_rows).to_list()
            raise InputError(
                f"embeddings in {self.path} must be finite",
                f"NaN or infinity for {first_few(ids)}",
                "Extract the store again without those patches",
            )
        return X


def open_store(path: str | Path) -> EmbeddingStore:
    """Open a sealed store (see `EmbeddingStore`)."""
    return EmbeddingStore(path)
