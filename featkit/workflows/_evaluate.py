"""``featkit evaluate``: how well heads and signatures do where they were never trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from featkit.core.progress import track
from featkit.core.results.calibration import RecalibrationEffect
from featkit.core.results.evaluation import Evaluation
from featkit.core.results.evaluation_set import EvaluationSet
from featkit.workflows._forecasts import evaluate_forecast, fold_forecasts, gather_forecasts
from featkit.workflows._sources import Source, find_sources, summary_folder

if TYPE_CHECKING:
    from featkit.store.store import EmbeddingStore


def evaluate(
    store: EmbeddingStore | str | Path | None = None,
    *,
    fold: str | None = None,
    method: str | None = None,
    seed: int | None = None,
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
    output : path, optional
        Folder for results (default: the workspace's ``results``, or beside the store).

    Returns
    -------
    EvaluationSet
        By model ("grl head", "grl signature"), with what recalibration on source patients does. Beside it
        ``forecasts.parquet`` holds every probability.
    """
    import polars as pl

    sources = find_sources(store, method=method, fold=fold, seed=seed, output=output)
    forecasts = gather_forecasts(sources, fold)
    found: dict[str, Evaluation] = {}
    for name, forecast in track(forecasts.items(), "Evaluating"):
        found[name] = evaluate_forecast(forecast, sources[0].config)
    result = EvaluationSet(found, _recalibrations(sources, fold))
    folder = summary_folder(sources, output)
    result.save(folder / "evaluation.json")
    result.frame().write_csv(folder / "evaluation.csv")
    pl.concat([f.frame() for f in forecasts.values()]).write_parquet(folder / "forecasts.parquet")
    return result


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
