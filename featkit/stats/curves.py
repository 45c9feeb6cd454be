"""ROC curves, with bands from resampling patients."""

from __future__ import annotations

from typing import Any

import numpy as np

from featkit.results.evaluation import Curve
from featkit.stats._forms import by_score
from featkit.stats._inputs import as_scores, as_two_classes, check_count, check_level
from featkit.stats.draws import prepare_metrics
from featkit.stats.intervals import expanded_levels
from featkit.stats.resampling import PatientCounts, patient_counts


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
    """
    positive = as_two_classes(y)
    values = as_scores(score, len(positive))
    distinct, where = np.unique(-values, return_inverse=True)
    hits, alarms = np.cumsum(np.bincount(where, weights=positive)), np.cumsum(np.bincount(where, weights=~positive))
    corners = (alarms / alarms[-1], hits / hits[-1], -distinct)
    x, y_axis, threshold = (np.concatenate([[first], c]) for first, c in zip((0.0, 0.0, np.inf), corners))
    return x, y_axis, threshold


def roc_curve(
    y: Any,
    score: Any,
    groups: Any,
    *,
    n_grid: int = 101,
    n_draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
    unit: str = "patient",
    plan: PatientCounts | None = None,
    rows: np.ndarray | None = None,
) -> Curve:
    """Return the ROC curve on a grid of false positive rates, with a pointwise band of the true positive rate.

    The band is vertical: at each false positive rate, expanded percentiles (`featkit.stats.intervals.interval`) of the
    true positive rate in resamples of patients, with the degrees of freedom of the AUC. It closes where the curve
    reaches 0 or 1 in all draws, and is a band for each abscissa, not for the whole curve.

    Parameters
    ----------
    y : array of {0, 1}, shape (n,)
        Labels; both classes must occur.
    score : array of float, shape (n,)
        Score of class 1.
    groups : array, shape (n,), or "patches"
        Patient of each patch.
    n_grid : int
        Points of the grid, evenly spaced on [0, 1].
    n_draws, level, seed, unit
        As in `featkit.stats.intervals.bootstrap_metrics`.
    plan, rows
        As in `featkit.stats.draws.prepare_metrics`.

    Returns
    -------
    Curve
    """
    from featkit.stats._kernels import weighted_roc

    positive = as_two_classes(y)
    values, level = as_scores(score, len(positive)), check_level(level)
    unit = "patch" if isinstance(groups, str) else unit
    if plan is None:
        plan = patient_counts(groups, strata=positive, n=len(positive))
    grid = np.linspace(0, 1, check_count(n_grid, "n_grid", 2))
    arranged = by_score(plan, positive, values, rows)
    observed = weighted_roc(np.ones((1, plan.n_units)), *arranged, grid)[0]
    draws = np.concatenate([weighted_roc(u.astype(np.float64), *arranged, grid) for _, u in plan.blocks(n_draws, seed)])
    draws = draws[np.isfinite(draws[:, 0])]
    low = high = np.full(len(grid), np.nan)
    if len(draws) >= 2 and np.bincount(plan.stratum_of_patient).min() >= 2:
        jackknife = prepare_metrics(positive, values, groups, ["auc"], plan=plan, rows=rows).jackknife()["auc"]
        low, high = np.quantile(draws, expanded_levels(jackknife, plan, level), axis=0)
    return Curve("roc", grid, observed, low, high, level, len(draws), unit, plan.n_patients)
