"""The signature of a fold: standardise, follow the path, choose a penalty, check its stability."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from featkit.core.errors import FeatkitWarning
from featkit.core.results.signature import Signature
from featkit.sparse.cross_validation import choose_on_design
from featkit.sparse.design import as_labels, as_matrix, as_patients, make_design
from featkit.sparse.memory import thin
from featkit.sparse.path import as_lambdas, check_options
from featkit.sparse.stability import stability_on_design


def fit_signature(
    X_train: Any,
    y_train: Any,
    groups_train: Any,
    *,
    rule: str = "1se",
    value: float | None = None,
    score: str = "deviance",
    lambdas: Any = None,
    n_lambdas: int = 49,
    lambda_min_ratio: float = 0.01,
    l1_ratio: float = 1.0,
    n_folds: int = 5,
    tolerance: float = 1e-5,
    n_pairs: int = 50,
    scheme: str = "complementary_pairs",
    threshold: float | None = None,
    q: int | None = None,
    pfer: float | None = None,
    bound: str = "unimodal",
    seed: int = 0,
    n_jobs: int | None = None,
    device: str | None = None,
    max_bytes: int | None = None,
    fold: str = "",
    method: str = "",
    store_id: str = "",
    split_id: str = "",
    classes: Sequence[str] = (),
) -> Signature:
    """Fit the sparse signature of training embeddings.

    Dimensions are standardised on the training rows; constant ones are excluded and counted. The penalty is chosen by
    `featkit.sparse.select_lambda`, the stable set by `featkit.sparse.stability_selection`. Only the rows given are
    seen: the held-out domain must not be among them.

    Parameters
    ----------
    X_train, y_train, groups_train : (n, d), (n,) and (n,) arrays
        Training embeddings, labels 0 or 1, and patients.
    rule, value, score, lambdas, n_lambdas, lambda_min_ratio, l1_ratio, n_folds, tolerance
        As in `featkit.sparse.select_lambda`. When a class has fewer patients than ``n_folds`` but at least two, there
        are as many folds as it has patients, with a warning.
    n_pairs : int
        Complementary pairs of stability selection; 0 leaves it out.
    scheme, threshold, q, pfer, bound
        As in `featkit.sparse.stability_selection`.
    seed : int
        Seed of folds and subsamples.
    n_jobs : int, optional
        Threads; all processors by default. Results do not depend on it.
    device : str, optional
        Of stability selection, as in `featkit.sparse.stability_selection`.
    max_bytes : int, optional
        As in `featkit.sparse.logistic_path`: a larger ``X_train`` keeps every patient, with fewer patches.
    fold, method, store_id, split_id : str
        Where the rows come from, kept in the result.
    classes : sequence of str
        Names of the classes 0 and 1, kept in the result.

    Returns
    -------
    Signature

    Raises
    ------
    InputError
        If the input is malformed, only one class occurs, or a class has fewer than two patients.
    """
    X_train, rows, thinned = thin(X_train, y_train, groups_train, max_bytes, seed)
    if rows is not None:
        y_train, groups_train = np.asarray(y_train)[rows], np.asarray(groups_train)[rows]
    X = as_matrix(X_train)
    y = as_labels(y_train, X.shape[0])
    patients = as_patients(groups_train, y)
    check_options(l1_ratio, tolerance, None)
    design = make_design(X, standardize=True)
    messages = [thinned] if thinned else []
    fewest = int(np.bincount(patients.label, minlength=2).min())
    if rule in ("min", "1se") and 2 <= fewest < n_folds:
        messages.append(f"{fewest} folds instead of {n_folds}: one class has only {fewest} patients")
        warnings.warn(messages[-1], FeatkitWarning, stacklevel=2)
        n_folds = fewest
    grid = None if lambdas is None else as_lambdas(lambdas)
    choice = choose_on_design(
        design, y, patients, rule=rule, value=value, score=score, lambdas=grid,
        n_lambdas=n_lambdas, lambda_min_ratio=lambda_min_ratio, l1_ratio=l1_ratio, n_folds=n_folds,
        tolerance=tolerance, seed=seed, n_jobs=n_jobs,
    )  # fmt: skip
    path, index = choice.path, choice.index
    messages += choice.warnings
    support = path.support(index)
    values = path.coefficients(index)[support] * design.scale[support]
    stability = None
    if n_pairs > 0:
        stability = stability_on_design(
            design, y, patients, scheme=scheme, n_pairs=n_pairs, threshold=threshold, q=q, pfer=pfer, bound=bound,
            lambdas=path.lambdas, n_lambdas=n_lambdas, lambda_min_ratio=lambda_min_ratio, l1_ratio=l1_ratio,
            tolerance=max(tolerance, 1e-4), seed=seed, n_jobs=n_jobs, device=device,
        )  # fmt: skip
        messages += [m for m in stability.warnings if m not in messages]
    return Signature(
        support=support,
        coefficients=values,
        intercept=float(path.intercepts[index] + values @ (design.mean[support] / design.scale[support])),
        mean=design.mean[support],
        scale=design.scale[support],
        lambda_=choice.lambda_,
        rule=rule,
        gap=float(path.gaps[index]),
        relative_gap=float(path.relative_gaps[index]),
        is_converged=bool(path.is_converged.all()),
        n_dimensions=X.shape[1],
        n_dead=int(design.is_dead.sum()),
        path_lambdas=path.lambdas,
        path_sizes=path.sizes,
        cv_mean=choice.mean,
        cv_se=choice.se,
        selection_frequency=stability.selection_frequency if stability else np.empty(0),
        threshold=stability.threshold if stability else float("nan"),
        q=stability.q if stability else float("nan"),
        pfer=stability.pfer if stability else float("nan"),
        bound=stability.bound if stability else "",
        stable_support=stability.stable_support if stability else np.empty(0, np.int64),
        n_patients=patients.names.size,
        n_patches=X.shape[0],
        seed=seed,
        fold=fold,
        method=method,
        store_id=store_id,
        split_id=split_id,
        warnings=tuple(messages),
        classes=tuple(classes),
    )
