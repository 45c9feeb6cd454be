"""The reference beside a signature: a ridge-logistic model on all dimensions of the same rows, scored alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from featkit.core.fingerprint import Fingerprint, options_of
from featkit.core.options import ComputeOptions, Resampling, RidgeOptions
from featkit.results.dense_model import DenseModel
from featkit.results.signature import Signature
from featkit.results.sparsity_price import SparsityPrice
from featkit.workflows.steps.forecasts import DENSE, model_forecast
from featkit.workflows.steps.sources import Source
from featkit.workflows.steps.training_rows import TrainingRows

if TYPE_CHECKING:
    from featkit.data.split import Split

_ESTIMATOR = "dense 1"
_PRICE = "sparsity price 1"
_METRICS = ("auc", "brier")


def dense_fingerprint(source: Source, split: Split, positive: str | None) -> Fingerprint:
    """Return what the dense reference of one fold is made from."""
    options = {**options_of(RidgeOptions()), "positive": positive, "seed": source.design.seed}
    return Fingerprint(_ESTIMATOR, source.inputs(split), options)


def dense_reference(
    source: Source,
    split: Split,
    signature: Signature,
    train: Callable[[], TrainingRows],
    *,
    is_asked: bool,
    again: bool = False,
) -> DenseModel | None:
    """Return the ridge-logistic model on all dimensions of a signature's training rows.

    Parameters
    ----------
    source : Source
        The store.
    split : Split
        The fold.
    signature : Signature
        The signature it is the reference of.
    train : function returning TrainingRows
        Called only where the model is to be fitted.
    is_asked : bool
        Whether to fit it where it is not there yet.
    again : bool
        Fit it also where it is there.
    """
    key = dataclasses.replace(signature.key, model=DENSE)
    made_from = dense_fingerprint(source, split, key.positive)
    found = None if again and is_asked else source.results.finished(DenseModel, key, made_from)
    if found is None and is_asked:
        from featkit.sparse import fit_dense

        rows = train()
        found = fit_dense(
            rows.rows,
            compute=ComputeOptions(max_bytes=rows.max_bytes),
            seed=source.design.seed,
            classes=rows.classes if key.positive or len(rows.classes) > 2 else (),
            key=key,
        )
        notes = (rows.note, *found.notes) if rows.note else found.notes
        found = dataclasses.replace(found, notes=notes, made_from=made_from)
        source.results.save(found)
    return found


def sparsity_price(
    source: Source, split: Split, signature: Signature, dense: DenseModel, resampling: Resampling
) -> SparsityPrice:
    """Return signature minus dense reference on the fold's test patches: the one on disk where it still holds."""
    inputs = {
        model.key.model or "": model.made_from.sha256 for model in (signature, dense) if model.made_from is not None
    }
    made_from = Fingerprint(_PRICE, inputs, options_of(resampling))
    found = source.results.finished(SparsityPrice, signature.key, made_from)
    if found is None:
        from featkit.stats import paired_differences, patient_plan, prepare_metrics

        sparse, full = (model_forecast(source, split, model).labelled() for model in (signature, dense))
        plan = patient_plan(sparse, resampling)
        first, second = (prepare_metrics(one, _METRICS, plan=plan) for one in (sparse, full))
        gaps = paired_differences(first, second, sparse, resampling)
        differences = {name: gap.estimate for name, gap in gaps.items()}
        found = SparsityPrice(differences, key=signature.key, made_from=made_from)
        source.results.save(found)
    return found
