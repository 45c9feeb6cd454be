"""Which dimensions must be looked at again to verify a solution."""

from __future__ import annotations

import math
from typing import NamedTuple

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


class Seen(NamedTuple):
    """What a screen remembers of each dimension.

    Parameters
    ----------
    gradient : (d,) float64
        When it was last computed.
    distance : (d,) float64
        How far residuals had moved by then, in all.
    norms : (d,) float64
        How fast its gradient can move with the residuals: the norm of its column.
    """

    gradient: np.ndarray
    distance: np.ndarray
    norms: np.ndarray


@compiled
def refresh_gradients(
    columns: np.ndarray, r: np.ndarray, distance: float, limits: np.ndarray, is_in: np.ndarray, seen: Seen
) -> None:
    """Compute the gradient at residuals r (n,) of every dimension outside the working set that could exceed its limit.

    ``distance`` is how far residuals have moved by now; ``limits`` (d,) are the penalties.
    """
    d = limits.size
    which = np.empty(d, np.int64)
    size = 0
    for j in range(d):
        bound = abs(seen.gradient[j]) + seen.norms[j] * (distance - seen.distance[j])
        if not is_in[j] and bound > limits[j]:
            which[size] = j
            size += 1
    values = np.empty(size)
    column_dots(columns, which[:size], r, values)
    for i in range(size):
        seen.gradient[which[i]] = values[i]
        seen.distance[which[i]] = distance


class Screen:
    """Gradients of one problem, computed only for the dimensions that could break the optimality conditions.

    The gradient of a dimension moves by at most its column's norm times the distance its residuals moved. Dimensions
    whose last gradient and that bound stay below the penalty are verified without being computed: a safe rule in the
    sense of El Ghaoui et al. (2012), with the sphere around the last residuals. With an intercept residuals sum to
    zero, and norms are those of centred columns.

    Parameters
    ----------
    problem : WorkingSet
        At its null model.
    gradient : (d,) float64
        Of the null model; updated by every call.

    References
    ----------
    El Ghaoui, Viallon and Rabbani, Pac. J. Optim. 8:667, 2012.
    """

    def __init__(self, problem: WorkingSet, gradient: np.ndarray) -> None:
        self.problem, self.gradient = problem, gradient
        norms = column_norms(problem.columns, problem.has_intercept)
        norms[~np.isfinite(problem.weights)] = 0.0
        self._seen = Seen(gradient, np.zeros(gradient.size), norms)
        self._distance = 0.0
        self._r = problem.residuals(problem.columns.shape[1]).copy()

    def __call__(self, lambda_: float) -> np.ndarray:
        """Return the gradient, current wherever it matters for verifying ``lambda_``."""
        problem = self.problem
        r = problem.residuals(problem.columns.shape[1])
        self._distance += float(np.linalg.norm(r - self._r))
        self._r[:] = r
        refresh_gradients(problem.columns, r, self._distance, lambda_ * problem.weights, problem.is_in, self._seen)
        inside = problem.dimensions[: problem.k]
        is_dimension = inside >= 0  # not the intercept
        self.gradient[inside[is_dimension]] = problem.packed.g[: problem.k][is_dimension]
        self._seen.distance[inside[is_dimension]] = self._distance
        return self.gradient
