"""ROC curves, with bands from resampling patients."""

from __future__ import annotations

from typing import Any

import numpy as np

from featkit.core.arrays import as_scores, as_two_classes, check_count
from featkit.core.options.resampling import Resampling
from featkit.results.evaluation import Curve
from featkit.stats._forms import by_score
from featkit.stats.draws import patient_plan, prepare_metrics
from featkit.stats.forecasts import Forecasts
from featkit.stats.intervals import expanded_levels
from featkit.stats.resampling import PatientCounts


def roc_points(y: Any, score: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the corners of the ROC curve.

    Parameters
    ----------
    y : array of {0, 1}, shape (n,)
        Labels; both classes must occur.
    score : array of float, shape (n,)
        Score of class 1.

    Returns
    -------
    false_positive_rate, true_positive_rate, threshold : ndarray of float, shape (k + 1,)
        One corner for each of the k distinct scores, from (0, 0) (threshold infinity) to (1, 1).

    Examples
    --------
    >>> roc_points([0, 1], [0.2, 0.8])[1].tolist()
    [0.0, 1.0, 1.0]
    """
    positive = as_two_classes(y)
    values = as_scores(score, len(positive))
    distinct, where = np.unique(-values, return_inverse=True)
    hits, alarms = np.cumsum(np.bincount(where, weights=positive)), np.cumsum(np.bincount(where, weights=~positive))
    corners = (alarms / alarms[-1], hits / hits[-1], -distinct)
    x, y_axis, threshold = (np.concatenate([[first], c]) for first, c in zip((0.0, 0.0, np.inf), corners))
    return x, y_axis, threshold


def roc_curve(
    forecasts: Forecasts,
    *,
    n_grid: int = 101,
    resampling: Resampling | None = None,
    plan: PatientCounts | None = None,
    rows: np.ndarray | None = None,
) -> Curve:
    """Return the ROC curve on a grid of false positive rates, with a pointwise band of the true positive rate.

    The band is vertical: at each false positive rate, expanded percentiles (`featkit.stats.interval`) of the true
    positive rate in resamples of patients, with the degrees of freedom of the AUC. It closes where the curve reaches 0
    or 1 in all draws, and is a band for each abscissa, not for the whole curve.

    Parameters
    ----------
    forecasts : Forecasts
        Of two classes, both of which occur.
    n_grid : int
        Points of the grid, evenly spaced on [0, 1]; at least 2.
    resampling : Resampling, optional
        Number of draws, level, seed and design.
    plan, rows
        As in `featkit.stats.prepare_metrics`.

    Returns
    -------
    Curve
        The band is NaN where a class has a single patient.

    Examples
    --------
    >>> curve = roc_curve(Forecasts([0, 1, 0, 1], [0.1, 0.9, 0.6, 0.4], "patches"), n_grid=3)
    >>> curve.y.tolist()
    [0.5, 1.0, 1.0]
    """
    from featkit.stats._kernels import weighted_roc

    how = resampling or Resampling()
    positive = as_two_classes(forecasts.y)
    values = as_scores(forecasts.p, len(positive))
    plan = patient_plan(forecasts, how) if plan is None else plan
    grid = np.linspace(0, 1, check_count(n_grid, "n_grid", 2))
    arranged = by_score(plan, positive, values, rows)
    observed = weighted_roc(np.ones((1, plan.n_units)), *arranged, grid)[0]
    blocks = plan.blocks(how.n_draws, how.seed)
    draws = np.concatenate([weighted_roc(u.astype(np.float64), *arranged, grid) for _, u in blocks])
    draws = draws[np.isfinite(draws[:, 0])]
    low = high = np.full(len(grid), np.nan)
    jackknife = prepare_metrics(forecasts, ["auc"], plan=plan, rows=rows).jackknife()["auc"]
    if len(draws) >= 2 and np.isfinite(jackknife).all():
        low, high = np.quantile(draws, expanded_levels(jackknife, plan, how.level), axis=0)
    return Curve("roc", grid, observed, low, high, how.level, len(draws), forecasts.unit, plan.n_patients)
