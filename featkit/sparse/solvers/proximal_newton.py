"""Proximal Newton on a working set, compiled: from one penalty's start to its duality gap without the interpreter.

What a step does, and why the gap holds: `featkit.sparse.solvers.newton`.
"""

from __future__ import annotations

import numpy as np

from featkit.sparse.solvers.kernels import compiled, gram, packed_combine, packed_dots
from featkit.sparse.solvers.newton import search_along, secant_update, solve_free
from featkit.sparse.solvers.packed import Packed, Progress, Sums
from featkit.sparse.solvers.quadratic_model import QuadraticModel, coordinate_descent, feasible_scale, gap_bound

_INNER_RELATIVE = 0.1  # accuracy of the quadratic model's solution, relative to the gap before the step
_WORTH = 20  # columns for which building a Hessian costs as much as a step
_DIVERGED = 20.0  # a first step that multiplies the gap by more asks for a new Hessian
_STALLED = 0.95  # and so does a later one that multiplies it by more than this
_CHEAP = 20_000_000  # multiplications for which a Hessian is built at every step
_MAX_SWEEPS = 400
_FEW_SWEEPS = 40  # beyond which a corrected Hessian is taken to be indefinite, in float32
_SINGLE = 1e-5  # gaps, in nats, for which the quadratic model is solved in float32
_FLAT = 1e-6  # free coordinates are solved until their slopes are below this share of the gap asked


@compiled
def update_dual_point(
    p: Packed, k: int, n_free: int, has_intercept: bool, tolerance: float, is_current: bool, sums: Sums
) -> tuple[float, float, float, float]:
    """Compute the slopes at the residuals and make the residuals a dual point.

    Returns shift, sum of v, exponential loss and offset (see `Progress`). If ``is_current``, residuals are those of
    eta, with these sums. The free coordinates are solved first where they are more than an intercept, where the
    intercept is far off, and where residuals are not current.
    """
    shift = sums.r / sums.v if has_intercept else 0.0
    sum_v, exp_loss = sums.v, sums.exp_loss
    if not is_current or n_free > has_intercept or not abs(shift) <= 0.5:
        sum_v, exp_loss = solve_free(p, n_free, _FLAT * tolerance)
        shift = 0.0
    for i in range(p.v.size):
        p.curvature[i] = p.v[i]
    packed_dots(p.columns, 0, k, p.r, p.curvature, p.slope, p.curvature_dots)
    for i in range(p.v.size):
        p.r[i] -= shift * p.v[i]
    for a in range(k):
        p.g[a] = p.slope[a] - shift * p.curvature_dots[a]
    inflation = (1.0 - abs(shift)) ** -2
    return shift, sum_v, exp_loss * inflation, shift * shift * sum_v * inflation


@compiled
def working_gap(p: Packed, k: int, progress: Progress, scale: float) -> float:
    """Return the duality gap's bound over the working set for a feasible scale."""
    bound = gap_bound(p.g, p.beta, p.l1, p.l2, k, progress.exp_loss, scale)
    if not progress.exp_loss < np.inf:
        return np.inf  # free coordinates not solved: no dual point, no certificate
    return max(0.0, bound + (1.0 - 0.5 * scale) * progress.offset)  # below it only by rounding


@compiled
def solve_packed(
    p: Packed, k: int, n_free: int, has_intercept: bool, progress: Progress, tolerance: float, max_steps: int
) -> tuple[Progress, int]:
    """Solve the working set at one penalty level to a duality gap; returns the numbers and how many steps it took.

    It takes at least one, so that a path moves with its penalties however loose the tolerance, and goes further while
    steps are cheap.
    """
    is_large = k * k * p.y.size > _CHEAP
    goal = tolerance if is_large else 0.1 * tolerance
    n_steps, before = 0, np.inf
    while True:
        gap = working_gap(p, k, progress, feasible_scale(p.g, p.l1, p.l2, k))
        n_built, extra = progress.n_built, progress.extra
        if (gap <= goal and (n_steps > 0 or k == n_free)) or n_steps >= max_steps:
            return Progress(
                gap,
                progress.exp_loss,
                progress.offset,
                progress.sum_v,
                progress.shift,
                n_built,
                extra,
                progress.is_stale,
            ), n_steps
        if progress.is_stale and gap > (_DIVERGED if n_steps < 2 else _STALLED) * before:
            n_built = 0
        extra += n_steps > 0
        if not is_large or k < _WORTH * extra:
            n_built = 0
        before = gap
        n_steps += 1
        progress = Progress(
            gap, progress.exp_loss, progress.offset, progress.sum_v, progress.shift, n_built, extra, progress.is_stale
        )
        has_fallen, progress = _step(
            p, k, n_free, has_intercept, progress, max(0.3 * goal, _INNER_RELATIVE * gap), goal
        )
        if not has_fallen:
            if not progress.is_stale:
                return progress, n_steps  # nothing left to gain in this arithmetic
            # a Hessian too old to point downhill
            progress = Progress(
                progress.gap,
                progress.exp_loss,
                progress.offset,
                progress.sum_v,
                progress.shift,
                0,
                progress.extra,
                progress.is_stale,
            )


@compiled
def _step(
    p: Packed,
    k: int,
    n_free: int,
    has_intercept: bool,
    progress: Progress,
    accuracy: float,
    tolerance: float,
) -> tuple[bool, Progress]:
    """Take one proximal Newton step, its model solved to ``accuracy``; returns whether the objective fell."""
    gap, exp_loss, offset, sum_v, shift, n_built, extra, is_stale = progress
    if n_built < k:
        if n_built == 0:
            is_stale, extra = False, 0
        gram(p.columns, k, n_built, np.maximum(p.curvature, p.floor), p.hessian)
        n_built = k
    old, slope = p.beta[:k].copy(), p.slope[:k].copy()
    new = old.copy()
    model = QuadraticModel(p.hessian, p.l1, p.l2)
    if tolerance >= _SINGLE:
        max_sweeps = _FEW_SWEEPS if is_stale else _MAX_SWEEPS
        is_solved = coordinate_descent(model, k, slope.astype(np.float32), new, exp_loss, accuracy, max_sweeps)
    else:
        is_solved = coordinate_descent(model, k, slope.copy(), new, exp_loss, accuracy, _MAX_SWEEPS)
    progress = Progress(gap, exp_loss, offset, sum_v, shift, n_built, extra, is_stale)
    if is_stale and not is_solved:  # corrections may have left it indefinite
        return False, progress
    step = new - old
    change = start = 0.0
    for a in range(k):
        change += p.l1[a] * (abs(new[a]) - abs(old[a])) + 0.5 * p.l2[a] * step[a] * (new[a] + old[a])
        start -= slope[a] * step[a]
    start += change
    if not start < 0.0:
        return False, progress
    packed_combine(p.columns, k, step, p.direction)
    length, sums = search_along(p, start, change)
    p.beta[:k] = new if length == 1.0 else old + length * step
    before = sum_v
    shift, sum_v, exp_loss, offset = update_dual_point(p, k, n_free, has_intercept, tolerance, True, sums)
    if length == 0.0:
        return False, Progress(gap, exp_loss, offset, sum_v, shift, n_built, extra, is_stale)
    if not secant_update(p.hessian, k, sum_v / before, p.beta[:k] - old, slope - p.slope[:k]):
        n_built = 0
    return True, Progress(gap, exp_loss, offset, sum_v, shift, n_built, extra, True)
