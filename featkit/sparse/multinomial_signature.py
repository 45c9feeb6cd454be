"""The signature of a fold with several classes: dimensions that are in or out for all of them together."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.progress import track
from featkit.core.results.path import MultinomialPathResult
from featkit.core.results.signature import Signature
from featkit.sparse.cross_validation import check_rule, chosen_index, grid_to, patient_folds
from featkit.sparse.design import Patients, as_matrix, as_patients, make_design
from featkit.sparse.memory import thin
from featkit.sparse.multinomial import as_classes, multinomial_path
from featkit.sparse.path import as_lambdas, lambda_grid


def fit_multinomial_signature(
    X_train: Any,
    y_train: Any,
    groups_train: Any,
    *,
    rule: str = "1se",
    value: float | None = None,
    lambdas: Any = None,
    n_lambdas: int = 49,
    lambda_min_ratio: float = 0.01,
    n_folds: int = 5,
    tolerance: float = 1e-4,
    seed: int = 0,
    max_bytes: int | None = None,
    fold: str = "",
    method: str = "",
    store_id: str = "",
    split_id: str = "",
    classes: Sequence[str] = (),
) -> Signature:
    """Fit the sparse multinomial signature of training embeddings of several classes.

    The model is that of `featkit.sparse.multinomial_path` on dimensions standardised with the training rows; constant
    ones are excluded and counted. Folds deal out patients class by class and are scored by the mean multinomial
    deviance of their patches. Only the rows given are seen: the held-out domain must not be among them.

    Parameters
    ----------
    X_train, y_train, groups_train : (n, d), (n,) and (n,) arrays
        Training embeddings, labels and patients. With ``classes`` the labels are indices into it.
    rule, value, lambdas, n_lambdas, lambda_min_ratio, n_folds
        As in `featkit.sparse.select_lambda`. When a class has fewer patients than ``n_folds`` but at least two, there
        are as many folds as it has patients, with a warning.
    tolerance : float
        Duality gap to reach at each penalty, relative to the loss of the null model.
    seed : int
        Seed of the folds.
    max_bytes : int, optional
        As in `featkit.sparse.logistic_path`: a larger ``X_train`` keeps every patient, with fewer patches.
    fold, method, store_id, split_id : str
        Where the rows come from, kept in the result.
    classes : sequence of str
        Class names; the sorted labels themselves when not given.

    Returns
    -------
    Signature
        With coefficients (size, K) and intercepts (K,), those of each row adding up to 0, and without stability
        selection.

    Raises
    ------
    InputError
        If the input is malformed, a class does not occur, or it has fewer than two patients and the penalty is not
        given.
    """
    check_rule(rule, value)
    X_train, rows, thinned = thin(X_train, y_train, groups_train, max_bytes, seed)
    if rows is not None:
        y_train, groups_train = np.asarray(y_train)[rows], np.asarray(groups_train)[rows]
    X = as_matrix(X_train)
    names, y = _as_named(y_train, X.shape[0], classes)
    patients = _patients_of_classes(groups_train, y, len(names))
    design = make_design(X, standardize=True)
    columns, penalties = design.columns, np.where(design.is_dead, np.inf, 1.0)
    messages = [thinned] if thinned else []
    if value is None:
        n_folds = _possible_folds(patients, names, n_folds, messages)
    if lambdas is None:
        first = multinomial_path(columns.T, y, n_lambdas=1, penalty_weights=penalties, tolerance=tolerance)
        grid = lambda_grid(float(first.lambdas[0]), n_lambdas, lambda_min_ratio)
    else:
        grid = as_lambdas(lambdas)
    if value is not None:
        grid = grid_to(grid, rule, value, X.shape[0])
    path = multinomial_path(columns.T, y, lambdas=grid, penalty_weights=penalties, tolerance=tolerance)
    messages += path.warnings
    index, mean, error = grid.size - 1, np.empty(0), np.empty(0)
    if value is None:
        of_row = patient_folds(patients, n_folds, seed)
        scores = np.array(
            [
                _fold_scores(columns, y, of_row == k, grid, penalties, tolerance, messages)
                for k in track(range(n_folds), "Cross-validation")
            ]
        )
        mean, error = scores.mean(axis=0), scores.std(axis=0, ddof=1) / np.sqrt(n_folds)
        index = chosen_index(mean, error, rule)
    support = path.support(index)
    return Signature(
        support=support,
        coefficients=path.coefficients(index)[support],
        intercept=path.intercepts[index] - path.intercepts[index].mean(),
        mean=design.mean[support],
        scale=design.scale[support],
        lambda_=float(path.lambdas[index]),
        rule=rule,
        gap=float(path.gaps[index]),
        relative_gap=float(path.gaps[index] / path.null_loss),
        is_converged=bool(path.is_converged.all()),
        n_dimensions=X.shape[1],
        n_dead=int(design.is_dead.sum()),
        path_lambdas=path.lambdas,
        path_sizes=path.sizes,
        cv_mean=mean,
        cv_se=error,
        selection_frequency=np.empty(0),
        threshold=float("nan"),
        q=float("nan"),
        pfer=float("nan"),
        bound="",
        stable_support=np.empty(0, np.int64),
        n_patients=patients.names.size,
        n_patches=X.shape[0],
        seed=seed,
        fold=fold,
        method=method,
        store_id=store_id,
        split_id=split_id,
        warnings=tuple(messages),
        classes=names,
    )


def _as_named(y: Any, n: int, classes: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Return class names and each row's class index; every class must occur."""
    values, labels = as_classes(y, n)
    if not classes:
        return tuple(str(v) for v in values), labels
    names = tuple(str(name) for name in classes)
    if values.dtype.kind not in "iu" or values[0] < 0 or values[-1] >= len(names):
        raise InputError(f"labels must be indices of the {len(names)} classes", ", ".join(map(str, values[:4])))
    absent = [name for k, name in enumerate(names) if k not in values]
    if absent:
        raise InputError(
            "every class must occur among the training patches",
            f"none of {', '.join(absent)}",
            "Merge it with another class in the manifest, leave it out, or change the split",
        )
    return names, labels


def _patients_of_classes(groups: Any, y: np.ndarray, n_classes: int) -> Patients:
    """Return the patients, each with the class of most of its rows."""
    plain = as_patients(groups, (y == 0).astype(np.float64))
    counts = np.zeros((plain.names.size, n_classes), np.int64)
    np.add.at(counts, (plain.index, y), 1)
    return Patients(plain.index, plain.names, counts.argmax(axis=1), int(np.sum((counts > 0).sum(axis=1) > 1)))


def _possible_folds(patients: Patients, names: tuple[str, ...], n_folds: int, messages: list[str]) -> int:
    counts = np.bincount(patients.label, minlength=len(names))
    fewest = int(counts.min())
    rarest = names[int(counts.argmin())]
    if fewest < 2:
        raise InputError(
            "each class must have at least 2 training patients to choose the penalty",
            f"{fewest} of {rarest}",
            "Merge it with another class, or give the penalty with rule lambda or C",
        )
    if fewest >= n_folds:
        return n_folds
    messages.append(f"{fewest} folds instead of {n_folds}: class {rarest} has only {fewest} patients")
    warnings.warn(messages[-1], FeatkitWarning, stacklevel=3)
    return fewest


def _fold_scores(
    columns: np.ndarray,
    y: np.ndarray,
    is_out: np.ndarray,
    grid: np.ndarray,
    penalties: np.ndarray,
    tolerance: float,
    messages: list[str],
) -> np.ndarray:
    """Return the mean deviance of the rows left out at each penalty, in nats."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FeatkitWarning)  # said once for all folds, in the result
        path = multinomial_path(
            columns[:, ~is_out].T, y[~is_out], lambdas=grid, penalty_weights=penalties, tolerance=tolerance
        )
    messages += [m for m in (f"in cross-validation {text}" for text in path.warnings) if m not in messages]
    return np.array([_deviance(path, k, columns[:, is_out], y[is_out]) for k in range(grid.size)])


def _deviance(path: MultinomialPathResult, k: int, columns: np.ndarray, y: np.ndarray) -> float:
    here = slice(path.indptr[k], path.indptr[k + 1])
    eta = columns[path.indices[here]].T.astype(np.float64) @ path.values[here] + path.intercepts[k]
    eta -= eta.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(eta).sum(axis=1)) - eta[np.arange(y.size), y]))
