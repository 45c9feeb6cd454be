"""Read supports: sets of dimension indices, checked."""

from __future__ import annotations

import numpy as np

from featkit.core.arrays import as_array, check_count
from featkit.core.errors import InputError


def as_support(support: object, n_dimensions: int, name: str = "support") -> np.ndarray:
    """Return a support as sorted, unique indices.

    Parameters
    ----------
    support : array-like of int, or ndarray of bool of shape (n_dimensions,)
        The selected dimensions, or a mask of them.
    n_dimensions : int
        Dimensions of the embedding.
    name : str
        How messages call it.

    Returns
    -------
    ndarray of int64
        Sorted; empty for an empty support.

    Raises
    ------
    InputError
        If an index is not whole, out of range or given twice.
    """
    check_count(n_dimensions, "n_dimensions")
    array = as_array(support, name)
    if array.ndim != 1:
        raise InputError(f"{name} must be one-dimensional", f"{array.ndim} dimensions")
    if array.dtype == bool:
        if len(array) != n_dimensions:
            raise InputError(f"the mask of {name} must cover {n_dimensions} dimensions", len(array))
        return np.flatnonzero(array)
    if array.size == 0:
        return np.empty(0, dtype=np.int64)
    if not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{name} must hold whole indices or be a mask", f"values of type {array.dtype}")
    indices = np.unique(array.astype(np.int64))
    if indices[0] < 0 or indices[-1] >= n_dimensions:
        outside = indices[0] if indices[0] < 0 else indices[-1]
        raise InputError(f"{name} must hold indices from 0 to {n_dimensions - 1}", outside)
    if len(indices) < len(array):
        raise InputError(f"{name} must hold each dimension once", f"{len(array) - len(indices)} repeated")
    return indices


def membership(supports: list[np.ndarray], n_dimensions: int) -> np.ndarray:
    """Return the indicator matrix Z of shape (M, n_dimensions), one row per support, as float64."""
    z = np.zeros((len(supports), n_dimensions))
    for row, support in zip(z, supports, strict=True):
        row[support] = 1.0
    return z
