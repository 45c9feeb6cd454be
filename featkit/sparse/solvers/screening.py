"""Which dimensions must be looked at again to verify a solution."""

from __future__ import annotations

import math

import numpy as np

from featkit.sparse.solvers.kernels import column_dots, compiled
from featkit.sparse.solvers.working_set import WorkingSet


@compiled
def column_norms(columns: np.ndarray, is_centered: bool) -> np.ndarray:
    """Return the Euclidean norm of every row of ``columns`` (d, n), of its deviations from the mean if centered."""
    d, n = columns.shape
    norms = np.empty(d)
    for j in range(d):
        row = columns[j]
        total = squares = 0.0
        for t in range(n):
            value = float(row[t])
            total += value
            squares += value * value
        norms[j] = math.sqrt(max(squares - total * total / n, 0.0) if is_centered else squares) + 1e-6 * math.sqrt(
            squares
        )
    return norms


@compiled
def look_again(
    columns: np.ndarray,
    r: np.ndarray,
    gone: float,
    lambda_: float,
    weights: np.ndarray,
    is_in: np.ndarray,
    norms: np.ndarray,
    inside: np.ndarray,
    g: np.ndarray,
    gradient: np.ndarray,
    way: np.ndarray,
) -> None:
    """Bring the gradient (d,) up to date at residuals r (n,) wherever it could exceed ``lambda_ * weights``.

    ``way`` says how far residuals had gone, in all ``gone`` by now, when a dimension was last looked at; ``norms``
    bounds how fast its gradient moves with them. Dimensions ``inside`` a working set, -1 for the intercept, take theirs
    from g.
    """
    which = np.empty(gradient.size, np.int64)
    size = 0
    for j in range(gradient.size):
        if not is_in[j] and abs(gradient[j]) + norms[j] * (gone - way[j]) > lambda_ * weights[j]:
            which[size] = j
            size += 1
    values = np.empty(size)
    column_dots(columns, which[:size], r, values)
    for i in range(size):
        gradient[which[i]] = values[i]
        way[which[i]] = gone
    for a in range(inside.size):
        if inside[a] >= 0:
            gradient[inside[a]] = g[a]
            way[inside[a]] = gone


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
        self._r = problem.residuals(problem.columns.shape[1]).copy()

    def __call__(self, lambda_: float) -> np.ndarray:
        """Return the gradient, current wherever it matters for verifying ``lambda_``."""
        problem = self.problem
        r = problem.residuals(problem.columns.shape[1])
        self._gone += float(np.linalg.norm(r - self._r))
        self._r[:] = r
        inside, g = problem.dimensions[: problem.k], problem.packed.g
        look_again(
            problem.columns, r, self._gone, lambda_, problem.weights, problem.is_in, self._norms, inside, g,
            self.gradient, self._way,
        )  # fmt: skip
        return self.gradient
