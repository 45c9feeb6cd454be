"""Paths for several classes: one model whose dimensions are in or out for all of them, or one model a class.

The grouped model minimises, with softmax probabilities and ``B`` (d, K),

    sum_i w_i (-log p_i[y_i]) / sum_i w_i + lambda sum_j p_j ||B_j||_2.

How it is solved: `featkit.sparse.grouped`.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.results.path import MultinomialPathResult, PathResult
from featkit.sparse.design import as_matrix, as_penalties, as_weights, make_design
from featkit.sparse.grouped import GroupedProblem
from featkit.sparse.many import EXACT_BELOW, solve_many
from featkit.sparse.path import as_lambdas, check_options, lambda_grid, largest_lambda, to_result
from featkit.sparse.working_set import ALL_ROWS, WorkingSet


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
) -> MultinomialPathResult:
    """Fit a multinomial logistic model whose dimensions enter for all classes together.

    Parameters
    ----------
    X : (n, d) array
        Embeddings, held as float32.
    y : (n,) array
        Labels; their sorted values are the classes.
    sample_weight, lambdas, n_lambdas, lambda_min_ratio, penalty_weights, standardize, tolerance
        As in `featkit.sparse.logistic_path`; penalty weights must be above 0.

    Returns
    -------
    MultinomialPathResult

    Raises
    ------
    InputError
        If the input is malformed or there are fewer than two classes.

    Warns
    -----
    FeatkitWarning
        If a penalty did not reach the asked gap.
    """
    X = as_matrix(X)
    classes, labels = as_classes(y, X.shape[0])
    w, total = as_weights(sample_weight, X.shape[0])
    penalties = as_penalties(penalty_weights, X.shape[1])
    if penalties.min() <= 0.0:
        raise InputError("penalty weights of the grouped model must be above 0", penalties.min())
    check_options(1.0, tolerance, None)
    design = make_design(X, standardize=standardize, sample_weight=w if sample_weight is not None else None)
    with threadpool_limits(1):
        problem = GroupedProblem(design.columns, labels, classes.size, w, penalties, tolerance)
        null_loss = problem.loss()
        norms = problem.gradient_norms()
        live = np.isfinite(penalties)
        if not live.any():
            raise InputError("at least one dimension must not be excluded", None)
        largest = float(np.max(norms[live] / penalties[live]))
        grid = lambda_grid(largest, n_lambdas, lambda_min_ratio) if lambdas is None else as_lambdas(lambdas)
        rows = [problem.solve(lambda_, tolerance * null_loss) for lambda_ in grid]
    gaps = np.array([row[3] for row in rows])
    messages = []
    if (gaps > tolerance * null_loss).any():
        worst = gaps.max() / null_loss
        messages.append(f"a fit did not reach a relative duality gap of {tolerance:g}: the largest is {worst:.2g}")
        warnings.warn(messages[-1], FeatkitWarning, stacklevel=2)
    values = [row[1] / design.scale[row[0], None] for row in rows]
    return MultinomialPathResult(
        classes=tuple(str(c) for c in classes),
        lambdas=grid,
        indptr=np.concatenate([[0], np.cumsum([row[0].size for row in rows])]),
        indices=np.concatenate([row[0] for row in rows]),
        values=np.concatenate(values),
        intercepts=np.array([row[2] - design.mean[row[0]] @ v for row, v in zip(rows, values)]),
        losses=np.array([row[4] for row in rows]),
        gaps=gaps,
        is_converged=gaps <= tolerance * null_loss,
        null_loss=null_loss,
        tolerance=tolerance,
        total_weight=total,
        n_rows=X.shape[0],
        n_dimensions=X.shape[1],
        warnings=tuple(messages),
    )


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
        str(c): to_result(trace, grid, design.mean, design.scale, loss, tolerance, l1_ratio, float(n), (n, d))
        for c, trace, loss in zip(classes, traces, losses)
    }


def as_classes(y: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted classes and each row's class index; at least two must occur."""
    y = np.asarray(y)
    if y.shape != (n,):
        raise InputError(f"y must have one label for each of the {n} rows of X", f"shape {y.shape}")
    classes, labels = np.unique(y, return_inverse=True)
    if classes.size < 2:
        raise InputError("at least two classes must occur", f"only {classes[0]}", "Choose rows that have more")
    return classes, labels.reshape(-1)
