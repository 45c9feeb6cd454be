"""One problem going down its penalties: screen, solve the working set, verify every dimension, go on."""

from __future__ import annotations

import numpy as np

from featkit.sparse.solvers.path_record import PathRecord
from featkit.sparse.solvers.screening import Screen
from featkit.sparse.solvers.working_set import WorkingSet

_WORKING_SHARE = 0.5  # of the asked gap that the working set is solved to, leaving room for the other dimensions
_ROUNDS = 40


class PathSolver:
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
        self.max_entrants = max_entrants if max_entrants is not None else problem.is_in.size + 1
        self.record = PathRecord()
        self._is_solved = False
        self._start()

    def _start(self) -> None:
        self._rounds = self._n_iter = self._failures = 0
        self._inner = _WORKING_SHARE * self.tolerance

    @property
    def lambda_(self) -> float:
        """The penalty under way."""
        return float(self.lambdas[len(self.record.gaps)])

    def step(self, gradient: np.ndarray) -> bool:
        """Verify the last solution, and solve again or at the next penalty; returns whether the path is done.

        Parameters
        ----------
        gradient : (d,) float64
            ``X'r`` at the problem's residuals.
        """
        lambda_ = self.lambda_
        violating = self.problem.violators(gradient, lambda_)
        if self._is_solved:
            gap = self.problem.full_gap(gradient, violating, lambda_)
            self._rounds += 1
            is_stuck = (
                self._rounds >= _ROUNDS
                or self._failures >= 8
                or (violating.size == 0 and self._inner < 1e-6 * self.tolerance)
            )
            if gap <= self.tolerance or is_stuck:
                support, values = self.problem.support()
                loss = self.problem.loss()
                self.record.add(support, values, self.problem.intercept, loss, gap, self._n_iter)
                if len(self.record.gaps) == self.lambdas.size or len(self.record.entrants) >= self.max_entrants:
                    return True
                self._start()
                lambda_ = self.lambda_
                violating = self.problem.violators(gradient, lambda_)
            elif violating.size == 0:
                self._inner *= 0.1
        self.problem.enter(violating)
        self._n_iter += self.problem.solve(lambda_, self._inner)
        self._failures += self.problem.progress.gap > self._inner
        self._is_solved = True
        return False


def solve_path(
    problem: WorkingSet,
    gradient: np.ndarray,
    lambdas: np.ndarray,
    tolerance: float,
    max_entrants: int | None = None,
) -> PathRecord:
    """Solve one problem along its penalties; ``gradient`` (d,) is that of its null model. See `PathSolver`."""
    solver = PathSolver(problem, lambdas, tolerance, max_entrants)
    screen = Screen(problem, gradient)
    while not solver.step(screen.gradient):
        screen(solver.lambda_)
    return solver.record
