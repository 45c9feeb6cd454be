"""Compiled passes over patches sorted by score; patches with the same score form one tie group."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def wins_matrix(unit: np.ndarray, positive: np.ndarray, starts: np.ndarray, n_units: int) -> np.ndarray:
    """Return wins (n_units, n_units): [i, j] = pairs in which i's positives beat j's negatives, a tie counting 1/2.

    ``unit`` and ``positive`` are in ascending order of score and ``starts`` marks the first patch of each tie group.
    Time is n_positives x n_units, memory n_units squared.
    """
    wins = np.zeros((n_units, n_units))
    below = np.zeros(n_units)
    n = len(unit)
    first = 0
    while first < n:
        last = first + 1
        while last < n and not starts[last]:
            last += 1
        for k in range(first, last):
            if not positive[k]:
                below[unit[k]] += 0.5
        for k in range(first, last):
            if positive[k]:
                row = wins[unit[k]]
                for j in range(n_units):
                    row[j] += below[j]
        for k in range(first, last):
            if not positive[k]:
                below[unit[k]] += 0.5
        first = last
    return wins


@njit(cache=True, nogil=True)
def weighted_auc(counts: np.ndarray, unit: np.ndarray, positive: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return the AUC (n_draws,) of each row of unit counts, in one pass over the sorted patches per draw."""
    n_draws, n = len(counts), len(unit)
    out = np.empty(n_draws)
    for b in range(n_draws):
        row = counts[b]
        wins = below = above_here = below_here = total = 0.0
        for k in range(n):
            if starts[k]:
                wins += above_here * (below + 0.5 * below_here)
                below += below_here
                above_here = below_here = 0.0
            weight = row[unit[k]]
            if positive[k]:
                above_here += weight
                total += weight
            else:
                below_here += weight
        wins += above_here * (below + 0.5 * below_here)
        below += below_here
        out[b] = wins / (total * below) if total > 0 and below > 0 else np.nan
    return out


@njit(cache=True, nogil=True)
def weighted_average_precision(
    counts: np.ndarray, unit: np.ndarray, positive: np.ndarray, starts: np.ndarray
) -> np.ndarray:
    """Return the average precision (n_draws,) of each row of unit counts; precision is taken after each tie group."""
    n_draws, n = len(counts), len(unit)
    out = np.empty(n_draws)
    for b in range(n_draws):
        row = counts[b]
        area = hits = seen = hits_here = 0.0
        for k in range(n - 1, -1, -1):
            weight = row[unit[k]]
            seen += weight
            if positive[k]:
                hits_here += weight
            if starts[k] and hits_here > 0:
                hits += hits_here
                area += hits_here * hits / seen
                hits_here = 0.0
        out[b] = area / hits if hits > 0 else np.nan
    return out


@njit(cache=True, nogil=True)
def logistic_recalibration(
    counts: np.ndarray,
    unit: np.ndarray,
    logit: np.ndarray,
    positive: np.ndarray,
    is_slope_free: bool,
    start: tuple[float, float],
) -> np.ndarray:
    """Return (n_draws, 2) intercept and slope of the logistic regression of the label on ``logit``, by Newton steps.

    Steps that change a logit by c > 1 are damped by ``log(1 + c) / c``, which makes them converge from anywhere (Bach,
    Electronic Journal of Statistics 4:384, 2010). With ``is_slope_free`` False the slope stays that of ``start``. A
    draw that is separable, has one class, or (with a free slope) one logit only gives NaN.
    """
    n_draws, n = len(counts), len(unit)
    out = np.full((n_draws, 2), np.nan)
    reach = np.abs(logit).max()
    for b in range(n_draws):
        row = counts[b]
        a, s = start
        for _ in range(60):
            g0 = g1 = h00 = h01 = h11 = 0.0
            for k in range(n):
                w = row[unit[k]]
                if w > 0:
                    x = logit[k]
                    eta = a + s * x
                    q = 1.0 / (1.0 + np.exp(-abs(eta)))
                    v = w * q * (1.0 - q)
                    q = q if eta >= 0 else 1.0 - q
                    r = w * ((1.0 if positive[k] else 0.0) - q)
                    g0 += r
                    g1 += r * x
                    h00 += v
                    h01 += v * x
                    h11 += v * x * x
            if is_slope_free:
                det = h00 * h11 - h01 * h01
                if not det > 1e-12 * h00 * h11:
                    break
                da = (h11 * g0 - h01 * g1) / det
                ds = (h00 * g1 - h01 * g0) / det
            else:
                if not h00 > 1e-12:
                    break
                da, ds = g0 / h00, 0.0
            change = abs(da) + abs(ds) * reach
            damping = np.log1p(change) / change if change > 1.0 else 1.0
            a += damping * da
            s += damping * ds
            if change < 1e-6:  # what is left after this step is of the order of its square
                out[b, 0], out[b, 1] = a, s
                break
    return out


@njit(cache=True, nogil=True)
def weighted_roc(
    counts: np.ndarray, unit: np.ndarray, positive: np.ndarray, starts: np.ndarray, grid: np.ndarray
) -> np.ndarray:
    """Return the true positive rate (n_draws, n_grid) at increasing false positive rates, interpolated linearly.

    Where the curve is vertical the upper end counts. NaN in a draw with one class.
    """
    n_draws, n, n_grid = len(counts), len(unit), len(grid)
    out = np.full((n_draws, n_grid), np.nan)
    for b in range(n_draws):
        row = counts[b]
        n1 = n0 = 0.0
        for k in range(n):
            if positive[k]:
                n1 += row[unit[k]]
            else:
                n0 += row[unit[k]]
        if n1 == 0 or n0 == 0:
            continue
        x0 = y0 = hits = alarms = 0.0
        g = 0
        for k in range(n - 1, -1, -1):
            if positive[k]:
                hits += row[unit[k]]
            else:
                alarms += row[unit[k]]
            if starts[k]:
                x1, y1 = alarms / n0, hits / n1
                while g < n_grid and grid[g] < x1:
                    out[b, g] = y0 + (y1 - y0) * (grid[g] - x0) / (x1 - x0)
                    g += 1
                x0, y0 = x1, y1
        while g < n_grid:
            out[b, g] = y0
            g += 1
    return out
