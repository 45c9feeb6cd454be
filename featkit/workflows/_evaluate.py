"""``featkit evaluate``: how well heads and signatures do where they were never trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.errors import InputError
from featkit.core.files import write_text
from featkit.core.fingerprint import Fingerprint, options_of
from featkit.core.options import Resampling, SplitOptions
from featkit.core.progress import track
from featkit.core.provenance import json_sha256
from featkit.core.run_key import RunFilter, RunKey
from featkit.results.by_run import ByRun
from featkit.results.calibration import RecalibrationEffect
from featkit.results.evaluation import Evaluation
from featkit.results.evaluation_set import BrierTerms, EvaluationSet
from featkit.results.folder import ResultFolder
from featkit.workflows.steps.forecasts import (
    FoldModel,
    Forecast,
    evaluate_forecast,
    evaluation_fingerprint,
    forecasts_of,
    gather_models,
)
from featkit.workflows.steps.seed_variation import means_over_seeds, variance_over_runs
from featkit.workflows.steps.sources import Source, find_sources
from featkit.workflows.steps.summaries import save_table, summary_path
from featkit.workflows.steps.targets import target

if TYPE_CHECKING:
    from featkit.store.store import EmbeddingStore

_RECALIBRATION = "recalibration 2"
_FORECASTS = "forecasts.parquet"


def evaluate(
    store: EmbeddingStore | str | Path | None = None,
    *,
    runs: RunFilter | None = None,
    split: SplitOptions | None = None,
    resampling: Resampling | None = None,
    again: bool = False,
    output: str | Path | None = None,
) -> EvaluationSet:
    """Score the trained heads and the signatures on the held-out patches, per fold and over folds.

    What is there already from the same forecasts and options is not computed again.

    Parameters
    ----------
    store : EmbeddingStore or path, optional
        The embeddings; in a workspace all its stores when not given.
    runs : RunFilter, optional
        Which methods, folds and seeds; all when not given.
    split : SplitOptions, optional
        The held-out column and how patients are divided (default: the workspace's).
    resampling : Resampling, optional
        How intervals are made (default: the workspace's).
    again : bool
        Compute also what is there already.
    output : path, optional
        Folder for results (default: the workspace's ``results``, or beside the store); signatures are looked for there
        and in the default folder.

    Returns
    -------
    EvaluationSet
        By model, with the parts of the Brier score, what recalibration on source patients does and, with several
        seeds, their mean and the sources of variance. ``evaluation.json``, ``.csv`` and ``.tex`` sum up all models and
        folds that are there; ``forecasts.parquet`` holds every probability.

    Raises
    ------
    InputError
        If nothing matches, or there is neither a trained head nor a signature.

    Examples
    --------
    >>> import featkit
    >>> found = featkit.evaluate("uni.zarr")  # doctest: +SKIP
    >>> found.evaluations.one(model="signature").get("auc", "mean of folds")  # doctest: +SKIP
    """
    sources = find_sources(store, runs, split=split, output=output)
    chosen = resampling or sources[0].config.evaluate
    models = gather_models(sources, runs)
    summary = _finished_summary(sources[0].results, models, chosen)
    if summary is not None and not again:
        return summary
    forecasts = forecasts_of(models)
    found = _evaluated(sources[0].results, models, forecasts, chosen, again)
    _sum_up(sources, found, models, forecasts, chosen)
    return found


def _finished_summary(
    folder: ResultFolder, models: Mapping[RunKey, Sequence[FoldModel]], resampling: Resampling
) -> EvaluationSet | None:
    """Return the summary on disk where it is of just these models, else None; nothing is read from the stores."""
    path = summary_path(folder, "evaluation")
    others = (path.with_suffix(".csv"), path.with_suffix(".tex"), folder.root / _FORECASTS)
    if not all(one.is_file() for one in (path, *others)):
        return None
    try:
        found = EvaluationSet.load(path)
    except InputError:
        return None
    return found if found.made_from == _summary_fingerprint(models, resampling) else None


def _evaluated(
    results: ResultFolder,
    models: Mapping[RunKey, Sequence[FoldModel]],
    forecasts: Mapping[RunKey, Forecast],
    resampling: Resampling,
    again: bool,
) -> EvaluationSet:
    evaluations: dict[RunKey, Evaluation] = {}
    for key, forecast in track(forecasts.items(), "Evaluating"):
        evaluations[key] = _evaluation(results, forecast, resampling, again)
    two_classes = [forecast for forecast in forecasts.values() if forecast.p.ndim == 1]
    return EvaluationSet(
        evaluations=ByRun(evaluations),
        recalibrations=_recalibrations(results, models, resampling, again),
        brier_terms=ByRun(pair for forecast in two_classes for pair in brier_terms(forecast)),
        over_seeds=means_over_seeds(evaluations, level=resampling.level),
        variance=variance_over_runs(forecasts, evaluations, level=resampling.level),
        made_from=_summary_fingerprint(models, resampling),
    )


def _evaluation(results: ResultFolder, forecast: Forecast, resampling: Resampling, again: bool) -> Evaluation:
    """Return a model's evaluation: the one on disk where it is of just these forecasts, else a new one.

    Which folds it spans is part of its name on disk, so that a narrow command leaves a wide one's result alone.
    """
    folds = list(dict.fromkeys(forecast.folds.tolist()))
    variant = (("folds", json_sha256(folds)[:12]),) if len(folds) > 1 else ()
    saved_as = dataclasses.replace(forecast.key, fold=folds[0] if len(folds) == 1 else None, variant=variant)
    wanted = evaluation_fingerprint(forecast.inputs, resampling)
    found = None if again else results.finished(Evaluation, saved_as, wanted)
    if found is None:
        found = dataclasses.replace(evaluate_forecast(forecast, resampling), key=saved_as)
        results.save(found)
    return dataclasses.replace(found, key=forecast.key)


def brier_terms(forecast: Forecast) -> list[tuple[RunKey, BrierTerms]]:
    """Return the parts of a forecast's Brier score, pooled and by fold."""
    from featkit.stats.calibration import brier_parts
    from featkit.stats.isotonic import isotonic_decomposition

    found = []
    for fold in (None, *dict.fromkeys(forecast.folds.tolist())):
        rows = np.ones(len(forecast.y), dtype=bool) if fold is None else forecast.folds == fold
        y, p = forecast.y[rows], forecast.p[rows]
        key, without_bins = dataclasses.replace(forecast.key, fold=fold), isotonic_decomposition(y, p)
        terms = BrierTerms(brier_parts(y, p), without_bins.miscalibration, without_bins.discrimination, key=key)
        found.append((key, terms))
    return found


def _recalibrations(
    results: ResultFolder, models: Mapping[RunKey, Sequence[FoldModel]], resampling: Resampling, again: bool
) -> ByRun[RecalibrationEffect]:
    """Fit maps on each fold's validation patients, who are of the source domains, and score its test patches."""
    found = {}
    for model in (one for parts in models.values() for one in parts):
        made_from = Fingerprint(_RECALIBRATION, model.inputs, options_of(resampling))
        effect = None if again else results.finished(RecalibrationEffect, model.key, made_from)
        if effect is None:
            effect = _recalibration(model, resampling)
            if effect is None:
                continue
            effect = dataclasses.replace(effect, key=model.key, made_from=made_from)
            results.save(effect)
        found[model.key] = effect
    return ByRun(found)


def _recalibration(model: FoldModel, resampling: Resampling) -> RecalibrationEffect | None:
    """Return what maps do to one model; None with more than two classes, or one class among validation patients."""
    from featkit.stats import recalibration_effect

    y, classes = target(model.source, model.key.positive)
    if len(classes) != 2 or len(set(y[model.split.rows("val")].tolist())) < 2:
        return None
    before, held_out = model.forecast("val"), model.forecast()
    return recalibration_effect(before.labelled(), held_out.labelled(), resampling=resampling)


def _sum_up(
    sources: Sequence[Source],
    found: EvaluationSet,
    models: Mapping[RunKey, Sequence[FoldModel]],
    forecasts: Mapping[RunKey, Forecast],
    resampling: Resampling,
) -> None:
    """Rebuild the summary from all models and folds that are there, also those that were not asked for now."""
    import polars as pl

    folder = sources[0].results
    path = summary_path(folder, "evaluation")
    with folder.lock():
        every = gather_models(sources[0].siblings(), skip_stale=True)
        if _finished_summary(folder, every, resampling) is not None:
            return
        if _summary_fingerprint(every, resampling) != found.made_from:
            forecasts = forecasts_of(every)
            found = _evaluated(folder, every, forecasts, resampling, again=False)
        save_table(found.frame(), path.with_suffix(".csv"))
        write_text(path.with_suffix(".tex"), _latex(found))
        table = pl.concat([forecast.frame() for forecast in forecasts.values()], how="diagonal")
        save_table(table, folder.root / _FORECASTS)
        found.save(path)  # last: where it is there, all of it is


def _summary_fingerprint(models: Mapping[RunKey, Sequence[FoldModel]], resampling: Resampling) -> Fingerprint:
    parts = [one for several in models.values() for one in several]
    inputs = {f"{name}, {one.key.file_name()}": value for one in parts for name, value in one.inputs.items()}
    return Fingerprint("evaluation set 3", inputs, options_of(resampling))


def _latex(found: EvaluationSet) -> str:
    from featkit.reporting.score_tables import evaluation_tables
    from featkit.reporting.tables import to_latex

    return "\n".join(to_latex(table, label=f"tab:{name}") for name, table in evaluation_tables(found).items())
