"""Compiled block coordinate descent on the quadratic models of the grouped multinomial model.

A block is a dimension with its K coefficients, penalised by ``l1`` times their norm. In a basis in which its Hessian is
diagonal, the minimum over a block needs one number, the norm of its coefficients (Simon, Friedman and Hastie,
arXiv:1311.6529, 2013, section 3).
"""

from __future__ import annotations

import numpy as np

from featkit.sparse.solvers.kernels import compiled

_SWEEPS = 20  # between Newton steps on the support
_MAX_ROUNDS = 15
_ACCURACY = 3e-4  # share of the largest penalty to which optimality conditions are solved
_LENGTHS = tuple(0.5**i for i in range(12))
_FLAT = 1e-9  # share of a block's largest curvature below which a direction is taken to have none


@compiled
def block_minimum(wanted: np.ndarray, curvature: np.ndarray, l1: float, out: np.ndarray) -> None:
    """Minimise ``-<wanted, b> + sum_c curvature_c b_c**2 / 2 + l1 ||b||``; wanted, curvature and out (K,)."""
    norm = stiffest = 0.0
    for c in range(wanted.size):
        norm += wanted[c] * wanted[c]
        stiffest = max(stiffest, curvature[c])
    norm = np.sqrt(norm)
    if norm <= l1 or stiffest <= 0.0:
        out[:] = 0.0
        return
    if l1 <= 0.0:
        for c in range(wanted.size):
            out[c] = wanted[c] / curvature[c] if curvature[c] > _FLAT * stiffest else 0.0
        return
    # the length of b solves sum_c (wanted_c / (curvature_c length + l1))**2 = 1: Newton, from below
    length = (norm - l1) / stiffest
    for _ in range(50):
        value = slope = 0.0
        for c in range(wanted.size):
            share = curvature[c] * length + l1
            part = wanted[c] / share
            value += part * part
            slope -= part * part * curvature[c] / share
        if slope >= 0.0:
            break
        move = -(1.0 - 1.0 / np.sqrt(value)) * value / slope
        length += move
        if abs(move) <= 1e-12 * length:
            break
    for c in range(wanted.size):
        out[c] = wanted[c] * length / (curvature[c] * length + l1)


@compiled
def group_coordinate_descent(
    H: np.ndarray,
    scales: np.ndarray,
    slope: np.ndarray,
    new: np.ndarray,
    l1: np.ndarray,
    floor: float,
    max_sweeps: int,
) -> None:
    """Minimise ``-<slope, step> + sum_c scales_c step_c'H step_c / 2`` plus ``sum_a l1_a ||new[:, a]||`` by blocks.

    H (capacity, capacity) float32, scales (K,), slope and new (K, k), both overwritten. Sweeps end when one gains less
    than 1e-3 of the first, or ``floor``.
    """
    n_classes, k = slope.shape
    wanted, curvature, found = np.empty(n_classes), np.empty(n_classes), np.empty(n_classes)
    target = -1.0
    for _ in range(max_sweeps):
        gain = 0.0
        for a in range(k):
            row = H[a]
            for c in range(n_classes):
                curvature[c] = row[a] * scales[c]
                wanted[c] = slope[c, a] + curvature[c] * new[c, a]
            block_minimum(wanted, curvature, l1[a], found)
            for c in range(n_classes):
                change = found[c] - new[c, a]
                if change != 0.0:
                    new[c, a] = found[c]
                    gain += curvature[c] * change * change
                    of_class, by = slope[c], change * scales[c]
                    for b in range(k):
                        of_class[b] -= by * row[b]
        if target < 0.0:
            target = max(1e-3 * gain, floor)
        if gain <= target:
            return


@compiled
def coupled_coordinate_descent(
    J: np.ndarray,
    curvatures: np.ndarray,
    bases: np.ndarray,
    slope: np.ndarray,
    new: np.ndarray,
    l1: np.ndarray,
    n_sweeps: int,
) -> None:
    """Lower ``-<slope, step> + step'J step / 2`` plus ``sum_a l1_a ||new[a]||`` by blocks, J coupling all classes.

    J (k, K, k, K) float32; of its diagonal blocks the eigenvalues, ``curvatures`` (k, K), and eigenvectors, ``bases``
    (k, K, K); slope and new (k, K), both overwritten.
    """
    k, n_classes = slope.shape
    wanted, found = np.empty(n_classes), np.empty(n_classes)
    flat = slope.reshape(k * n_classes)
    change = np.empty(n_classes)
    for _ in range(n_sweeps):
        for a in range(k):
            basis = bases[a]
            for c in range(n_classes):
                old = total = 0.0
                for e in range(n_classes):
                    old += basis[e, c] * new[a, e]
                    total += basis[e, c] * slope[a, e]
                wanted[c] = total + curvatures[a, c] * old
            block_minimum(wanted, curvatures[a], l1[a], found)
            moved = False
            for e in range(n_classes):
                total = 0.0
                for c in range(n_classes):
                    total += basis[e, c] * found[c]
                change[e] = total - new[a, e]
                moved |= change[e] != 0.0
                new[a, e] = total
            if not moved:
                continue
            for c in range(n_classes):
                row, by = J[a, c].reshape(flat.size), change[c]
                for b in range(flat.size):
                    flat[b] -= by * row[b]


def solve_coupled(J: np.ndarray, slope: np.ndarray, start: np.ndarray, l1: np.ndarray) -> np.ndarray:
    """Minimise the model of `coupled_coordinate_descent`: sweeps find the support, Newton steps solve on it.

    Parameters
    ----------
    J : (k, K, k, K) float32
        Hessian.
    slope, start : (k, K) float64
        Descent direction and coefficients at the start.
    l1 : (k,) float64
        Penalties; 0 leaves a dimension free.

    Returns
    -------
    (k, K) float64
        Coefficients at which the optimality conditions hold to `_ACCURACY` of the penalties, or as near as
        `_MAX_ROUNDS` rounds come.
    """
    k, n_classes = slope.shape
    curvatures, bases = np.linalg.eigh(J[np.arange(k), :, np.arange(k)].astype(np.float64))
    curvatures = np.maximum(curvatures, 0.0)
    slope, new, scale = slope.copy(), start.copy(), l1.max()
    matrix = J.reshape(k * n_classes, k * n_classes)
    for _ in range(_MAX_ROUNDS):
        coupled_coordinate_descent(J, curvatures, bases, slope, new, l1, _SWEEPS)
        norms = np.linalg.norm(new, axis=1)
        kept = np.flatnonzero((norms > 0.0) | (l1 == 0.0))
        bend = np.divide(l1[kept], norms[kept], out=np.zeros(kept.size), where=norms[kept] > 0.0)
        residual = slope[kept] - bend[:, None] * new[kept]
        if np.linalg.norm(residual, axis=1).max(initial=0.0) <= _ACCURACY * scale:
            break
        places = (kept[:, None] * n_classes + np.arange(n_classes)).ravel()
        coupled = matrix[places]
        hessian = coupled[:, places].astype(np.float64).reshape(kept.size, n_classes, kept.size, n_classes)
        unit = np.divide(new[kept], norms[kept, None], out=np.zeros((kept.size, n_classes)), where=bend[:, None] > 0.0)
        own = np.arange(kept.size)
        curved = np.eye(n_classes) - unit[:, :, None] * unit[:, None, :]
        hessian[own, :, own] += bend[:, None, None] * curved
        flat = hessian.reshape(places.size, places.size)
        flat[np.diag_indices(places.size)] += _FLAT * np.trace(flat) / places.size
        step = np.linalg.solve(flat, residual.ravel())
        image = (step.astype(np.float32) @ coupled).astype(np.float64)
        step = step.reshape(kept.size, n_classes)
        straight, curve = float(np.sum(slope[kept] * step)), float(image[places] @ step.ravel())
        for length in _LENGTHS:
            moved = new[kept] + length * step
            change = float(l1[kept] @ (np.linalg.norm(moved, axis=1) - norms[kept]))
            if change - length * straight + 0.5 * length**2 * curve < 0.0:
                new[kept] = moved
                slope -= length * image.reshape(k, n_classes)
                break
    return new
