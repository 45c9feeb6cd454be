"""``featkit evaluate``: how well heads and signatures do where they were never trained."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.progress import track
from featkit.results.calibration import RecalibrationEffect
from featkit.results.evaluation import Evaluation
from featkit.results.evaluation_set import BrierTerms, EvaluationSet
from featkit.workflows.steps.figures import draw_evaluation
from featkit.workflows.steps.forecasts import Forecast, evaluate_forecast, fold_forecasts, gather_forecasts
from featkit.workflows.steps.seed_variation import means_over_seeds, variance_over_runs
from featkit.workflows.steps.sources import Source, find_sources, summary_folder

if TYPE_CHECKING:
    from featkit.store.store import EmbeddingStore


def evaluate(
    store: EmbeddingStore | str | Path | None = None,
    *,
    fold: str | None = None,
    method: str | None = None,
    seed: int | None = None,
    figures: bool = True,
    domain: str | None = None,
    output: str | Path | None = None,
) -> EvaluationSet:
    """Score the trained heads and the signatures on the held-out patches, per fold and over folds.

    Parameters
    ----------
    store : EmbeddingStore or path, optional
        The embeddings; in a workspace all its stores when not given.
    fold : str, optional
        The held-out domain; all when not given.
    method, seed : optional
        Which runs of the workspace.
    figures : bool
        Save ROC curves and reliability diagrams as SVG and PDF in ``figures`` beside the results.
    domain : str, optional
        The column a method must generalise over (default: the workspace's, or the one the store was made with).
    output : path, optional
        Folder for results (default: the workspace's ``results``, or beside the store).

    Returns
    -------
    EvaluationSet
        By model ("grl head", "grl signature", and "grl signature, ductal" for that class against the rest), with the
        parts of the Brier score, what recalibration on source patients does and, with several seeds, their mean and the
        sources of variance. Saved as ``evaluation.json``, ``evaluation.csv`` and ``evaluation.tex``;
        ``forecasts.parquet`` holds every probability.

    Raises
    ------
    InputError
        If nothing matches, or there is neither a trained head nor a signature.
    """
    import polars as pl

    sources = find_sources(store, method=method, fold=fold, seed=seed, output=output, domain=domain)
    forecasts = gather_forecasts(sources, fold)
    found: dict[str, Evaluation] = {}
    for name, forecast in track(forecasts.items(), "Evaluating"):
        found[name] = evaluate_forecast(forecast, sources[0].config)
    level = sources[0].config.evaluate.level
    result = EvaluationSet(
        evaluations=found,
        recalibrations=_recalibrations(sources, fold),
        brier_terms={name: brier_terms(f) for name, f in forecasts.items() if f.p.ndim == 1},
        over_seeds=means_over_seeds(forecasts, found, level=level),
        variance=variance_over_runs(forecasts, found, level=level),
    )
    folder = summary_folder(sources, output)
    result.save(folder / "evaluation.json")
    result.frame().write_csv(folder / "evaluation.csv")
    _write_latex(result, folder / "evaluation.tex")
    pl.concat([f.frame() for f in forecasts.values()], how="diagonal").write_parquet(folder / "forecasts.parquet")
    if figures:
        draw_evaluation(result, folder / "figures")
    return result


def brier_terms(forecast: Forecast) -> dict[str, BrierTerms]:
    """Return the parts of a forecast's Brier score, pooled and by fold."""
    from featkit.stats.calibration import brier_parts
    from featkit.stats.isotonic import corp

    found = {}
    for scope in ("pooled", *dict.fromkeys(forecast.folds.tolist())):
        rows = np.ones(len(forecast.y), dtype=bool) if scope == "pooled" else forecast.folds == scope
        y, p = forecast.y[rows], forecast.p[rows]
        without_bins = corp(y, p)
        found[str(scope)] = BrierTerms(brier_parts(y, p), without_bins.miscalibration, without_bins.discrimination)
    return found


def _recalibrations(sources: list[Source], fold: str | None) -> dict[str, RecalibrationEffect]:
    """Fit maps on each fold's validation patients, who are of the source domains, and score its test patches."""
    from featkit.stats import recalibration_effect

    several_seeds = len({source.seed for source in sources}) > 1
    found = {}
    for source in sources:
        for name in source.folds(fold):
            pairs = zip(fold_forecasts(source, name, "val"), fold_forecasts(source, name), strict=True)
            for before, held_out in pairs:
                if len(set(before.y.tolist())) < 2 or before.p.ndim > 1:
                    continue
                key = f"{held_out.name}, {name} held out" + (f", seed {source.seed}" if several_seeds else "")
                found[key] = recalibration_effect(
                    before.p,
                    before.y,
                    before.patients,
                    held_out.p,
                    held_out.y,
                    held_out.patients,
                    n_draws=source.config.evaluate.n_draws,
                    level=source.config.evaluate.level,
                    seed=source.config.split.seed,
                )
    return found


def _write_latex(result: EvaluationSet, path: Path) -> None:
    from featkit.reporting.score_tables import (
        CALIBRATION,
        DISCRIMINATION,
        brier_table,
        metrics_tables,
        recalibration_table,
        seeds_tables,
        variance_table,
    )
    from featkit.reporting.tables import to_latex

    tables = {}
    for name, metrics in (("discrimination", DISCRIMINATION), ("calibration", CALIBRATION)):
        caption = f"{name.capitalize()} on held-out patches."
        for positive, table in metrics_tables(result.evaluations, metrics, caption).items():
            tables["-".join(filter(None, (name, positive)))] = table
    if result.brier_terms:
        tables["brier"] = brier_table(result)
    if result.recalibrations:
        tables["recalibration"] = recalibration_table(result.recalibrations, "brier")
    for positive, table in seeds_tables(result).items():
        tables["-".join(filter(None, ("seeds", positive)))] = table
    if result.variance:
        tables["variance"] = variance_table(result)
    text = "\n".join(
        to_latex(table, label="tab:" + re.sub("[^A-Za-z0-9]+", "-", name)) for name, table in tables.items()
    )
    path.write_text(text, encoding="utf-8")
