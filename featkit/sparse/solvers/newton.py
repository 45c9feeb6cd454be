"""Proximal Newton on a working set: one penalty level, packed columns, certified by a duality gap.

The problem, with sum(w) = 1 and y in {0, 1}, is

    F(b) = sum_i w_i log(1 + exp(-margin_i)) + sum_a l1_a |b_a| + l2_a b_a**2 / 2.

The Hessian of the smooth part is kept from one step to the next, and from one penalty level to the next: every step
corrects it along its own direction (BFGS), columns that enter are added to it, and it is built again only when a step
stalls. A step then costs two passes over the packed columns.

The gap needs no logarithms. With r_i = w_i (y_i - p_i), v_i = w_i p_i (1 - p_i) and sums R and V of the two, the dual
point is s t, where t = r - (R / V) v sums to zero, as an intercept asks, and s in (0, 1] makes it feasible. With
g = X't, Fenchel's equality at r and the curvature of the entropy between r and s t give

    F(b) - D(s t) <= sum_a [pen_a(b_a) + pen*_a(s g_a)] - s b.g
                     + c [(1 - s)**2 / (2 s) sum_i w_i exp(-margin_i) + (1 - s / 2) R**2 / V],

c = (1 - |R / V|)**-2. So the intercept need not be solved exactly for the gap to hold. Other unpenalised dimensions
are: r is made orthogonal to their columns, and t = r.
"""

from __future__ import annotations

import numpy as np

from featkit.sparse.solvers.kernels import compiled, mean_loss, residuals
from featkit.sparse.solvers.packed import Packed, Sums

_LEAST = 1e-12  # slope of a free coordinate that no arithmetic gets below


@compiled
def column_slopes(packed: np.ndarray, k: int, r: np.ndarray, slope: np.ndarray) -> float:
    """Write ``packed[:k] @ r`` to ``slope[:k]`` and return the largest of its sizes."""
    worst = 0.0
    for a in range(k):
        total, column = 0.0, packed[a]
        for i in range(r.size):
            total += column[i] * r[i]
        slope[a] = total
        worst = max(worst, abs(total))
    return worst


@compiled
def solve_free(p: Packed, n_free: int, tolerance: float) -> tuple[float, float]:
    """Solve the unpenalised coordinates, packed first, by Newton until their slopes are at most ``tolerance``.

    Leaves beta, eta, r and v current and returns the sum of v and the exponential loss.
    """
    packed, y, w, beta, eta, r, v = p.columns, p.y, p.w, p.beta, p.eta, p.r, p.v
    _, sum_v, exp_loss = residuals(eta, y, w, r, v)
    if n_free == 0:
        return sum_v, exp_loss
    slope = np.empty(n_free)
    H = np.empty((n_free, n_free))
    tolerance = max(tolerance, _LEAST)
    before = np.inf
    for _ in range(50):
        worst = column_slopes(packed, n_free, r, slope)
        if worst <= tolerance or worst > 0.99 * before:  # there, or no further in this arithmetic
            break
        before = worst
        for a in range(n_free):
            left = packed[a]
            for c in range(a + 1):
                right = packed[c]
                total = 0.0
                for i in range(eta.size):
                    total += left[i] * right[i] * v[i]
                H[a, c] = total
                H[c, a] = total
            H[a, a] += 1e-14
        step = np.linalg.solve(H, slope) if n_free > 1 else slope / H[0, 0]
        longest = 0.0
        for a in range(n_free):
            longest = max(longest, abs(step[a]))
        length, done = min(1.0, 5.0 / longest) if longest > 0.0 else 1.0, 0.0
        start = 0.0
        for a in range(n_free):
            start -= slope[a] * step[a]
        for _ in range(40):  # the loss is convex along the step: come back while it has turned up too far
            for a in range(n_free):
                beta[a] += (length - done) * step[a]
                column, size = packed[a], (length - done) * step[a]
                for i in range(eta.size):
                    eta[i] += size * column[i]
            done = length
            _, sum_v, exp_loss = residuals(eta, y, w, r, v)
            column_slopes(packed, n_free, r, slope)
            end = 0.0
            for a in range(n_free):
                end -= slope[a] * step[a]
            if end <= -0.5 * start:
                break
            length *= start / (start - end)
    if column_slopes(packed, n_free, r, slope) > 1e3 * tolerance:
        return sum_v, np.inf  # not solved: no dual point, no certificate
    return sum_v, exp_loss


@compiled
def secant_update(H: np.ndarray, k: int, ratio: float, step: np.ndarray, change: np.ndarray) -> bool:
    """Multiply H by ``ratio``, then make ``H @ step`` equal ``change`` by the BFGS update.

    Returns whether the diagonal of H, float32, is still positive.
    """
    image = np.zeros(k)
    for a in range(k):
        if step[a] != 0.0:
            row, size = H[a], ratio * step[a]
            for c in range(k):
                image[c] += size * row[c]
    curvature = 0.0
    modelled = 0.0
    for a in range(k):
        curvature += step[a] * change[a]
        modelled += step[a] * image[a]
    is_safe = curvature > 1e-3 * modelled and modelled > 0.0
    positive = True
    for a in range(k):
        left = np.float32(change[a] / curvature) if is_safe else np.float32(0.0)
        right = np.float32(image[a] / modelled) if is_safe else np.float32(0.0)
        row = H[a]
        for c in range(k):
            row[c] = np.float32(ratio * row[c] + left * change[c] - right * image[c])
        positive &= row[a] > 0.0
    return positive


@compiled
def search_along(p: Packed, start: float, change: float) -> tuple[float, Sums]:
    """Go along ``direction`` as far as the objective falls.

    Returns the step's length, 0 for none, and the sums there. The penalty, which changes by ``change``
    over the whole step, is replaced by its chord, which lies above it: the objective is convex in the length, with
    slope ``start`` < 0 at 0. A slope that has turned positive, by up to half as much, still means a fall where no row
    moves by more than 1, since curvature changes by less than exp(t) over a length t; elsewhere the objective itself is
    compared.
    """
    eta, direction, y, w, r, v, origin = p.eta, p.direction, p.y, p.w, p.r, p.v, p.origin
    m = eta.size
    origin[:] = eta
    length = 1.0
    before = -1.0
    for _ in range(40):
        for i in range(m):
            eta[i] = origin[i] + length * direction[i]
        sum_r, sum_v, exp_loss = residuals(eta, y, w, r, v)
        end = change
        for i in range(m):
            end -= r[i] * direction[i]
        if end <= 0.0:
            return length, Sums(sum_r, sum_v, exp_loss)
        if end <= -0.5 * start:
            longest = 0.0
            for i in range(m):
                longest = max(longest, abs(direction[i]))
            if length * longest <= 1.0:
                return length, Sums(sum_r, sum_v, exp_loss)
            if before < 0.0:
                before = mean_loss(origin, y, w)
            if mean_loss(eta, y, w) + length * change <= before + 1e-14:
                return length, Sums(sum_r, sum_v, exp_loss)
        shrink = start / (start - end)
        length *= min(max(shrink, 0.01), 0.9) if shrink == shrink else 0.01
    eta[:] = origin
    sum_r, sum_v, exp_loss = residuals(eta, y, w, r, v)
    return 0.0, Sums(sum_r, sum_v, exp_loss)
