"""Intervals over patients: logit-t (the default), expanded, percentile and BCa.

The default is a t interval on the logit scale of the metric's range. Its standard error is a jackknife over patients
in parts: the spread of the patients of each class, ``sum_i d_i^2`` of their deviations without patient i, which for a
mean is ``s^2 / (m - 1)`` (the HC3 rule); and in a cohort the spread between classes, since the numbers of patients of
each class vary too (like those of the whole cohort, where a split stratified by class kept its shares).
Satterthwaite's formula gives the degrees of freedom; where a class that the metric needs has fewer than ten patients,
they are at most those of that class alone, the cautious choice in Welch's test, and with fewer than three there is no
interval. The interval is kept within the bounds of Clopper and Pearson for patients that are each wholly right or
wholly wrong, which are the interval at perfect separation, where resampling says nothing.
``tests/simulation/test_coverage.py`` measures how often intervals hold the truth.

References
----------
B. Efron, C. Stein: The jackknife estimate of variance, Annals of Statistics 9:586, 1981. F. Satterthwaite, Biometrics
Bulletin 2:110, 1946. J. MacKinnon, H. White, Journal of Econometrics 29:305, 1985 (HC3). C. Clopper, E. Pearson,
Biometrika 26:404, 1934.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence

import numpy as np

from featkit.core.errors import FeatkitWarning
from featkit.core.options.resampling import Resampling
from featkit.results.estimate import Estimate
from featkit.stats.draws import MetricDraws, MetricLike, Reading, patient_plan, prepare_metrics
from featkit.stats.forecasts import Forecasts
from featkit.stats.resampling import PatientCounts

FEWEST_PATIENTS, FEW_PATIENTS = 3, 10
"""Of a class that a metric needs: for an interval at all; below the second, degrees of freedom are at most theirs."""

TOO_FEW, UNDEFINED, CONSTANT, NOTHING = "too few patients", "undefined", "constant", "nothing selected"
"""States of an estimate that is not to be read as one (`featkit.results.Estimate`)."""

_EDGE = 1e-6
_NO_SPREAD = 1e-12  # relative


@dataclasses.dataclass(frozen=True, eq=False)
class Resampled:
    """One estimate and what resampling shows of it.

    Parameters
    ----------
    value : float
        On the data.
    jackknife : ndarray of float, shape (n_left_out,)
        Without one patient each, in the order of ``plan.left_out``; NaN where that leaves it undefined.
    draws : ndarray of float, shape (n_draws,), optional
        In bootstrap draws; not needed by "logit-t".
    reading : Reading
        Range and carriers.
    """

    value: float
    jackknife: np.ndarray
    draws: np.ndarray | None = None
    reading: Reading = dataclasses.field(default_factory=Reading)


@dataclasses.dataclass(frozen=True)
class Spread:
    """Standard error and degrees of freedom; NaN where patients do not show them."""

    se: float
    freedom: float


def bootstrap_metrics(
    forecasts: Forecasts,
    metrics: Sequence[MetricLike] = ("auc", "f1", "brier"),
    *,
    resampling: Resampling | None = None,
) -> dict[str, Estimate]:
    """Return metrics with intervals over patients.

    Parameters
    ----------
    forecasts : Forecasts
        Labels, scores and patients.
    metrics : sequence of str or callable
        As in `featkit.stats.prepare_metrics`. The default interval of a function needs it to be smooth; use
        ``method="percentile"`` for a median.
    resampling : Resampling, optional
        Level, method, design and, for methods that draw, number of draws and seed.

    Returns
    -------
    dict of str to Estimate
        The value is that of the data.

    Warns
    -----
    FeatkitWarning
        If a metric is undefined on the data (its value is NaN then) or in some draws, or has no interval.

    Examples
    --------
    >>> found = Forecasts([0, 1, 0, 1, 0, 1], [0.1, 0.9, 0.6, 0.4, 0.3, 0.7], "patches")
    >>> bootstrap_metrics(found, ["brier"])["brier"].n_units
    6
    """
    how = resampling or Resampling()
    found = estimates(forecasts, metrics, resampling=how)
    for remark in remarks(found, how):
        warnings.warn(remark, FeatkitWarning, stacklevel=2)
    return found


def estimates(forecasts: Forecasts, metrics: Sequence[MetricLike], *, resampling: Resampling) -> dict[str, Estimate]:
    """Return what `bootstrap_metrics` does, without its warnings (see `remarks`)."""
    prepared = prepare_metrics(forecasts, metrics, plan=patient_plan(forecasts, resampling))
    return interval_estimates(prepared, resampling, forecasts)


def interval_estimates(prepared: MetricDraws, resampling: Resampling, forecasts: Forecasts) -> dict[str, Estimate]:
    """Return estimates of prepared metrics; ``forecasts`` say unit, classes, and whether scores vary at all."""
    found = {}
    for name, one in resampled(prepared, resampling).items():
        found[name] = as_estimate(one, prepared.plan, resampling, forecasts)
        if forecasts.is_constant and found[name].state != UNDEFINED and np.ptp(one.jackknife) <= _NO_SPREAD:
            folds = set() if forecasts.folds is None else set(forecasts.folds.tolist())
            state = NOTHING if folds and folds <= set(forecasts.nothing_selected) else CONSTANT
            found[name] = dataclasses.replace(found[name], low=float("nan"), high=float("nan"), state=state)
    return found


def without_biased(found: dict[str, Estimate]) -> dict[str, Estimate]:
    """Return the estimates, those of calibration errors over bins without an interval: a biased one has none.

    The null distribution of such an error is that of `featkit.stats.calibration_test`.
    """
    return {name: _bare(estimate) if name.startswith("ece") else estimate for name, estimate in found.items()}


def _bare(estimate: Estimate) -> Estimate:
    nowhere = float("nan")
    state = "" if estimate.state == TOO_FEW else estimate.state
    return dataclasses.replace(estimate, low=nowhere, high=nowhere, method="none", n_draws=0, state=state)


def resampled(prepared: MetricDraws, resampling: Resampling) -> dict[str, Resampled]:
    """Return values, jackknife and, where the method needs them, draws of prepared metrics."""
    values, jackknife = prepared.values(), prepared.jackknife()
    draws = {} if resampling.method == "logit-t" else prepared.bootstrap(resampling.n_draws, resampling.seed)
    return {n: Resampled(v, jackknife[n], draws.get(n), prepared.readings[n]) for n, v in values.items()}


def as_estimate(one: Resampled, plan: PatientCounts, resampling: Resampling, forecasts: Forecasts) -> Estimate:
    """Return one estimate with its state; ``forecasts`` say the unit and the classes."""
    low, high = interval(one, plan, resampling)
    state = "" if np.isfinite([low, high]).all() else UNDEFINED if not np.isfinite(one.value) else TOO_FEW
    carriers = np.zeros(forecasts.n_classes, dtype=int) if plan.n_carriers is None else plan.n_carriers
    return Estimate(
        value=one.value,
        low=low,
        high=high,
        level=resampling.level,
        method=resampling.method,
        n_draws=0 if one.draws is None else int(np.isfinite(one.draws).sum()),
        unit=forecasts.unit,
        n_units=plan.n_patients,
        n_units_by_class=dict(zip(forecasts.names, map(int, carriers))),
        design=resampling.design,
        state=state,
    )


def remarks(found: dict[str, Estimate], resampling: Resampling) -> list[str]:
    """Return what a reader must know: what is undefined, which draws were lost, what has no interval and why."""
    lines = []
    without = [name for name, e in found.items() if e.state == TOO_FEW]
    if without:
        one = found[without[0]]
        units = f"{one.unit}{'es' if one.unit == 'patch' else 's'}"
        by_class = one.n_units_by_class
        fewest = min(by_class, key=lambda name: by_class[name], default="")
        n_fewest = by_class[fewest] if fewest else one.n_units
        count = f"{n_fewest} with class {fewest}" if fewest else str(n_fewest)
        why = f"too few {units} to show how they vary ({count})"
        if n_fewest >= FEW_PATIENTS:  # as where every patch is called negative: sensitivity is 0 for all of them
            why = f"the same for all {units} of a class, which does not show how others vary"
        lines.append(f"{', '.join(without)}: no interval: {why}")
    for name, estimate in found.items():
        if estimate.state == UNDEFINED:
            lines.append(f"{name}: undefined on these patches (a class is missing, or scores separate the classes)")
        elif estimate.state in (CONSTANT, NOTHING):
            lines.append(f"{name}: {estimate.state}: all patches have the same score")
        elif estimate.method != "logit-t" and 0 < estimate.n_draws < resampling.n_draws:
            lost = resampling.n_draws - estimate.n_draws
            lines.append(f"{name}: undefined in {lost} of {resampling.n_draws} draws, which were left out")
    return lines


def interval(one: Resampled, plan: PatientCounts, resampling: Resampling) -> tuple[float, float]:
    """Return the bounds of an interval over patients.

    Parameters
    ----------
    one : Resampled
        Value, jackknife, draws, range.
    plan : PatientCounts
        How patients are drawn.
    resampling : Resampling
        ``level`` and ``method``. ``logit-t``: see the module. ``percentile``: quantiles of the draws. ``expanded``:
        quantiles further out, by the t distribution and the lost degrees of freedom (Hesterberg, American
        Statistician 69:371, 2015). ``bca``: bias-corrected and accelerated percentiles, acceleration from the
        jackknife (Efron, JASA 82:171, 1987).

    Returns
    -------
    (float, float)
        NaN where the value is undefined, or becomes so without one patient; and where a class that the metric needs
        has fewer than three patients, or is one of two and shows no spread. At a bound of the range, where nothing
        varies (perfect separation), every method gives the worst-case bounds.
    """
    from scipy.stats import t

    nothing, reading, tail = (float("nan"), float("nan")), one.reading, (1 - resampling.level) / 2
    if not np.isfinite(one.value) or not np.isfinite(one.jackknife).all() or plan.n_patients < 2:
        return nothing
    low, high = reading.range
    worst = worst_case(one.value, reading.n_bound, tail, reading.range)
    if np.ptp(one.jackknife) < 1e-12 and min(one.value - low, high - one.value) < 1e-12:
        return worst if reading.n_bound >= 2 or reading.carried_by == "patients" else nothing
    if resampling.method == "logit-t":
        line = to_line(np.array([one.value]), reading.range)[0]
        found = spread(to_line(one.jackknife, reading.range), plan, reading.carried_by)
        if not np.isfinite(found.se):
            return nothing
        half = t.ppf(1 - tail, found.freedom) * found.se
        bounds = np.clip(from_line(line + half * np.array([-1.0, 1.0]), reading.range), *worst)
        return float(bounds[0]), float(bounds[1])
    draws = np.zeros(0) if one.draws is None else one.draws[np.isfinite(one.draws)]
    if len(draws) < 2:
        return nothing
    levels = np.array([tail, 1 - tail])
    if resampling.method == "expanded":
        levels = expanded_levels(one.jackknife, plan, resampling.level)
    elif resampling.method == "bca":
        levels = _bca_levels(one.value, draws, one.jackknife, tail)
    bounds = np.quantile(draws, levels)
    return float(bounds[0]), float(bounds[1])


def spread(jackknife: np.ndarray, plan: PatientCounts, carried_by: str = "patients") -> Spread:
    """Return standard error and degrees of freedom from the values without one patient each.

    Parameters
    ----------
    jackknife : ndarray of float, shape (n_left_out,)
        On the scale the interval is made on.
    plan : PatientCounts
        Classes and design.
    carried_by : {"patients", "classes", "class 0", "class 1"}
        Whose patients the value rests on.

    Returns
    -------
    Spread
        NaN where nothing varies, where a class that the value needs has fewer than three patients, and where one of
        two such classes shows no spread: patients may all be alike by chance.
    """
    cells = plan.cells
    names, sizes = np.unique(cells, return_counts=True)
    of_left_out = cells[plan.left_out]
    means = np.array([jackknife[of_left_out == name].mean() for name in names])
    within = np.array([m * np.mean((jackknife[of_left_out == c] - mu) ** 2) for c, m, mu in zip(names, sizes, means)])
    parts = [(v, m - 1) for v, m in zip(within, sizes) if m > 1]
    between = 0.0
    if plan.is_cohort:
        n = int(sizes.sum())
        n_cohort = plan.n_cohort or n
        between = n / n_cohort * (n - 1) / n * float(sizes @ (means - sizes @ means / n) ** 2)
        parts.append((between, max(n_cohort - len(names), 1)))
    total = float(within.sum() + between)
    carriers = sizes if plan.n_carriers is None else plan.n_carriers[names]
    needed = np.array([carried_by in ("classes", f"class {name}") for name in names])
    fewest = int(carriers[needed].min()) if needed.any() else plan.n_patients
    has_gap = len(names) == 2 and (within <= _NO_SPREAD * total)[needed & (carriers == sizes)].any()
    if total <= 0 or (needed.any() and (fewest < FEWEST_PATIENTS or has_gap)):
        return Spread(float("nan"), float("nan"))
    freedom = total**2 / max(sum(v**2 / f for v, f in parts), 1e-300)
    if needed.any() and fewest < FEW_PATIENTS:
        freedom = min(freedom, fewest - 1.0)
    return Spread(float(np.sqrt(total)), float(freedom))


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

    sizes = np.bincount(plan.stratum_of_patient)
    found = spread(jackknife, plan)
    left = max(plan.n_patients - len(sizes), 1)
    freedom = found.freedom if np.isfinite(found.freedom) else left
    beyond = ndtr(t.ppf((1 - level) / 2, freedom) * np.sqrt(plan.n_patients / left))
    return np.array([beyond, 1 - beyond])


def worst_case(value: float, n: float, tail: float, range: tuple[float, float]) -> tuple[float, float]:
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


def _bca_levels(value: float, draws: np.ndarray, jackknife: np.ndarray, tail: float) -> np.ndarray:
    from scipy.special import ndtr, ndtri

    below = (np.mean(draws < value) + np.mean(draws <= value)) / 2
    shift = ndtri(np.clip(below, 0.5 / len(draws), 1 - 0.5 / len(draws)))
    influence = jackknife.mean() - jackknife
    square = float(np.sum(influence**2))
    lean = float(np.sum(influence**3)) / (6 * square**1.5) if square > 0 else 0.0
    edges = shift + ndtri(np.array([tail, 1 - tail]))
    return ndtr(shift + edges / (1 - lean * edges))
