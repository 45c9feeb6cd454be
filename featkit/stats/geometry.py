"""How many dimensions an embedding really has, and which of them are dead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from featkit.core.arrays import as_array
from featkit.core.errors import InputError

_BLOCK_BYTES = 32 * 2**20


def dead_dimensions(X: np.ndarray, *, tolerance: float = 0.0) -> np.ndarray:
    """Return which dimensions are constant, or nearly so.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Embeddings.
    tolerance : float
        Standard deviations up to ``tolerance`` times the root mean square one over all dimensions count as none.
        With 0, the dimensions whose values are all equal (a ReLU unit that never fires).

    Returns
    -------
    ndarray of bool, shape (d,)

    Raises
    ------
    InputError
        If ``X`` is not a matrix of finite numbers.
    """
    X = _matrix(X)
    is_constant = np.asarray(X.max(axis=0) == X.min(axis=0))
    if tolerance == 0.0:
        return is_constant
    _, variance = _moments(X)
    return is_constant | (variance <= tolerance**2 * variance.mean())


def effective_rank(X: np.ndarray, *, kind: Literal["rankme", "covariance"] = "rankme") -> float:
    """Return the exponential of the entropy of an embedding's spectrum.

    Two definitions are in use under one name and differ much, for the first keeps the mean and does not square:

    * ``"rankme"``: singular values of the embeddings as they are (not centred), ``p_k = sigma_k / sum sigma``
      (Garrido et al., RankMe, ICML 2023, with 0 log 0 = 0 in place of their additive constant).
    * ``"covariance"``: eigenvalues of the centred covariance, ``p_k = lambda_k / sum lambda`` (after Roy and Vetterli,
      The effective rank, EUSIPCO 2007).

    Both come from the smaller of the two Gram matrices, accumulated in float64 over blocks of rows, so memory stays
    at a few times ``min(n, d)^2`` numbers. Eigenvalues below ``2^-52 max(n, d)`` of the largest count as zero, and with
    them singular values below about 1e-6 of the largest.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Embeddings.
    kind : {"rankme", "covariance"}
        The definition.

    Returns
    -------
    float
        In [1, min(n, d)]; NaN when nothing varies (or, for ``"rankme"``, when all is zero).
    """
    if kind not in ("rankme", "covariance"):
        raise InputError("kind of effective rank must be 'rankme' or 'covariance'", repr(kind))
    X = _matrix(X)
    mean = X.mean(axis=0, dtype=np.float64) if kind == "covariance" else np.zeros(X.shape[1])
    eigenvalues = np.linalg.eigvalsh(_small_gram(X, mean))
    eigenvalues = eigenvalues[eigenvalues > max(X.shape) * np.finfo(np.float64).eps * eigenvalues[-1]]
    weights = np.sqrt(eigenvalues) if kind == "rankme" else eigenvalues
    scale = float(np.sum(np.square(mean))) + float(np.abs(X).max()) ** 2
    if weights.size == 0 or eigenvalues[-1] <= 1e-24 * X.shape[0] * scale:
        return float("nan")
    p = weights / weights.sum()
    return float(np.exp(-np.sum(p * np.log(p))))


def cross_correlation(X_a: np.ndarray, X_b: np.ndarray) -> np.ndarray:
    """Return the correlation of every dimension of one embedding with every dimension of another.

    Parameters
    ----------
    X_a : ndarray of shape (n, d_a)
    X_b : ndarray of shape (n, d_b)
        Embeddings of the same patches in the same order.

    Returns
    -------
    ndarray of float64, shape (d_a, d_b)
        In [-1, 1]; 0 where either dimension is constant.

    Raises
    ------
    InputError
        If the numbers of rows differ.
    """
    X_a, X_b = _same_rows(X_a, X_b)
    (mean_a, variance_a), (mean_b, variance_b) = _moments(X_a), _moments(X_b)
    correlation = np.zeros((X_a.shape[1], X_b.shape[1]))
    for rows in _blocks(len(X_a), X_a.shape[1] + X_b.shape[1]):
        correlation += (X_a[rows] - mean_a).T @ (X_b[rows] - mean_b)
    correlation *= (_inverse_root(variance_a, X_a) / len(X_a))[:, None]
    correlation *= _inverse_root(variance_b, X_b)
    return np.clip(correlation, -1.0, 1.0, out=correlation)


def linear_cka(X_a: np.ndarray, X_b: np.ndarray, *, debiased: bool = True) -> float:
    """Return the linear centred kernel alignment of two embeddings of the same patches.

    It compares the embeddings as a whole and does not change when either is rotated, shifted or scaled. The plain
    estimate rises toward 1 with ``d / n``, also for unrelated embeddings; the debiased one is about 0 for these.

    Parameters
    ----------
    X_a : ndarray of shape (n, d_a)
    X_b : ndarray of shape (n, d_b)
        Embeddings of the same patches in the same order, n >= 4.
    debiased : bool
        Whether to use the unbiased estimate of each dot product of Gram matrices (Song et al. 2012; Nguyen, Raghu and
        Kornblith 2021). The plain one is Kornblith et al. 2019.

    Returns
    -------
    float
        At most 1; NaN when either embedding does not vary.
    """
    X_a, X_b = _same_rows(X_a, X_b)
    n = len(X_a)
    if n < 4:
        raise InputError("alignment needs at least 4 patches", n)
    mean_a, mean_b = (X.mean(axis=0, dtype=np.float64) for X in (X_a, X_b))
    norms = [np.empty(n), np.empty(n)]
    products = [np.zeros((a, b)) for a, b in ((X_a.shape[1],) * 2, (X_b.shape[1],) * 2, (X_a.shape[1], X_b.shape[1]))]
    for rows in _blocks(n, X_a.shape[1] + X_b.shape[1]):
        a, b = X_a[rows] - mean_a, X_b[rows] - mean_b
        norms[0][rows], norms[1][rows] = np.einsum("ij,ij->i", a, a), np.einsum("ij,ij->i", b, b)
        products[0] += a.T @ a
        products[1] += b.T @ b
        products[2] += a.T @ b
    own_a, own_b, shared = (float(np.sum(np.square(p))) for p in products)
    if debiased:
        own_a = _unbiased(own_a, norms[0], norms[0])
        own_b = _unbiased(own_b, norms[1], norms[1])
        shared = _unbiased(shared, norms[0], norms[1])
    if not (own_a > 0 and own_b > 0):
        return float("nan")
    return float(shared / np.sqrt(own_a * own_b))


def _unbiased(product: float, norms_a: np.ndarray, norms_b: np.ndarray) -> float:
    """Turn ``tr(K H L H)`` into ``n (n - 3)`` times its unbiased estimate, from the centred rows' squared norms.

    Dropping the Gram matrices' diagonals changes the trace by sums over rows alone, because centred rows add to zero.
    """
    n = len(norms_a)
    total = float(norms_a.sum() * norms_b.sum())
    return product - n / (n - 2) * float(norms_a @ norms_b) + total / ((n - 1) * (n - 2))


def _matrix(X: np.ndarray) -> np.ndarray:
    X = as_array(X, "embeddings")
    if X.ndim != 2 or X.shape[0] < 2 or X.shape[1] < 1:
        raise InputError("embeddings must be a matrix of at least two rows and one column", f"shape {X.shape}")
    if not np.isfinite(X.max() - X.min()):
        raise InputError("embeddings must be finite", "NaN or infinite values", "Verify the store they come from")
    return X


def _same_rows(X_a: np.ndarray, X_b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    X_a, X_b = _matrix(X_a), _matrix(X_b)
    if len(X_a) != len(X_b):
        raise InputError(
            "the two embeddings must have the same patches as rows",
            f"{len(X_a)} and {len(X_b)} rows",
            "Take the patches both stores hold, in one order",
        )
    return X_a, X_b


def _blocks(n: int, n_columns: int) -> Iterator[slice]:
    rows = max(1, _BLOCK_BYTES // (8 * n_columns))
    for start in range(0, n, rows):
        yield slice(start, min(start + rows, n))


def _moments(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each dimension's mean and variance (over n), in float64."""
    mean = X.mean(axis=0, dtype=np.float64)
    variance = np.zeros(X.shape[1])
    for rows in _blocks(len(X), X.shape[1]):
        variance += np.square(X[rows] - mean).sum(axis=0)
    return mean, variance / len(X)


def _inverse_root(variance: np.ndarray, X: np.ndarray) -> np.ndarray:
    varies = (variance > 0) & ~dead_dimensions(X)
    return np.divide(1.0, np.sqrt(variance), out=np.zeros_like(variance), where=varies)


def _small_gram(X: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the smaller of ``(X - mean)^T (X - mean)`` and ``(X - mean)(X - mean)^T``."""
    n, d = X.shape
    if n < d:
        centred = X - mean
        return centred @ centred.T
    gram = np.zeros((d, d))
    for rows in _blocks(n, d):
        centred = X[rows] - mean
        gram += centred.T @ centred
    return gram
