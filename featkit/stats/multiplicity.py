"""Corrections for many tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from featkit.core.errors import InputError, did_you_mean

ADJUSTMENTS = ("holm", "bh", "none")


def adjust(p_values: ArrayLike, method: str = "holm") -> np.ndarray:
    """Adjust a family of p-values.

    Parameters
    ----------
    p_values : array-like of shape (n_tests,)
        In [0, 1]; a NaN is a test that could not be made: it stays NaN and does not count in the family.
    method : {"holm", "bh", "none"}
        "holm" bounds the probability of any false finding whatever the dependence between tests (Holm 1979);
        "bh" bounds the expected share of false findings under independence or positive dependence (Benjamini and
        Hochberg 1995).

    Returns
    -------
    ndarray of shape (n_tests,)
        Adjusted p-values in [0, 1], never smaller than the given ones and in the same order.

    Raises
    ------
    InputError
        If the method is unknown or a p-value lies outside [0, 1].

    Examples
    --------
    >>> adjust([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    if method not in ADJUSTMENTS:
        raise InputError("adjustment must be a known method", repr(method), did_you_mean(str(method), ADJUSTMENTS))
    given = np.asarray(p_values, dtype=np.float64)
    if given.ndim != 1:
        raise InputError("p-values must be one-dimensional", f"shape {given.shape}", "Adjust one family at a time")
    is_tested = ~np.isnan(given)
    tested = given[is_tested]
    if tested.size and (tested.min() < 0 or tested.max() > 1):
        raise InputError("p-values must lie in [0, 1]", f"{tested.min():g} to {tested.max():g}")
    if method == "none" or not tested.size:
        return given.copy()
    order = np.argsort(tested, kind="stable")
    rank = np.arange(tested.size)
    if method == "holm":
        stepped = np.maximum.accumulate(tested[order] * (tested.size - rank))
    else:
        stepped = np.minimum.accumulate((tested[order] * tested.size / (rank + 1))[::-1])[::-1]
    adjusted = np.empty_like(tested)
    adjusted[order] = np.minimum(stepped, 1.0)
    result = np.full(given.shape, np.nan)
    result[is_tested] = adjusted
    return result
