"""The L1-logistic path: decreasing penalties, warm starts, screening, a certificate at each."""

from __future__ import annotations

import dataclasses
import itertools
import warnings
from typing import Any

import numpy as np

from featkit.core.arrays import as_matrix, as_two_classes
from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.options import ComputeOptions, PathOptions
from featkit.results.path import PathResult
from featkit.sparse.memory import rows_that_fit
from featkit.sparse.solvers.design import (
    Design,
    as_penalties,
    make_design,
    require_weight,
    share_weights,
)
from featkit.sparse.solvers.path_record import PathRecord
from featkit.sparse.solvers.path_solver import solve_path
from featkit.sparse.solvers.working_set import ALL_ROWS, WorkingSet
from featkit.stats.labelled_rows import LabelledRows


def largest_lambda(gradient: np.ndarray, penalty_weights: np.ndarray, l1_ratio: float) -> float:
    """Return the smallest penalty at which nothing penalised is selected; gradient (d,) at the null model."""
    penalised = (penalty_weights > 0.0) & np.isfinite(penalty_weights)
    if not penalised.any():
        raise InputError("at least one dimension must be penalised and not excluded", None)
    return float(np.max(np.abs(gradient[penalised]) / penalty_weights[penalised])) / l1_ratio


def lambda_grid(largest: float, options: PathOptions) -> np.ndarray:
    """Return the penalties of a path, decreasing: those given, or a grid down from the largest penalty.

    Parameters
    ----------
    largest : float
        Smallest penalty at which nothing is selected.
    options : PathOptions
        The penalties, or how many and how far down.

    Raises
    ------
    InputError
        If a grid is asked and there is nothing to select at any penalty.
    """
    if options.lambdas is not None:
        return np.array(options.lambdas)
    if not largest > 0.0:
        raise InputError(
            "at least one dimension must vary with the labels to make a grid of penalties",
            "no gradient at any",
            "Check that the embeddings are not constant, or give the penalties as lambdas",
        )
    return largest * np.geomspace(1.0, options.lambda_min_ratio, options.n_lambdas)


@dataclasses.dataclass(frozen=True, eq=False)
class FittedRows:
    """The rows a path is fitted on, with their weights, as the solvers take them.

    Parameters
    ----------
    rows : LabelledRows
        Those that fit in memory.
    design : Design
        Their embeddings.
    w : (n,) float64
        Weights with sum 1.
    total_weight : float
        Sum of the weights given; the number of rows without any.
    notes : tuple of str
        What was left out.
    """

    rows: LabelledRows
    design: Design
    w: np.ndarray
    total_weight: float
    notes: tuple[str, ...]


def fitted_rows(
    rows: LabelledRows, path: PathOptions, sample_weight: Any, compute: ComputeOptions, seed: int
) -> FittedRows:
    """Return the rows that fit in memory, as a design, with weights; see `logistic_path` for the parameters."""
    w, total = share_weights(sample_weight, rows.n)
    rows, kept, note = rows_that_fit(rows, compute.max_bytes, seed)
    if kept is not None:
        w, total = share_weights(None if sample_weight is None else np.asarray(sample_weight)[kept], kept.size)
    design = make_design(
        as_matrix(rows.X),
        standardize=path.standardize,
        sample_weight=w if sample_weight is not None else None,
        center=path.fit_intercept,
    )
    return FittedRows(rows, design, w, total, (note,) if note else ())


def logistic_path(
    rows: LabelledRows,
    path: PathOptions = PathOptions(),
    *,
    sample_weight: Any = None,
    penalty_weights: Any = None,
    max_entrants: int | None = None,
    compute: ComputeOptions = ComputeOptions(),
    seed: int = 0,
) -> PathResult:
    """Fit an L1- or elastic-net-penalised logistic model of two classes along a path of penalties.

    Minimises, at each ``lambda``,

        sum_i w_i log(1 + exp(-margin_i)) / sum_i w_i
            + lambda sum_j p_j (l1_ratio |b_j| + (1 - l1_ratio) b_j**2 / 2).

    scikit-learn's ``LogisticRegression(C=C)`` is the same problem at ``C = 1 / (lambda * sum_i w_i)``.

    Parameters
    ----------
    rows : LabelledRows
        Embeddings (held as float32, column by column: a float32 array in column order is not copied), labels 0 and 1,
        and patients, which matter only where the embeddings do not fit in memory.
    path : PathOptions
        Penalties, L1 share, standardising, intercept and tolerance, by default 1e-5. With ``standardize`` dimensions
        are penalised as if scaled to unit standard deviation; coefficients are for ``X`` as given. The embeddings are
        held in float32, which the certificate takes as exact; gaps down to about 1e-8 can be reached.
    sample_weight : (n,) array, optional
        Weights w, not negative; each class must have some.
    penalty_weights : (d,) array, optional
        Weights p: 0 leaves a dimension unpenalised, infinity keeps it out.
    max_entrants : int, optional
        Stop after the penalty at which this many dimensions have entered.
    compute : ComputeOptions
        Only ``max_bytes`` is used.
    seed : int
        Seed of the draw of rows where not all fit in memory.

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

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((80, 5))
    >>> rows = LabelledRows(X, (X[:, 2] > 0).astype(int), "patches")
    >>> logistic_path(rows, PathOptions(lambdas=[0.2])).support(0)
    array([2])
    """
    tolerance = path.tolerance or 1e-5
    options = dataclasses.replace(path, tolerance=tolerance)
    fitted = fitted_rows(rows, options, sample_weight, compute, seed)
    labels = as_two_classes(fitted.rows.y).astype(np.float64)
    require_weight(labels, fitted.w)
    shape = fitted.design.columns.shape[::-1]
    penalties = as_penalties(penalty_weights, shape[1])
    require_entrants(max_entrants)
    problem = WorkingSet(
        fitted.design.columns, labels, fitted.w, ALL_ROWS, penalties, options.l1_ratio, options.fit_intercept
    )
    null_loss = problem.loss()
    gradient = problem.gradient()
    grid = lambda_grid(largest_lambda(gradient, penalties, options.l1_ratio), options)
    record = solve_path(problem, gradient, grid, tolerance * null_loss, max_entrants)
    found = to_result(record, grid, null_loss, options, fitted.total_weight, shape)
    return on_data_scale(found, fitted.design, fitted.notes)


def require_entrants(max_entrants: int | None) -> None:
    """Refuse a number of entrants below 1."""
    if max_entrants is not None and max_entrants < 1:
        raise InputError("max_entrants must be at least 1", max_entrants)


def to_result(
    record: PathRecord,
    lambdas: np.ndarray,
    null_loss: float,
    options: PathOptions,
    total_weight: float,
    shape: tuple[int, ...],
    classes: tuple[str, ...] = (),
) -> PathResult:
    """Return a record as a result, on the scale of the design, and warn where it did not converge.

    ``options`` must hold the tolerance; ``shape`` is that of the rows, (n, d).
    """
    assert options.tolerance is not None
    tolerance = options.tolerance
    n_done = len(record.supports)
    gaps = np.array(record.gaps)
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
        indptr=np.concatenate([[0], np.cumsum([s.size for s in record.supports])]),
        indices=np.concatenate(record.supports),
        values=np.concatenate(record.values),
        intercepts=np.array(record.intercepts),
        losses=np.array(record.losses),
        gaps=gaps,
        n_iter=np.array(record.n_iter),
        is_converged=is_converged,
        null_loss=null_loss,
        tolerance=tolerance,
        l1_ratio=options.l1_ratio,
        total_weight=total_weight,
        n_rows=shape[0],
        n_dimensions=shape[1],
        entrants=np.array(record.entrants),
        is_stopped=n_done < lambdas.size,
        notes=tuple(messages),
        classes=classes,
    )


def on_data_scale(path: PathResult, design: Design, notes: tuple[str, ...] = ()) -> PathResult:
    """Return a path fitted on a design with coefficients for the data as given, and ``notes`` before its own."""
    values = (path.values.T / design.scale[path.indices]).T
    shifts = [
        design.mean[path.indices[first:stop]] @ values[first:stop] for first, stop in itertools.pairwise(path.indptr)
    ]
    return dataclasses.replace(
        path, values=values, intercepts=path.intercepts - np.array(shifts), notes=(*notes, *path.notes)
    )
