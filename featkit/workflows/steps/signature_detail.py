"""The closer look at a signature: its path, its size under other choices, and what it is made of."""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from featkit.core.errors import FeatkitWarning
from featkit.core.fingerprint import Fingerprint, options_of
from featkit.core.options import ComputeOptions, PathOptions, Resampling
from featkit.results.signature import Signature
from featkit.results.signature_detail import SignatureDetail
from featkit.results.variance_decomposition import VarianceDecomposition
from featkit.workflows.steps.forecasts import Forecast
from featkit.workflows.steps.sources import Source
from featkit.workflows.steps.training_rows import TrainingRows

if TYPE_CHECKING:
    from featkit.data.split import Split

_ESTIMATOR = "signature detail 2"
_TOLERANCES = (1e-2, 1e-4, 1e-6)
_MOST_RANKED = 128


def detail_fingerprint(source: Source, signature: Signature, resampling: Resampling) -> Fingerprint:
    """Return what the closer look at a signature is made from."""
    inputs = {"signature": signature.made_from.sha256 if signature.made_from else ""}
    return Fingerprint(_ESTIMATOR, inputs, {**options_of(resampling), "domain": source.domain})


def signature_detail(
    source: Source,
    split: Split,
    signature: Signature,
    train: TrainingRows,
    forecast: Forecast,
    options: PathOptions,
) -> SignatureDetail:
    """Return the path and size curves of a signature, its refits, and what its dimensions vary with.

    Parameters
    ----------
    source : Source
        The store it was fitted on.
    split : Split
        The fold it was fitted on.
    signature : Signature
        From the training rows.
    train : TrainingRows
        What it was fitted on.
    forecast : Forecast
        What it says of the test rows.
    options : PathOptions
        How its path was fitted.
    """
    from featkit.sparse.model import sparse_model
    from featkit.sparse.size_curves import size_curve_of

    model = sparse_model(
        train.rows,
        dataclasses.replace(options, lambdas=tuple(signature.path_lambdas.tolist())),
        classes=signature.classes,
        compute=ComputeOptions(max_bytes=train.max_bytes),
        seed=signature.seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FeatkitWarning)  # warned of when the signature was fitted on the same penalties
        path = model.path()
    sizes = size_curve_of(
        model,
        tolerances=_TOLERANCES,
        chosen=_named_penalties(signature) | {"C=1": 1.0 / model.y.size},
        selection_frequency=signature.selection_frequency if signature.selection_frequency.size else None,
    )
    refits = _refits(source, split, signature, train, forecast, path.entrants)
    return SignatureDetail(path, sizes, **refits, variance=_variance(source, signature, train))


def _refits(
    source: Source,
    split: Split,
    signature: Signature,
    train: TrainingRows,
    forecast: Forecast,
    entrants: np.ndarray,
) -> dict[str, Any]:
    from featkit.sparse.refit import leave_one_out, performance_curve, refit_support
    from featkit.stats.labelled_rows import LabelledRows

    resampling = source.config.evaluate
    ranking, ranked_by = _ranking(signature, entrants)
    used = np.union1d(signature.support, ranking)
    test = source.store.view(split.rows("test")).columns(used)
    halves = (
        LabelledRows(train.rows.X[:, used], train.rows.y, train.rows.groups),
        LabelledRows(test, forecast.y, forecast.patients),
    )
    support = np.searchsorted(used, signature.support)
    found: dict[str, Any] = {}
    if signature.size:
        refit = refit_support(*halves, support, resampling=resampling)
        found["refit"] = dataclasses.replace(refit, support=signature.support)
    if ranking.size:
        order = np.searchsorted(used, ranking)
        found["performance"] = performance_curve(*halves, order, ranked_by=ranked_by, resampling=resampling)
    if signature.size > 1:
        contributions = leave_one_out(*halves, support, resampling=resampling)
        found["contributions"] = dataclasses.replace(contributions, dimension=signature.support)
    return found


def _variance(source: Source, signature: Signature, train: TrainingRows) -> VarianceDecomposition | None:
    from featkit.sparse.variance_decomposition import decompose_variance

    kept = np.union1d(signature.support, signature.stable_support)
    if not kept.size:
        return None
    coefficient = np.zeros(signature.n_dimensions)
    coefficient[signature.support] = signature.strength
    return decompose_variance(
        train.rows.X,
        train.rows.y,
        train.rows.patients,
        source.column(source.domain)[train.index],
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
