"""The grouped multinomial model under way: one penalty level after another, certified by duality gaps.

With softmax probabilities P (K, n), R = w (Y - P) and coefficients B (K, k) on the packed columns, a step minimises

    -<X'R, step> + <step, M step G> / 2 + sum_a l1_a ||B_a + step_a||,

where G = X' diag(w t) X, t_i = sum_c p_ic (1 - p_ic) is the trace of a row's Hessian, and M, with trace 1, is the rows'
mean Hessian over classes, sum_i w_i (diag(p_i) - p_i p_i') / sum_i w_i t_i. In the basis of M's eigenvectors, which
leaves the norms as they are, the step is solved dimension by dimension. G is kept and scaled until its steps have cost
as much as building it.

With any s in (0, 1] for which ``s ||X_j'R|| <= lambda p_j``, and intercepts whose residuals sum to zero, the
probabilities ``(1 - s) Y + s P`` are dual feasible and their entropy is the dual value.
"""

from __future__ import annotations

import numpy as np

from featkit.sparse.solvers.grouped_descent import group_coordinate_descent, solve_coupled
from featkit.sparse.solvers.kernels import gram, pack
from featkit.sparse.solvers.path_record import PathRecord
from featkit.sparse.solvers.working_set import ALL_ROWS

_WORTH = 20  # columns for which building a Gram matrix costs as much as a step
_STALLED = 0.98  # a step from the third on that multiplies the gap by more asks for a new Gram matrix
_SINGLE = 1e-5  # relative gaps for which slopes are read in float32
_BALANCED = 1e-13  # sum of a class's residuals at which its intercept is solved
_UNBALANCED = 1e-9  # and beyond which it is not
_MAX_STEPS = 500
_ROUNDS = 30
_PATIENCE = 6  # steps at a penalty before classes are coupled,
_PER_STEP = 100  # and one more for so many coefficients: coupling begins when steps have cost about as much
_MOST_COUPLED = 4096  # coefficients of active dimensions for which they are: their Hessian takes 64 MiB
_MOST_SOLVED = 2048  # coefficients other than zero for which they are: a dense solve takes about 0.2 s
_NEAR = 0.98  # share of its limit beyond which the gradient of a dimension that is zero counts as active


class GroupedProblem:
    """The state of a grouped multinomial problem along its path.

    Parameters
    ----------
    columns : (d, n) float32, C order
        The design, one dimension a row; never written.
    labels : (n,) int64
        Class indices.
    n_classes : int
        K.
    w : (n,) float64
        Weights with sum 1.
    penalties : (d,) float64
        Above 0; infinity keeps a dimension out.
    tolerance : float
        Relative gap that will be asked; slopes are read in float64 below 1e-5.
    """

    def __init__(
        self,
        columns: np.ndarray,
        labels: np.ndarray,
        n_classes: int,
        w: np.ndarray,
        penalties: np.ndarray,
        tolerance: float,
    ) -> None:
        n, capacity = labels.size, 32
        self.columns, self.labels, self.w, self.penalties = columns, labels, w, penalties
        self.dtype = np.float32 if tolerance >= _SINGLE else np.float64
        self._slack = 10.0 * float(np.finfo(self.dtype).eps)  # what rounding may add to a gradient that is at its limit
        self.Y = np.zeros((n_classes, n))
        self.Y[labels, np.arange(n)] = 1.0
        self.packed = np.ones((capacity, n), np.float32)  # the intercept first
        self.hessian = np.zeros((capacity, capacity), np.float32)
        self.dimensions = np.empty(0, np.int64)
        shares = np.log(np.maximum(self.Y @ w, 1e-300))  # the null model, but for classes without weight
        self.B = (shares - shares.mean())[:, None]
        self.eta = np.repeat(self.B, n, axis=1)
        self.built_trace, self.n_built, self.is_stale, self._extra = 1.0, 0, False, 0
        self._update_probabilities()
        self._solve_intercepts()

    def solve(self, lambda_: float, tolerance: float) -> tuple[float, int]:
        """Solve at one penalty; returns the duality gap, in nats as the tolerance is, and the number of steps."""
        limits = lambda_ * self.penalties
        inner, gap, n_steps = 0.5 * tolerance, np.inf, 0
        for round_ in range(_ROUNDS):
            norms = self.gradient_norms()
            gap = self._gap(norms, limits, limits[self.dimensions])
            if (gap <= tolerance and round_ > 0) or inner < 1e-5 * tolerance:
                break
            violating = np.setdiff1d(np.flatnonzero(norms > (1.0 + self._slack) * limits), self.dimensions)
            if violating.size:
                self._enter(violating)
            elif round_ > 0:
                inner *= 0.3
            n_steps += self._solve_working_set(np.concatenate([[0.0], limits[self.dimensions]]), inner)
        return gap, n_steps

    def support(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the sorted dimensions with a coefficient that is not zero, and the coefficients (size, K)."""
        keep = np.flatnonzero(self.B[:, 1:].any(axis=0))
        keep = keep[np.argsort(self.dimensions[keep])]
        return self.dimensions[keep], self.B[:, 1 + keep].T.copy()

    @property
    def intercepts(self) -> np.ndarray:
        """Fitted intercepts, (K,) float64."""
        return self.B[:, 0].copy()

    def loss(self) -> float:
        """Return the weighted mean loss, in nats."""
        return float(self.w @ (self._log_normalizer - self.eta[self.labels, np.arange(self.labels.size)]))

    def gradient_norms(self, is_exact: bool = False) -> np.ndarray:
        """Return ``||X_j'R||_2`` of every dimension, (d,) float64; summed in float64 if exact or the tolerance asks."""
        if self.dtype == np.float32 and not is_exact:
            return np.linalg.norm(self.columns @ self.R.T.astype(np.float32), axis=1).astype(np.float64)
        block = 256
        parts = [self.columns[start : start + block] @ self.R.T for start in range(0, len(self.columns), block)]
        return np.linalg.norm(np.concatenate(parts), axis=1)

    def _update_probabilities(self) -> None:
        """Make probabilities and residuals those of the linear predictor."""
        top = self.eta.max(axis=0)
        unnormalised = np.exp(self.eta - top)
        total = unnormalised.sum(axis=0)
        self.P = unnormalised / total
        self.R = self.w * (self.Y - self.P)
        self._log_normalizer = top + np.log(total)

    def _mean_hessian(self) -> np.ndarray:
        """Return the rows' mean Hessian over classes, (K, K)."""
        weighted = self.P * self.w
        return np.diag(weighted.sum(axis=1)) - weighted @ self.P.T

    def _solve_intercepts(self) -> None:
        """Solve the intercepts by Newton, so that residuals sum to zero in every class."""
        slope = self.R.sum(axis=1)
        for _ in range(50):
            self._imbalance = float(np.abs(slope).max())
            if self._imbalance <= _BALANCED:
                return
            hessian = self._mean_hessian()
            trace = float(np.trace(hessian))
            hessian += trace / len(hessian)  # all intercepts together change nothing
            hessian[np.diag_indices(len(hessian))] += 1e-14 * trace
            step = np.linalg.solve(hessian, slope)
            step -= step.mean()
            start, length = -float(slope @ step), min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-300))
            origin, eta = self.B[:, 0].copy(), self.eta
            for _ in range(40):  # the loss is convex along the step: come back while it has turned up too far
                self.B[:, 0], self.eta = origin + length * step, eta + length * step[:, None]
                self._update_probabilities()
                slope = self.R.sum(axis=1)
                end = -float(slope @ step)
                if end <= -0.5 * start:
                    break
                length *= start / (start - end)
            if np.abs(slope).max() > 0.99 * self._imbalance:  # no further in this arithmetic
                break
        self._imbalance = float(np.abs(slope).max())

    def _enter(self, dimensions: np.ndarray) -> None:
        """Add dimensions with coefficient zero."""
        first = self.B.shape[1]
        k = first + dimensions.size
        if k + 3 > len(self.packed):  # the kernel goes by fours
            capacity = max(k + 3, 2 * len(self.packed))
            packed, hessian = np.empty((capacity, self.labels.size), np.float32), np.zeros((capacity, capacity))
            packed[:first], hessian[:first, :first] = self.packed[:first], self.hessian[:first, :first]
            self.packed, self.hessian = packed, hessian.astype(np.float32)
        pack(self.columns, ALL_ROWS, dimensions, self.packed, first)
        self.dimensions = np.concatenate([self.dimensions, dimensions])
        self.B = np.concatenate([self.B, np.zeros((len(self.B), dimensions.size))], axis=1)

    def _gap(self, norms: np.ndarray, limits: np.ndarray, l1: np.ndarray) -> float:
        """Return the duality gap given gradient norms, their limits, and the penalties of the packed dimensions."""
        if self._imbalance > _UNBALANCED:
            return np.inf  # no dual point, no certificate
        over = norms > limits
        s = float(np.min(limits[over] / norms[over])) if over.any() else 1.0
        q = self.P if s == 1.0 else (1.0 - s) * self.Y + s * self.P
        entropy = -np.einsum("kn,kn->n", q, np.log(np.maximum(q, 1e-300)))
        gap = self.loss() - float(self.w @ entropy) + float(l1 @ np.linalg.norm(self.B[:, 1:], axis=0))
        return max(0.0, gap)  # below it only by rounding

    def _solve_working_set(self, l1: np.ndarray, tolerance: float) -> int:
        """Solve for the packed columns to a gap; returns the number of steps."""
        k, before = l1.size, np.inf
        packed = self.packed[:k] if self.dtype == np.float32 else self.packed[:k].astype(np.float64)
        for n_steps in range(_MAX_STEPS):
            slope = (packed @ self.R.T.astype(self.dtype)).T.astype(np.float64)
            gap = self._gap(np.linalg.norm(slope[:, 1:], axis=0), l1[1:], l1[1:])
            if gap <= tolerance and n_steps > 0:
                return n_steps
            if self.is_stale and ((n_steps > 2 and gap > _STALLED * before) or _WORTH * self._extra > k):
                self.n_built = 0
            before = gap
            self._extra += n_steps > 0
            if n_steps >= _PATIENCE + len(self.B) * k // _PER_STEP and self._coupled_step(packed, slope, l1):
                continue
            if not self._step(packed, slope, l1, tolerance):
                if not self.is_stale:
                    return n_steps  # nothing left to gain in this arithmetic
                self.n_built = 0
        return _MAX_STEPS

    def _coupled_step(self, packed: np.ndarray, slope: np.ndarray, l1: np.ndarray) -> bool:
        """Take one proximal Newton step over the active dimensions, with every class's own Hessian.

        Where dimensions are collinear, or classes are unsure about different rows, the mean coupling of `_step` is far
        from the truth; this costs K (K + 1) / 2 Gram matrices. Returns whether the objective fell.
        """
        n_classes = len(self.B)
        sizes = np.linalg.norm(slope, axis=0)
        active = np.flatnonzero(self.B.any(axis=0) | (l1 == 0.0) | (sizes > _NEAR * l1))
        k = active.size
        n_selected = np.count_nonzero(self.B.any(axis=0))
        if n_classes * k > _MOST_COUPLED or n_classes * n_selected > _MOST_SOLVED:
            return False
        columns = self.packed[np.concatenate([active, [0, 0, 0]])]  # the kernel goes by fours
        J, H = np.empty((k, n_classes, k, n_classes), np.float32), np.empty((k + 3, k + 3), np.float32)
        for c in range(n_classes):
            for e in range(c + 1):
                weights = self.w * self.P[c] * ((c == e) - self.P[e])
                gram(columns, k, 0, weights.astype(np.float32), H)
                J[:, c, :, e] = J[:, e, :, c] = H[:k, :k]
        new = self.B.copy()
        new[:, active] = solve_coupled(J, slope[:, active].T, new[:, active].T, l1[active]).T
        return self._move(new, packed, slope, l1, is_exact=True)

    def _step(self, packed: np.ndarray, slope: np.ndarray, l1: np.ndarray, tolerance: float) -> bool:
        """Take one step; returns whether the objective fell."""
        k, coupling = l1.size, self._mean_hessian()
        trace = float(np.trace(coupling))
        if self.n_built < k:
            if self.n_built == 0:
                self.is_stale, self._extra = False, 0
                self.built_trace = trace
            # what is kept was built at other probabilities: new rows are weighted as its scale asks
            t = np.einsum("kn,kn->n", self.P, 1.0 - self.P) * (self.built_trace / trace)
            gram(self.packed, k, self.n_built, (self.w * np.maximum(t, 1e-8)).astype(np.float32), self.hessian)
            self.n_built = k
        scales, basis = np.linalg.eigh(coupling / self.built_trace)
        scales = np.maximum(scales, 1e-6 * scales[-1])
        new = basis.T @ self.B
        group_coordinate_descent(
            self.hessian, scales, np.ascontiguousarray(basis.T @ slope), new, l1, 1e-3 * tolerance, 50
        )
        new = basis @ new
        new[:, np.linalg.norm(new, axis=0) <= 1e-15] = 0.0
        return self._move(new, packed, slope, l1)

    def _move(
        self, new: np.ndarray, packed: np.ndarray, slope: np.ndarray, l1: np.ndarray, is_exact: bool = False
    ) -> bool:
        """Go towards ``new`` as far as the objective falls; returns whether it did.

        Between copies coefficients move far with little effect on rows, which is then summed in float64, ``is_exact``.
        """
        step = new - self.B
        change = float(l1 @ (np.linalg.norm(new, axis=0) - np.linalg.norm(self.B, axis=0)))
        start = change - float(np.sum(slope * step))
        if not start < 0.0:
            return False
        if is_exact:
            moved = np.flatnonzero(step.any(axis=0))
            direction = step[:, moved] @ packed[moved].astype(np.float64)
        else:
            direction = (step.astype(self.dtype) @ packed).astype(np.float64)
        origin, length, done = self.eta, 1.0, 0.0
        for _ in range(30):
            self.eta, done = origin + length * direction, length
            self._update_probabilities()
            end = change - float(np.einsum("kn,kn->", self.R, direction))
            if end <= -0.5 * start:
                break
            length *= start / (start - end)
        self.B = new if done == 1.0 else self.B + done * step
        self.is_stale = True
        self._solve_intercepts()
        return True


def solve_grouped_path(
    problem: GroupedProblem, lambdas: np.ndarray, tolerance: float, max_entrants: int | None = None
) -> PathRecord:
    """Solve a problem at its null model along decreasing penalties.

    Parameters
    ----------
    problem : GroupedProblem
        At its null model.
    lambdas : (n_lambdas,) float64
        Decreasing.
    tolerance : float
        Duality gap to reach, in nats.
    max_entrants : int, optional
        Stop after the penalty at which this many dimensions have entered.
    """
    record = PathRecord()
    for lambda_ in lambdas:
        gap, n_iter = problem.solve(lambda_, tolerance)
        record.add(*problem.support(), problem.intercepts, problem.loss(), gap, n_iter)
        if max_entrants is not None and len(record.entrants) >= max_entrants:
            break
    return record
