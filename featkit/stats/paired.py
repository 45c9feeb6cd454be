"""Paired differences: two forecasts of the same patches, with one interval for all who compare."""

from __future__ import annotations

import dataclasses

import numpy as np

from featkit.core.options.resampling import Resampling
from featkit.results.estimate import Estimate
from featkit.stats.draws import MetricDraws, Reading
from featkit.stats.forecasts import Forecasts
from featkit.stats.intervals import Resampled, as_estimate, resampled, spread


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """A difference between two forecasts of the same patches.

    Parameters
    ----------
    estimate : Estimate
        First minus second, with its interval.
    value_a, value_b : float
        The metric of each.
    se, freedom : float
        Standard error and degrees of freedom of the difference; NaN where patients do not show them.
    """

    estimate: Estimate
    value_a: float
    value_b: float
    se: float
    freedom: float


def paired_differences(
    a: MetricDraws, b: MetricDraws, forecasts: Forecasts, resampling: Resampling | None = None
) -> dict[str, PairedDifference]:
    """Return the differences of two prepared forecasts on one plan, with intervals over patients.

    The interval is that of `featkit.stats.interval` for the difference, on its own scale: both forecasts lose the same
    patient in the jackknife and see the same draws.

    Parameters
    ----------
    a, b : MetricDraws
        Both prepared with the same metrics on the same plan.
    forecasts : Forecasts
        Either of the two: unit and classes.
    resampling : Resampling, optional
        Level and method.

    Returns
    -------
    dict of str to PairedDifference
        By metric; there is no interval where the difference is the same for all patients.

    Examples
    --------
    >>> from featkit.stats import prepare_metrics
    >>> one = Forecasts([0, 1, 0, 1], [0.1, 0.9, 0.6, 0.4], "patches")
    >>> two = one.with_p([0.2, 0.7, 0.6, 0.4])
    >>> plan = prepare_metrics(one, ["brier"]), prepare_metrics(two, ["brier"])
    >>> round(paired_differences(*plan, one)["brier"].estimate.value, 4)
    -0.0275
    """
    how = resampling or Resampling()
    found_a, found_b = resampled(a, how), resampled(b, how)
    return {name: _difference(one, found_b[name], a, forecasts, how) for name, one in found_a.items()}


def _difference(
    one: Resampled, two: Resampled, prepared: MetricDraws, forecasts: Forecasts, how: Resampling
) -> PairedDifference:
    low, high = one.reading.range
    gap = Resampled(
        one.value - two.value,
        one.jackknife - two.jackknife,
        None if one.draws is None or two.draws is None else one.draws - two.draws,
        Reading((-np.inf, np.inf), one.reading.carried_by),
    )
    estimate = as_estimate(gap, prepared.plan, how, forecasts)
    if estimate.has_interval and np.isfinite(high - low):
        bounds = np.clip([estimate.low, estimate.high], low - high, high - low)
        estimate = dataclasses.replace(estimate, low=float(bounds[0]), high=float(bounds[1]))
    is_known = np.isfinite(gap.value) and np.isfinite(gap.jackknife).all()
    found = spread(gap.jackknife, prepared.plan, one.reading.carried_by) if is_known else None
    nothing = float("nan")
    return PairedDifference(
        estimate, one.value, two.value, found.se if found else nothing, found.freedom if found else nothing
    )
