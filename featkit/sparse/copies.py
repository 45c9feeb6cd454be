"""Counting and naming dimensions that are copies of one another."""

from __future__ import annotations

from typing import Any

import numpy as np

from featkit.core.arrays import as_matrix
from featkit.core.errors import InputError
from featkit.core.run_key import RunKey
from featkit.results.copied_dimensions import CopiedDimensions
from featkit.sparse.solvers.design import make_design

_BLOCK = 256  # dimensions correlated with all others at a time
_EXACT = 1e-5  # largest difference of standardised values that rounding to float32 explains


def find_copies(X: Any, *, threshold: float = 0.99, key: RunKey = RunKey()) -> CopiedDimensions:
    """Return the exact and near copies among the dimensions of an embedding.

    Parameters
    ----------
    X : (n, d) array
        Training embeddings.
    threshold : float
        Absolute Pearson correlation from which two dimensions are near copies, in (0.5, 1].
    key : RunKey
        The run it is of, kept in the result.

    Returns
    -------
    CopiedDimensions
        Every dimension that has a copy, with its group and its nearest other dimension.

    Raises
    ------
    InputError
        If ``X`` is malformed or the threshold out of range.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((50, 4))
    >>> X[:, 3] = 2 - 5 * X[:, 1]
    >>> find_copies(X).groups()
    (array([1, 3]),)
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not 0.5 < threshold <= 1.0:
        raise InputError("threshold must be in (0.5, 1]", threshold, "Use 0.99")
    design = make_design(as_matrix(X), standardize=True)
    columns = design.columns
    d, n = columns.shape
    largest, nearest = np.zeros(d), np.zeros(d, np.int64)
    first, second = [], []
    for start in range(0, d, _BLOCK):
        here = np.arange(start, min(start + _BLOCK, d))
        correlation = columns[here] @ columns.T / np.float32(n)
        correlation[here - start, here] = 0.0
        size = np.abs(correlation)
        nearest[here] = size.argmax(axis=1)
        largest[here] = correlation[here - start, nearest[here]]
        rows, others = np.nonzero(size >= min(threshold, 1.0 - _EXACT))
        first.append(here[rows])
        second.append(others)
    pairs = np.concatenate(first), np.concatenate(second)
    graph = coo_array((np.ones(pairs[0].size, np.int8), pairs), shape=(d, d))
    component = connected_components(graph, directed=False)[1]
    dimension = np.unique(pairs[0])
    other, sign = nearest[dimension], np.sign(largest[dimension])
    is_exact = np.array(
        [
            np.abs(columns[j] - s * columns[k]).max() <= _EXACT * np.abs(columns[j]).max()
            for j, k, s in zip(dimension, other, sign)
        ],
        np.bool_,
    )
    _, places, group = np.unique(component[dimension], return_index=True, return_inverse=True)
    by_first = np.argsort(np.argsort(places))
    return CopiedDimensions(
        threshold=float(threshold),
        dimension=dimension,
        group=by_first[group.reshape(-1)],
        nearest=other,
        correlation=np.clip(largest[dimension], -1.0, 1.0),
        is_exact=is_exact,
        n_dimensions=d,
        n_dead=int(design.is_dead.sum()),
        n_patches=n,
        key=key,
    )
