"""Measures of overlap between two sets that depend on their sizes and their intersection alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

Counts = int | float | np.ndarray


def intersection(r: Counts, a: Counts, b: Counts, d: Counts) -> np.ndarray:
    """Return ``r``, the number of dimensions two sets share.

    Parameters
    ----------
    r : int or ndarray of int
        Shared dimensions.
    a, b : int or ndarray of int
        Sizes of the two sets.
    d : int
        Dimensions they were drawn from.

    Returns
    -------
    ndarray
        As float, shape of the broadcast arguments; the same holds for every measure of this module, and NaN stands
        where a measure is not defined (0 / 0).
    """
    return np.broadcast_arrays(np.asarray(r, dtype=np.float64), a, b, d)[0].copy()


def jaccard(r: Counts, a: Counts, b: Counts, d: Counts) -> np.ndarray:
    """Return the share of the union that both sets hold, ``r / (a + b - r)``, in [0, 1]; NaN for two empty sets."""
    r, a, b, _ = _floats(r, a, b, d)
    return _ratio(r, a + b - r)


def dice(r: Counts, a: Counts, b: Counts, d: Counts) -> np.ndarray:
    """Return ``2 r / (a + b)``, in [0, 1] (the F1 score of one set read as a prediction of the other)."""
    r, a, b, _ = _floats(r, a, b, d)
    return _ratio(2 * r, a + b)


def kuncheva(r: Counts, a: Counts, b: Counts, d: Counts) -> np.ndarray:
    """Return Kuncheva's consistency ``(r d - k^2) / (k (d - k))``, in (-1, 1]; NaN unless both sets have size k."""
    r, a, b, d = _floats(r, a, b, d)
    return np.where(a == b, _ratio(r * d - a * a, a * (d - a)), np.nan)


def lustgarten(r: Counts, a: Counts, b: Counts, d: Counts) -> np.ndarray:
    """Return ``(r - ab/d) / (min(a, b) - max(0, a + b - d))``, in (-1, 1]; can stay below 1."""
    r, a, b, d = _floats(r, a, b, d)
    return _ratio(r - a * b / d, np.minimum(a, b) - np.maximum(0, a + b - d))


def phi(r: Counts, a: Counts, b: Counts, d: Counts) -> np.ndarray:
    """Return the correlation of the two membership indicators, in [-1, 1]; NaN for an empty or a full set."""
    r, a, b, d = _floats(r, a, b, d)
    return _ratio(r - a * b / d, np.sqrt(a * (1 - a / d) * b * (1 - b / d)))


def kappa(r: Counts, a: Counts, b: Counts, d: Counts) -> np.ndarray:
    """Return Cohen's kappa of the two membership indicators, ``(r - ab/d) / ((a + b)/2 - ab/d)``, in [-1, 1]."""
    r, a, b, d = _floats(r, a, b, d)
    return _ratio(r - a * b / d, (a + b) / 2 - a * b / d)


def unadjusted(r: Counts, a: Counts, b: Counts, d: Counts) -> np.ndarray:
    """Return ``(r - ab/d) / (sqrt(ab) - ab/d)``, in [-1, 1]: the similarity-adjusted measures without similarity."""
    r, a, b, d = _floats(r, a, b, d)
    return _ratio(r - a * b / d, np.sqrt(a * b) - a * b / d)


@dataclasses.dataclass(frozen=True)
class OverlapMeasure:
    """An overlap measure and what must be known to read it.

    Parameters
    ----------
    function : callable
        ``(r, a, b, d) -> ndarray``, rising in ``r``.
    needs_equal_sizes : bool
        Whether it is NaN for sets of different sizes.
    is_corrected : bool
        Whether its expectation by chance is 0 for sets drawn from the same dimensions.
    low, high : float
        Range.
    source : str
        Where it was proposed.
    """

    function: Callable[[Counts, Counts, Counts, Counts], np.ndarray]
    needs_equal_sizes: bool
    is_corrected: bool
    low: float
    high: float
    source: str


OVERLAP_MEASURES: dict[str, OverlapMeasure] = {
    "intersection": OverlapMeasure(intersection, False, False, 0.0, float("inf"), "count"),
    "jaccard": OverlapMeasure(jaccard, False, False, 0.0, 1.0, "Jaccard 1901"),
    "dice": OverlapMeasure(dice, False, False, 0.0, 1.0, "Dice 1945"),
    "kuncheva": OverlapMeasure(kuncheva, True, True, -1.0, 1.0, "Kuncheva 2007"),
    "lustgarten": OverlapMeasure(lustgarten, False, True, -1.0, 1.0, "Lustgarten et al. 2009"),
    "phi": OverlapMeasure(phi, False, True, -1.0, 1.0, "Nogueira and Brown 2016"),
    "kappa": OverlapMeasure(kappa, False, True, -1.0, 1.0, "Carletta 1996"),
    "unadjusted": OverlapMeasure(unadjusted, False, True, -1.0, 1.0, "Bommert 2020"),
}


def _floats(*values: Counts) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(v, dtype=np.float64) for v in values)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    out = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=out, where=denominator != 0)
    return out
