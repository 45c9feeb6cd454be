"""Paths for several classes: one model whose dimensions are in or out for all of them, or one model a class.

The grouped model minimises, with softmax probabilities and ``B`` (d, K),

    sum_i w_i (-log p_i[y_i]) / sum_i w_i + lambda sum_j p_j ||B_j||_2.

How it is solved: `featkit.sparse.solvers.multinomial`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from featkit.core.errors import InputError
from featkit.results.path import PathResult
from featkit.sparse.memory import thin
from featkit.sparse.path import as_lambdas, check_options, lambda_grid, largest_lambda, on_data_scale, to_result
from featkit.sparse.solvers.batch import EXACT_BELOW, solve_many
from featkit.sparse.solvers.design import as_given, as_matrix, as_penalties, as_weights, make_design
from featkit.sparse.solvers.multinomial import GroupedProblem, follow_groups
from featkit.sparse.solvers.working_set import ALL_ROWS, WorkingSet


def multinomial_path(
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    lambdas: Any = None,
    n_lambdas: int = 49,
    lambda_min_ratio: float = 0.01,
    penalty_weights: Any = None,
    standardize: bool = False,
    tolerance: float = 1e-4,
    max_entrants: int | None = None,
    groups: Any = None,
    max_bytes: int | None = None,
    seed: int = 0,
) -> PathResult:
    """Fit a multinomial logistic model whose dimensions enter for all classes together.

    Parameters
    ----------
    X : (n, d) array
        Embeddings, held as float32.
    y : (n,) array
        Labels; their sorted values are the classes.
    sample_weight, lambdas, n_lambdas, lambda_min_ratio, penalty_weights, standardize, tolerance, max_entrants
        As in `featkit.sparse.logistic_path`; penalty weights must be above 0.
    groups, max_bytes, seed
        As there.

    Returns
    -------
    PathResult
        With one column of coefficients a class.

    Raises
    ------
    InputError
        If the input is malformed or there are fewer than two classes.

    Warns
    -----
    FeatkitWarning
        If a penalty did not reach the asked gap.
    """
    X, rows, thinned = thin(X, y, groups, max_bytes, seed)
    if rows is not None:
        y = np.asarray(y)[rows]
        sample_weight = None if sample_weight is None else np.asarray(sample_weight)[rows]
    X = as_matrix(X)
    classes, labels = as_classes(y, X.shape[0])
    w, total = as_weights(sample_weight, X.shape[0])
    penalties = as_penalties(penalty_weights, X.shape[1])
    if penalties.min() <= 0.0:
        raise InputError("penalty weights of the grouped model must be above 0", penalties.min())
    check_options(1.0, tolerance, max_entrants)
    design = make_design(X, standardize=standardize, sample_weight=w if sample_weight is not None else None)
    with threadpool_limits(1):
        problem = GroupedProblem(design.columns, labels, classes.size, w, penalties, tolerance)
        null_loss = problem.loss()
        if lambdas is None:
            largest = largest_group_lambda(problem.gradient_norms(is_exact=True), penalties)
            grid = lambda_grid(largest, n_lambdas, lambda_min_ratio)
        else:
            grid = as_lambdas(lambdas)
        trace = follow_groups(problem, grid, tolerance * null_loss, max_entrants)
    names = tuple(str(c) for c in classes)
    path = to_result(trace, grid, null_loss, tolerance, 1.0, total, X.shape, names)
    return on_data_scale(path, design, (thinned,) if thinned else ())


def one_vs_rest_paths(
    X: Any,
    y: Any,
    *,
    lambdas: Any = None,
    n_lambdas: int = 49,
    lambda_min_ratio: float = 0.01,
    l1_ratio: float = 1.0,
    standardize: bool = False,
    tolerance: float = 1e-5,
    n_jobs: int | None = None,
) -> dict[str, PathResult]:
    """Fit one L1-logistic path a class, that class against all others, on one design and one grid of penalties.

    Parameters
    ----------
    X, y, lambdas, n_lambdas, lambda_min_ratio, l1_ratio, standardize, tolerance, n_jobs
        As in `featkit.sparse.logistic_path` and `multinomial_path`; the grid starts at the largest penalty that any
        class needs.

    Returns
    -------
    dict of str to PathResult
        By class, in sorted order.
    """
    X = as_matrix(X)
    n, d = X.shape
    classes, labels = as_classes(y, n)
    check_options(l1_ratio, tolerance, None)
    design = make_design(X, standardize=standardize)
    ones = np.ones(d)

    def problem(c: int) -> WorkingSet:
        member = (labels == c).astype(np.float64)
        return WorkingSet(design.columns, member, np.full(n, 1.0 / n), ALL_ROWS, ones, l1_ratio, True)

    nulls = [problem(c) for c in range(classes.size)]
    losses = [null.loss() for null in nulls]
    if lambdas is None:
        grid = lambda_grid(
            max(largest_lambda(p.gradient(), ones, l1_ratio) for p in nulls), n_lambdas, lambda_min_ratio
        )
    else:
        grid = as_lambdas(lambdas)
    makers = [lambda null=null: null for null in nulls]
    traces = solve_many(
        design.columns, makers, grid, tolerance * min(losses), is_exact=tolerance < EXACT_BELOW, n_jobs=n_jobs
    )
    return {
        str(c): on_data_scale(to_result(trace, grid, loss, tolerance, l1_ratio, float(n), (n, d)), design)
        for c, trace, loss in zip(classes, traces, losses)
    }


def largest_group_lambda(norms: np.ndarray, penalty_weights: np.ndarray) -> float:
    """Return the smallest penalty at which nothing is selected; gradient norms (d,) at the null model."""
    live = np.isfinite(penalty_weights)
    if not live.any():
        raise InputError("at least one dimension must not be excluded", None)
    return float(np.max(norms[live] / penalty_weights[live]))


def as_classes(y: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted classes and each row's class index; at least two must occur."""
    y = as_given(y, n)
    if y.dtype.kind == "f" and np.any(y != np.round(y)):
        raise InputError(
            "labels must be names or whole numbers", f"{y[y != np.round(y)][0]:g}", "Give classes, not values"
        )
    classes, labels = np.unique(y, return_inverse=True)
    if classes.size < 2:
        raise InputError("at least two classes must occur", f"only one class, {classes[0]}", "Choose other rows")
    return classes, labels.reshape(-1)
