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
    packed: np.ndarray, first: int, k: int, r: np.ndarray, v: np.ndarray, slope: np.ndarray, curvature_dots: np.ndarray
) -> None:
    """Write ``packed[first:k] @ r`` to ``slope[first:k]`` and ``packed[first:k] @ v`` to ``curvature_dots[first:k]``.

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
        curvature_dots[a], curvature_dots[a + 1], curvature_dots[a + 2], curvature_dots[a + 3] = h0, h1, h2, h3
        a += 4
    while a < k:
        c0 = packed[a]
        s0, h0 = 0.0, zero
        for t in range(m):
            s0 += c0[t] * r[t]
            h0 += c0[t] * v[t]
        slope[a], curvature_dots[a] = s0, h0
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
    sum_r = sum_v = exp_loss = 0.0
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
        exp_loss += w[i] * e
    return sum_r, sum_v, exp_loss


@compiled
def mean_loss(eta: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    """Return the sum of w log(1 + exp(-margin)), stable for every margin."""
    total = 0.0
    for i in range(eta.size):
        margin = eta[i] if y[i] > 0.5 else -eta[i]
        total += w[i] * (max(-margin, 0.0) + math.log1p(math.exp(-abs(margin))))
    return total
