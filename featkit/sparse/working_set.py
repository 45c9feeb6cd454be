"""One L1-logistic problem under way: the dimensions it works on, packed, with its coefficients and residuals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from featkit.sparse.kernels import (
    column_dots,
    descend,
    feasible_scale,
    gap_bound,
    gram,
    mean_loss,
    pack,
    packed_combine,
    packed_dots,
    violators,
)
from featkit.sparse.newton import search_along, secant_update, solve_free

_INNER_RELATIVE = 0.1  # accuracy of the quadratic model's solution, relative to the gap before the step
_WORTH = 20  # columns for which building a Hessian costs as much as a step
_DIVERGED = 20.0  # a first step that multiplies the gap by more asks for a new Hessian
_STALLED = 0.95  # and so does a later one that multiplies it by more than this
_CHEAP = 20_000_000  # multiplications for which a Hessian is built at every step
_MAX_SWEEPS = 400
_FEW_SWEEPS = 40  # beyond which a corrected Hessian is taken to be indefinite, in float32
_SINGLE = 1e-5  # gaps, in nats, for which the quadratic model is solved in float32
_FLAT = 1e-6  # free coordinates are solved until their slopes are below this share of the gap asked
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
        self.columns, self.rows, self.y, self.w = columns, rows, y, w
        self.penalty_weights, self.l1_ratio = penalty_weights, l1_ratio
        self.weights = l1_ratio * penalty_weights
        m, capacity = y.size, 32
        self.packed = np.empty((max(capacity, min(columns.shape[0] + 4, _RESERVED // (4 * m))), m), np.float32)
        self.hessian = np.zeros((capacity, capacity), np.float32)
        self.dimensions = np.full(capacity, -1, np.int64)  # -1 is the intercept
        self.beta, self.l1, self.l2 = np.zeros(capacity), np.zeros(capacity), np.zeros(capacity)
        # X'r at the coefficients, X'v, and X't at the dual point t, which r holds once it has been read
        self.slope, self.pull, self.g = np.zeros(capacity), np.zeros(capacity), np.zeros(capacity)
        self.eta, self.r, self.v = np.zeros(m), np.zeros(m), np.zeros(m)
        self.curvature, self.floor = np.zeros(m, np.float32), (1e-8 * w).astype(np.float32)
        self.direction, self.origin = np.empty(m), np.empty(m)
        self.is_in = np.zeros(columns.shape[0], np.bool_)
        self.k = self.n_built = 0
        self.is_stale, self._extra = False, 0
        self.gap = self.odds = self.sum_v = np.inf
        self.shift = self.offset = 0.0
        self.has_intercept = fit_intercept
        if fit_intercept:
            self.packed[0] = 1.0
            self.k = 1
        self.enter(np.flatnonzero(penalty_weights == 0.0))
        self.n_free = self.k
        self._settle(0.0)

    def enter(self, dimensions: np.ndarray) -> None:
        """Add dimensions to the working set with coefficient zero."""
        if dimensions.size == 0:
            return
        k = self.k + dimensions.size
        if k + 3 > self.beta.size:  # kernels go by fours
            self._grow(k)
        pack(self.columns, self.rows, dimensions, self.packed, self.k)
        self.dimensions[self.k : k] = dimensions
        self.beta[self.k : k] = 0.0
        self.is_in[dimensions] = True
        first, self.k = self.k, k
        packed_dots(self.packed, first, k, self.r, self.curvature, self.g, self.pull)
        self.slope[first:k] = self.g[first:k] + self.shift * self.pull[first:k]

    def _grow(self, least: int) -> None:
        k, capacity = self.k, max(least + 3, self.beta.size + self.beta.size // 2)
        for name in ("packed", "dimensions", "beta", "l1", "l2", "slope", "pull", "g"):
            old = getattr(self, name)
            if len(old) < capacity:
                new = np.empty((capacity, *old.shape[1:]), old.dtype)
                new[:k] = old[:k]
                setattr(self, name, new)
        hessian = np.zeros((capacity, capacity), np.float32)
        hessian[:k, :k] = self.hessian[:k, :k]
        self.hessian = hessian

    def solve(self, lambda_: float, tolerance: float, max_steps: int = 100) -> int:
        """Solve the working set at one penalty level to a duality gap; returns the number of Newton steps.

        It takes at least one, so that a path moves with its penalties however loose the tolerance, and goes further
        while steps are cheap.
        """
        goal = tolerance if self._is_large else 0.1 * tolerance
        weights = self.penalty_weights[self.dimensions[self.n_free : self.k]]
        self.l1[self.n_free : self.k] = lambda_ * self.l1_ratio * weights
        self.l2[self.n_free : self.k] = lambda_ * (1.0 - self.l1_ratio) * weights
        n_steps, before = 0, np.inf
        while True:
            self.gap = self._gap(feasible_scale(self.g, self.l1, self.l2, self.k))
            if (self.gap <= goal and (n_steps > 0 or self.k == self.n_free)) or n_steps >= max_steps:
                return n_steps
            if self.is_stale and self.gap > (_DIVERGED if n_steps < 2 else _STALLED) * before:
                self.n_built = 0
            before = self.gap
            self._extra += n_steps > 0
            n_steps += 1
            if not self._step(max(0.3 * goal, _INNER_RELATIVE * self.gap), goal):
                if not self.is_stale:
                    return n_steps  # nothing left to gain in this arithmetic
                self.n_built = 0  # a Hessian too old to point downhill

    @property
    def _is_large(self) -> bool:
        return self.k * self.k * self.y.size > _CHEAP

    def _step(self, accuracy: float, tolerance: float) -> bool:
        """Take one proximal Newton step, its model solved to ``accuracy``; returns whether the objective fell."""
        k, l1, l2 = self.k, self.l1[: self.k], self.l2[: self.k]
        old, slope = self.beta[:k].copy(), self.slope[:k].copy()
        if not self._is_large or k < _WORTH * self._extra:
            self.n_built = 0
        if self.n_built < k:
            if self.n_built == 0:
                self.is_stale, self._extra = False, 0
            gram(self.packed, k, self.n_built, np.maximum(self.curvature, self.floor), self.hessian)
            self.n_built = k
        new = old.copy()
        is_single = tolerance >= _SINGLE
        model = slope.astype(np.float32) if is_single else slope.copy()
        most = _FEW_SWEEPS if is_single and self.is_stale else _MAX_SWEEPS
        is_solved = descend(self.hessian, k, model, new, l1, l2, self.odds, accuracy, most)
        if self.is_stale and not is_solved:  # corrections may have left it indefinite
            return False
        step = new - old
        change = float(l1 @ (np.abs(new) - np.abs(old)) + 0.5 * (l2 * step) @ (new + old))
        start = change - float(slope @ step)
        if not start < 0.0:
            return False
        packed_combine(self.packed, k, step, self.direction)
        length, *sums = search_along(
            self.eta, self.direction, start, change, self.y, self.w, self.r, self.v, self.origin
        )
        self.beta[:k] = new if length == 1.0 else old + length * step
        before = self.sum_v
        self._settle(tolerance, sums)
        if length == 0.0:
            return False
        self.is_stale = True
        ratio, change_of_slope = self.sum_v / before, slope - self.slope[:k]
        if not secant_update(self.hessian, k, ratio, self.beta[:k] - old, change_of_slope):
            self.n_built = 0
        return True

    def _settle(self, tolerance: float, sums: Sequence[float] | None = None) -> None:
        """Read the slopes at the residuals, whose ``sums`` are given, and make the residuals a dual point.

        The free coordinates are solved first where they are more than an intercept, where the intercept is far off, and
        without sums.
        """
        sum_r, sum_v, odds = sums or (np.inf, 1.0, 1.0)
        self.shift = sum_r / sum_v if self.has_intercept else 0.0
        if sums is None or self.n_free > self.has_intercept or not abs(self.shift) <= 0.5:
            sum_v, odds = solve_free(
                self.packed, self.n_free, self.y, self.w, self.beta, self.eta, self.r, self.v, _FLAT * tolerance
            )
            self.shift = 0.0
        np.copyto(self.curvature, self.v, casting="same_kind")
        packed_dots(self.packed, 0, self.k, self.r, self.curvature, self.slope, self.pull)
        self.r -= self.shift * self.v
        self.g[: self.k] = self.slope[: self.k] - self.shift * self.pull[: self.k]
        inflation = (1.0 - abs(self.shift)) ** -2
        self.sum_v, self.odds, self.offset = sum_v, odds * inflation, self.shift**2 * sum_v * inflation

    def _gap(self, scale: float) -> float:
        """Return the duality gap's bound over the working set for a feasible scale."""
        bound = gap_bound(self.g, self.beta, self.l1, self.l2, self.k, self.odds, scale)
        return max(0.0, float(bound) + (1.0 - 0.5 * scale) * self.offset)  # below it only by rounding

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
        return excess + self._gap(scale)

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
