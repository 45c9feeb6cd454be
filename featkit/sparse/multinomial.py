"""Paths for several classes: one model whose dimensions are in or out for all of them, or one model a class.

The grouped model minimises, with softmax probabilities and ``B`` (d, K),

    sum_i w_i (-log p_i[y_i]) / sum_i w_i + lambda sum_j p_j ||B_j||_2.

How it is solved: `featkit.sparse.solvers.multinomial`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from featkit.core.errors import InputError
from featkit.core.options import ComputeOptions, PathOptions
from featkit.results.path import PathResult
from featkit.sparse.path import fitted_rows, lambda_grid, largest_lambda, on_data_scale, require_entrants, to_result
from featkit.sparse.solvers.batch import EXACT_BELOW, solve_batch
from featkit.sparse.solvers.design import as_penalties, require_weight
from featkit.sparse.solvers.multinomial import GroupedProblem, solve_grouped_path
from featkit.sparse.solvers.working_set import ALL_ROWS, WorkingSet
from featkit.stats.labelled_rows import LabelledRows


def multinomial_path(
    rows: LabelledRows,
    path: PathOptions = PathOptions(),
    *,
    sample_weight: Any = None,
    penalty_weights: Any = None,
    max_entrants: int | None = None,
    compute: ComputeOptions = ComputeOptions(),
    seed: int = 0,
) -> PathResult:
    """Fit a multinomial logistic model whose dimensions enter for all classes together.

    Parameters
    ----------
    rows : LabelledRows
        Embeddings, labels (their sorted values are the classes) and patients, as in `featkit.sparse.logistic_path`.
    path : PathOptions
        The path; the tolerance is 1e-4 by default, ``l1_ratio`` must be 1 and there must be an intercept.
    sample_weight, max_entrants, compute, seed
        As in `featkit.sparse.logistic_path`.
    penalty_weights : (d,) array, optional
        Weights of the penalty, above 0; infinity keeps a dimension out.

    Returns
    -------
    PathResult
        With one column of coefficients per class.

    Raises
    ------
    InputError
        If the input is malformed or there are fewer than two classes.

    Warns
    -----
    FeatkitWarning
        If a penalty did not reach the asked gap.

    References
    ----------
    Simon, Friedman and Hastie, A blockwise descent algorithm for group-penalized multiresponse and multinomial
    regression, arXiv:1311.6529, 2013 (the model).

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((90, 4))
    >>> rows = LabelledRows(X, np.digitize(X[:, 1], [-0.5, 0.5]), "patches")
    >>> multinomial_path(rows, PathOptions(lambdas=[0.2])).support(0)
    array([1])
    """
    require_grouped(path)
    tolerance = path.tolerance or 1e-4
    options = dataclasses.replace(path, tolerance=tolerance)
    fitted = fitted_rows(rows, options, sample_weight, compute, seed)
    classes, labels = as_classes(fitted.rows.y)
    require_weight(labels, fitted.w)
    columns = fitted.design.columns
    penalties = as_penalties(penalty_weights, len(columns))
    if penalties.min() <= 0.0:
        raise InputError("penalty weights of the grouped model must be above 0", penalties.min())
    require_entrants(max_entrants)
    with threadpool_limits(1):
        problem = GroupedProblem(columns, labels, classes.size, fitted.w, penalties, tolerance)
        null_loss = problem.loss()
        grid = lambda_grid(largest_group_lambda(problem.gradient_norms(is_exact=True), penalties), options)
        record = solve_grouped_path(problem, grid, tolerance * null_loss, max_entrants)
    names = tuple(str(c) for c in classes)
    found = to_result(record, grid, null_loss, options, fitted.total_weight, columns.shape[::-1], names)
    return on_data_scale(found, fitted.design, fitted.notes)


def one_vs_rest_paths(
    rows: LabelledRows,
    path: PathOptions = PathOptions(),
    *,
    compute: ComputeOptions = ComputeOptions(),
    seed: int = 0,
) -> dict[str, PathResult]:
    """Fit one L1-logistic path per class, that class against all others, on one design and one grid of penalties.

    Parameters
    ----------
    rows : LabelledRows
        As in `featkit.sparse.multinomial_path`.
    path : PathOptions
        The path; its grid starts at the largest penalty that any class needs, and the tolerance is 1e-5 by default.
    compute : ComputeOptions
        Threads and memory.
    seed : int
        Seed of the draw of rows where not all fit in memory.

    Returns
    -------
    dict of str to PathResult
        By class, in sorted order.

    Raises
    ------
    InputError
        If the input is malformed or there are fewer than two classes.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((90, 4))
    >>> rows = LabelledRows(X, np.digitize(X[:, 1], [-0.5, 0.5]), "patches")
    >>> sorted(one_vs_rest_paths(rows, PathOptions(n_lambdas=3)))
    ['0', '1', '2']
    """
    tolerance = path.tolerance or 1e-5
    options = dataclasses.replace(path, tolerance=tolerance)
    fitted = fitted_rows(rows, options, None, compute, seed)
    classes, labels = as_classes(fitted.rows.y)
    columns = fitted.design.columns
    d, n = columns.shape
    ones = np.ones(d)

    def problem(c: int) -> WorkingSet:
        member = (labels == c).astype(np.float64)
        return WorkingSet(columns, member, fitted.w, ALL_ROWS, ones, options.l1_ratio, options.fit_intercept)

    nulls = [problem(c) for c in range(classes.size)]
    losses = [null.loss() for null in nulls]
    grid = lambda_grid(max(largest_lambda(p.gradient(), ones, options.l1_ratio) for p in nulls), options)
    makers = [lambda null=null: null for null in nulls]
    records = solve_batch(
        makers, grid, tolerance * min(losses), is_exact=tolerance < EXACT_BELOW, n_jobs=compute.n_jobs
    )
    return {
        str(c): on_data_scale(
            to_result(record, grid, loss, options, fitted.total_weight, (n, d)), fitted.design, fitted.notes
        )
        for c, record, loss in zip(classes, records, losses)
    }


def require_grouped(path: PathOptions) -> None:
    """Refuse what the grouped model does not have."""
    if path.l1_ratio != 1.0:
        raise InputError("l1_ratio must be 1 with more than two classes", path.l1_ratio, "Leave it out")
    if not path.fit_intercept:
        raise InputError("fit_intercept must be true for a multinomial model", "false", "Leave it out")


def largest_group_lambda(norms: np.ndarray, penalty_weights: np.ndarray) -> float:
    """Return the smallest penalty at which nothing is selected; gradient norms (d,) at the null model."""
    live = np.isfinite(penalty_weights)
    if not live.any():
        raise InputError("at least one dimension must not be excluded", None)
    return float(np.max(norms[live] / penalty_weights[live]))


def as_classes(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted classes and each row's class index; at least two must occur."""
    if y.dtype.kind == "f" and np.any(y != np.round(y)):
        raise InputError(
            "labels must be names or whole numbers", f"{y[y != np.round(y)][0]:g}", "Give classes, not values"
        )
    classes, labels = np.unique(y, return_inverse=True)
    if classes.size < 2:
        raise InputError("at least two classes must occur", f"only one class, {classes[0]}", "Choose other rows")
    return classes, labels.reshape(-1)
