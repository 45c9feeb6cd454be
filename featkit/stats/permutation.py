"""Permutation tests whose exchangeable unit is the patient."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from featkit.core.arrays import check_count
from featkit.core.errors import InputError
from featkit.core.seeds import rng
from featkit.results.comparison import PermutationTest

_ROUNDING = 1e-10


def permutation_p_value(statistic: float, null: ArrayLike, *, alternative: str = "two-sided") -> float:
    """Return ``(1 + #{null as extreme}) / (1 + B)`` for ``B`` rearrangements.

    The observed arrangement is one of them, so the p-value is never 0 and the test holds its size for any ``B``
    (Phipson and Smyth 2010, equation 2). Values equal up to rounding count as as extreme.

    Parameters
    ----------
    statistic : float
        Observed statistic.
    null : array-like of shape (B,)
        The statistic under each rearrangement other than the observed one.
    alternative : {"two-sided", "greater", "less"}
        Which values are extreme; "two-sided" compares absolute values.

    Returns
    -------
    float
        In (0, 1]; NaN when the statistic or any value of the null is NaN.
    """
    values = np.asarray(null, dtype=np.float64)
    observed = float(statistic)
    if alternative == "two-sided":
        values, observed = np.abs(values), abs(observed)
    elif alternative == "less":
        values, observed = -values, -observed
    elif alternative != "greater":
        raise InputError("alternative must be one of two-sided, greater, less", repr(alternative))
    if math.isnan(observed) or np.isnan(values).any():
        return float("nan")
    slack = _ROUNDING * max(abs(observed), float(np.abs(values).max(initial=0.0)))
    return float((1 + np.count_nonzero(values >= observed - slack)) / (1 + values.size))


def sign_flips(n_units: int, n_permutations: int, seed: int = 0) -> tuple[np.ndarray, bool]:
    """Return sign vectors, one a rearrangement: all but the identity when they fit, else random ones.

    Parameters
    ----------
    n_units : int
        Patients.
    n_permutations : int
        Rearrangements wanted at most.
    seed : int
        Seed of the stream.

    Returns
    -------
    signs : ndarray of int8, shape (B, n_units)
        Entries -1 (exchanged) and 1.
    is_exact : bool
        Whether they are all ``2 ** n_units - 1`` of them.
    """
    _check_count(n_permutations)
    if n_units < 1:
        raise InputError("a permutation test needs at least one patient", n_units)
    if n_units < 63 and 2**n_units - 1 <= n_permutations:
        number = np.arange(1, 2**n_units, dtype=np.int64)
        bits = (number[:, None] >> np.arange(n_units)) & 1
        return (1 - 2 * bits).astype(np.int8), True
    bits = rng(seed, "sign flips", n_units).integers(0, 2, size=(n_permutations, n_units), dtype=np.int8)
    return (1 - 2 * bits).astype(np.int8), False


def sign_flip_test(
    contributions: ArrayLike,
    *,
    n_permutations: int = 10_000,
    seed: int = 0,
    alternative: str = "two-sided",
    unit: str = "patient",
) -> PermutationTest:
    """Test that patients' contributions are symmetric around zero.

    The statistic is the sum of the contributions; each rearrangement turns the sign of a subset of patients. For a
    paired difference that is additive over patients this *is* the exchange of the two forecasts for whole patients.

    Parameters
    ----------
    contributions : array-like of shape (n_patients,)
        One finite number a patient: its share of the difference.
    n_permutations : int
        Rearrangements at most; when all ``2 ** n_patients - 1`` are no more than that, they are enumerated.
    seed : int
        Seed of the draws.
    alternative : {"two-sided", "greater", "less"}
        Which sums are extreme.
    unit : str
        What a contribution belongs to.

    Returns
    -------
    PermutationTest

    Raises
    ------
    InputError
        If the contributions are empty or not finite.
    """
    values = np.asarray(contributions, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise InputError("contributions must be one finite number a patient", f"shape {values.shape}")
    signs, is_exact = sign_flips(values.size, n_permutations, seed)
    null = np.concatenate([part @ values for part in _blocks(signs)])
    statistic = float(values.sum())
    return PermutationTest(
        statistic=statistic,
        p_value=permutation_p_value(statistic, null, alternative=alternative),
        n_permutations=null.size,
        is_exact=is_exact,
        alternative=alternative,
        unit=unit,
        n_units=values.size,
        null=null,
    )


def label_permutations(
    labels: ArrayLike, n_permutations: int, *, strata: ArrayLike | None = None, seed: int = 0
) -> tuple[np.ndarray, bool]:
    """Return rearrangements of the patients' labels within strata.

    Parameters
    ----------
    labels : array-like of shape (n_patients,)
        One label a patient.
    n_permutations : int
        Rearrangements wanted at most.
    strata : array-like of shape (n_patients,), optional
        Labels move only between patients of one stratum.
    seed : int
        Seed of the stream.

    Returns
    -------
    arranged : ndarray of shape (B, n_patients)
        All distinct rearrangements but the observed one when there are no more than ``n_permutations``, else random
        ones.
    is_exact : bool
        Whether they are all.

    Raises
    ------
    InputError
        If nothing can be exchanged: every stratum holds a single label.
    """
    _check_count(n_permutations)
    given = np.asarray(labels)
    stratum = np.zeros(given.size, dtype=np.int64) if strata is None else np.unique(strata, return_inverse=True)[1]
    if stratum.shape != given.shape:
        raise InputError("strata must be one a patient", f"{stratum.size} for {given.size} patients")
    names, codes = np.unique(given, return_inverse=True)
    members = [np.flatnonzero(stratum == s) for s in range(int(stratum.max(initial=-1)) + 1)]
    count = math.prod(_n_arrangements(codes[rows]) for rows in members)
    if count < 2:
        raise InputError(
            "labels must differ between patients that may be exchanged",
            f"{names.size} label(s) over {given.size} patients in {len(members)} strata",
            "Use wider strata or more patients",
        )
    if count - 1 <= n_permutations:
        arranged = np.empty((count, given.size), dtype=codes.dtype)
        for k, parts in enumerate(itertools.product(*(list(_arrangements(codes[rows])) for rows in members))):
            for rows, part in zip(members, parts):
                arranged[k, rows] = part
        return names[arranged[(arranged != codes).any(axis=1)]], True
    generator = rng(seed, "label permutations", given.size)
    arranged = np.tile(codes, (n_permutations, 1))
    for rows in members:
        arranged[:, rows] = generator.permuted(arranged[:, rows], axis=1)
    return names[arranged], False


def label_permutation_test(
    statistic: Callable[[np.ndarray], float],
    labels: ArrayLike,
    groups: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    n_permutations: int = 1_000,
    seed: int = 0,
    alternative: str = "greater",
) -> PermutationTest:
    """Test a statistic of labels that belong to patients by exchanging them between patients.

    Parameters
    ----------
    statistic : callable
        Takes labels of shape (n,) and returns a float.
    labels : array-like of shape (n,)
        Constant within a patient.
    groups : array-like of shape (n,)
        Patient of each patch.
    strata : array-like of shape (n,), optional
        Constant within a patient; labels move only between patients of one stratum.
    n_permutations : int
        Rearrangements at most; all distinct ones are enumerated when there are no more.
    seed : int
        Seed of the draws.
    alternative : {"two-sided", "greater", "less"}
        Which values of the statistic are extreme.

    Returns
    -------
    PermutationTest

    Raises
    ------
    InputError
        If labels or strata vary within a patient, or nothing can be exchanged.
    """
    patients, first, patient_of = np.unique(np.asarray(groups), return_index=True, return_inverse=True)
    by_patient = _one_each(labels, "labels", patients, first, patient_of)
    stratum = None if strata is None else _one_each(strata, "strata", patients, first, patient_of)
    arranged, is_exact = label_permutations(by_patient, n_permutations, strata=stratum, seed=seed)
    observed = float(statistic(by_patient[patient_of]))
    null = np.array([float(statistic(row[patient_of])) for row in arranged])
    return PermutationTest(
        statistic=observed,
        p_value=permutation_p_value(observed, null, alternative=alternative),
        n_permutations=null.size,
        is_exact=is_exact,
        alternative=alternative,
        unit="patient",
        n_units=patients.size,
        null=null,
    )


def _one_each(values: ArrayLike, what: str, patients: np.ndarray, first: np.ndarray, patient_of: np.ndarray) -> Any:
    given = np.asarray(values)
    if given.shape != patient_of.shape:
        raise InputError(f"{what} must be one a patch", f"{given.size} for {patient_of.size} patches")
    each = given[first]
    differing = np.unique(patient_of[given != each[patient_of]])
    if differing.size:
        raise InputError(
            f"{what} must be constant within a patient",
            "several in " + ", ".join(str(p) for p in patients[differing[:3]]),
            "Exchange something that belongs to the patient",
        )
    return each


def _check_count(n_permutations: int) -> None:
    check_count(n_permutations, "the number of permutations")


def _blocks(signs: np.ndarray, entries: int = 4_000_000) -> Iterator[np.ndarray]:
    rows = max(1, entries // signs.shape[1])
    for start in range(0, signs.shape[0], rows):
        yield signs[start : start + rows].astype(np.float64)


def _n_arrangements(codes: np.ndarray) -> int:
    counts = Counter(codes.tolist())
    return math.factorial(codes.size) // math.prod(math.factorial(c) for c in counts.values())


def _arrangements(codes: np.ndarray) -> Iterator[np.ndarray]:
    """Yield every distinct order of ``codes``, in lexicographic order."""
    row = np.sort(codes)
    while True:
        yield row.copy()
        rising = np.flatnonzero(row[:-1] < row[1:])
        if not rising.size:
            return
        pivot = rising[-1]
        swap = np.flatnonzero(row > row[pivot])
        swap = swap[swap > pivot][-1]
        row[[pivot, swap]] = row[[swap, pivot]]
        row[pivot + 1 :] = row[pivot + 1 :][::-1]
