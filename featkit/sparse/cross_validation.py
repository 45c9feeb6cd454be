"""Choosing the penalty by cross-validation over patients."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from featkit.core.errors import InputError, did_you_mean
from featkit.core.progress import task
from featkit.core.results.path import LambdaChoice, PathResult
from featkit.core.seeds import rng
from featkit.sparse.design import Design, Patients, as_labels, as_matrix, as_patients, make_design
from featkit.sparse.many import EXACT_BELOW, solve_many
from featkit.sparse.march import Trace, follow
from featkit.sparse.memory import thin
from featkit.sparse.path import as_lambdas, check_options, lambda_grid, largest_lambda, to_result
from featkit.sparse.working_set import ALL_ROWS, WorkingSet

RULES = ("min", "1se", "lambda", "C")
SCORES = ("deviance", "auc")


def patient_folds(patients: Patients, n_folds: int, seed: int) -> np.ndarray:
    """Return each row's fold in ``[0, n_folds)``: patients dealt out class by class.

    Raises
    ------
    InputError
        If a class has fewer patients than there are folds.
    """
    if n_folds < 2:
        raise InputError("n_folds must be at least 2", n_folds)
    fold = np.empty(patients.names.size, np.int64)
    dealt = 0
    for c in np.unique(patients.label):
        members = np.flatnonzero(patients.label == c)
        if members.size < n_folds:
            raise InputError(
                f"each class needs at least {n_folds} patients for {n_folds} folds",
                f"{members.size} of class {c}",
                "Ask for fewer folds or use more patients",
            )
        order = rng(seed, "patient folds", int(c)).permutation(members)
        fold[order] = (dealt + np.arange(members.size)) % n_folds
        dealt += members.size
    return fold[patients.index]


def select_lambda(
    X: Any,
    y: Any,
    groups: Any,
    *,
    rule: str = "1se",
    value: float | None = None,
    score: str = "deviance",
    lambdas: Any = None,
    n_lambdas: int = 49,
    lambda_min_ratio: float = 0.01,
    l1_ratio: float = 1.0,
    n_folds: int = 5,
    standardize: bool = True,
    tolerance: float = 1e-5,
    seed: int = 0,
    n_jobs: int | None = None,
    max_bytes: int | None = None,
) -> LambdaChoice:
    """Choose the penalty of an L1-logistic model by patient-grouped, class-stratified cross-validation.

    Parameters
    ----------
    X, y, groups : (n, d), (n,) and (n,) arrays
        Training embeddings, labels 0 or 1, and patients.
    rule : str
        "min": the best mean score. "1se": the largest penalty within one standard error (over folds) of it.
        "lambda" or "C": the penalty given by ``value``, on featkit's or scikit-learn's scale, without folds.
    score : str
        What folds are scored by: "deviance" (mean loss in nats, the lower the better) or "auc".
    standardize : bool
        Scale the dimensions over all given rows.
    max_bytes : int, optional
        As in `featkit.sparse.logistic_path`: a larger ``X`` keeps every patient, with fewer patches.

    Returns
    -------
    LambdaChoice
        The choice, the folds' scores and the path on all rows.

    Raises
    ------
    InputError
        If the input is malformed or a class has fewer patients than folds.
    """
    X, rows, thinned = thin(X, y, groups, max_bytes, seed)
    if rows is not None:
        y, groups = np.asarray(y)[rows], np.asarray(groups)[rows]
    X = as_matrix(X)
    labels = as_labels(y, X.shape[0])
    patients = as_patients(groups, labels)
    check_options(l1_ratio, tolerance, None)
    design = make_design(X, standardize=standardize)
    grid = None if lambdas is None else as_lambdas(lambdas)
    choice = choose_on_design(
        design, labels, patients, rule=rule, value=value, score=score, lambdas=grid, n_lambdas=n_lambdas,
        lambda_min_ratio=lambda_min_ratio, l1_ratio=l1_ratio, n_folds=n_folds, tolerance=tolerance, seed=seed,
        n_jobs=n_jobs,
    )  # fmt: skip
    return dataclasses.replace(choice, warnings=(thinned, *choice.warnings)) if thinned else choice


def choose_on_design(
    design: Design,
    y: np.ndarray,
    patients: Patients,
    *,
    rule: str,
    value: float | None,
    score: str,
    lambdas: np.ndarray | None,
    n_lambdas: int,
    lambda_min_ratio: float,
    l1_ratio: float,
    n_folds: int,
    tolerance: float,
    seed: int,
    n_jobs: int | None,
) -> LambdaChoice:
    """Choose on a prepared design; see `select_lambda`."""
    check_rule(rule, value)
    if score not in SCORES:
        raise InputError("score must be a known name", repr(score), did_you_mean(score, SCORES))
    d, n = design.columns.shape
    penalties = np.where(design.is_dead, np.inf, 1.0)
    problem = WorkingSet(design.columns, y, np.full(n, 1.0 / n), ALL_ROWS, penalties, l1_ratio, True)
    null_loss = problem.loss()
    gradient = problem.gradient()
    largest = largest_lambda(gradient, penalties, l1_ratio)
    grid = lambda_grid(largest, n_lambdas, lambda_min_ratio) if lambdas is None else lambdas
    if value is not None:
        grid = grid_to(grid, rule, value, n)
    trace = follow(problem, gradient, grid, tolerance * null_loss)
    path = to_result(trace, grid, design.mean, design.scale, null_loss, tolerance, l1_ratio, float(n), (n, d))
    if value is not None:
        return _choice(path, grid.size - 1, rule, score, np.empty((0, grid.size)))
    fold = patient_folds(patients, n_folds, seed)

    def maker(k: int) -> Callable[[], WorkingSet]:
        def make() -> WorkingSet:
            rows = np.flatnonzero(fold != k)
            w = np.full(rows.size, 1.0 / rows.size)
            return WorkingSet(design.columns, y[rows], w, rows, penalties, l1_ratio, True)

        return make

    with task("Cross-validation", total=n_folds) as done:
        traces = solve_many(
            design.columns,
            [maker(k) for k in range(n_folds)],
            grid,
            tolerance * null_loss,
            is_exact=tolerance < EXACT_BELOW,
            n_jobs=n_jobs,
            done=done,
        )
    scores = np.array(
        [_fold_scores(design.columns, y, np.flatnonzero(fold == k), traces[k], score) for k in range(n_folds)]
    )
    mean = scores.mean(axis=0)
    error = scores.std(axis=0, ddof=1) / np.sqrt(n_folds)
    chosen = chosen_index(mean if score == "deviance" else -mean, error, rule)
    return _choice(path, chosen, rule, score, scores)


def check_rule(rule: str, value: float | None) -> None:
    """Refuse a rule that is not known, lacks its value, or has one it does not take."""
    if rule not in RULES:
        raise InputError("rule must be a known name", repr(rule), did_you_mean(rule, RULES))
    if (rule in ("lambda", "C")) != (value is not None):
        if value is None:
            raise InputError(f"value must be given with rule {rule!r}", "none", "Say which penalty, e.g. value=1.0")
        raise InputError(f"value must not be given with rule {rule!r}", value, "Leave it out, or use rule lambda or C")
    if value is not None and not value > 0:
        raise InputError(f"{rule} must be above 0", value)


def grid_to(grid: np.ndarray, rule: str, value: float, n: int) -> np.ndarray:
    """Return the penalties of ``grid`` above the one given by rule "lambda" or "C", and that one last."""
    exact = value if rule == "lambda" else 1.0 / (value * n)
    return np.append(grid[grid > exact], exact)


def chosen_index(loss: np.ndarray, error: np.ndarray, rule: str) -> int:
    """Return the place of the smallest loss, or with rule "1se" the first within its standard error of it."""
    best = int(np.argmin(loss))
    return best if rule == "min" else int(np.flatnonzero(loss <= loss[best] + error[best])[0])


def _choice(path: PathResult, index: int, rule: str, score: str, scores: np.ndarray) -> LambdaChoice:
    folds = scores.shape[0]
    return LambdaChoice(
        lambda_=float(path.lambdas[index]),
        index=index,
        rule=rule,
        score=score,
        mean=scores.mean(axis=0) if folds else np.empty(0),
        se=scores.std(axis=0, ddof=1) / np.sqrt(folds) if folds else np.empty(0),
        fold_scores=scores,
        path=path,
        warnings=path.warnings,
    )


def _fold_scores(columns: np.ndarray, y: np.ndarray, held_out: np.ndarray, trace: Trace, score: str) -> np.ndarray:
    scores = np.empty(len(trace.supports))
    for index, (support, values) in enumerate(zip(trace.supports, trace.values)):
        eta = columns[support[:, None], held_out].T.astype(np.float64) @ values + trace.intercepts[index]
        scores[index] = _score(eta, y[held_out], score)
    return scores


def _score(eta: np.ndarray, y: np.ndarray, score: str) -> float:
    if score == "deviance":
        return float(np.mean(np.logaddexp(0.0, np.where(y > 0.5, -eta, eta))))
    order = np.unique(eta, return_inverse=True)[1]
    below = np.concatenate([[0], np.cumsum(np.bincount(order, weights=1.0 - y))])
    ranks = 0.5 * (below[order] + below[order + 1])
    positive, negative = y.sum(), (1.0 - y).sum()
    return float(np.sum(ranks * y) / (positive * negative))
