"""The L1-logistic path: decreasing penalties, warm starts, screening, a certificate at each."""

from __future__ import annotations

import dataclasses
import itertools
import warnings
from typing import Any

import numpy as np

from featkit.core.errors import FeatkitWarning, InputError
from featkit.results.path import PathResult
from featkit.sparse.memory import thin
from featkit.sparse.solvers.design import Design, as_labels, as_matrix, as_penalties, as_weights, make_design
from featkit.sparse.solvers.path_record import Trace
from featkit.sparse.solvers.path_solver import follow
from featkit.sparse.solvers.working_set import ALL_ROWS, WorkingSet


def largest_lambda(gradient: np.ndarray, penalty_weights: np.ndarray, l1_ratio: float) -> float:
    """Return the smallest penalty at which nothing penalised is selected; gradient (d,) at the null model."""
    penalised = (penalty_weights > 0.0) & np.isfinite(penalty_weights)
    if not penalised.any():
        raise InputError("at least one dimension must be penalised and not excluded", None)
    return float(np.max(np.abs(gradient[penalised]) / penalty_weights[penalised])) / l1_ratio


def lambda_grid(largest: float, n_lambdas: int, lambda_min_ratio: float) -> np.ndarray:
    """Return ``n_lambdas`` penalties from ``largest`` to ``lambda_min_ratio * largest``, evenly spaced in the log."""
    if n_lambdas < 1:
        raise InputError("n_lambdas must be at least 1", n_lambdas)
    if not 0.0 < lambda_min_ratio < 1.0:
        raise InputError("lambda_min_ratio must lie in (0, 1)", lambda_min_ratio)
    return largest * np.geomspace(1.0, lambda_min_ratio, n_lambdas)


def as_lambdas(lambdas: Any) -> np.ndarray:
    """Return given penalties as float64, decreasing."""
    values = np.atleast_1d(np.asarray(lambdas, dtype=np.float64))
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all() or values.min() <= 0:
        raise InputError("lambdas must be positive numbers", lambdas)
    return np.sort(values)[::-1].copy()


def logistic_path(
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    lambdas: Any = None,
    n_lambdas: int = 100,
    lambda_min_ratio: float = 0.01,
    l1_ratio: float = 1.0,
    penalty_weights: Any = None,
    fit_intercept: bool = True,
    standardize: bool = False,
    tolerance: float = 1e-5,
    max_entrants: int | None = None,
    groups: Any = None,
    max_bytes: int | None = None,
    seed: int = 0,
) -> PathResult:
    """Fit an L1- or elastic-net-penalised logistic model along a path of penalties.

    Minimises, at each ``lambda``,

        sum_i w_i log(1 + exp(-margin_i)) / sum_i w_i
            + lambda sum_j p_j (l1_ratio |b_j| + (1 - l1_ratio) b_j**2 / 2).

    scikit-learn's ``LogisticRegression(C=C)`` is the same problem at ``C = 1 / (lambda * sum_i w_i)``.

    Parameters
    ----------
    X : (n, d) array
        Embeddings. Held as float32, column by column: a float32 array in column order is not copied.
    y : (n,) array
        Labels, 0 or 1.
    sample_weight : (n,) array, optional
        Weights w, not negative.
    lambdas : array, optional
        Penalties; by default ``n_lambdas`` of them from the smallest that selects nothing down to
        ``lambda_min_ratio`` of it, evenly spaced in the log.
    l1_ratio : float
        Share of the penalty that is L1, in (0, 1].
    penalty_weights : (d,) array, optional
        Weights p: 0 leaves a dimension unpenalised, infinity keeps it out.
    fit_intercept : bool
        Fit an unpenalised intercept.
    standardize : bool
        Penalise the dimensions as if scaled to unit standard deviation; coefficients are for ``X`` as given.
    tolerance : float
        Duality gap to reach at each penalty, relative to the loss of the null model. The data are held in float32,
        which the certificate takes as exact; gaps down to about 1e-8 can be reached.
    max_entrants : int, optional
        Stop after the penalty at which this many dimensions have entered.
    groups : (n,) array, optional
        Patients; used only when ``X`` does not fit in memory.
    max_bytes : int, optional
        Memory the work may take, by default 60 % of what is available. A larger ``X``, in memory or on disk, is thinned
        by `featkit.sparse.memory.thin`: every patient stays, with fewer patches, and the result says so.
    seed : int
        Seed of that draw.

    Returns
    -------
    PathResult
        Coefficients, intercepts, losses, duality gaps and convergence of each penalty.

    Raises
    ------
    InputError
        If an array has the wrong shape or values, or only one class occurs.

    Warns
    -----
    FeatkitWarning
        If a penalty did not reach the asked gap.

    References
    ----------
    Friedman, Hastie and Tibshirani, J. Stat. Softw. 33(1), 2010 (paths, covariance updates); Tibshirani et al.,
    JRSSB 74:245, 2012 (strong rules); Lee, Sun and Saunders, SIAM J. Optim. 24:1420, 2014 (proximal Newton).
    """
    X, rows, thinned = thin(X, y, groups, max_bytes, seed)
    if rows is not None:
        y = np.asarray(y)[rows]
        sample_weight = None if sample_weight is None else np.asarray(sample_weight)[rows]
    X = as_matrix(X)
    labels = as_labels(y, X.shape[0])
    w, total = as_weights(sample_weight, X.shape[0])
    penalties = as_penalties(penalty_weights, X.shape[1])
    check_options(l1_ratio, tolerance, max_entrants)
    design = make_design(X, standardize=standardize, sample_weight=w if sample_weight is not None else None)
    problem = WorkingSet(design.columns, labels, w, ALL_ROWS, penalties, l1_ratio, fit_intercept)
    null_loss = problem.loss()
    gradient = problem.gradient()
    if lambdas is None:
        grid = lambda_grid(largest_lambda(gradient, penalties, l1_ratio), n_lambdas, lambda_min_ratio)
    else:
        grid = as_lambdas(lambdas)
    trace = follow(problem, gradient, grid, tolerance * null_loss, max_entrants)
    path = to_result(trace, grid, null_loss, tolerance, l1_ratio, total, X.shape)
    return on_data_scale(path, design, (thinned,) if thinned else ())


def check_options(l1_ratio: float, tolerance: float, max_entrants: int | None) -> None:
    """Refuse options outside their ranges."""
    if not 0.0 < l1_ratio <= 1.0:
        raise InputError("l1_ratio must lie in (0, 1]", l1_ratio, "Fit a ridge with scikit-learn")
    if not 0.0 < tolerance < 1.0:
        raise InputError("tolerance must lie in (0, 1)", tolerance)
    if max_entrants is not None and max_entrants < 1:
        raise InputError("max_entrants must be at least 1", max_entrants)


def to_result(
    trace: Trace,
    lambdas: np.ndarray,
    null_loss: float,
    tolerance: float,
    l1_ratio: float,
    total_weight: float,
    shape: tuple[int, ...],
    classes: tuple[str, ...] = (),
) -> PathResult:
    """Return a trace as a result, on the scale of the design, and warn where it did not converge."""
    n_done = len(trace.supports)
    gaps = np.array(trace.gaps)
    is_converged = gaps <= tolerance * null_loss
    messages = []
    if not is_converged.all():
        bad = int(np.argmax(gaps))
        messages.append(
            f"{int((~is_converged).sum())} of {n_done} fits did not reach a relative duality gap of {tolerance:g}: "
            f"the largest is {gaps[bad] / null_loss:.2g} at lambda {lambdas[bad]:.3g}"
        )
        warnings.warn(messages[-1], FeatkitWarning, stacklevel=3)
    return PathResult(
        lambdas=lambdas[:n_done],
        indptr=np.concatenate([[0], np.cumsum([s.size for s in trace.supports])]),
        indices=np.concatenate(trace.supports),
        values=np.concatenate(trace.values),
        intercepts=np.array(trace.intercepts),
        losses=np.array(trace.losses),
        gaps=gaps,
        n_iter=np.array(trace.n_iter),
        is_converged=is_converged,
        null_loss=null_loss,
        tolerance=tolerance,
        l1_ratio=l1_ratio,
        total_weight=total_weight,
        n_rows=shape[0],
        n_dimensions=shape[1],
        entrants=np.array(trace.entrants),
        is_stopped=n_done < lambdas.size,
        warnings=tuple(messages),
        classes=classes,
    )


def on_data_scale(path: PathResult, design: Design, notes: tuple[str, ...] = ()) -> PathResult:
    """Return a path fitted on a design with coefficients for the data as given, and ``notes`` as first warnings."""
    values = (path.values.T / design.scale[path.indices]).T
    shifts = [
        design.mean[path.indices[first:stop]] @ values[first:stop] for first, stop in itertools.pairwise(path.indptr)
    ]
    return dataclasses.replace(
        path, values=values, intercepts=path.intercepts - np.array(shifts), warnings=(*notes, *path.warnings)
    )
