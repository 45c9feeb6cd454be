"""One L1-logistic problem under way: the dimensions it works on, packed, with its coefficients and residuals."""

from __future__ import annotations

import numpy as np

from featkit.sparse.kernels import column_dots, feasible_scale, gap_bound, mean_loss, pack, violators
from featkit.sparse.newton import solve_working_set

ALL_ROWS = np.empty(0, np.int64)


class WorkingSet:
    """The state of one problem along its path.

    Parameters
    ----------
    columns : (d, n) float32, C order
        The design, one dimension a row; shared between problems, never written.
    y, w : (m,) float64
        Labels in {0, 1} and weights with sum 1, of the problem's own rows.
    rows : (m,) int64
        Rows of the design this problem uses, sorted; empty for all of them.
    penalty_weights : (d,) float64
        0 leaves a dimension unpenalised, infinity keeps it out.
    l1_ratio : float
        In (0, 1].
    fit_intercept : bool
        Whether an unpenalised intercept is fitted.
    """

    def __init__(
        self,
        columns: np.ndarray,
        y: np.ndarray,
        w: np.ndarray,
        rows: np.ndarray,
        penalty_weights: np.ndarray,
        l1_ratio: float,
        fit_intercept: bool,
    ) -> None:
        self.columns, self.rows, self.y, self.w = columns, rows, y, w
        self.penalty_weights, self.l1_ratio = penalty_weights, l1_ratio
        self.weights = l1_ratio * penalty_weights
        m, capacity = y.size, 32
        self.packed = np.empty((capacity, m), np.float32)
        self.hessian = np.zeros((capacity, capacity), np.float32)
        self.dimensions = np.full(capacity, -1, np.int64)  # -1 is the intercept
        self.beta, self.l1, self.l2, self.g = (np.zeros(capacity) for _ in range(4))
        self.eta, self.r = np.zeros(m), np.zeros(m)
        self.root = np.zeros(m, np.float32)
        self.is_in = np.zeros(columns.shape[0], np.bool_)
        self.k = self.n_built = 0
        self.is_stale = False
        self.gap = self.odds = np.inf
        self.has_intercept = fit_intercept
        if fit_intercept:
            self.packed[0] = 1.0
            self.k = 1
        self.enter(np.flatnonzero(penalty_weights == 0.0))
        self.n_free = self.k
        self.solve(0.0, 0.0)

    def enter(self, dimensions: np.ndarray) -> None:
        """Add dimensions to the working set with coefficient zero."""
        if dimensions.size == 0:
            return
        k = self.k + dimensions.size
        if k > self.beta.size:
            self._grow(k)
        pack(self.columns, self.rows, dimensions, self.packed, self.k)
        self.dimensions[self.k : k] = dimensions
        self.beta[self.k : k] = 0.0
        self.is_in[dimensions] = True
        self.k = k

    def _grow(self, least: int) -> None:
        k, capacity = self.k, -(-max(least, 2 * self.beta.size) // 4) * 4
        for name in ("packed", "dimensions", "beta", "l1", "l2", "g"):
            old = getattr(self, name)
            new = np.zeros((capacity, *old.shape[1:]), old.dtype)
            new[:k] = old[:k]
            setattr(self, name, new)
        hessian = np.zeros((capacity, capacity), np.float32)
        hessian[:k, :k] = self.hessian[:k, :k]
        self.hessian = hessian

    def solve(self, lambda_: float, tolerance: float, max_steps: int = 100) -> int:
        """Solve the working set at one penalty level; returns the number of Newton steps."""
        weights = self.penalty_weights[self.dimensions[self.n_free : self.k]]
        self.l1[self.n_free : self.k] = lambda_ * self.l1_ratio * weights
        self.l2[self.n_free : self.k] = lambda_ * (1.0 - self.l1_ratio) * weights
        n_steps, self.gap, self.odds, self.n_built, self.is_stale = solve_working_set(
            self.packed, self.hessian, self.k, self.n_built, self.is_stale, self.n_free, self.y, self.w,
            self.beta, self.l1, self.l2, self.eta, self.r, self.root, self.g, tolerance, max_steps,
        )  # fmt: skip
        return n_steps

    def full_gap(self, gradient: np.ndarray, late: np.ndarray, lambda_: float) -> float:
        """Return the duality gap over all dimensions, given the `violators` ``late``; see `featkit.sparse.newton`."""
        scale = feasible_scale(self.g, self.l1, self.l2, self.k)
        excess = 0.0
        if late.size:
            sizes, limits = np.abs(gradient[late]), lambda_ * self.weights[late]
            if self.l1_ratio == 1.0:
                scale = min(scale, float(np.min(limits / sizes)))
            else:
                excess = float(np.sum((sizes - limits) ** 2 / (2.0 * limits))) * self.l1_ratio / (1.0 - self.l1_ratio)
        return excess + float(gap_bound(self.g, self.beta, self.l1, self.l2, self.k, self.odds, scale))

    def violators(self, gradient: np.ndarray, lambda_: float) -> np.ndarray:
        """Return the dimensions outside the working set that break the optimality conditions, sorted."""
        return violators(gradient, self.weights, lambda_, self.is_in)

    def gradient(self) -> np.ndarray:
        """Return ``X'r`` for every dimension that may be selected, (d,) float64; 0 for the others."""
        found = np.zeros(self.is_in.size)
        eligible = np.flatnonzero(np.isfinite(self.weights))
        values = np.empty(eligible.size)
        column_dots(self.columns, eligible, self.residuals(self.columns.shape[1]), values)
        found[eligible] = values
        return found

    def residuals(self, n: int) -> np.ndarray:
        """Return the residuals over all n rows of the design, zero where the problem has no row."""
        if self.rows.size == 0:
            return self.r
        full = np.zeros(n)
        full[self.rows] = self.r
        return full

    def support(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the sorted dimensions with nonzero coefficient, and the coefficients."""
        dimensions, beta = self.dimensions[: self.k], self.beta[: self.k]
        keep = np.flatnonzero((beta != 0.0) & (dimensions >= 0))
        keep = keep[np.argsort(dimensions[keep])]
        return dimensions[keep], beta[keep].copy()

    @property
    def intercept(self) -> float:
        """Fitted intercept, 0 without one."""
        return float(self.beta[0]) if self.has_intercept else 0.0

    def loss(self) -> float:
        """Return the weighted mean logistic loss at the current coefficients."""
        return float(mean_loss(self.eta, self.y, self.w))
