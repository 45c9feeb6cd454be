"""``featkit signatures``: how few dimensions the answer needs, and whether they come back in another fold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.progress import track
from featkit.core.provenance import json_sha256
from featkit.core.results.evaluation import Evaluation
from featkit.core.results.overlap import OverlapResult
from featkit.core.results.signature import Signature
from featkit.core.results.signature_set import SignatureSet
from featkit.workflows._forecasts import binary_target, evaluate_forecast, signature_forecast
from featkit.workflows._sources import Source, find_sources, summary_folder

if TYPE_CHECKING:
    from featkit.data.split import Split
    from featkit.store.store import EmbeddingStore


def signatures(
    store: EmbeddingStore | str | Path | None = None,
    *,
    fold: str | None = None,
    method: str | None = None,
    seed: int | None = None,
    rule: str | None = None,
    n_pairs: int | None = None,
    output: str | Path | None = None,
) -> SignatureSet:
    """Fit sparse signatures on the training patients of each fold and score them on its held-out patches.

    Parameters
    ----------
    store : EmbeddingStore or path, optional
        The embeddings; in a workspace all its stores when not given.
    fold : str, optional
        The held-out domain; all when not given.
    method, seed : optional
        Which runs of the workspace.
    rule : {"min", "1se"}, optional
        How the penalty is chosen by patient-grouped cross-validation (default: the workspace's, or "1se").
    n_pairs : int, optional
        Complementary pairs of patient half-samples for stability selection; 0 for none.
    output : path, optional
        Folder for results (default: beside the store).

    Returns
    -------
    SignatureSet
        Signatures, their evaluation, and their overlap next to chance once there are two of a method.
    """
    jobs = [
        (source, name)
        for source in find_sources(store, method=method, fold=fold, seed=seed, output=output)
        for name in source.folds(fold)
    ]
    several_seeds = len({source.seed for source, _ in jobs}) > 1
    found: dict[str, Signature] = {}
    evaluations: dict[str, Evaluation] = {}
    alive: dict[str, np.ndarray] = {}
    for source, name in track(jobs, "Fitting signatures"):
        key = f"{source.method}/{name}" + (f"/seed{source.seed}" if several_seeds else "")
        split = source.split(name)
        found[key] = _fit(source, split, rule, n_pairs)
        evaluations[key] = evaluate_forecast(signature_forecast(source, split, found[key]), source.config)
        alive[key] = np.flatnonzero(~source.store.var["is_dead"].to_numpy())
        path = source.results / f"signature_{name}.json"
        found[key].save(path)
        found[key].frame().write_parquet(path.with_suffix(".parquet"))
    result = SignatureSet(
        found,
        evaluations,
        _overlaps(found, alive, {k: s.support for k, s in found.items()}),
        _overlaps(found, alive, {k: s.stable_support for k, s in found.items()}),
    )
    result.save(summary_folder([source for source, _ in jobs], output) / "signatures.json")
    return result


def _fit(source: Source, split: Split, rule: str | None, n_pairs: int | None) -> Signature:
    from featkit.sparse import fit_signature

    y, _ = binary_target(source)
    rows = split.rows("train")
    settings = source.config.signatures
    return fit_signature(
        source.store.X(rows),
        y[rows],
        source.patients()[rows],
        rule=rule or settings.rule,
        n_lambdas=settings.n_lambdas,
        n_folds=settings.n_splits,
        n_pairs=settings.n_pairs if n_pairs is None else n_pairs,
        threshold=settings.threshold,
        q=settings.q or None,
        seed=source.config.split.seed,
        fold=split.fold,
        method=source.method,
        store_id=source.store.store_id,
        split_id=json_sha256([split.fold, split.patch_ids.tolist(), split.role.tolist()]),
    )


def _overlaps(
    found: dict[str, Signature], alive: dict[str, np.ndarray], supports: dict[str, np.ndarray]
) -> dict[str, OverlapResult]:
    from featkit.stats.overlap_pairs import overlap

    result = {}
    for method in dict.fromkeys(s.method for s in found.values()):
        mine = {k.removeprefix(f"{method}/"): k for k, s in found.items() if s.method == method}
        if len(mine) < 2:
            continue
        result[method] = overlap(
            {short: supports[k] for short, k in mine.items()},
            next(iter(found[k].n_dimensions for k in mine.values())),
            candidates={short: np.union1d(alive[k], supports[k]) for short, k in mine.items()},
        )
    return result
