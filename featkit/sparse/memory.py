"""Designs larger than memory: every patient stays, with as many of its patches as there is room for.

The solvers sweep over columns in memory. A design that does not fit is not streamed: patches are left out at random,
which costs little, since patches of a patient resemble one another and the number of patients is what limits how much
can be learned. Each patient keeps all its patches or the same number of them; what is left out is said in a note, a
warning and the result. Rows are read block by block, so that ``X`` may be a memory map, or a zarr or HDF5 array.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from featkit.core.available_memory import available_bytes
from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.progress import note
from featkit.core.seeds import rng
from featkit.stats.labelled_rows import LabelledRows

_WORK_BYTES = 12  # per value, beside the rows read: their float32 columns, and those that two problems at a time pack
_READ_BYTES = 1 << 26


def memory_budget() -> int:
    """Return the bytes that work may take where nothing else is said: 60 % of what is available."""
    return int(0.6 * available_bytes())


def rows_that_fit(rows: LabelledRows, max_bytes: int | None, seed: int) -> tuple[LabelledRows, np.ndarray | None, str]:
    """Return the rows as they are when they fit in memory, or as many as do, read into memory.

    Every patient keeps all its rows or the same number of them, drawn at random; where rows are independent, each class
    keeps its share.

    Parameters
    ----------
    rows : LabelledRows
        Embeddings in memory or on disk.
    max_bytes : int or None
        Memory the work may take; None is `memory_budget`.
    seed : int
        Seed of the draw.

    Returns
    -------
    rows : LabelledRows
        The rows that fit.
    kept : (n_kept,) int64 or None
        Their numbers; None when all fit.
    note : str
        What was left out; empty when nothing was.

    Raises
    ------
    InputError
        If there is not room for two rows of every patient.
    """
    n, d = rows.n, rows.n_dimensions
    budget = memory_budget() if max_bytes is None else max_bytes
    dtype = _dtype_read(rows.X)
    room = budget // ((_WORK_BYTES + dtype.itemsize) * d)
    if n <= room:
        return rows, None, ""
    names, index = np.unique(rows.y if rows.is_by_patch else rows.patients, return_inverse=True)
    index = index.reshape(-1)
    counts = np.bincount(index)
    unit = "class" if rows.is_by_patch else "patient"
    if room < 2 * names.size:
        raise InputError(
            f"memory must hold 2 patches of each of {names.size} {'classes' if rows.is_by_patch else 'patients'}",
            f"room for {room} rows of {d} dimensions in {budget / 2**20:.0f} MiB",
            "Raise max_bytes or use a machine with more memory",
        )
    if rows.is_by_patch:
        quota = np.maximum(2, counts * room // n)
    else:
        low, high = 1, int(counts.max())  # the largest number a patient may keep so that all fit
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if np.minimum(counts, middle).sum() <= room else (low, middle)
        quota = np.minimum(counts, low)
    order = np.lexsort((rng(seed, "thin").random(n), index))
    place = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = np.sort(order[place < quota[index[order]]])
    message = (
        f"{kept.size:,} of {n:,} patches are used, at most {int(quota.max()):,} per {unit}, "
        f"to stay within {budget / 2**20:,.0f} MiB; every {unit} is there"
    )
    note(message)
    warnings.warn(message, FeatkitWarning, stacklevel=3)
    groups = rows.groups if isinstance(rows.groups, str) else rows.groups[kept]
    return LabelledRows(_read(rows.X, kept, dtype), rows.y[kept], groups), kept, message


def _dtype_read(X: Any) -> np.dtype:
    """Return the type rows are read as: float32, or float64 where values may need it to be standardised."""
    given = np.dtype(getattr(X, "dtype", np.float32))
    is_short = given.itemsize <= (4 if given.kind == "f" else 2)
    return np.dtype(np.float32 if is_short else np.float64)


def _read(X: Any, rows: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return the given rows, reading whole blocks one after another."""
    d = X.shape[1]
    kept = np.empty((rows.size, d), dtype)
    block = max(1, _READ_BYTES // (8 * d))
    filled = 0
    while filled < rows.size:
        start = int(rows[filled])
        stop = int(np.searchsorted(rows, start + block))
        here = rows[filled:stop]
        kept[filled:stop] = np.asarray(X[start : int(here[-1]) + 1])[here - start]
        filled = stop
    return kept
