"""Choosing the penalty by cross-validation over patients."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np

from featkit.core.errors import FeatkitWarning
from featkit.core.options import ComputeOptions, PathOptions, PenaltyOptions
from featkit.core.probabilities import probabilities
from featkit.core.progress import task
from featkit.results.path import LambdaChoice
from featkit.sparse.model import SparseModel, sparse_model
from featkit.sparse.path import on_data_scale
from featkit.sparse.subsamples import patient_folds_of
from featkit.stats.discrimination import auc, auc_one_vs_rest
from featkit.stats.labelled_rows import LabelledRows


def select_lambda(
    rows: LabelledRows,
    path: PathOptions = PathOptions(),
    penalty: PenaltyOptions = PenaltyOptions(),
    *,
    compute: ComputeOptions = ComputeOptions(),
    seed: int = 0,
) -> LambdaChoice:
    """Choose the penalty of a sparse model by patient-grouped, class-stratified cross-validation.

    With two classes the model is that of `featkit.sparse.logistic_path`, with several that of
    `featkit.sparse.multinomial_path`.

    Parameters
    ----------
    rows : LabelledRows
        Training rows. Two classes are 0 and 1.
    path : PathOptions
        The path; by default solved to 1e-5, and to 1e-4 with several classes. Dimensions are standardised over all
        given rows.
    penalty : PenaltyOptions
        How the penalty is chosen.
    compute : ComputeOptions
        Threads and memory.
    seed : int
        Seed of the folds.

    Returns
    -------
    LambdaChoice
        The choice, the folds' scores and the path on all rows.

    Raises
    ------
    InputError
        If the input is malformed or a class has fewer patients than folds.

    References
    ----------
    Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2009, section 7.10 (the rule of one standard
    error).

    Examples
    --------
    >>> import numpy as np
    >>> patient = np.repeat(np.arange(20), 6)
    >>> X = np.random.default_rng(0).standard_normal((120, 5))
    >>> X[:, 2] += patient % 2
    >>> select_lambda(LabelledRows(X, patient % 2, patient), PathOptions(n_lambdas=10)).path.support(-1)[:1]
    array([0])
    """
    model = sparse_model(rows, path, compute=compute, seed=seed)
    choice = choose(model, penalty, compute=compute, seed=seed)
    found = on_data_scale(choice.path, model.design, model.notes)
    return dataclasses.replace(choice, path=found, notes=(*model.notes, *choice.notes))


def choose(
    model: SparseModel, penalty: PenaltyOptions, *, compute: ComputeOptions = ComputeOptions(), seed: int = 0
) -> LambdaChoice:
    """Choose the penalty of a model; see `select_lambda`. The path is on the scale of its design."""
    rule, score, tolerance, grid = penalty.rule, penalty.score, model.tolerance, model.grid
    if penalty.value is not None:
        exact = penalty.value if rule == "lambda" else 1.0 / (penalty.value * model.y.size)
        grid = np.append(grid[grid > exact], exact)
        path = model.path(grid)
        return LambdaChoice(float(exact), grid.size - 1, rule, score, path, notes=path.notes)
    path = model.path()
    n_folds = penalty.n_folds
    fold = patient_folds_of(model.patients, n_folds, seed)
    with task("Cross-validation", total=n_folds) as done:
        training = [np.flatnonzero(fold != k) for k in range(n_folds)]
        records = model.solve_paths(
            training, grid, tolerance, compute=dataclasses.replace(compute, device=None), done=done
        )
    scores = np.empty((n_folds, grid.size))
    for k, record in enumerate(records):
        held = np.flatnonzero(fold == k)
        scores[k] = [_score(model, model.predictor(record, i, held), model.y[held], score) for i in range(grid.size)]
    gaps = np.array([record.gaps for record in records]) / model.null_loss
    messages = list(path.notes)
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


def _score(model: SparseModel, predictor: np.ndarray, y: np.ndarray, score: str) -> float:
    if score == "deviance":
        return float(np.mean(model.losses(predictor, y)))
    return auc(y, predictor) if predictor.ndim == 1 else auc_one_vs_rest(y, probabilities(predictor))
