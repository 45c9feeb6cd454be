"""One L1-logistic problem under way: the dimensions it works on, packed, with its coefficients and residuals."""

from __future__ import annotations

import numpy as np

from featkit.sparse.solvers.kernels import column_dots, mean_loss, pack, packed_dots
from featkit.sparse.solvers.packed import Packed, Progress, Sums
from featkit.sparse.solvers.proximal_newton import solve_packed, update_dual_point, working_gap
from featkit.sparse.solvers.quadratic_model import feasible_scale, violators

_RESERVED = 1 << 28  # bytes set aside for packed columns, which take memory only as they are written
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
        self.columns, self.rows = columns, rows
        self.penalty_weights, self.l1_ratio = penalty_weights, l1_ratio
        self.weights = l1_ratio * penalty_weights
        m, capacity = y.size, 32
        n_columns = max(capacity, min(columns.shape[0] + 4, _RESERVED // (4 * m)))
        self.packed = Packed(
            columns=np.empty((n_columns, m), np.float32),
            hessian=np.zeros((capacity, capacity), np.float32),
            beta=np.zeros(capacity),
            l1=np.zeros(capacity),
            l2=np.zeros(capacity),
            slope=np.zeros(capacity),
            curvature_dots=np.zeros(capacity),
            g=np.zeros(capacity),
            y=y,
            w=w,
            eta=np.zeros(m),
            r=np.zeros(m),
            v=np.zeros(m),
            curvature=np.zeros(m, np.float32),
            floor=(1e-8 * w).astype(np.float32),
            direction=np.empty(m),
            origin=np.empty(m),
        )
        self.progress = Progress(np.inf, np.inf, 0.0, np.inf, 0.0, 0, 0, False)
        self.dimensions = np.full(capacity, -1, np.int64)  # -1 is the intercept
        self.is_in = np.zeros(columns.shape[0], np.bool_)
        self.has_intercept = fit_intercept
        if fit_intercept:
            self.packed.columns[0] = 1.0
        self.k = int(fit_intercept)
        self.enter(np.flatnonzero(penalty_weights == 0.0))
        self.n_free = self.k
        shift, sum_v, exp_loss, offset = update_dual_point(
            self.packed, self.k, self.n_free, fit_intercept, 0.0, False, Sums(0.0, 1.0, 0.0)
        )
        self.progress = Progress(np.inf, exp_loss, offset, sum_v, shift, 0, 0, False)

    def enter(self, dimensions: np.ndarray) -> None:
        """Add dimensions to the working set with coefficient zero."""
        if dimensions.size == 0:
            return
        k = self.k + dimensions.size
        if k + 3 > self.packed.beta.size:  # kernels go by fours
            self._grow(k)
        p = self.packed
        pack(self.columns, self.rows, dimensions, p.columns, self.k)
        self.dimensions[self.k : k] = dimensions
        p.beta[self.k : k] = 0.0
        self.is_in[dimensions] = True
        first, self.k = self.k, k
        packed_dots(p.columns, first, k, p.r, p.curvature, p.g, p.curvature_dots)
        p.slope[first:k] = p.g[first:k] + self.progress.shift * p.curvature_dots[first:k]

    def _grow(self, least: int) -> None:
        k, capacity = self.k, max(least + 3, self.packed.beta.size + self.packed.beta.size // 2)

        def grown(old: np.ndarray) -> np.ndarray:
            if len(old) >= capacity:
                return old
            new = np.empty((capacity, *old.shape[1:]), old.dtype)
            new[:k] = old[:k]
            return new

        hessian = np.zeros((capacity, capacity), np.float32)
        hessian[:k, :k] = self.packed.hessian[:k, :k]
        by_column = ("columns", "beta", "l1", "l2", "slope", "curvature_dots", "g")
        self.packed = self.packed._replace(
            hessian=hessian, **{name: grown(getattr(self.packed, name)) for name in by_column}
        )
        self.dimensions = grown(self.dimensions)

    def solve(self, lambda_: float, tolerance: float, max_steps: int = 100) -> int:
        """Solve the working set at one penalty level to a duality gap; returns the number of Newton steps."""
        weights = self.penalty_weights[self.dimensions[self.n_free : self.k]]
        self.packed.l1[self.n_free : self.k] = lambda_ * self.l1_ratio * weights
        self.packed.l2[self.n_free : self.k] = lambda_ * (1.0 - self.l1_ratio) * weights
        self.progress, n_steps = solve_packed(
            self.packed, self.k, self.n_free, self.has_intercept, self.progress, tolerance, max_steps
        )
        return n_steps

    def full_gap(self, gradient: np.ndarray, violating: np.ndarray, lambda_: float) -> float:
        """Return the duality gap over all dimensions, given the `violators` ``violating`` (see `.newton`)."""
        scale = feasible_scale(self.packed.g, self.packed.l1, self.packed.l2, self.k)
        excess = 0.0
        if violating.size:
            sizes, limits = np.abs(gradient[violating]), lambda_ * self.weights[violating]
            if self.l1_ratio == 1.0:
                scale = min(scale, float(np.min(limits / sizes)))
            else:
                excess = float(np.sum((sizes - limits) ** 2 / (2.0 * limits))) * self.l1_ratio / (1.0 - self.l1_ratio)
        return excess + float(working_gap(self.packed, self.k, self.progress, scale))

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
            return self.packed.r
        full = np.zeros(n)
        full[self.rows] = self.packed.r
        return full

    def support(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the sorted dimensions with nonzero coefficient, and the coefficients."""
        dimensions, beta = self.dimensions[: self.k], self.packed.beta[: self.k]
        keep = np.flatnonzero((beta != 0.0) & (dimensions >= 0))
        keep = keep[np.argsort(dimensions[keep])]
        return dimensions[keep], beta[keep].copy()

    @property
    def intercept(self) -> float:
        """Fitted intercept, 0 without one."""
        return float(self.packed.beta[0]) if self.has_intercept else 0.0

    def loss(self) -> float:
        """Return the weighted mean logistic loss at the current coefficients."""
        return float(mean_loss(self.packed.eta, self.packed.y, self.packed.w))
