"""Paths for several classes: one model whose dimensions are in or out for all of them, or one model a class.

The grouped model minimises, with softmax probabilities and ``B`` (d, K),

    sum_i w_i (-log p_i[y_i]) / sum_i w_i + lambda sum_j p_j ||B_j||_2.

It is solved as the binary one: proximal Newton steps on a working set, with one weighted Gram matrix for each pair of
classes, kept until steps stop contracting the gap; the quadratic model is solved dimension by dimension, each block of
its Hessian bounded by twice its diagonal (the difference is diagonally dominant). With R = w (Y - P) and any s in
(0, 1] for which ``s ||X_j'R||_2 <= lambda p_j``, the probabilities ``(1 - s) Y + s P`` are dual feasible and their
entropy is the dual value.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.results.path import MultinomialPathResult, PathResult
from featkit.sparse.design import as_matrix, as_penalties, as_weights, make_design
from featkit.sparse.kernels import compiled, gram
from featkit.sparse.many import EXACT_BELOW, solve_many
from featkit.sparse.path import as_lambdas, check_options, lambda_grid, largest_lambda, to_result
from featkit.sparse.working_set import ALL_ROWS, WorkingSet

_CONTRACTION = 0.9
_MAX_STEPS = 500


def multinomial_path(
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    lambdas: Any = None,
    n_lambdas: int = 49,
    lambda_min_ratio: float = 0.01,
    penalty_weights: Any = None,
    standardize: bool = False,
    tolerance: float = 1e-4,
) -> MultinomialPathResult:
    """Fit a multinomial logistic model whose dimensions enter for all classes together.

    Parameters
    ----------
    X : (n, d) array
        Embeddings, held as float32.
    y : (n,) array
        Labels; their sorted values are the classes.
    sample_weight, lambdas, n_lambdas, lambda_min_ratio, penalty_weights, standardize, tolerance
        As in `featkit.sparse.logistic_path`; penalty weights must be above 0.

    Returns
    -------
    MultinomialPathResult

    Raises
    ------
    InputError
        If the input is malformed or there are fewer than two classes.

    Warns
    -----
    FeatkitWarning
        If a penalty did not reach the asked gap.
    """
    X = as_matrix(X)
    classes, labels = as_classes(y, X.shape[0])
    w, total = as_weights(sample_weight, X.shape[0])
    penalties = as_penalties(penalty_weights, X.shape[1])
    if penalties.min() <= 0.0:
        raise InputError("penalty weights of the grouped model must be above 0", penalties.min())
    check_options(1.0, tolerance, None)
    design = make_design(X, standardize=standardize, sample_weight=w if sample_weight is not None else None)
    with threadpool_limits(1):
        problem = _Grouped(design.columns, labels, classes.size, w, penalties)
        null_loss = problem.loss()
        norms = problem.gradient_norms()
        live = np.isfinite(penalties)
        if not live.any():
            raise InputError("at least one dimension must not be excluded", None)
        largest = float(np.max(norms[live] / penalties[live]))
        grid = lambda_grid(largest, n_lambdas, lambda_min_ratio) if lambdas is None else as_lambdas(lambdas)
        rows = [problem.solve(lambda_, tolerance * null_loss) for lambda_ in grid]
    gaps = np.array([row[3] for row in rows])
    messages = []
    if (gaps > tolerance * null_loss).any():
        worst = gaps.max() / null_loss
        messages.append(f"a fit did not reach a relative duality gap of {tolerance:g}: the largest is {worst:.2g}")
        warnings.warn(messages[-1], FeatkitWarning, stacklevel=2)
    values = [row[1] / design.scale[row[0], None] for row in rows]
    return MultinomialPathResult(
        classes=tuple(str(c) for c in classes),
        lambdas=grid,
        indptr=np.concatenate([[0], np.cumsum([row[0].size for row in rows])]),
        indices=np.concatenate([row[0] for row in rows]),
        values=np.concatenate(values),
        intercepts=np.array([row[2] - design.mean[row[0]] @ v for row, v in zip(rows, values)]),
        losses=np.array([row[4] for row in rows]),
        gaps=gaps,
        is_converged=gaps <= tolerance * null_loss,
        null_loss=null_loss,
        tolerance=tolerance,
        total_weight=total,
        n_rows=X.shape[0],
        n_dimensions=X.shape[1],
        warnings=tuple(messages),
    )


def one_vs_rest_paths(
    X: Any,
    y: Any,
    *,
    lambdas: Any = None,
    n_lambdas: int = 49,
    lambda_min_ratio: float = 0.01,
    l1_ratio: float = 1.0,
    standardize: bool = False,
    tolerance: float = 1e-5,
    n_jobs: int | None = None,
) -> dict[str, PathResult]:
    """Fit one L1-logistic path a class, that class against all others, on one design and one grid of penalties.

    Parameters
    ----------
    X, y, lambdas, n_lambdas, lambda_min_ratio, l1_ratio, standardize, tolerance, n_jobs
        As in `featkit.sparse.logistic_path` and `multinomial_path`; the grid starts at the largest penalty that any
        class needs.

    Returns
    -------
    dict of str to PathResult
        By class, in sorted order.
    """
    X = as_matrix(X)
    n, d = X.shape
    classes, labels = as_classes(y, n)
    check_options(l1_ratio, tolerance, None)
    design = make_design(X, standardize=standardize)
    ones = np.ones(d)

    def problem(c: int) -> WorkingSet:
        member = (labels == c).astype(np.float64)
        return WorkingSet(design.columns, member, np.full(n, 1.0 / n), ALL_ROWS, ones, l1_ratio, True)

    nulls = [problem(c) for c in range(classes.size)]
    losses = [null.loss() for null in nulls]
    if lambdas is None:
        grid = lambda_grid(
            max(largest_lambda(p.gradient(), ones, l1_ratio) for p in nulls), n_lambdas, lambda_min_ratio
        )
    else:
        grid = as_lambdas(lambdas)
    makers = [lambda null=null: null for null in nulls]
    traces = solve_many(
        design.columns, makers, grid, tolerance * min(losses), is_exact=tolerance < EXACT_BELOW, n_jobs=n_jobs
    )
    return {
        str(c): to_result(trace, grid, design.mean, design.scale, loss, tolerance, l1_ratio, float(n), (n, d))
        for c, trace, loss in zip(classes, traces, losses)
    }


def as_classes(y: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted classes and each row's class index; at least two must occur."""
    y = np.asarray(y)
    if y.shape != (n,):
        raise InputError(f"y must have one label for each of the {n} rows of X", f"shape {y.shape}")
    classes, labels = np.unique(y, return_inverse=True)
    if classes.size < 2:
        raise InputError("at least two classes must occur", f"only {classes[0]}", "Choose rows that have more")
    return classes, labels.reshape(-1)


@compiled
def group_descend(
    H: np.ndarray,
    pair: np.ndarray,
    k: int,
    slope: np.ndarray,
    new: np.ndarray,
    l1: np.ndarray,
    floor: float,
    max_sweeps: int,
) -> None:
    """Minimise the quadratic model plus ``sum_a l1_a ||new[:, a]||`` by block coordinate descent.

    H (n_pairs, capacity, capacity) holds the Gram matrix of classes c and e at ``pair[c, e]``, with the sign of the
    off-diagonal ones left out. slope and new (K, k) are overwritten. Sweeps end when one moves the coefficients, in the
    norm of H's diagonal, by less than 1e-2 of the first, or ``floor``.
    """
    n_classes = slope.shape[0]
    wanted, stiffness = np.empty(n_classes), np.empty(n_classes)
    target = -1.0
    for _ in range(max_sweeps):
        gain = 0.0
        for a in range(k):
            norm = 0.0
            stiffest = 0.0
            for c in range(n_classes):
                stiffness[c] = 2.0 * H[pair[c, c], a, a]
                wanted[c] = slope[c, a] + stiffness[c] * new[c, a]
                norm += wanted[c] * wanted[c]
                stiffest = max(stiffest, stiffness[c])
            norm = np.sqrt(norm)
            if stiffest <= 0.0:
                continue
            is_zero = norm <= l1[a]
            length = 0.0
            if not is_zero and l1[a] > 0.0:
                # the new length solves sum_c (wanted_c / (H_c length + l1))**2 = 1: concave Newton from below
                length = (norm - l1[a]) / stiffest
                for _ in range(50):
                    value = 0.0
                    slope_of = 0.0
                    for c in range(n_classes):
                        part = wanted[c] / (stiffness[c] * length + l1[a])
                        value += part * part
                        slope_of -= part * part * stiffness[c] / (stiffness[c] * length + l1[a])
                    root = np.sqrt(value)
                    move = -(1.0 - 1.0 / root) * value / slope_of
                    length += move
                    if abs(move) <= 1e-12 * length:
                        break
            for c in range(n_classes):
                old = new[c, a]
                if is_zero:
                    new[c, a] = 0.0
                elif l1[a] > 0.0:
                    new[c, a] = wanted[c] * length / (stiffness[c] * length + l1[a])
                else:
                    new[c, a] = wanted[c] / max(stiffness[c], 1e-12)
                change = new[c, a] - old
                if change != 0.0:
                    gain += stiffness[c] * change * change
                    for e in range(n_classes):
                        row, target_row = H[pair[c, e], a], slope[e]
                        signed = change if e == c else -change
                        for b in range(k):
                            target_row[b] -= signed * row[b]
        if target < 0.0:
            target = max(1e-2 * gain, floor)
        if gain <= target:
            return


class _Grouped:
    """The grouped model under way: working set, coefficients, probabilities."""

    def __init__(
        self, columns: np.ndarray, labels: np.ndarray, n_classes: int, w: np.ndarray, penalties: np.ndarray
    ) -> None:
        n = labels.size
        self.columns, self.w, self.penalties = columns, w, penalties
        self.Y = np.zeros((n, n_classes))
        self.Y[np.arange(n), labels] = 1.0
        self.dimensions = np.empty(0, np.int64)
        self.packed = np.ones((4, n), np.float32)  # the intercept first; three rows to spare for the kernels
        self.B = np.zeros((1, n_classes))
        self.eta = np.zeros((n, n_classes))
        first, second = np.triu_indices(n_classes)
        self.pair = np.empty((n_classes, n_classes), np.int64)
        self.pair[first, second] = self.pair[second, first] = np.arange(first.size)
        self.first, self.second = first, second
        self.H = np.zeros((first.size, 4, 4), np.float32)
        self.anchor = self.P = np.zeros((n, n_classes))
        self.n_built = 0
        self.refresh()
        self.settle_intercepts()

    def refresh(self) -> None:
        """Make probabilities and residuals those of the linear predictor."""
        shifted = np.exp(self.eta - self.eta.max(axis=1, keepdims=True))
        self.P = shifted / shifted.sum(axis=1, keepdims=True)
        self.R = self.w[:, None] * (self.Y - self.P)

    def settle_intercepts(self) -> None:
        """Solve the intercepts by Newton, so that residuals sum to zero in every class."""
        for _ in range(30):
            slope = self.R.sum(axis=0)
            if np.abs(slope).max() <= 1e-13:
                return
            H = np.diag(self.w @ self.P) - (self.P * self.w[:, None]).T @ self.P
            step = np.linalg.lstsq(H, slope, rcond=1e-10)[0]
            step *= min(1.0, 5.0 / max(np.abs(step).max(), 1e-300))
            self.B[0] += step
            self.eta += step
            self.refresh()

    def loss(self) -> float:
        """Return the weighted mean loss, in nats."""
        top = self.eta.max(axis=1)
        total = top + np.log(np.exp(self.eta - top[:, None]).sum(axis=1))
        return float(self.w @ (total - (self.eta * self.Y).sum(axis=1)))

    def gradient_norms(self) -> np.ndarray:
        """Return ``||X_j'R||_2`` of every dimension, (d,) float64."""
        return np.linalg.norm(self.columns @ self.R.astype(np.float32), axis=1).astype(np.float64)

    def enter(self, dimensions: np.ndarray) -> None:
        """Add dimensions with coefficient zero."""
        self.dimensions = np.concatenate([self.dimensions, dimensions])
        self.packed = np.concatenate([self.packed[:-3], self.columns[dimensions], self.packed[-3:]])
        self.B = np.concatenate([self.B, np.zeros((dimensions.size, self.B.shape[1]))])
        capacity = self.B.shape[0] + 3
        known = self.H.shape[1]
        if capacity > known:
            H = np.zeros((self.H.shape[0], 2 * capacity, 2 * capacity), np.float32)
            H[:, :known, :known] = self.H
            self.H = H

    def gap(self, norms: np.ndarray, limits: np.ndarray, l1: np.ndarray) -> float:
        """Return the duality gap given gradient norms and their limits."""
        over = norms > limits
        s = float(np.min(limits[over] / norms[over])) if over.any() else 1.0
        q = (1.0 - s) * self.Y + s * self.P
        entropy = -np.sum(q * np.log(np.maximum(q, 1e-300)), axis=1)
        return self.loss() - float(self.w @ entropy) + float(l1 @ np.linalg.norm(self.B, axis=1))

    def solve(self, lambda_: float, tolerance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, float]:
        """Solve at one penalty; returns support, coefficients (size, K), intercepts, gap and loss."""
        limits = lambda_ * self.penalties
        inner = 0.5 * tolerance
        for _ in range(30):
            norms = self.gradient_norms()
            l1 = np.concatenate([[0.0], limits[self.dimensions]])
            gap = self.gap(norms, limits, l1)
            late = np.setdiff1d(np.flatnonzero(norms > limits), self.dimensions)
            if gap <= tolerance or inner < 1e-5 * tolerance:
                break
            if late.size:
                self.enter(late)
            else:
                inner *= 0.3
            self._solve_working_set(np.concatenate([[0.0], limits[self.dimensions]]), inner)
        size = np.linalg.norm(self.B[1:], axis=1)
        keep = np.flatnonzero(size > 0)
        keep = keep[np.argsort(self.dimensions[keep])]
        return self.dimensions[keep], self.B[1 + keep].copy(), self.B[0].copy(), gap, self.loss()

    def _solve_working_set(self, l1: np.ndarray, tolerance: float) -> None:
        k, before = l1.size, np.inf
        packed = self.packed[:k].astype(np.float64)
        is_stale = self.n_built > 0
        for _ in range(_MAX_STEPS):
            slope = packed @ self.R
            gap = self.gap(np.linalg.norm(slope[1:], axis=1), l1[1:], l1)
            if gap <= tolerance:
                return
            if is_stale and gap > _CONTRACTION * before:
                self.n_built = 0
            if self.n_built < k:
                if self.n_built == 0:
                    self.anchor, is_stale = self.P, False
                for c, e, H in zip(self.first, self.second, self.H):
                    other = 1.0 - self.anchor[:, e] if c == e else self.anchor[:, e]
                    weight = self.w * np.maximum(self.anchor[:, c] * other, 1e-10)
                    gram(self.packed, k, self.n_built, weight.astype(np.float32), H)
                self.n_built = k
            before = gap
            rows = np.ascontiguousarray(self.B.T)
            group_descend(self.H, self.pair, k, np.ascontiguousarray(slope.T), rows, l1, 1e-3 * tolerance, 50)
            new = np.ascontiguousarray(rows.T)
            step = new - self.B
            direction = packed.T @ step
            change = float(l1 @ (np.linalg.norm(new, axis=1) - np.linalg.norm(self.B, axis=1)))
            start = change - float(np.sum(self.R * direction))
            if start >= 0.0:
                if not is_stale:
                    return
                self.n_built = 0
                continue
            origin, length, done = self.eta, 1.0, 0.0
            for _ in range(30):
                self.eta, done = origin + length * direction, length
                self.refresh()
                end = change - float(np.sum(self.R * direction))
                if end <= -0.5 * start:
                    break
                length *= start / (start - end)
            self.B = new if done == 1.0 else self.B + done * step
            is_stale = True
            self.settle_intercepts()
