"""Proximal Newton on a working set: one penalty level, packed columns, certified by a duality gap.

The problem, with sum(w) = 1 and y in {0, 1}, is

    F(b) = sum_i w_i log(1 + exp(-margin_i)) + sum_a l1_a |b_a| + l2_a b_a**2 / 2.

The Hessian of the smooth part is kept from one step to the next, and from one penalty level to the next: every step
corrects it along its own direction (BFGS), columns that enter are added to it, and it is built again only when a step
widens the gap. A step then costs two passes over the packed columns.

The gap needs no logarithms. With r_i = w_i (y_i - p_i), g = X'r and a scale s in (0, 1] for which s r is dual feasible,
Fenchel's equality at s = 1 and the curvature of the entropy between s and 1 give

    F(b) - D(s r) <= sum_a [pen_a(b_a) + pen*_a(s g_a)] - s b.g + (1 - s)**2 / (2 s) sum_i w_i exp(-margin_i),

whose left side is the duality gap of the feasible point s r (an intercept and unpenalised dimensions make r itself
orthogonal to their columns, to which they are solved exactly before the gap is read).
"""

from __future__ import annotations

import numpy as np

from featkit.sparse.kernels import (
    compiled,
    descend,
    feasible_scale,
    gap_bound,
    gram,
    mean_loss,
    packed_combine,
    packed_dots,
    residuals,
)

_INNER_RELATIVE = 0.1  # accuracy of the quadratic model's solution, relative to its first sweep
_CONTRACTION = 3.0  # a step that multiplies the gap by more than this asks for a new Hessian: one costs many steps
_MAX_SWEEPS = 400
_SINGLE = 1e-5  # gaps, in nats, for which the quadratic model is solved in float32
_FLAT = 1e-12  # free coordinates are solved until their slopes are below this


@compiled
def solve_free(
    packed: np.ndarray,
    n_free: int,
    y: np.ndarray,
    w: np.ndarray,
    beta: np.ndarray,
    eta: np.ndarray,
    r: np.ndarray,
    v: np.ndarray,
    tolerance: float,
) -> float:
    """Solve the unpenalised coordinates, packed first, by Newton; leaves r and v current and returns the odds."""
    _, _, odds = residuals(eta, y, w, r, v)
    if n_free == 0:
        return odds
    slope = np.empty(n_free)
    H = np.empty((n_free, n_free))
    tolerance = max(tolerance, _FLAT)
    before = np.inf
    for _ in range(50):
        packed_dots(packed, n_free, r, slope)
        worst = 0.0
        for a in range(n_free):
            worst = max(worst, abs(slope[a]))
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
            _, _, odds = residuals(eta, y, w, r, v)
            packed_dots(packed, n_free, r, slope)
            end = 0.0
            for a in range(n_free):
                end -= slope[a] * step[a]
            if end <= -0.5 * start:
                break
            length *= start / (start - end)
    packed_dots(packed, n_free, r, slope)
    for a in range(n_free):
        if abs(slope[a]) > 1e3 * tolerance:
            return np.inf  # not solved: no dual point, no certificate
    return odds


@compiled
def secant_update(H: np.ndarray, k: int, step: np.ndarray, change: np.ndarray) -> None:
    """Make ``H @ step`` equal ``change`` by the BFGS update, which keeps H positive."""
    image = np.zeros(k)
    for a in range(k):
        if step[a] != 0.0:
            row = H[a]
            for c in range(k):
                image[c] += step[a] * row[c]
    curvature = 0.0
    modelled = 0.0
    for a in range(k):
        curvature += step[a] * change[a]
        modelled += step[a] * image[a]
    if curvature <= 1e-3 * modelled or modelled <= 0.0:
        return
    for a in range(k):
        left = np.float32(change[a] / curvature)
        right = np.float32(image[a] / modelled)
        row = H[a]
        for c in range(k):
            row[c] += np.float32(left * change[c] - right * image[c])


@compiled
def search_along(
    eta: np.ndarray,
    direction: np.ndarray,
    start: float,
    change: float,
    y: np.ndarray,
    w: np.ndarray,
    r: np.ndarray,
    v: np.ndarray,
    origin: np.ndarray,
) -> tuple[float, float]:
    """Go along ``direction`` as far as the objective falls; returns the step's length, 0 for none, and the odds.

    The penalty, which changes by ``change`` over the whole step, is replaced by its chord, which lies above it: the
    objective is convex in the length, with slope ``start`` < 0 at 0. Where its slope has turned positive the objective
    itself is compared.
    """
    m = eta.size
    origin[:] = eta
    length, odds = 1.0, np.inf
    before = -1.0
    for _ in range(40):
        for i in range(m):
            eta[i] = origin[i] + length * direction[i]
        _, _, odds = residuals(eta, y, w, r, v)
        end = change
        for i in range(m):
            end -= r[i] * direction[i]
        if end <= 0.0:
            return length, odds
        if end <= -0.5 * start:
            if before < 0.0:
                before = mean_loss(origin, y, w)
            if mean_loss(eta, y, w) + length * change <= before + 1e-14:
                return length, odds
        shrink = start / (start - end)
        length *= min(max(shrink, 0.01), 0.9) if shrink == shrink else 0.01
    eta[:] = origin
    _, _, odds = residuals(eta, y, w, r, v)
    return 0.0, odds


@compiled
def solve_working_set(
    packed: np.ndarray,
    H: np.ndarray,
    k: int,
    n_built: int,
    is_stale: bool,
    n_free: int,
    y: np.ndarray,
    w: np.ndarray,
    beta: np.ndarray,
    l1: np.ndarray,
    l2: np.ndarray,
    eta: np.ndarray,
    r: np.ndarray,
    root: np.ndarray,
    g: np.ndarray,
    tolerance: float,
    max_steps: int,
) -> tuple[int, float, float, int, bool]:
    """Solve one penalty level on the k packed columns, from the coefficients in ``beta``.

    Parameters
    ----------
    packed : (capacity, m) float32
        Packed columns, the ``n_free`` unpenalised ones first (the intercept is a column of ones).
    H : (capacity, capacity) float32
        Hessian kept between calls; its first ``n_built`` rows hold for the row weights ``root**2``.
    beta, l1, l2, g : (capacity,) float64
        Coefficients (updated), penalties, and on return ``g = packed @ r``.
    eta, r : (m,) float64
        Linear predictor of ``beta`` (updated) and, on return, residuals.

    Returns
    -------
    n_steps, gap, odds, n_built, is_stale
        ``gap`` is over the working set only.
    """
    m = eta.size
    v = np.empty(m)
    direction = np.empty(m)
    step = np.empty(k)
    new = np.empty(k)
    past_g = np.empty(k)
    past_beta = np.empty(k)
    moved = False
    origin = np.empty(m)
    slope = np.empty(k)
    single = np.empty(k, np.float32)
    before = np.inf
    gap = np.inf
    odds = solve_free(packed, n_free, y, w, beta, eta, r, v, 0.1 * tolerance)
    exact = False
    n_steps = 0
    while True:
        packed_dots(packed, k, r, g)
        if moved:
            moved = False
            for a in range(k):
                past_g[a] -= g[a]
                past_beta[a] = beta[a] - past_beta[a]
            secant_update(H, k, past_beta, past_g)
        gap = gap_bound(g, beta, l1, l2, k, odds, feasible_scale(g, l1, l2, k))
        if gap <= tolerance or n_steps >= max_steps:
            if exact:
                break
            exact = True
            packed_combine(packed, k, beta, eta)  # no drift from the steps
            odds = solve_free(packed, n_free, y, w, beta, eta, r, v, _FLAT)
            continue
        exact = False
        if is_stale and gap > _CONTRACTION * before:
            n_built = 0
        if n_built < k:
            if n_built == 0:
                for i in range(m):
                    root[i] = np.sqrt(max(v[i], 1e-8 * w[i]))
                is_stale = False
            gram(packed, k, n_built, root, H)
            n_built = k
        before = gap
        total = built = 0.0
        for i in range(m):
            total += v[i]
            built += root[i] * root[i]
        factor = total / built
        for a in range(k):
            slope[a] = g[a]
            new[a] = beta[a]
            past_g[a] = g[a]
            past_beta[a] = beta[a]
        n_steps += 1
        target = max(0.3 * tolerance, _INNER_RELATIVE * gap)
        if tolerance >= _SINGLE:
            for a in range(k):
                single[a] = slope[a]
            sweeps = descend(H, k, factor, single, new, l1, l2, odds, target, _MAX_SWEEPS)
        else:
            sweeps = descend(H, k, factor, slope, new, l1, l2, odds, target, _MAX_SWEEPS)
        if sweeps == _MAX_SWEEPS and is_stale:  # corrections may have left it indefinite
            n_built = 0
            continue
        change = 0.0
        for a in range(k):
            step[a] = new[a] - beta[a]
            change += l1[a] * (abs(new[a]) - abs(beta[a])) + 0.5 * l2[a] * step[a] * (new[a] + beta[a])
        packed_combine(packed, k, step, direction)
        start = change
        for i in range(m):
            start -= r[i] * direction[i]
        length = 1.0 if start < 0.0 else 0.0
        if length > 0.0:
            length, odds = search_along(eta, direction, start, change, y, w, r, v, origin)
        if length == 0.0:  # nothing left to gain in this arithmetic, or a Hessian too old to point downhill
            if is_stale:
                n_built = 0
            else:
                max_steps = n_steps
            continue
        for a in range(k):
            beta[a] = new[a] if length == 1.0 else beta[a] + length * step[a]
        is_stale = True
        moved = True
        odds = solve_free(packed, n_free, y, w, beta, eta, r, v, 0.1 * tolerance)
    return n_steps, gap, odds, n_built, is_stale
