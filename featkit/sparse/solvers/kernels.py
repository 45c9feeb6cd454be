"""Compiled inner loops of the sparse solvers: float32 columns, float64 accumulation, no lock held.

Loops that reduce are written so that they vectorise: slices start at zero, several columns share one pass over the
rows. The order of every sum is fixed by the shapes alone, so results do not depend on the number of threads.
"""

from __future__ import annotations

import math

import numba
import numpy as np

_FAST = {"reassoc", "contract", "arcp", "nsz"}  # never nnan or ninf: penalties may be infinite
_CHUNK = 1024  # rows a Gram block holds at once, so that it stays in the second-level cache
_SWEEPS = 3  # of coordinate descent before each solve on the support
_SOLVED = 0.01  # share of its squared residual that a solve on the support leaves
_RIDGE = 3e-6  # share of its diagonal added to a Gram matrix: keeps a singular one positive in float32

compiled = numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")


@compiled
def column_dots(columns: np.ndarray, which: np.ndarray, r: np.ndarray, out: np.ndarray) -> None:
    """Write ``columns[which[i]] @ r`` to ``out[i]``; columns (d, n) float32, r (n,) float64."""
    size, n = which.size, r.size
    i = 0
    while i + 8 <= size:
        c0, c1, c2, c3 = columns[which[i]], columns[which[i + 1]], columns[which[i + 2]], columns[which[i + 3]]
        c4, c5, c6, c7 = columns[which[i + 4]], columns[which[i + 5]], columns[which[i + 6]], columns[which[i + 7]]
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
        for t in range(n):
            rt = r[t]
            s0 += c0[t] * rt
            s1 += c1[t] * rt
            s2 += c2[t] * rt
            s3 += c3[t] * rt
            s4 += c4[t] * rt
            s5 += c5[t] * rt
            s6 += c6[t] * rt
            s7 += c7[t] * rt
        out[i], out[i + 1], out[i + 2], out[i + 3] = s0, s1, s2, s3
        out[i + 4], out[i + 5], out[i + 6], out[i + 7] = s4, s5, s6, s7
        i += 8
    while i < size:
        c0 = columns[which[i]]
        s0 = 0.0
        for t in range(n):
            s0 += c0[t] * r[t]
        out[i] = s0
        i += 1


@compiled
def constant_columns(columns: np.ndarray) -> np.ndarray:
    """Return which rows of ``columns`` (d, n) hold one value only."""
    d, n = columns.shape
    found = np.ones(d, np.bool_)
    for j in range(d):
        row = columns[j]
        for t in range(1, n):
            if row[t] != row[0]:
                found[j] = False
                break
    return found


@compiled
def packed_dots(
    packed: np.ndarray, first: int, k: int, r: np.ndarray, v: np.ndarray, slope: np.ndarray, pull: np.ndarray
) -> None:
    """Write ``packed[first:k] @ r`` to ``slope[first:k]`` and ``packed[first:k] @ v`` to ``pull[first:k]``.

    packed (capacity, m) float32, r (m,) float64, v (m,) float32, for which float32 sums are enough.
    """
    m = r.size
    zero = np.float32(0.0)
    a = first
    while a + 4 <= k:
        c0, c1, c2, c3 = packed[a], packed[a + 1], packed[a + 2], packed[a + 3]
        s0 = s1 = s2 = s3 = 0.0
        h0 = h1 = h2 = h3 = zero
        for t in range(m):
            p0, p1, p2, p3, rt, vt = c0[t], c1[t], c2[t], c3[t], r[t], v[t]
            s0 += p0 * rt
            s1 += p1 * rt
            s2 += p2 * rt
            s3 += p3 * rt
            h0 += p0 * vt
            h1 += p1 * vt
            h2 += p2 * vt
            h3 += p3 * vt
        slope[a], slope[a + 1], slope[a + 2], slope[a + 3] = s0, s1, s2, s3
        pull[a], pull[a + 1], pull[a + 2], pull[a + 3] = h0, h1, h2, h3
        a += 4
    while a < k:
        c0 = packed[a]
        s0, h0 = 0.0, zero
        for t in range(m):
            s0 += c0[t] * r[t]
            h0 += c0[t] * v[t]
        slope[a], pull[a] = s0, h0
        a += 1


@compiled
def packed_combine(packed: np.ndarray, k: int, step: np.ndarray, out: np.ndarray) -> None:
    """Write ``packed[:k].T @ step[:k]`` to ``out``, touching only columns whose step is not zero."""
    m = out.size
    out[:] = 0.0
    which = np.empty(k, np.int64)
    size = 0
    for a in range(k):
        if step[a] != 0.0:
            which[size] = a
            size += 1
    i = 0
    while i + 4 <= size:
        c0, c1, c2, c3 = packed[which[i]], packed[which[i + 1]], packed[which[i + 2]], packed[which[i + 3]]
        b0, b1, b2, b3 = step[which[i]], step[which[i + 1]], step[which[i + 2]], step[which[i + 3]]
        for t in range(m):
            out[t] += b0 * c0[t] + b1 * c1[t] + b2 * c2[t] + b3 * c3[t]
        i += 4
    while i < size:
        c0 = packed[which[i]]
        b0 = step[which[i]]
        for t in range(m):
            out[t] += b0 * c0[t]
        i += 1


@compiled
def pack(columns: np.ndarray, rows: np.ndarray, which: np.ndarray, packed: np.ndarray, k: int) -> None:
    """Copy ``columns[which][:, rows]`` to ``packed[k:]``; an empty ``rows`` means every row."""
    for i in range(which.size):
        source = columns[which[i]]
        target = packed[k + i]
        if rows.size == 0:
            target[:] = source
        else:
            for t in range(rows.size):
                target[t] = source[rows[t]]


@compiled
def gram(packed: np.ndarray, k: int, first: int, weights: np.ndarray, H: np.ndarray) -> None:
    """Write rows ``first:k`` (and by symmetry columns) of ``packed @ diag(weights) @ packed.T`` to H.

    packed (capacity, m) float32, weights (m,) float32, H (capacity, capacity) float32, capacity at least k + 3.
    New rows, weighted, stay in the cache while the packed columns pass once.
    """
    m = weights.size
    stop = first + -(-(k - first) // 4) * 4
    H[first:stop, :stop] = np.float32(0.0)
    block = np.zeros((stop - first, min(_CHUNK, m)), np.float32)
    zero = np.float32(0.0)
    for begin in range(0, m, _CHUNK):
        size = min(_CHUNK, m - begin)
        here = weights[begin : begin + size]
        for a in range(first, k):
            source, target = packed[a, begin : begin + size], block[a - first]
            for t in range(size):
                target[t] = source[t] * here[t]
        for c in range(0, k, 4):
            z0, z1 = packed[c, begin : begin + size], packed[c + 1, begin : begin + size]
            z2, z3 = packed[c + 2, begin : begin + size], packed[c + 3, begin : begin + size]
            for a in range(first + max(c - first, 0) // 4 * 4, stop, 4):
                i = a - first
                x0, x1, x2, x3 = block[i, :size], block[i + 1, :size], block[i + 2, :size], block[i + 3, :size]
                s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = zero
                s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = zero
                for t in range(size):
                    p0, p1, p2, p3 = x0[t], x1[t], x2[t], x3[t]
                    q0, q1, q2, q3 = z0[t], z1[t], z2[t], z3[t]
                    s00 += p0 * q0
                    s01 += p0 * q1
                    s02 += p0 * q2
                    s03 += p0 * q3
                    s10 += p1 * q0
                    s11 += p1 * q1
                    s12 += p1 * q2
                    s13 += p1 * q3
                    s20 += p2 * q0
                    s21 += p2 * q1
                    s22 += p2 * q2
                    s23 += p2 * q3
                    s30 += p3 * q0
                    s31 += p3 * q1
                    s32 += p3 * q2
                    s33 += p3 * q3
                H[a, c] += s00
                H[a, c + 1] += s01
                H[a, c + 2] += s02
                H[a, c + 3] += s03
                H[a + 1, c] += s10
                H[a + 1, c + 1] += s11
                H[a + 1, c + 2] += s12
                H[a + 1, c + 3] += s13
                H[a + 2, c] += s20
                H[a + 2, c + 1] += s21
                H[a + 2, c + 2] += s22
                H[a + 2, c + 3] += s23
                H[a + 3, c] += s30
                H[a + 3, c + 1] += s31
                H[a + 3, c + 2] += s32
                H[a + 3, c + 3] += s33
    for a in range(first, k):
        H[a, a] *= np.float32(1.0 + _RIDGE)
        for c in range(a):
            H[c, a] = H[a, c]


@compiled
def residuals(
    eta: np.ndarray, y: np.ndarray, w: np.ndarray, r: np.ndarray, v: np.ndarray
) -> tuple[float, float, float]:
    """Write r = w (y - p) and v = w p (1 - p), and return their sums and the sum of w exp(-margin).

    All arrays are (m,) float64, y in {0, 1}, p = 1 / (1 + exp(-eta)).
    """
    sum_r = sum_v = odds = 0.0
    for i in range(eta.size):
        margin = eta[i] if y[i] > 0.5 else -eta[i]
        e = math.exp(-min(max(margin, -300.0), 300.0))
        miss = e / (1.0 + e)
        curvature = w[i] * miss / (1.0 + e)
        signed = w[i] * miss if y[i] > 0.5 else -w[i] * miss
        r[i] = signed
        v[i] = curvature
        sum_r += signed
        sum_v += curvature
        odds += w[i] * e
    return sum_r, sum_v, odds


@compiled
def mean_loss(eta: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    """Return the sum of w log(1 + exp(-margin)), stable for every margin."""
    total = 0.0
    for i in range(eta.size):
        margin = eta[i] if y[i] > 0.5 else -eta[i]
        total += w[i] * (max(-margin, 0.0) + math.log1p(math.exp(-abs(margin))))
    return total


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
    g: np.ndarray, beta: np.ndarray, l1: np.ndarray, l2: np.ndarray, k: int, odds: float, scale: float
) -> float:
    """Return the duality gap's bound of `featkit.sparse.solvers.newton` for the dual point ``scale * r``."""
    gap = (1.0 - scale) ** 2 / (2.0 * scale) * odds
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
def refine(
    H: np.ndarray,
    k: int,
    slope: np.ndarray,
    new: np.ndarray,
    l1: np.ndarray,
    l2: np.ndarray,
) -> bool:
    """Minimise the model of `descend` over its nonzero coordinates, their signs held, by conjugate gradients.

    Coordinates that would change sign become zero. Returns whether that lowered the model; nothing moves otherwise.
    """
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
def descend(
    H: np.ndarray,
    k: int,
    slope: np.ndarray,
    new: np.ndarray,
    l1: np.ndarray,
    l2: np.ndarray,
    odds: float,
    target: float,
    max_sweeps: int,
) -> bool:
    """Minimise the penalised quadratic model by coordinate descent, helped by `refine` on the support it finds.

    The model is ``-slope.step + step.H.step / 2`` plus, at ``new = old + step``,
    ``l1 |.| + l2 |.|**2 / 2``; ``slope`` (k,) is overwritten with the model's own, ``new`` (k,) holds the coefficients
    before and after. Sweeps end when the model's own duality gap (`gap_bound`) is at most ``target``. Returns whether
    it got there.
    """
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
        if gap_bound(slope, new, l1, l2, k, odds, feasible_scale(slope, l1, l2, k)) <= target:
            return True
        if sweep % _SWEEPS == _SWEEPS - 1:
            refine(H, k, slope, new, l1, l2)
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
