"""Closed-form variance of AUCs: DeLong's for independent patches, Obuchowski's for patches that come in patients."""

from __future__ import annotations

from typing import Any

import numpy as np

from featkit.core.arrays import as_groups, as_two_classes, check_level
from featkit.core.errors import InputError
from featkit.results.estimate import Estimate
from featkit.stats.intervals import from_line, to_line, worst_case


def auc_covariance(y: Any, scores: Any, groups: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the AUCs of several scores on the same patches, and their covariance.

    Parameters
    ----------
    y : array of {0, 1}, shape (n,)
        Labels; both classes must occur.
    scores : array of float, shape (n,) or (n, n_scores)
        Scores of class 1.
    groups : array, shape (n,), or "patches"
        Patient of each patch: Obuchowski's estimate. The literal ``"patches"`` takes patches as independent: DeLong's.

    Returns
    -------
    aucs : ndarray of float, shape (n_scores,)
        Ties count one half.
    covariance : ndarray of float, shape (n_scores, n_scores)
        NaN when a class comes from fewer than two patients (or patches).

    References
    ----------
    DeLong, DeLong and Clarke-Pearson, Biometrics 44:837, 1988; Sun and Xu, IEEE Signal Processing Letters 21:1389,
    2014 (midranks); Obuchowski, Biometrics 53:567, 1997.
    """
    aucs, covariance, _ = _auc_moments(y, scores, groups)
    return aucs, covariance


def auc_interval(y: Any, score: Any, groups: Any, *, level: float = 0.95, unit: str = "patient") -> Estimate:
    """Return the AUC with a closed-form interval on the logit scale.

    Parameters
    ----------
    y, groups
        As in `auc_covariance`.
    score : array of float, shape (n,)
        Score of class 1.
    level : float
        Coverage, in (0, 1).
    unit : str
        What the groups are, for the record.

    Returns
    -------
    Estimate
        Method "delong" (unit "patch") or "obuchowski". A t quantile with Satterthwaite's degrees of freedom is used.
        At an AUC of 0 or 1, where the variance is estimated as 0, the worst-case bounds are given
        (`featkit.stats.intervals.worst_case`).
    """
    from scipy.stats import t

    tail = (1 - check_level(level)) / 2
    aucs, covariance, (n_positive, n_negative, parts) = _auc_moments(y, score, groups)
    value, variance = float(aucs[0]), float(covariance[0, 0])
    is_patches = isinstance(groups, str)
    n_units = len(np.asarray(y)) if is_patches else len(np.unique(np.asarray(groups)))
    if np.isnan(variance):
        low, high = float("nan"), float("nan")
    elif value in (0.0, 1.0):
        low, high = worst_case(value, min(n_positive, n_negative), tail, (0.0, 1.0))
    else:
        freedom = (
            parts.sum() ** 2 / (parts**2 @ [1 / (n_positive - 1), 1 / (n_negative - 1)]) if parts.any() else np.inf
        )
        half = t.ppf(1 - tail, freedom) * np.sqrt(variance) / (value * (1 - value))
        low, high = from_line(to_line(np.array([value]), (0.0, 1.0)) + half * np.array([-1, 1]), (0.0, 1.0)).tolist()
    method, unit = ("delong", "patch") if is_patches else ("obuchowski", unit)
    return Estimate(value, low, high, level, method, 0, unit, n_units)


def auc_difference(
    y: Any, score_a: Any, score_b: Any, groups: Any, *, level: float = 0.95, unit: str = "patient"
) -> tuple[Estimate, float]:
    """Return the difference of two correlated AUCs, its interval, and the two-sided p-value of no difference.

    Parameters
    ----------
    y, groups
        As in `auc_covariance`.
    score_a, score_b : array of float, shape (n,)
        The two scores; the difference is AUC of a minus AUC of b.
    level : float
        Coverage, in (0, 1).
    unit : str
        What the groups are, for the record.

    Returns
    -------
    difference : Estimate
        Method "delong" or "obuchowski", normal quantiles.
    p_value : float
        1 when the scores rank all patches alike (difference and variance are 0); NaN when a variance of 0 goes with
        a difference, which only says that the formula cannot see the spread.
    """
    from scipy.special import ndtr, ndtri

    level = check_level(level)
    aucs, covariance = auc_covariance(y, np.column_stack([score_a, score_b]), groups)
    value = float(aucs[0] - aucs[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    is_patches = isinstance(groups, str)
    n_units = len(np.asarray(y)) if is_patches else len(np.unique(np.asarray(groups)))
    if np.isnan(variance) or (variance <= 1e-18 and abs(value) > 1e-12):
        low, high, p_value = float("nan"), float("nan"), float("nan")
    elif variance <= 1e-18:
        low, high, p_value = value, value, 1.0
    else:
        half = -float(ndtri((1 - level) / 2)) * np.sqrt(variance)
        low, high, p_value = value - half, value + half, float(2 * ndtr(-abs(value) / np.sqrt(variance)))
    method, unit = ("delong", "patch") if is_patches else ("obuchowski", unit)
    return Estimate(value, float(low), float(high), level, method, 0, unit, n_units), p_value


def _auc_moments(y: Any, scores: Any, groups: Any) -> tuple[np.ndarray, np.ndarray, tuple[int, int, np.ndarray]]:
    """Return AUCs, covariance, and for degrees of freedom: clusters with each class and the first score's two parts."""
    from scipy.stats import rankdata

    positive = as_two_classes(y)
    values = np.asarray(scores, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) != len(positive) or not np.isfinite(values).all():
        raise InputError(
            f"scores must be finite, of shape ({len(positive)},) or ({len(positive)}, n_scores)", values.shape
        )
    _, cluster = np.unique(as_groups(groups, len(positive)), return_inverse=True)
    m, n = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(values, axis=0)
    beats = (ranks[positive] - rankdata(values[positive], axis=0)) / n
    beaten = 1 - (ranks[~positive] - rankdata(values[~positive], axis=0)) / m
    aucs = beats.mean(axis=0)
    n_clusters = int(cluster.max()) + 1
    own = _summed(beats - aucs, cluster[positive], n_clusters)
    others = _summed(beaten - aucs, cluster[~positive], n_clusters)
    n_positive, n_negative = len(np.unique(cluster[positive])), len(np.unique(cluster[~positive]))
    if min(n_positive, n_negative) < 2:
        return aucs, np.full((len(aucs), len(aucs)), np.nan), (n_positive, n_negative, np.zeros(2))
    of_positives = n_positive / (n_positive - 1) * own.T @ own / m**2
    of_negatives = n_negative / (n_negative - 1) * others.T @ others / n**2
    cross = n_clusters / (n_clusters - 1) * own.T @ others / (m * n)
    parts = np.array([of_positives[0, 0], of_negatives[0, 0]])
    return aucs, of_positives + of_negatives + cross + cross.T, (n_positive, n_negative, parts)


def _summed(rows: np.ndarray, cluster: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return the sums (n_clusters, n_scores) of rows within clusters."""
    total = np.zeros((n_clusters, rows.shape[1]))
    np.add.at(total, cluster, rows)
    return total
