"""Designs larger than memory: every patient stays, with as many of its patches as there is room for.

The solvers sweep over columns in memory. A design that does not fit is not streamed but thinned, which costs little:
patches of a patient resemble one another, and the number of patients is what limits how much can be learned. Each
patient keeps all its patches or the same number of them, drawn at random; what is left out is said in a note, a warning
and the result. Rows are read block by block, so that ``X`` may be a memory map, or a zarr or HDF5 array.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from featkit.core.available_memory import available_bytes
from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.progress import note
from featkit.core.seeds import rng

_BYTES_PER_CELL = 16  # the rows read, their float32 columns, and those that two problems at a time pack
_READ_BYTES = 1 << 26


def memory_budget() -> int:
    """Return the bytes that work may take where nothing else is said: 60 % of what is available."""
    return int(0.6 * available_bytes())


def thin(X: Any, y: Any, groups: Any, max_bytes: int | None, seed: int) -> tuple[Any, np.ndarray | None, str]:
    """Return ``X`` as it is when it fits, or an array of the rows that do, their numbers, and a note.

    Parameters
    ----------
    X : (n, d) array or array-like on disk
        Anything with ``shape`` and row slices.
    y : (n,) array
        Labels; without groups each class is thinned in proportion.
    groups : (n,) array or None
        Patients.
    max_bytes : int, optional
        Memory the work may take; by default `memory_budget`.
    seed : int
        Seed of the draw.

    Returns
    -------
    X, rows, message
        ``rows`` is None and ``message`` empty when nothing was left out.

    Raises
    ------
    InputError
        If there is not room for two patches of every patient.
    """
    shape = getattr(X, "shape", None)
    if shape is None or len(shape) != 2 or 0 in shape:
        return X, None, ""  # for `as_matrix` to refuse, or a list, which is in memory already
    n, d = shape
    budget = memory_budget() if max_bytes is None else max_bytes
    room = budget // (_BYTES_PER_CELL * d)
    if n <= room:
        return X, None, ""
    names, index = np.unique(np.asarray(y if groups is None else groups), return_inverse=True)
    if index.size != n:
        raise InputError(f"y and groups must have one value for each of the {n} rows of X", f"{index.size}")
    index = index.reshape(-1)
    counts = np.bincount(index)
    if room < 2 * names.size:
        raise InputError(
            f"memory must hold 2 patches of each of {names.size} patients",
            f"room for {room} rows of {d} dimensions in {budget / 2**20:.0f} MiB",
            "Raise max_bytes or use a machine with more memory",
        )
    if groups is None:
        quota = np.maximum(2, counts * room // n)
    else:
        low, high = 1, int(counts.max())  # the largest number a patient may keep so that all fit
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if np.minimum(counts, middle).sum() <= room else (low, middle)
        quota = np.minimum(counts, low)
    order = np.lexsort((rng(seed, "thin").random(n), index))
    place = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = np.sort(order[place < quota[index[order]]])
    unit = "class" if groups is None else "patient"
    message = (
        f"{rows.size:,} of {n:,} patches are used, at most {int(quota.max()):,} a {unit}, "
        f"to stay within {budget / 2**20:,.0f} MiB; every {unit} is there"
    )
    note(message)
    warnings.warn(message, FeatkitWarning, stacklevel=3)
    return _read(X, rows, d), rows, message


def _read(X: Any, rows: np.ndarray, d: int) -> np.ndarray:
    """Return the given rows as float32, reading whole blocks one after another."""
    kept = np.empty((rows.size, d), np.float32)
    block = max(1, _READ_BYTES // (8 * d))
    filled = 0
    while filled < rows.size:
        start = int(rows[filled])
        stop = int(np.searchsorted(rows, start + block))
        here = rows[filled:stop]
        kept[filled:stop] = np.asarray(X[start : int(here[-1]) + 1])[here - start]
        filled = stop
    return kept
