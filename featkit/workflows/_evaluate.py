"""``featkit evaluate``: how well heads and signatures do where they were never trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from featkit.core.progress import track
from featkit.core.results.collection import Collection
from featkit.core.results.evaluation import Evaluation
from featkit.workflows._forecasts import evaluate_forecast, gather_forecasts
from featkit.workflows._sources import find_sources, summary_folder

if TYPE_CHECKING:
    from featkit.store.store import EmbeddingStore


def evaluate(
    store: EmbeddingStore | str | Path | None = None,
    *,
    fold: str | None = None,
    method: str | None = None,
    seed: int | None = None,
    output: str | Path | None = None,
) -> Collection:
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
    Collection of Evaluation
        By model ("grl head", "grl signature"). Beside it ``forecasts.parquet`` holds every probability.
    """
    import polars as pl

    sources = find_sources(store, method=method, fold=fold, seed=seed, output=output)
    forecasts = gather_forecasts(sources, fold)
    found: dict[str, Evaluation] = {}
    for name, forecast in track(forecasts.items(), "Evaluating"):
        found[name] = evaluate_forecast(forecast, sources[0].config)
    result = Collection(dict(found))
    folder = summary_folder(sources, output)
    result.save(folder / "evaluation.json")
    pl.concat([f.frame() for f in forecasts.values()]).write_parquet(folder / "forecasts.parquet")
    return result
