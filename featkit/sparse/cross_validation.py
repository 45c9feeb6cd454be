"""Choosing the penalty by cross-validation over patients."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np

from featkit.core.errors import FeatkitWarning, InputError, did_you_mean
from featkit.core.probabilities import probabilities
from featkit.core.progress import task
from featkit.core.seeds import rng
from featkit.results.path import LambdaChoice
from featkit.sparse.model import SparseModel, sparse_model
from featkit.sparse.path import as_lambdas, check_options, lambda_grid, on_data_scale
from featkit.sparse.solvers.design import Patients
from featkit.stats.discrimination import auc, auc_one_vs_rest

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
    tolerance: float | None = None,
    seed: int = 0,
    n_jobs: int | None = None,
    max_bytes: int | None = None,
) -> LambdaChoice:
    """Choose the penalty of a sparse model by patient-grouped, class-stratified cross-validation.

    With two classes the model is `logistic_path`'s, with several `multinomial_path`'s.

    Parameters
    ----------
    X, y, groups : (n, d), (n,) and (n,) arrays
        Training embeddings, labels and patients (or "patches" where rows are independent). Two classes are 0
        and 1.
    rule : str
        "min": the best mean score. "1se": the largest penalty within one standard error (over folds) of it.
        "lambda" or "C": the penalty given by ``value``, on featkit's or scikit-learn's scale, without folds.
    score : str
        What folds are scored by: "deviance" (mean loss in nats, the lower the better) or "auc" (with several classes
        its mean over each class against the rest).
    standardize : bool
        Scale the dimensions over all given rows.
    tolerance : float, optional
        Duality gap to reach at each penalty, relative to the null model's loss; by default 1e-5, and 1e-4 with several
        classes.
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
    model = sparse_model(X, y, groups, l1_ratio=l1_ratio, standardize=standardize, max_bytes=max_bytes, seed=seed)
    choice = choose(
        model, rule=rule, value=value, score=score, lambdas=lambdas, n_lambdas=n_lambdas,
        lambda_min_ratio=lambda_min_ratio, n_folds=n_folds, tolerance=tolerance, seed=seed, n_jobs=n_jobs,
    )  # fmt: skip
    path = on_data_scale(choice.path, model.design, model.notes)
    return dataclasses.replace(choice, path=path, warnings=(*model.notes, *choice.warnings))


def choose(
    model: SparseModel,
    *,
    rule: str,
    value: float | None,
    score: str,
    lambdas: Any,
    n_lambdas: int,
    lambda_min_ratio: float,
    n_folds: int,
    tolerance: float | None,
    seed: int,
    n_jobs: int | None,
) -> LambdaChoice:
    """Choose the penalty of a model; see `select_lambda`. The path is on the scale of its design."""
    _check_rule(rule, value)
    tolerance = model.usual_tolerance if tolerance is None else tolerance
    check_options(model.l1_ratio, tolerance, None)
    if score not in SCORES:
        raise InputError("score must be a known name", repr(score), did_you_mean(score, SCORES))
    grid = lambda_grid(model.largest_lambda, n_lambdas, lambda_min_ratio) if lambdas is None else as_lambdas(lambdas)
    if value is not None:
        exact = value if rule == "lambda" else 1.0 / (value * model.y.size)
        grid = np.append(grid[grid > exact], exact)
        path = model.path(grid, tolerance)
        return LambdaChoice(float(exact), grid.size - 1, rule, score, path, warnings=path.warnings)
    path = model.path(grid, tolerance)
    fold = patient_folds(model.patients, n_folds, seed)
    with task("Cross-validation", total=n_folds) as done:
        traces = model.follow_many(
            [np.flatnonzero(fold != k) for k in range(n_folds)],
            grid,
            tolerance,
            n_jobs=n_jobs,
            done=done,
        )
    scores = np.empty((n_folds, grid.size))
    for k, trace in enumerate(traces):
        rows = np.flatnonzero(fold == k)
        scores[k] = [_score(model, model.predictor(trace, i, rows), model.y[rows], score) for i in range(grid.size)]
    gaps = np.array([trace.gaps for trace in traces]) / model.null_loss
    messages = list(path.warnings)
    if (gaps > tolerance).any():
        messages.append(
            f"{int((gaps > tolerance).sum())} fits of cross-validation did not reach a relative duality gap of "
            f"{tolerance:g}: the largest is {gaps.max():.2g}"
        )
        warnings.warn(messages[-1], FeatkitWarning, stacklevel=3)
    choice = LambdaChoice(float("nan"), 0, rule, score, path, scores, tuple(messages))
    index = chosen_index(choice.mean if score == "deviance" else -choice.mean, choice.se, rule)
    return dataclasses.replace(choice, lambda_=float(grid[index]), index=index)


def chosen_index(loss: np.ndarray, error: np.ndarray, rule: str) -> int:
    """Return the place of the smallest loss, or with rule "1se" the first within its standard error of it."""
    best = int(np.argmin(loss))
    return best if rule == "min" else int(np.flatnonzero(loss <= loss[best] + error[best])[0])


def _check_rule(rule: str, value: float | None) -> None:
    if rule not in RULES:
        raise InputError("rule must be a known name", repr(rule), did_you_mean(rule, RULES))
    if (rule in ("lambda", "C")) != (value is not None):
        if value is None:
            raise InputError(f"value must be given with rule {rule!r}", "none", "Say which penalty, e.g. value=1.0")
        raise InputError(f"value must not be given with rule {rule!r}", value, "Leave it out, or use rule lambda or C")
    if value is not None and not value > 0:
        raise InputError(f"{rule} must be above 0", value)


def _score(model: SparseModel, predictor: np.ndarray, y: np.ndarray, score: str) -> float:
    if score == "deviance":
        return float(np.mean(model.losses(predictor, y)))
    return auc(y, predictor) if predictor.ndim == 1 else auc_one_vs_rest(y, probabilities(predictor))
