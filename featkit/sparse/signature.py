"""The signature of a fold: standardise, follow the path, choose a penalty, check its stability."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from featkit.core.errors import FeatkitWarning, InputError
from featkit.results.signature import Signature
from featkit.sparse.cross_validation import choose
from featkit.sparse.model import SparseModel, sparse_model
from featkit.sparse.stability import stability_of

_OF_STABILITY = ("selection_frequency", "threshold", "q", "pfer", "bound", "stable_support")


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
    tolerance: float | None = None,
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
    """Fit the sparse signature of training embeddings of two classes or more.

    With two classes the model is L1-logistic; with several it is multinomial, and a dimension is in or out for all
    classes together.

    Dimensions are standardised on the training rows; constant ones are excluded and counted. The penalty is chosen by
    `featkit.sparse.select_lambda`, the stable set by `featkit.sparse.stability_selection`. Only the rows given are
    seen: the held-out domain must not be among them.

    Parameters
    ----------
    X_train, y_train, groups_train : (n, d), (n,) and (n,) arrays
        Training embeddings, labels and patients (or "patches" where rows are independent). Two classes are 0 and 1;
        with ``classes`` labels are their indices.
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
        Class names; with more than two classes the sorted labels themselves when not given.

    Returns
    -------
    Signature
        With several classes coefficients are (size, K) and intercepts (K,), those of each row adding up to 0.

    Raises
    ------
    InputError
        If the input is malformed, a class does not occur or has fewer than two patients.
    """
    model = sparse_model(
        X_train, y_train, groups_train, classes=classes, l1_ratio=l1_ratio, max_bytes=max_bytes, seed=seed
    )
    messages = list(model.notes)
    if n_pairs < 0:
        raise InputError("n_pairs must be at least 0", n_pairs, "0 leaves stability selection out")
    if rule in ("min", "1se"):
        n_folds = _possible_folds(model, n_folds, messages)
    if n_pairs > 0:
        _require_patients(model, "for stability selection", "leave stability selection out with n_pairs 0")
    choice = choose(
        model, rule=rule, value=value, score=score, lambdas=lambdas, n_lambdas=n_lambdas,
        lambda_min_ratio=lambda_min_ratio, n_folds=n_folds, tolerance=tolerance, seed=seed, n_jobs=n_jobs,
    )  # fmt: skip
    path, index = choice.path, choice.index
    messages += choice.warnings
    stable: dict[str, Any] = {}
    if n_pairs > 0:
        stability = stability_of(
            model, scheme=scheme, n_pairs=n_pairs, threshold=threshold, q=q, pfer=pfer, bound=bound,
            lambdas=path.lambdas, n_lambdas=n_lambdas, lambda_min_ratio=lambda_min_ratio,
            tolerance=max(path.tolerance, 1e-4), seed=seed, n_jobs=n_jobs, device=device,
        )  # fmt: skip
        messages += [m for m in stability.warnings if m not in messages]
        stable = {name: getattr(stability, name) for name in _OF_STABILITY}
    design, support, intercept = model.design, path.support(index), path.intercepts[index]
    return Signature(
        support=support,
        coefficients=path.coefficients(index)[support],
        intercept=intercept - intercept.mean() if path.is_multinomial else intercept,
        mean=design.mean[support],
        scale=design.scale[support],
        lambda_=choice.lambda_,
        rule=rule,
        gap=float(path.gaps[index]),
        relative_gap=float(path.relative_gaps[index]),
        is_converged=bool(path.is_converged.all()),
        n_dimensions=path.n_dimensions,
        n_dead=int(design.is_dead.sum()),
        path_lambdas=path.lambdas,
        path_sizes=path.sizes,
        cv_mean=choice.mean,
        cv_se=choice.se,
        n_patients=model.patients.names.size,
        n_patches=path.n_rows,
        seed=seed,
        **stable,
        notes=tuple(messages),
        classes=model.classes,
    )


def _possible_folds(model: SparseModel, n_folds: int, messages: list[str]) -> int:
    """Return how many folds every class has patients for, with a warning when they are fewer than asked."""
    name, fewest = _require_patients(model, "to choose the penalty", "give the penalty with rule lambda or C")
    if fewest >= n_folds:
        return n_folds
    messages.append(f"{fewest} folds instead of {n_folds}: class {name} has only {fewest} patients")
    warnings.warn(messages[-1], FeatkitWarning, stacklevel=3)
    return fewest


def _require_patients(model: SparseModel, purpose: str, instead: str) -> tuple[str, int]:
    """Return the class with the fewest patients and their number, which must be at least 2."""
    counts = np.bincount(model.patients.label, minlength=max(2, len(model.classes)))
    rarest, fewest = int(counts.argmin()), int(counts.min())
    name = model.classes[rarest] if model.classes else str(rarest)
    if fewest < 2:
        raise InputError(
            f"each class must have at least 2 training patients {purpose}",
            f"{fewest} of class {name}",
            f"Merge it with another class, or {instead}",
        )
    return name, fewest
