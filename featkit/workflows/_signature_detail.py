"""The closer look at a signature: its path, its size under other choices, and what it is made of."""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from featkit.core.errors import FeatkitWarning
from featkit.core.results.anatomy import AnatomyResult
from featkit.core.results.path import PathResult
from featkit.core.results.signature import Signature
from featkit.core.results.signature_detail import SignatureDetail
from featkit.workflows._forecasts import target
from featkit.workflows._sources import Source

if TYPE_CHECKING:
    from featkit.data.split import Split

_TOLERANCES = (1e-2, 1e-4, 1e-6)
_FIXED_C = (1.0,)
_MOST_RANKED = 128


def signature_detail(
    source: Source, split: Split, signature: Signature, *, is_deep: bool, positive: str | None = None
) -> SignatureDetail:
    """Return the path and size curves of a signature and, if deep, its refits and its anatomy.

    Parameters
    ----------
    source : Source
        The store it was fitted on.
    split : Split
        The fold it was fitted on.
    signature : Signature
        From the split's training rows.
    is_deep : bool
        Also refit the support, follow performance by size, leave dimensions out one by one, and split their variance.
    positive : str, optional
        The class that was told from the rest.
    """
    from featkit.sparse.size_curves import size_curve

    y, _ = target(source, positive)
    train = split.rows("train")
    X = source.store.X(train)
    path = _path(signature, X, y[train])
    sizes = size_curve(
        X,
        y[train],
        lambdas=signature.path_lambdas,
        tolerances=_TOLERANCES,
        chosen=_named_penalties(signature),
        fixed_c=_FIXED_C,
        selection_frequency=signature.selection_frequency if signature.selection_frequency.size else None,
    )
    if not is_deep:
        return SignatureDetail(path, sizes)
    return SignatureDetail(path, sizes, **_deep(source, split, signature, X, y, path.entrants))


def _path(signature: Signature, X: np.ndarray, y: np.ndarray) -> PathResult:
    from featkit.sparse.multinomial import multinomial_path
    from featkit.sparse.path import logistic_path

    fit = multinomial_path if signature.is_multinomial else logistic_path
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FeatkitWarning)  # warned of when the signature was fitted on the same penalties
        path = fit(_standardised(X), y, lambdas=signature.path_lambdas)
    return dataclasses.replace(path, classes=signature.classes if signature.is_multinomial else ())


def _deep(
    source: Source, split: Split, signature: Signature, X: np.ndarray, y: np.ndarray, entrants: np.ndarray
) -> dict[str, Any]:
    from featkit.sparse.refit import leave_one_out, performance_curve, refit_support

    patients, train, test = source.patients(), split.rows("train"), split.rows("test")
    halves = (X, y[train], patients[train], source.store.X(test), y[test], patients[test])
    settings = source.config
    how: dict[str, Any] = {
        "n_draws": settings.evaluate.n_draws,
        "level": settings.evaluate.level,
        "seed": settings.split.seed,
    }
    found: dict[str, Any] = {}
    ranking, ranked_by = _ranking(signature, entrants)
    if signature.size:
        found["refit"] = refit_support(*halves, signature.support, **how)
    if ranking.size:
        found["performance"] = performance_curve(*halves, ranking, ranked_by=ranked_by, **how)
    if signature.size > 1:
        found["contributions"] = leave_one_out(*halves, signature.support, **how)
    return found | {"anatomy": _anatomy(source, split, signature, X, y)}


def _anatomy(source: Source, split: Split, signature: Signature, X: np.ndarray, y: np.ndarray) -> AnatomyResult | None:
    from featkit.sparse.anatomy import variance_shares

    train = split.rows("train")
    kept = np.union1d(signature.support, signature.stable_support)
    if not kept.size:
        return None
    coefficient = np.zeros(signature.n_dimensions)
    coefficient[signature.support] = signature.strength
    return variance_shares(
        X,
        y[train],
        source.patients()[train],
        source.column(source.domain)[train],
        dimensions=kept,
        coefficient=coefficient,
        selection_frequency=signature.selection_frequency if signature.selection_frequency.size else None,
    )


def _named_penalties(signature: Signature) -> dict[str, float]:
    """Return the penalties other rules would choose from the same cross-validation, and the one that was given."""
    if not signature.cv_mean.size:
        return {f"given {signature.rule}": signature.lambda_}
    from featkit.sparse.cross_validation import chosen_index

    return {
        rule: float(signature.path_lambdas[chosen_index(signature.cv_mean, signature.cv_se, rule)])
        for rule in ("min", "1se")
    }


def _ranking(signature: Signature, entrants: np.ndarray) -> tuple[np.ndarray, str]:
    frequency = signature.selection_frequency
    if not frequency.size:
        return entrants[:_MOST_RANKED], "path entry"
    order = np.argsort(-frequency, kind="stable")
    return order[frequency[order] > 0][:_MOST_RANKED], "selection frequency"


def _standardised(X: np.ndarray) -> np.ndarray:
    """Return dimensions of mean 0 and standard deviation 1, constant ones as zeros, so that coefficients compare."""
    mean, scale = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64)
    is_dead = X.max(axis=0) == X.min(axis=0)
    Z = (X - mean) / np.where(is_dead | (scale == 0), 1.0, scale)
    Z[:, is_dead] = 0.0
    return Z.astype(np.float32)
