"""Intervals from patient draws: logit-t (the default), percentile, BCa and studentised.

The default is a t interval on the logit scale: bootstrap standard error of ``logit(metric)``, widened for the patients
that each class loses as a degree of freedom, and a t quantile with Satterthwaite's degrees of freedom from the
variance that each class of patients contributes (found by the jackknife). It is kept within worst-case bounds, those
of Clopper and Pearson for a share of the smallest class's patients, each wholly right or wrong. Percentile and BCa
intervals cover too little with twenty patients: in 4,000 simulated studies of twenty patients with a true AUC of 0.80
(0.96), 95 % percentile intervals of the AUC held it in 88.0 % (79.9 %) and the default's in 95.3 % (95.0 %). The
studies are ``tests/simulation/test_coverage.py``.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from featkit.core.errors import FeatkitWarning, InputError, did_you_mean
from featkit.results.estimate import Estimate
from featkit.stats._inputs import check_level
from featkit.stats.draws import MetricDraws, MetricLike, prepare_metrics
from featkit.stats.resampling import PatientCounts

METHODS = ("logit-t", "expanded", "percentile", "bca", "studentised")
"""Names of the interval methods."""

_EDGE = 1e-6


def bootstrap_metrics(
    y: Any,
    p: Any,
    groups: Any,
    metrics: Sequence[MetricLike] = ("auc", "f1", "brier", "ece"),
    *,
    n_draws: int = 2000,
    level: float = 0.95,
    method: str = "logit-t",
    seed: int = 0,
    unit: str = "patient",
    **options: Any,
) -> dict[str, Estimate]:
    """Return metrics with intervals by resampling patients.

    Parameters
    ----------
    y, p, groups, metrics
        As in `featkit.stats.draws.prepare_metrics`; ``groups="patches"`` says out loud that patches are independent.
    n_draws : int
        Resamples of patients.
    level : float
        Coverage, in (0, 1).
    method : {"logit-t", "expanded", "percentile", "bca", "studentised"}
        How the interval is made from the draws (see `interval`).
    seed : int
        Same seed, same draws.
    unit : str
        What the groups are, for the record.
    **options
        ``domains``, ``strata``, ``nested``, ``threshold``, ``n_bins`` of `featkit.stats.draws.prepare_metrics`.

    Returns
    -------
    dict of str to Estimate
        The value is that of the data. ``n_draws`` counts the draws in which the metric was defined.

    Warns
    -----
    FeatkitWarning
        If a metric is undefined on the data (its value is NaN then) or in some draws, or a class has a single patient,
        so that no interval can be made.
    """
    if isinstance(groups, str):
        unit = "patch"
    prepared = prepare_metrics(y, p, groups, metrics, **options)
    found = estimates(prepared, n_draws=n_draws, level=level, method=method, seed=seed, unit=unit)
    for remark in remarks(prepared.plan, found, n_draws):
        warnings.warn(remark, FeatkitWarning, stacklevel=2)
    return found


def remarks(plan: PatientCounts, found: dict[str, Estimate], n_draws: int) -> list[str]:
    """Return what a reader of these estimates must know: draws that were lost, and why there is no interval."""
    told = []
    sizes = np.bincount(plan.stratum_of_patient)
    unit = next(iter(found.values())).unit if found else "patient"
    if sizes.min() < 2:
        told.append(f"no interval: one of the classes has a single {unit}, which does not show how {unit}s vary")
    for name, estimate in found.items():
        if np.isnan(estimate.value):
            told.append(f"{name}: undefined on these patches (a class is missing, or scores separate the classes)")
        elif estimate.n_draws < n_draws:
            told.append(f"{name}: undefined in {n_draws - estimate.n_draws} of {n_draws} draws, which were left out")
    return told


def estimates(
    prepared: MetricDraws,
    *,
    n_draws: int = 2000,
    level: float = 0.95,
    method: str = "logit-t",
    seed: int = 0,
    unit: str = "patient",
) -> dict[str, Estimate]:
    """Return what `bootstrap_metrics` does, without its warnings, for metrics prepared before (see `remarks`)."""
    level = check_level(level)
    if method not in METHODS:
        raise InputError("method must be a known way to make an interval", repr(method), did_you_mean(method, METHODS))
    plan = prepared.plan
    if method == "studentised" and plan.levels:
        raise InputError("studentised intervals need nothing nested", "nested levels", "Use method='logit-t'")
    values, draws, jackknife = prepared.values(), prepared.bootstrap(n_draws, seed), prepared.jackknife()
    spreads = _spread_of_draws(prepared, n_draws, seed) if method == "studentised" else {}
    found = {}
    for name, value in values.items():
        kept = np.isfinite(draws[name])
        low, high = interval(
            value,
            draws[name][kept],
            jackknife[name],
            plan,
            method=method,
            level=level,
            range=prepared.ranges[name],
            spreads=spreads[name][kept] if spreads else None,
        )
        found[name] = Estimate(value, low, high, level, method, int(kept.sum()), unit, plan.n_patients)
    return found


def interval(
    value: float,
    draws: np.ndarray,
    jackknife: np.ndarray,
    plan: PatientCounts,
    *,
    method: str = "logit-t",
    level: float = 0.95,
    range: tuple[float, float] = (0.0, 1.0),
    spreads: np.ndarray | None = None,
) -> tuple[float, float]:
    """Return the bounds of an interval made from patient draws.

    Parameters
    ----------
    value : float
        The estimate on the data.
    draws : ndarray of float, shape (n_draws,)
        The estimate in resamples.
    jackknife : ndarray of float, shape (n_left_out,)
        The estimate without one patient each, in the order of ``plan.left_out``.
    plan : PatientCounts
        How patients were drawn.
    method : {"logit-t", "expanded", "percentile", "bca", "studentised"}
        ``logit-t``: see the module. ``percentile``: quantiles of the draws. ``expanded``: quantiles further out, by the
        t distribution and the lost degrees of freedom (Hesterberg, American Statistician 69:371, 2015). ``bca``:
        bias-corrected and accelerated percentiles, acceleration from the jackknife (Efron, JASA 82:171, 1987).
        ``studentised``: bootstrap-t on the logit scale, standard errors by the jackknife inside each draw.
    level : float
        Coverage.
    range : (float, float)
        Smallest and largest possible value; infinite bounds switch the logit off.
    spreads : ndarray of float, shape (n_draws,), optional
        Standard error in each draw on the scale of ``to_line``; ``studentised`` needs it.

    Returns
    -------
    (float, float)
        NaN where a stratum has a single patient, or fewer than two draws are defined. At a bound of the range, where
        all draws agree (perfect separation), resampling says nothing: every method then gives the worst-case bounds.
    """
    from scipy.stats import t

    sizes, (low, high) = np.bincount(plan.stratum_of_patient), range
    if not np.isfinite(value) or len(draws) < 2 or sizes.min() < 2:
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    worst = worst_case(value, int(sizes.min()), tail, range)
    if np.ptp(draws) < 1e-12 and min(value - low, high - value) < 1e-12:
        return worst
    if method == "percentile":
        bounds = np.quantile(draws, [tail, 1 - tail])
    elif method == "expanded":
        bounds = np.quantile(draws, expanded_levels(jackknife, plan, level))
    elif method == "bca":
        bounds = np.quantile(draws, _bca_levels(value, draws, jackknife, plan, tail))
    elif method == "studentised" and spreads is not None:
        line, spread = to_line(np.array([value]), range)[0], _jackknife_spread(to_line(jackknife, range), plan)[0]
        usable = spreads > 0
        ratios = (to_line(draws, range)[usable] - line) / spreads[usable]
        bounds = from_line(line - spread * np.quantile(ratios, [1 - tail, tail]), range)
    else:
        line, on_line = to_line(np.array([value]), range)[0], to_line(draws, range)
        _, freedom, widening = _jackknife_spread(to_line(jackknife, range), plan)
        half = t.ppf(1 - tail, freedom) * on_line.std() * widening
        bounds = from_line(line + half * np.array([-1.0, 1.0]), range)
        bounds = np.clip(bounds, *worst)
    return float(bounds[0]), float(bounds[1])


def to_line(values: np.ndarray, range: tuple[float, float]) -> np.ndarray:
    """Return values on the logit scale of their range (kept 1e-6 of it away from its ends); as they are if infinite."""
    low, high = range
    if not np.isfinite([low, high]).all():
        return values
    share = np.clip((values - low) / (high - low), _EDGE, 1 - _EDGE)
    return np.log(share / (1 - share))


def from_line(values: np.ndarray, range: tuple[float, float]) -> np.ndarray:
    """Undo `to_line`."""
    low, high = range
    return low + (high - low) / (1 + np.exp(np.clip(-values, -700, 700))) if np.isfinite([low, high]).all() else values


def expanded_levels(jackknife: np.ndarray, plan: PatientCounts, level: float) -> np.ndarray:
    """Return the two quantile levels of the ``expanded`` percentile interval, shape (2,)."""
    from scipy.special import ndtr
    from scipy.stats import t

    _, freedom, widening = _jackknife_spread(jackknife, plan)
    beyond = ndtr(t.ppf((1 - level) / 2, freedom) * widening)
    return np.array([beyond, 1 - beyond])


def worst_case(value: float, n: int, tail: float, range: tuple[float, float]) -> tuple[float, float]:
    """Return Clopper and Pearson's bounds for a share of n patients, each wholly right or wholly wrong."""
    from scipy.stats import beta

    low, high = range
    if not np.isfinite([low, high]).all():
        return range
    right = n * min(max((value - low) / (high - low), 0.0), 1.0)
    shares = (
        beta.ppf(tail, right, n - right + 1) if right > 0 else 0.0,
        beta.ppf(1 - tail, right + 1, n - right) if right < n else 1.0,
    )
    return float(low + (high - low) * shares[0]), float(low + (high - low) * shares[1])


def _by_stratum(jackknife: np.ndarray, plan: PatientCounts) -> list[tuple[int, np.ndarray]]:
    """Return for each stratum its size and the jackknife values of its patients, as deviations from their mean.

    A patient without whom the value is undefined is passed over.
    """
    stratum, parts = plan.stratum_of_patient[plan.left_out], []
    for s, size in enumerate(np.bincount(plan.stratum_of_patient)):
        own = jackknife[(stratum == s) & np.isfinite(jackknife)]
        parts.append((int(size), own - own.mean() if len(own) else np.zeros(1)))
    return parts


def _jackknife_spread(jackknife: np.ndarray, plan: PatientCounts) -> tuple[float, float, float]:
    """Return standard error, Satterthwaite's degrees of freedom, and what the bootstrap's lacks as a factor."""
    parts = [((m - 1) * np.mean(d**2), m) for m, d in _by_stratum(jackknife, plan)]
    total = sum(v for v, _ in parts)
    if total == 0:
        return 0.0, float(plan.n_patients - len(parts)), 1.0
    freedom = total**2 / sum(v**2 / (m - 1) for v, m in parts)
    return float(np.sqrt(total)), float(freedom), float(np.sqrt(total / sum(v * (m - 1) / m for v, m in parts)))


def _bca_levels(value: float, draws: np.ndarray, jackknife: np.ndarray, plan: PatientCounts, tail: float) -> np.ndarray:
    from scipy.special import ndtr, ndtri

    below = (np.mean(draws < value) + np.mean(draws <= value)) / 2
    shift = ndtri(np.clip(below, 0.5 / len(draws), 1 - 0.5 / len(draws)))
    scaled = [((m - 1) / m * -d, m / len(d)) for m, d in _by_stratum(jackknife, plan)]
    square = sum(float(np.sum(i**2)) * share for i, share in scaled)
    cube = sum(float(np.sum(i**3)) * share for i, share in scaled)
    lean = cube / (6 * square**1.5) if square > 0 else 0.0
    edges = shift + ndtri(np.array([tail, 1 - tail]))
    return ndtr(shift + edges / (1 - lean * edges))


def _spread_of_draws(prepared: MetricDraws, n_draws: int, seed: int) -> dict[str, np.ndarray]:
    """Return the jackknife standard error (n_draws,) of each metric inside each draw, on the scale of `to_line`."""
    plan = prepared.plan
    sizes = np.bincount(plan.stratum_of_patient)
    found: dict[str, list[np.ndarray]] = {name: [] for name in prepared.forms}
    for block, _ in plan.blocks(n_draws, seed):
        for counts in block:
            drawn = np.flatnonzero(counts)
            without = np.repeat(counts[None], len(drawn), axis=0)
            without[np.arange(len(drawn)), drawn] -= 1
            for name, values in prepared.at(without).items():
                on_line, variance = to_line(values, prepared.ranges[name]), 0.0
                for stratum, size in enumerate(sizes):
                    own = plan.stratum_of_patient[drawn] == stratum
                    mean = np.average(on_line[own], weights=counts[drawn[own]])
                    variance += (size - 1) / size * float(counts[drawn[own]] @ (on_line[own] - mean) ** 2)
                found[name].append(np.sqrt(variance))
    return {name: np.array(parts) for name, parts in found.items()}
