"""Proximal Newton on a working set, compiled: from one penalty's start to its duality gap without the interpreter.

What a step does, and why the gap holds: `featkit.sparse.solvers.newton`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from featkit.sparse.solvers.kernels import (
    compiled,
    descend,
    feasible_scale,
    gap_bound,
    gram,
    packed_combine,
    packed_dots,
)
from featkit.sparse.solvers.newton import search_along, secant_update, solve_free

_INNER_RELATIVE = 0.1  # accuracy of the quadratic model's solution, relative to the gap before the step
_WORTH = 20  # columns for which building a Hessian costs as much as a step
_DIVERGED = 20.0  # a first step that multiplies the gap by more asks for a new Hessian
_STALLED = 0.95  # and so does a later one that multiplies it by more than this
_CHEAP = 20_000_000  # multiplications for which a Hessian is built at every step
_MAX_SWEEPS = 400
_FEW_SWEEPS = 40  # beyond which a corrected Hessian is taken to be indefinite, in float32
_SINGLE = 1e-5  # gaps, in nats, for which the quadratic model is solved in float32
_FLAT = 1e-6  # free coordinates are solved until their slopes are below this share of the gap asked


class Packed(NamedTuple):
    """The arrays of a working set of k columns on m rows; capacities are at least k + 3.

    Parameters
    ----------
    columns : (capacity, m) float32
        The packed columns, unpenalised ones first.
    hessian : (capacity, capacity) float32
        Of the smooth part, as far as built.
    beta, l1, l2 : (capacity,) float64
        Coefficients and their penalties.
    slope, pull, g : (capacity,) float64
        X'r at the coefficients, X'v, and X't at the dual point t.
    y, w, eta, r, v : (m,) float64
        Labels, weights, linear predictor, residuals (once settled, the dual point), and rows of the Hessian.
    curvature, floor : (m,) float32
        v, and the least that is taken of it.
    direction, origin : (m,) float64
        Room for the line search.
    """

    columns: np.ndarray
    hessian: np.ndarray
    beta: np.ndarray
    l1: np.ndarray
    l2: np.ndarray
    slope: np.ndarray
    pull: np.ndarray
    g: np.ndarray
    y: np.ndarray
    w: np.ndarray
    eta: np.ndarray
    r: np.ndarray
    v: np.ndarray
    curvature: np.ndarray
    floor: np.ndarray
    direction: np.ndarray
    origin: np.ndarray


class Progress(NamedTuple):
    """The numbers of a working set between steps.

    Parameters
    ----------
    gap : float
        Duality gap over the working set, in nats.
    odds, offset : float
        The gap's bound is ``gap_bound`` with ``odds`` plus ``(1 - s / 2) offset``.
    sum_v, shift : float
        Sum of v; how much of v was taken off r to make it a dual point.
    n_built, extra : int
        Columns of the Hessian that are built, and steps since.
    is_stale : bool
        Whether the Hessian has been corrected since it was built.
    """

    gap: float
    odds: float
    offset: float
    sum_v: float
    shift: float
    n_built: int
    extra: int
    is_stale: bool


@compiled
def settle(
    p: Packed,
    k: int,
    n_free: int,
    has_intercept: bool,
    tolerance: float,
    is_read: bool,
    sum_r: float,
    sum_v: float,
    odds: float,
) -> tuple[float, float, float, float]:
    """Read the slopes at the residuals and make the residuals a dual point; returns shift, sum of v, odds and offset.

    If ``is_read``, residuals are those of eta, and their sums are given. The free coordinates are solved first where
    they are more than an intercept, where the intercept is far off, and where residuals have not been read.
    """
    shift = sum_r / sum_v if has_intercept else 0.0
    if not is_read or n_free > has_intercept or not abs(shift) <= 0.5:
        sum_v, odds = solve_free(p.columns, n_free, p.y, p.w, p.beta, p.eta, p.r, p.v, _FLAT * tolerance)
        shift = 0.0
    for i in range(p.v.size):
        p.curvature[i] = p.v[i]
    packed_dots(p.columns, 0, k, p.r, p.curvature, p.slope, p.pull)
    for i in range(p.v.size):
        p.r[i] -= shift * p.v[i]
    for a in range(k):
        p.g[a] = p.slope[a] - shift * p.pull[a]
    inflation = (1.0 - abs(shift)) ** -2
    return shift, sum_v, odds * inflation, shift * shift * sum_v * inflation


@compiled
def working_gap(p: Packed, k: int, at: Progress, scale: float) -> float:
    """Return the duality gap's bound over the working set for a feasible scale."""
    bound = gap_bound(p.g, p.beta, p.l1, p.l2, k, at.odds, scale)
    if not at.odds < np.inf:
        return np.inf  # free coordinates not solved: no dual point, no certificate
    return max(0.0, bound + (1.0 - 0.5 * scale) * at.offset)  # below it only by rounding


@compiled
def solve_packed(
    p: Packed, k: int, n_free: int, has_intercept: bool, at: Progress, tolerance: float, max_steps: int
) -> tuple[Progress, int]:
    """Solve the working set at one penalty level to a duality gap; returns the numbers and how many steps it took.

    It takes at least one, so that a path moves with its penalties however loose the tolerance, and goes further while
    steps are cheap.
    """
    is_large = k * k * p.y.size > _CHEAP
    goal = tolerance if is_large else 0.1 * tolerance
    n_steps, before = 0, np.inf
    while True:
        gap = working_gap(p, k, at, feasible_scale(p.g, p.l1, p.l2, k))
        n_built, extra = at.n_built, at.extra
        if (gap <= goal and (n_steps > 0 or k == n_free)) or n_steps >= max_steps:
            return Progress(gap, at.odds, at.offset, at.sum_v, at.shift, n_built, extra, at.is_stale), n_steps
        if at.is_stale and gap > (_DIVERGED if n_steps < 2 else _STALLED) * before:
            n_built = 0
        extra += n_steps > 0
        if not is_large or k < _WORTH * extra:
            n_built = 0
        before = gap
        n_steps += 1
        at = Progress(gap, at.odds, at.offset, at.sum_v, at.shift, n_built, extra, at.is_stale)
        has_fallen, at = _step(p, k, n_free, has_intercept, at, max(0.3 * goal, _INNER_RELATIVE * gap), goal)
        if not has_fallen:
            if not at.is_stale:
                return at, n_steps  # nothing left to gain in this arithmetic
            # a Hessian too old to point downhill
            at = Progress(at.gap, at.odds, at.offset, at.sum_v, at.shift, 0, at.extra, at.is_stale)


@compiled
def _step(
    p: Packed,
    k: int,
    n_free: int,
    has_intercept: bool,
    at: Progress,
    accuracy: float,
    tolerance: float,
) -> tuple[bool, Progress]:
    """Take one proximal Newton step, its model solved to ``accuracy``; returns whether the objective fell."""
    gap, odds, offset, sum_v, shift, n_built, extra, is_stale = at
    if n_built < k:
        if n_built == 0:
            is_stale, extra = False, 0
        gram(p.columns, k, n_built, np.maximum(p.curvature, p.floor), p.hessian)
        n_built = k
    old, slope = p.beta[:k].copy(), p.slope[:k].copy()
    new = old.copy()
    if tolerance >= _SINGLE:
        most = _FEW_SWEEPS if is_stale else _MAX_SWEEPS
        is_solved = descend(p.hessian, k, slope.astype(np.float32), new, p.l1, p.l2, odds, accuracy, most)
    else:
        is_solved = descend(p.hessian, k, slope.copy(), new, p.l1, p.l2, odds, accuracy, _MAX_SWEEPS)
    at = Progress(gap, odds, offset, sum_v, shift, n_built, extra, is_stale)
    if is_stale and not is_solved:  # corrections may have left it indefinite
        return False, at
    step = new - old
    change = start = 0.0
    for a in range(k):
        change += p.l1[a] * (abs(new[a]) - abs(old[a])) + 0.5 * p.l2[a] * step[a] * (new[a] + old[a])
        start -= slope[a] * step[a]
    start += change
    if not start < 0.0:
        return False, at
    packed_combine(p.columns, k, step, p.direction)
    length, sum_r, new_sum_v, odds = search_along(p.eta, p.direction, start, change, p.y, p.w, p.r, p.v, p.origin)
    p.beta[:k] = new if length == 1.0 else old + length * step
    before = sum_v
    shift, sum_v, odds, offset = settle(p, k, n_free, has_intercept, tolerance, True, sum_r, new_sum_v, odds)
    if length == 0.0:
        return False, Progress(gap, odds, offset, sum_v, shift, n_built, extra, is_stale)
    if not secant_update(p.hessian, k, sum_v / before, p.beta[:k] - old, slope - p.slope[:k]):
        n_built = 0
    return True, Progress(gap, odds, offset, sum_v, shift, n_built, extra, True)
