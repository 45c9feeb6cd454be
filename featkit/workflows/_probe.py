"""``featkit probe``: what should not be readable from a frozen embedding, and whether it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featkit.core.errors import InputError, did_you_mean
from featkit.core.progress import track
from featkit.core.workspace import EVERY_FOLD
from featkit.results.collection import Collection
from featkit.results.probe import ProbeResult
from featkit.workflows.steps.sources import Source, find_sources

if TYPE_CHECKING:
    from featkit.store.store import EmbeddingStore

REGIMES = ("all", "training", "held-out")


def probe(
    target: str,
    store: EmbeddingStore | str | Path | None = None,
    *,
    method: str | None = None,
    fold: str | None = None,
    seed: int | None = None,
    regime: str = "all",
    model: str = "linear",
    within: str | None = None,
    domain: str | None = None,
    output: str | Path | None = None,
) -> Collection:
    """Fit a small model that reads a column from frozen embeddings, next to chance and a permutation null.

    For a trained encoder only patients it was not trained on are probed: what a network memorised of its training
    patients says nothing about new ones. A frozen encoder has seen none of them, so all are used.

    Parameters
    ----------
    target : {"magnification", "patient"}
        What to read. "magnification" is read across patients; "patient" across magnifications.
    store : EmbeddingStore or path, optional
        The embeddings; in a workspace all its stores when not given.
    method, fold, seed : optional
        Which runs of the workspace; for a frozen encoder ``fold`` says which magnification counts as held out.
    regime : {"all", "training", "held-out"}
        Which magnifications to tell apart: all of them; the training ones, which is what gradient reversal works
        against; or the held-out one from the rest, which is whether the shift can be seen.
    model : {"linear", "mlp"}
        A linear probe at chance does not show that nothing is there; try the other.
    within : {"label"}, optional
        Probe inside each class, so that content that differs by class cannot stand for the target.
    domain : str, optional
        The column a method must generalise over (default: the workspace's, or the one the store was made with).
    output : path, optional
        Folder for results (default: beside the store).

    Returns
    -------
    Collection of ProbeResult
        By run.

    Raises
    ------
    InputError
        If nothing matches, an option is unknown, or a regime needs a held-out magnification and there is none.
    """
    from featkit.probes import PROBES

    if target not in PROBES:
        raise InputError("the target of a probe must be known", repr(target), did_you_mean(target, PROBES))
    if regime not in REGIMES:
        raise InputError("the regime of a probe must be known", repr(regime), did_you_mean(regime, REGIMES))
    if target == "patient" and (regime, model, within) != ("all", "linear", None):
        raise InputError(
            "the patient probe must be left as it is: one model, all magnifications, within the class",
            f"regime {regime}, model {model}, within {within}",
            "Leave these options out",
        )
    sources = find_sources(store, method=method, fold=fold, seed=seed, output=output, domain=domain)
    jobs = [(source, held_out) for source in sources for held_out in _held_out(source, fold, regime)]
    found: dict[str, ProbeResult] = {}
    for source, held_out in track(jobs, f"Probing {target}"):
        name = source.name if held_out in (source.fold, None) else f"{source.name}/{held_out}"
        name = name if source.seed == 0 else f"{name}/seed{source.seed}"
        found[name] = _probe_one(target, source, held_out, regime, model, within)
        found[name].save(source.results / f"{_stem(target, source, held_out, regime, model, within)}.json")
    return Collection(dict(found))


def saved_probes(source: Source, target: str) -> dict[str, ProbeResult]:
    """Return a store's saved probes by how they differ from the plain one ("", "training", "mlp, within label")."""
    stem = f"probe_{target}"
    paths = sorted(source.results.glob(f"{stem}*.json"), key=lambda path: (path.stem != stem, path.stem))
    ways = {path: path.stem.removeprefix(stem).replace("_within_label", "_within label") for path in paths}
    return {way.strip("_").replace("_", ", "): ProbeResult.load(path) for path, way in ways.items()}


def _held_out(source: Source, fold: str | None, regime: str) -> list[str | None]:
    """Return the magnifications that count as held out for one store: its own, or those asked for."""
    if source.fold != EVERY_FOLD:
        return [source.fold]
    if regime == "all":
        return [None]
    if fold is None:
        raise InputError(
            f"the regime {regime!r} must have a held-out {source.domain}",
            f"{source.name}, which was trained on none of them",
            f"Name one with --fold: {', '.join(source.domains())}",
        )
    return list(source.folds(fold))


def _stem(target: str, source: Source, held_out: str | None, regime: str, model: str, within: str | None) -> str:
    parts = [f"probe_{target}"]
    if regime != "all":
        parts.append(regime)
        parts += [held_out] if held_out is not None and source.fold == EVERY_FOLD else []
    return "_".join(parts + ([model] if model != "linear" else []) + (["within_label"] if within else []))


def _probe_one(
    target: str, source: Source, held_out: str | None, regime: str, model: str, within: str | None
) -> ProbeResult:
    from featkit.probes import PROBES

    rows, column, words = _task(source, held_out, regime)
    settings = source.config.probe
    options: dict[str, Any] = {
        "n_permutations": settings.n_permutations,
        "level": source.config.evaluate.level,
        "seed": source.config.split.seed,
        "store_id": source.store.store_id,
        "regime": words,
    }
    if target != "patient":
        options |= {"model": model, "within": within, "n_splits": settings.n_splits}
    return PROBES[target](
        source.store.X(rows), column, source.patients()[rows], label=source.column("label")[rows], **options
    )


def _task(source: Source, held_out: str | None, regime: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the rows to probe, what to read from them, and both in words."""
    rows, who = _unseen(source)
    domain = source.column(source.domain).astype(str)
    if regime == "training":
        rows = rows[domain[rows] != held_out]
        return rows, domain[rows], f"{who}, all {source.domain}s but {held_out}"
    if regime == "held-out":
        column = np.where(domain[rows] == held_out, str(held_out), "rest")
        return rows, column, f"{who}, {held_out} against the rest"
    return rows, domain[rows], f"{who}, every {source.domain}"


def _unseen(source: Source) -> tuple[np.ndarray, str]:
    """Return the rows of patients the encoder was not trained on, and who they are."""
    if source.fold == EVERY_FOLD:
        return np.arange(source.store.n), "all patients, since the encoder was trained on none of them"
    split = source.split(source.fold)
    patients = source.patients()
    trained_on = set(patients[split.rows("train")].tolist())
    rows = np.flatnonzero([p not in trained_on for p in patients.tolist()])
    return rows, "patients the encoder was not trained on"
