"""What overlap two sets of given sizes have by chance, exactly."""

from __future__ import annotations

import dataclasses

import numpy as np

from featkit.core.errors import InputError, did_you_mean
from featkit.stats.overlap_measures import OVERLAP_MEASURES, OverlapMeasure

_NEGLIGIBLE = 1e-30


def hypergeometric(n: int, marked: int, drawn: int) -> tuple[int, np.ndarray]:
    """Return the distribution of how many of ``drawn`` items are marked.

    The probabilities follow from the ratios of neighbours, ``P(r + 1) / P(r) = (marked - r)(drawn - r) /
    ((r + 1)(n - marked - drawn + r + 1))``, summed in logarithms outwards from the mode, so nothing overflows and the
    probabilities that matter are the most exact.

    Parameters
    ----------
    n : int
        Items in all.
    marked, drawn : int
        Marked items; items drawn without replacement. Both in [0, n].

    Returns
    -------
    first : int
        The smallest possible number, ``max(0, marked + drawn - n)``.
    probability : ndarray of float64, shape (min(marked, drawn) - first + 1,)
        Probability of ``first``, ``first + 1``, ...
    """
    first, last = max(0, marked + drawn - n), min(marked, drawn)
    r = np.arange(first, last, dtype=np.float64)
    steps = np.log(marked - r) + np.log(drawn - r) - np.log(r + 1) - np.log(n - marked - drawn + r + 1)
    mode = (drawn + 1) * (marked + 1) // (n + 2) - first
    below, above = -np.cumsum(steps[:mode][::-1])[::-1], np.cumsum(steps[mode:])
    weights = np.exp(np.concatenate([below, [0.0], above]))
    return first, weights / weights.sum()


def overlap_distribution(
    size_a: int, size_b: int, n_a: int, n_b: int | None = None, n_shared: int | None = None
) -> np.ndarray:
    """Return the distribution of the intersection of two independent, uniformly drawn sets.

    Parameters
    ----------
    size_a, size_b : int
        Sizes of the two sets.
    n_a, n_b : int
        Dimensions the first and the second were drawn from; ``n_b`` is ``n_a`` by default.
    n_shared : int, optional
        Dimensions in both pools; all of them by default. With pools that differ, the distribution is the mixture
        over how many of the first set's dimensions lie in the shared part.

    Returns
    -------
    ndarray of float64, shape (min(size_a, size_b, n_shared) + 1,)
        Probability of 0, 1, 2, ... shared dimensions.

    Raises
    ------
    InputError
        If a set is larger than what it was drawn from, or the shared part larger than a pool.
    """
    n_b = n_a if n_b is None else n_b
    n_shared = min(n_a, n_b) if n_shared is None else n_shared
    if not (0 <= size_a <= n_a and 0 <= size_b <= n_b):
        raise InputError(
            "a set must not be larger than what it is drawn from", f"{size_a} of {n_a} and {size_b} of {n_b}"
        )
    if not 0 <= n_shared <= min(n_a, n_b):
        raise InputError("the shared candidates must be among those of both sets", f"{n_shared} of {n_a} and {n_b}")
    probability = np.zeros(min(size_a, size_b, n_shared) + 1)
    lowest, weights = hypergeometric(n_a, n_shared, size_a)
    for eligible, weight in enumerate(weights, start=lowest):
        if weight > _NEGLIGIBLE:
            first, given = hypergeometric(n_b, eligible, size_b)
            probability[first : first + len(given)] += weight * given
    return probability / probability.sum()


@dataclasses.dataclass(frozen=True)
class OverlapChance:
    """What chance gives a measure for two sets of given sizes, and where an observed overlap stands in it.

    Parameters
    ----------
    expected : float
        Exact expectation of the measure; NaN where it is undefined.
    maximum : float
        The measure at the largest possible intersection.
    observed, corrected : float
        The measure, and ``(observed - expected) / (maximum - expected)``; the latter is NaN where chance and the
        largest possible overlap coincide (an empty set, a set of all dimensions).
    p_value : float
        Exact ``P(R >= r)``, the probability of at least this intersection.
    """

    expected: float
    maximum: float
    observed: float
    corrected: float
    p_value: float


def overlap_chance(
    shared: int,
    size_a: int,
    size_b: int,
    n_dimensions: int,
    *,
    measure: str = "jaccard",
    n_a: int | None = None,
    n_b: int | None = None,
    n_shared: int | None = None,
) -> OverlapChance:
    """Compare the overlap of two sets with that of independent uniform sets of the same sizes, exactly.

    Every measure of ``OVERLAP_MEASURES`` rises with the intersection once the sizes are fixed, so the p-value is the
    same for all of them.

    Parameters
    ----------
    shared : int
        Dimensions both sets hold.
    size_a, size_b : int
        Sizes of the two sets.
    n_dimensions : int
        The ``d`` of the measure.
    measure : str
        A name in ``OVERLAP_MEASURES``.
    n_a, n_b, n_shared : int, optional
        Dimensions each set was drawn from and those in both pools; ``n_dimensions`` each by default.

    Returns
    -------
    OverlapChance

    Raises
    ------
    InputError
        If the measure is unknown or the counts are impossible.
    """
    entry = overlap_measure(measure)
    n_a = n_dimensions if n_a is None else n_a
    probability = overlap_distribution(size_a, size_b, n_a, n_b, n_shared)
    if not 0 <= shared < len(probability):
        raise InputError(f"two sets of {size_a} and {size_b} share at most {len(probability) - 1}", shared)
    values = entry.function(np.arange(len(probability)), size_a, size_b, n_dimensions)
    possible = probability > 0
    expected = float(values[possible] @ probability[possible])
    observed, maximum = float(values[shared]), float(values[-1])
    return OverlapChance(
        expected, maximum, observed, corrected_overlap(observed, expected, maximum), _tail(probability, shared)
    )


def expected_overlap(size_a: int, size_b: int, n_dimensions: int, *, measure: str = "jaccard") -> float:
    """Return the exact expectation of a measure for independent uniform sets of the given sizes.

    Parameters
    ----------
    size_a, size_b : int
        Sizes of the two sets.
    n_dimensions : int
        Dimensions they are drawn from.
    measure : str
        A name in ``OVERLAP_MEASURES``.

    Returns
    -------
    float
        NaN where the measure is undefined.
    """
    smallest = max(0, size_a + size_b - n_dimensions)
    return overlap_chance(smallest, size_a, size_b, n_dimensions, measure=measure).expected


def overlap_measure(name: str) -> OverlapMeasure:
    """Return the entry of ``OVERLAP_MEASURES``, or say which names exist."""
    if name not in OVERLAP_MEASURES:
        raise InputError("overlap measure must be a known name", repr(name), did_you_mean(name, OVERLAP_MEASURES))
    return OVERLAP_MEASURES[name]


def corrected_overlap(observed: float, expected: float, maximum: float) -> float:
    """Return ``(observed - expected) / (maximum - expected)``, NaN where the two bounds coincide."""
    room = maximum - expected
    if not room > 1e-12 * max(1.0, abs(maximum)):
        return float("nan")
    return (observed - expected) / room


def _tail(probability: np.ndarray, at_least: int) -> float:
    return float(min(1.0, probability[at_least:][::-1].sum()))
