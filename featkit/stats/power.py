"""How many patients a difference needs.

A paired difference that is additive over patients, or nearly so, has a variance that falls as one over the number of
patients: ``se(n)^2 = sd^2 / n`` with ``sd`` the spread of one patient's contribution. From a pilot of ``n`` patients
``sd = se * sqrt(n)``. What follows assumes that the patients to come are like the pilot's (case mix, images a patient,
class ratio) and that their mean contribution is near normal; `simulate_power` replaces the second assumption by
drawing from the pilot's own contributions.
"""

from __future__ import annotations

import functools
import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from featkit.core.errors import InputError
from featkit.core.seeds import rng
from featkit.results.variance_components import SampleSize

_MOST_PATIENTS = 10**9


def power_of_difference(difference: float, sd: float, n_patients: ArrayLike, *, level: float = 0.95) -> np.ndarray:
    """Return the power of the two-sided paired t test over patients.

    Parameters
    ----------
    difference : float
        True difference.
    sd : float
        Standard deviation of one patient's contribution, above 0.
    n_patients : array-like of int
        Numbers of patients, each at least 2.
    level : float
        ``1 - level`` is the size of the test.

    Returns
    -------
    ndarray
        Power in (0, 1), in the shape of ``n_patients``: the noncentral t probability of rejecting.
    """
    n = np.asarray(n_patients, dtype=np.float64)
    _check(sd, level)
    if n.size and n.min() < 2:
        raise InputError("power needs at least two patients", n.min())
    power = [_power(abs(difference) / sd * math.sqrt(size), size - 1, level) for size in n.ravel()]
    return np.array(power).reshape(n.shape)


def patients_needed(
    difference: float, se: float, n_pilot: int, *, power: float = 0.8, level: float = 0.95
) -> SampleSize:
    """Return how many patients find a difference with the wanted power.

    Parameters
    ----------
    difference : float
        The difference to be found, not 0.
    se : float
        Standard error of the paired difference over the pilot's patients (the standard deviation of its
        patient-cluster bootstrap draws, or of the contributions over the square root of their number).
    n_pilot : int
        Patients behind ``se``, at least 2.
    power : float
        Wanted probability of finding it, above ``1 - level`` and below 1.
    level : float
        ``1 - level`` is the two-sided size of the test.

    Returns
    -------
    SampleSize
        With a 95 % range from the uncertainty of ``se`` alone.

    Raises
    ------
    InputError
        If an argument is out of range or more than 10^9 patients would be needed.

    Notes
    -----
    The normal approximation ``n = sd^2 (z_{1-a/2} + z_{power})^2 / difference^2`` is the start; the answer is the
    smallest integer whose power by `power_of_difference` reaches the wanted one.
    """
    from scipy.stats import chi2

    _check(se, level)
    if not 1 - level < power < 1:
        raise InputError(f"power must lie between {1 - level:g} and 1", power)
    if n_pilot < 2:
        raise InputError("a pilot needs at least two patients", n_pilot)
    if not math.isfinite(difference) or difference == 0:
        raise InputError("the difference to be found must be finite and not 0", difference)
    sd = se * math.sqrt(n_pilot)
    freedom = n_pilot - 1
    narrow, wide = (
        sd * math.sqrt(freedom / chi2.isf(0.025, freedom)),
        sd * math.sqrt(freedom / chi2.isf(0.975, freedom)),
    )
    return SampleSize(
        difference=float(difference),
        n_patients=_smallest(difference, sd, power, level),
        power=power,
        level=level,
        sd=sd,
        n_pilot=int(n_pilot),
        low=float(_smallest(difference, narrow, power, level)),
        high=float(_smallest(difference, wide, power, level)),
    )


def detectable_difference(
    se: float, n_pilot: int, n_patients: int, *, power: float = 0.8, level: float = 0.95
) -> float:
    """Return the smallest difference that ``n_patients`` would find with the wanted power.

    Parameters
    ----------
    se, n_pilot : float, int
        As in `patients_needed`.
    n_patients : int
        Patients to come, at least 2.
    power, level : float
        As in `patients_needed`.

    Returns
    -------
    float
        Above 0, in the unit of ``se``.
    """
    from scipy.optimize import brentq

    _check(se, level)
    if not 1 - level < power < 1:
        raise InputError(f"power must lie between {1 - level:g} and 1", power)
    unit = se * math.sqrt(n_pilot / n_patients)
    ceiling = 1.0
    while power_of_difference(ceiling * unit, unit * math.sqrt(n_patients), n_patients, level=level) < power:
        ceiling *= 2

    def short(multiple: float) -> float:
        reached = power_of_difference(multiple * unit, unit * math.sqrt(n_patients), n_patients, level=level)
        return float(reached) - power

    return float(brentq(short, 0.0, ceiling, xtol=1e-10)) * unit


def simulate_power(
    contributions: ArrayLike,
    difference: float,
    n_patients: int,
    *,
    n_draws: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> float:
    """Return the power found by drawing cohorts from the pilot's own contributions.

    Each draw takes ``n_patients`` contributions with replacement, moved to have mean ``difference``, and asks the
    paired t test: the check on `power_of_difference` where contributions are skewed.

    Parameters
    ----------
    contributions : array-like of shape (n_pilot,)
        One contribution a patient, on the scale of the difference (their mean is the pilot's difference).
    difference : float
        True difference to plant.
    n_patients : int
        Patients in each drawn cohort, at least 2.
    n_draws : int
        Cohorts.
    level : float
        ``1 - level`` is the two-sided size of the test.
    seed : int
        Seed of the draws.

    Returns
    -------
    float
        Share of the cohorts in which the test rejects, in [0, 1].
    """
    from scipy.stats import t

    pilot = np.asarray(contributions, dtype=np.float64)
    if pilot.ndim != 1 or pilot.size < 2 or not np.isfinite(pilot).all():
        raise InputError("contributions must be at least two finite numbers", f"shape {pilot.shape}")
    if n_patients < 2:
        raise InputError("power needs at least two patients", n_patients)
    moved = pilot - pilot.mean() + difference
    edge = t.isf((1 - level) / 2, n_patients - 1)
    generator = rng(seed, "power", n_patients)
    block = max(1, 4_000_000 // n_patients)
    n_found = 0
    for start in range(0, n_draws, block):
        drawn = moved[generator.integers(0, pilot.size, size=(min(block, n_draws - start), n_patients))]
        spread = drawn.std(axis=1, ddof=1) / math.sqrt(n_patients)
        n_found += int(np.count_nonzero(np.abs(drawn.mean(axis=1)) > edge * spread))
    return n_found / n_draws


def _power(shift: float, freedom: float, level: float) -> float:
    """Return the chance that a noncentral t leaves plus or minus its edge, averaged over the chi law of the spread.

    Written out since library tails of the noncentral t turn to NaN or noise for large shifts.
    """
    from scipy.special import ndtr
    from scipy.stats import chi, t

    edge = t.isf((1 - level) / 2, freedom)
    low, high = chi.ppf(1e-16, freedom), chi.isf(1e-16, freedom)
    node, weight = _legendre()
    spread = low + (high - low) * (node + 1) / 2
    share = weight * chi.pdf(spread, freedom)
    bound = edge * spread / math.sqrt(freedom)
    return float(share @ (ndtr(shift - bound) + ndtr(-shift - bound)) / share.sum())


@functools.cache
def _legendre() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(200)


def _smallest(difference: float, sd: float, power: float, level: float) -> int:
    def reaches(n: int) -> bool:
        return bool(power_of_difference(difference, sd, n, level=level) >= power)

    start = (NormalDist().inv_cdf((1 + level) / 2) + NormalDist().inv_cdf(power)) * sd / abs(difference)
    if start**2 > _MOST_PATIENTS:
        raise InputError(
            "the difference must be large enough to be found in a billion patients",
            f"{difference:g} against a spread of {sd:g}",
            "Ask for a larger difference",
        )
    low, high = int(start**2) - 1, int(start**2) + 4
    if low < 2 or reaches(low):
        low = 1
    while not reaches(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return high


def _check(spread: float, level: float) -> None:
    if not (math.isfinite(spread) and spread > 0):
        raise InputError("the spread of the difference must be above 0", spread, "Identical forecasts have none")
    if not 0 < level < 1:
        raise InputError("level must lie in (0, 1)", level)
