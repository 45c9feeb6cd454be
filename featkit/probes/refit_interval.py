"""Intervals of probes that were trained on some of the patients they are judged on, fold by fold.

Resampling patients with the fitted probes held fixed sees only half of what varies. Without signal, what the probe of
the other patients says of patient i is a sum of terms ``a(i, j)`` over training patients j, and ``a(i, j)`` and ``a(j,
i)`` are the same product: every pair counts twice, so the variance of the mean is twice that of independent patients.
Decisions (hit or miss) weaken this to a factor between ``1 + 2 / pi = 1.6`` and 2; 1.3 to 2.0 was measured, with and
without signal. The factor used is 2. Nadeau and Bengio's correction for k-fold cross-validation is ``1 + k / (k - 1)``.
"""

from __future__ import annotations

import numpy as np

from featkit.core.errors import InputError
from featkit.core.options.resampling import Resampling
from featkit.results.estimate import Estimate
from featkit.stats.intervals import from_line, to_line, worst_case

REFIT_VARIANCE = 2.0
"""Variance of an out-of-fold mean over that of its bootstrap with the fitted probes held fixed."""


def refit_interval(
    value: float, draws: np.ndarray, range: tuple[float, float], resampling: Resampling, n_units: int
) -> Estimate:
    """Return a value with its t interval on the logit scale of its range, refitting included.

    Parameters
    ----------
    value : float
        Out-of-fold value on the data.
    draws : ndarray of float64, shape (n_draws,)
        The value in resamples of patients, probes held fixed; draws where it is undefined are left out.
    range : (float, float)
        Smallest and largest possible value; infinite bounds switch the logit off.
    resampling : Resampling
        Level and method: "logit-t", or "t" on the scale of the value.
    n_units : int
        Independent patients behind the value: those of the rarest class.

    Returns
    -------
    Estimate
        NaN bounds where fewer than two patients or draws carry it.

    References
    ----------
    Nadeau and Bengio, Inference for the generalization error, Machine Learning 52:239, 2003.
    """
    from scipy.stats import t

    if resampling.method not in ("logit-t", "t"):
        raise InputError(
            "the interval of a probe must be 'logit-t' or 't'",
            repr(resampling.method),
            "Resampling alone misses refits",
        )
    kept = draws[np.isfinite(draws)]
    low = high = float("nan")
    if len(kept) > 1 and n_units > 1 and np.isfinite(value):
        scale = range if resampling.method == "logit-t" else (-np.inf, np.inf)
        tail = (1 - resampling.level) / 2
        spread = kept.std() * np.sqrt(REFIT_VARIANCE * n_units / (n_units - 1))
        half = float(t.ppf(1 - tail, n_units - 1)) * spread / _slope(value, scale)
        at = to_line(np.array([value]), scale)[0]
        low, high = (float(v) for v in from_line(at + half * np.array([-1.0, 1.0]), scale))
        if np.isfinite(range).all():
            least, most = worst_case(value, max(1, int(n_units / REFIT_VARIANCE)), tail, range)
            low, high = (least, most) if spread < 1e-12 else (max(low, least), min(high, most))
    return Estimate(
        float(value), low, high, resampling.level, f"{resampling.method}, refit", len(kept), "patient", n_units
    )


def _slope(value: float, range: tuple[float, float]) -> float:
    """Return by how much the value moves per unit of its logit scale; 1 where there is none."""
    low, high = range
    if not np.isfinite(range).all():
        return 1.0
    return max((value - low) * (high - value) / (high - low), 1e-6)
