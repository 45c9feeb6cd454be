"""Compiled coordinate descent on the penalised quadratic model of a working set, and its duality gap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from featkit.sparse.solvers.kernels import compiled

_SWEEPS = 3  # of coordinate descent before each solve on the support
_SOLVED = 0.01  # share of its squared residual that a solve on the support leaves


class QuadraticModel(NamedTuple):
    """``-slope.step + step.hessian.step / 2`` plus, at ``new = old + step``, ``l1 |.| + l2 |.|**2 / 2``.

    Parameters
    ----------
    hessian : (capacity, capacity) float32
        Of the smooth part.
    l1, l2 : (capacity,) float64
        Penalties.
    """

    hessian: np.ndarray
    l1: np.ndarray
    l2: np.ndarray


@compiled
def feasible_scale(g: np.ndarray, l1: np.ndarray, l2: np.ndarray, k: int) -> float:
    """Return the largest s <= 1 with ``s |g_a| <= l1_a`` for every a below k whose penalty is L1 alone."""
    scale = 1.0
    for a in range(k):
        size = abs(g[a])
        if l1[a] > 0.0 and l2[a] == 0.0 and size * scale > l1[a]:
            scale = l1[a] / size
    return scale


@compiled
def gap_bound(
    g: np.ndarray, beta: np.ndarray, l1: np.ndarray, l2: np.ndarray, k: int, exp_loss: float, scale: float
) -> float:
    """Return the duality gap's bound of `featkit.sparse.solvers.newton` for the dual point ``scale * r``."""
    gap = (1.0 - scale) ** 2 / (2.0 * scale) * exp_loss
    for a in range(k):
        if l1[a] <= 0.0 and l2[a] <= 0.0:
            continue  # free: its column is orthogonal to r
        b = beta[a]
        gap += l1[a] * abs(b) + 0.5 * l2[a] * b * b - scale * b * g[a]
        if l2[a] > 0.0:
            excess = max(scale * abs(g[a]) - l1[a], 0.0)
            gap += excess * excess / (2.0 * l2[a])
    return gap


@compiled
def refine(model: QuadraticModel, k: int, slope: np.ndarray, new: np.ndarray) -> bool:
    """Minimise the model over its nonzero coordinates, their signs held, by conjugate gradients.

    Coordinates that would change sign become zero. Returns whether that lowered the model; nothing moves otherwise.
    """
    H, l1, l2 = model.hessian, model.l1, model.l2
    which = np.empty(k, np.int64)
    size = 0
    for a in range(k):
        if (new[a] != 0.0 or l1[a] == 0.0) and H[a, a] > 0.0:
            which[size] = a
            size += 1
    inverse, r, image = np.empty(size, slope.dtype), np.empty(size, slope.dtype), np.empty(size, slope.dtype)
    x, p = np.zeros(size, slope.dtype), np.zeros(k, slope.dtype)
    norm = 0.0
    for i in range(size):
        a = which[i]
        inverse[i] = 1.0 / (H[a, a] + l2[a])
        r[i] = slope[a] - l2[a] * new[a]
        if new[a] != 0.0:
            r[i] -= l1[a] if new[a] > 0.0 else -l1[a]
        p[a] = r[i] * inverse[i]
        norm += r[i] * p[a]
    enough = _SOLVED * norm
    for _ in range(size):
        if norm <= enough:
            break
        curvature = 0.0
        for i in range(size):
            a = which[i]
            row = H[a]
            total = slope.dtype.type(0.0)
            for c in range(k):
                total += row[c] * p[c]
            image[i] = total + l2[a] * p[a]
            curvature += image[i] * p[a]
        if curvature <= 0.0:
            return False
        length, before = norm / curvature, norm
        norm = 0.0
        for i in range(size):
            x[i] += length * p[which[i]]
            r[i] -= length * image[i]
            norm += r[i] * r[i] * inverse[i]
        for i in range(size):
            a = which[i]
            p[a] = r[i] * inverse[i] + norm / before * p[a]
    change = 0.0
    for i in range(size):
        a = which[i]
        if l1[a] > 0.0 and new[a] * (new[a] + x[i]) < 0.0:
            x[i] = -new[a]
        change += l1[a] * (abs(new[a] + x[i]) - abs(new[a])) + 0.5 * l2[a] * x[i] * (2.0 * new[a] + x[i])
    moved = np.zeros(k, slope.dtype)
    for i in range(size):
        row = H[which[i]]
        step = x[i]
        for c in range(k):
            moved[c] += step * row[c]
    for i in range(size):
        change -= x[i] * (slope[which[i]] - 0.5 * moved[which[i]])
    if change >= 0.0:
        return False
    for c in range(k):
        slope[c] -= moved[c]
    for i in range(size):
        a = which[i]
        new[a] = new[a] + x[i]
    return True


@compiled
def coordinate_descent(
    model: QuadraticModel,
    k: int,
    slope: np.ndarray,
    new: np.ndarray,
    exp_loss: float,
    target: float,
    max_sweeps: int,
) -> bool:
    """Minimise the model by coordinate descent, helped by `refine` on the support it finds.

    ``slope`` (k,) is overwritten with the model's own, ``new`` (k,) holds the coefficients before and after. Sweeps end
    when the model's own duality gap (`gap_bound`) is at most ``target``. Returns whether it got there.
    """
    H, l1, l2 = model.hessian, model.l1, model.l2
    stiffness = np.empty(k, slope.dtype)
    for a in range(k):
        stiffness[a] = H[a, a] + l2[a]
    for sweep in range(max_sweeps):
        moved = False
        for a in range(k):
            curvature = stiffness[a]
            if curvature <= 0.0:
                continue
            old = new[a]
            wanted = slope[a] - l2[a] * old + curvature * old
            if wanted > l1[a]:
                new[a] = (wanted - l1[a]) / curvature
            elif wanted < -l1[a]:
                new[a] = (wanted + l1[a]) / curvature
            else:
                new[a] = 0.0
            change = new[a] - old
            if change != 0.0:
                moved = True
                row = H[a]
                size = slope.dtype.type(change)
                for c in range(k):
                    slope[c] -= size * row[c]
        if not moved:
            return True
        if gap_bound(slope, new, l1, l2, k, exp_loss, feasible_scale(slope, l1, l2, k)) <= target:
            return True
        if sweep % _SWEEPS == _SWEEPS - 1:
            refine(model, k, slope, new)
    return False


@compiled
def violators(gradient: np.ndarray, weights: np.ndarray, lambda_: float, is_in: np.ndarray) -> np.ndarray:
    """Return the dimensions outside the working set with ``|gradient| > lambda * weight``, sorted."""
    found = np.empty(gradient.size, np.int64)
    size = 0
    for j in range(gradient.size):
        if not is_in[j] and abs(gradient[j]) > lambda_ * weights[j]:
            found[size] = j
            size += 1
    return found[:size].copy()
