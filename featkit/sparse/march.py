"""One problem going down its penalties: screen, solve the working set, verify every dimension, go on."""

from __future__ import annotations

import numpy as np

from featkit.sparse.kernels import column_dots, column_norms
from featkit.sparse.trace import Trace
from featkit.sparse.working_set import WorkingSet

_WORKING_SHARE = 0.5  # of the asked gap that the working set is solved to, leaving room for the other dimensions
_ROUNDS = 40


class March:
    """A problem at its null model and the penalties it will be solved at.

    Whoever drives it computes the gradient of all dimensions at the problem's residuals, for one problem or for many at
    once, and hands it to `step` until that returns True.

    Parameters
    ----------
    problem : WorkingSet
        At its null model.
    lambdas : (n_lambdas,) float64
        Decreasing.
    tolerance : float
        Duality gap to reach, in nats.
    max_entrants : int, optional
        Stop after the penalty at which this many dimensions have entered.
    """

    def __init__(
        self, problem: WorkingSet, lambdas: np.ndarray, tolerance: float, max_entrants: int | None = None
    ) -> None:
        self.problem, self.lambdas, self.tolerance = problem, lambdas, tolerance
        self.most = max_entrants if max_entrants is not None else problem.is_in.size + 1
        self.trace = Trace()
        self._is_solved = False
        self._start()

    def _start(self) -> None:
        self._rounds = self._n_iter = self._failures = 0
        self._inner = _WORKING_SHARE * self.tolerance

    @property
    def lambda_(self) -> float:
        """The penalty under way."""
        return float(self.lambdas[len(self.trace.gaps)])

    def step(self, gradient: np.ndarray) -> bool:
        """Verify the last solution, and solve again or at the next penalty; returns whether the path is done.

        Parameters
        ----------
        gradient : (d,) float64
            ``X'r`` at the problem's residuals.
        """
        lambda_ = self.lambda_
        late = self.problem.violators(gradient, lambda_)
        if self._is_solved:
            gap = self.problem.full_gap(gradient, late, lambda_)
            self._rounds += 1
            is_stuck = (
                self._rounds >= _ROUNDS
                or self._failures >= 8
                or (late.size == 0 and self._inner < 1e-6 * self.tolerance)
            )
            if gap <= self.tolerance or is_stuck:
                support, values = self.problem.support()
                loss = self.problem.loss()
                self.trace.add(support, values, self.problem.intercept, loss, gap, self._n_iter)
                if len(self.trace.gaps) == self.lambdas.size or len(self.trace.entrants) >= self.most:
                    return True
                self._start()
                lambda_ = self.lambda_
                late = self.problem.violators(gradient, lambda_)
            elif late.size == 0:
                self._inner *= 0.1
        self.problem.enter(late)
        self._n_iter += self.problem.solve(lambda_, self._inner)
        self._failures += self.problem.gap > self._inner
        self._is_solved = True
        return False


class Screen:
    """Gradients of one problem, computed only for the dimensions that could break the optimality conditions.

    The gradient of a dimension moves by at most its column's norm times the way its residuals went. Dimensions whose
    last gradient and that bound stay below the penalty are verified without being looked at: a safe rule in the sense
    of El Ghaoui et al. (2012), with the sphere around the last residuals. With an intercept residuals sum to zero, and
    norms are those of centered columns.

    Parameters
    ----------
    problem : WorkingSet
        At its null model.
    gradient : (d,) float64
        Of the null model; updated by every call.
    """

    def __init__(self, problem: WorkingSet, gradient: np.ndarray) -> None:
        self.problem, self.gradient = problem, gradient
        self._norms = column_norms(problem.columns, problem.has_intercept)
        self._norms[~np.isfinite(problem.weights)] = 0.0
        self._way = np.zeros(gradient.size)  # how far residuals had gone when a dimension was last looked at
        self._gone = 0.0
        self._r = problem.r.copy()

    def __call__(self, lambda_: float) -> np.ndarray:
        """Return the gradient, current wherever it matters for verifying ``lambda_``."""
        problem = self.problem
        self._gone += float(np.linalg.norm(problem.r - self._r))
        self._r[:] = problem.r
        bound = np.abs(self.gradient) + self._norms * (self._gone - self._way)
        look = np.flatnonzero((bound > lambda_ * problem.weights) & ~problem.is_in)
        values = np.empty(look.size)
        column_dots(problem.columns, look, problem.residuals(problem.columns.shape[1]), values)
        self.gradient[look] = values
        self._way[look] = self._gone
        inside = problem.dimensions[: problem.k]
        named = inside >= 0
        self.gradient[inside[named]] = problem.g[: problem.k][named]
        self._way[inside[named]] = self._gone
        return self.gradient


def follow(
    problem: WorkingSet,
    gradient: np.ndarray,
    lambdas: np.ndarray,
    tolerance: float,
    max_entrants: int | None = None,
) -> Trace:
    """Solve one problem along its penalties; ``gradient`` (d,) is that of its null model. See `March`."""
    march = March(problem, lambdas, tolerance, max_entrants)
    screen = Screen(problem, gradient)
    while not march.step(screen.gradient):
        screen(march.lambda_)
    return march.trace
