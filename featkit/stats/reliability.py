"""Reliability curves with bands over patients."""

from __future__ import annotations

import numpy as np

from featkit.core.arrays import as_binary_forecast
from featkit.core.options.resampling import Resampling
from featkit.results.calibration import ReliabilityCurve
from featkit.stats.calibration_error import Bins, bin_edges, bin_index
from featkit.stats.forecasts import Forecasts


def reliability_curve(
    forecasts: Forecasts, *, n_bins: int = 10, bins: Bins = "width", resampling: Resampling | None = None
) -> ReliabilityCurve:
    """Return observed frequency against forecast over bins, with pointwise bands over patients.

    The band of a bin is Korn and Graubard's: Clopper and Pearson's interval for as many independent patches as would
    give the variance that patients show, ``rate (1 - rate) / variance``, reduced by the t quantile for the degrees of
    freedom that patients leave. A bin of one class shows no variance; its patients then count as one patch each.

    Parameters
    ----------
    forecasts : Forecasts
        Of two classes, with probabilities.
    n_bins, bins
        As in `featkit.stats.calibration_error.bin_edges`.
    resampling : Resampling, optional
        The level of each bin's band; the bands are a closed form and need no draws.

    Returns
    -------
    ReliabilityCurve

    Raises
    ------
    InputError
        If inputs are not as described, or there are more than two classes.

    References
    ----------
    Korn and Graubard, Confidence intervals for proportions with small expected number of positive counts estimated
    from survey data, Survey Methodology 24:193, 1998.

    Examples
    --------
    >>> curve = reliability_curve(Forecasts([0, 0, 0, 1], [0.1, 0.1, 0.1, 0.9], ["a", "b", "c", "d"]), n_bins=2)
    >>> curve.observed, curve.high.round(3)
    (array([0., 1.]), array([0.708,   nan]))
    """
    positive, values = as_binary_forecast(forecasts.y, forecasts.p, "a reliability curve")
    level = (resampling or Resampling()).level
    _, patient = np.unique(forecasts.groups, return_inverse=True)
    _, where = np.unique(bin_index(values, bin_edges(values, n_bins, bins)), return_inverse=True)
    size = np.bincount(where)
    bands = [_band(positive[where == b], patient[where == b], (1 - level) / 2) for b in range(len(size))]
    return ReliabilityCurve(
        forecast=np.bincount(where, weights=values) / size,
        observed=np.bincount(where, weights=positive) / size,
        low=np.array([low for low, _ in bands]),
        high=np.array([high for _, high in bands]),
        n_patches=size,
        n_patients=np.array([len(np.unique(patient[where == b])) for b in range(len(size))]),
        level=level,
        method="korn-graubard",
        n_draws=0,
        unit=forecasts.unit,
        bins=bins,
    )


def _band(positive: np.ndarray, patient: np.ndarray, tail: float) -> tuple[float, float]:
    """Return the bounds of a bin's frequency; NaN for a single patient."""
    from scipy.stats import beta, t

    _, patient = np.unique(patient, return_inverse=True)
    n, m, rate = len(positive), int(patient.max()) + 1, float(positive.mean())
    if m < 2:
        return float("nan"), float("nan")
    off = np.bincount(patient, weights=positive - rate)
    variance = m / (m - 1) * float(off @ off) / n**2
    if rate in (0.0, 1.0) or variance == 0:
        n_effective = float(m)
    else:
        shrink = (t.ppf(tail, n - 1) / t.ppf(tail, m - 1)) ** 2
        n_effective = min(float(n), rate * (1 - rate) / variance * shrink)
    hits = rate * n_effective
    low = beta.ppf(tail, hits, n_effective - hits + 1) if rate > 0 else 0.0
    high = beta.ppf(1 - tail, hits + 1, n_effective - hits) if rate < 1 else 1.0
    return float(low), float(high)
