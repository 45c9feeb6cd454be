"""``featkit probe``: what should not be readable from a frozen embedding, and whether it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.errors import InputError, did_you_mean
from featkit.core.progress import track
from featkit.core.results.collection import Collection
from featkit.core.results.probe import ProbeResult
from featkit.core.workspace import EVERY_FOLD
from featkit.workflows._sources import Source, find_sources

if TYPE_CHECKING:
    from featkit.store.store import EmbeddingStore


def probe(
    target: str,
    store: EmbeddingStore | str | Path | None = None,
    *,
    method: str | None = None,
    fold: str | None = None,
    seed: int | None = None,
    model: str = "linear",
    within: str | None = None,
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
        Which runs of the workspace.
    model : {"linear", "mlp"}
        A linear probe at chance does not show that nothing is there; try the other.
    within : {"label"}, optional
        Probe inside each class, so that content that differs by class cannot stand for the target.
    output : path, optional
        Folder for results (default: beside the store).

    Returns
    -------
    Collection of ProbeResult
        By run.
    """
    from featkit.probes import PROBES

    if target not in PROBES:
        raise InputError("the target of a probe must be known", repr(target), did_you_mean(target, PROBES))
    if target == "patient" and (model, within) != ("linear", None):
        raise InputError("the patient probe has no model and is always within the class", f"{model}, {within}")
    sources = find_sources(store, method=method, fold=fold, seed=seed, output=output)
    found: dict[str, ProbeResult] = {}
    for source in track(sources, f"Probing {target}"):
        name = source.name if source.seed == 0 else f"{source.name}/seed{source.seed}"
        found[name] = _probe_one(target, source, model, within)
        suffix = "" if (model, within) == ("linear", None) else f"_{model}" + ("_within_label" if within else "")
        found[name].save(source.results / f"probe_{target}{suffix}.json")
    return Collection(dict(found))


def _probe_one(target: str, source: Source, model: str, within: str | None) -> ProbeResult:
    from featkit.probes import PROBES

    rows, regime = _unseen(source)
    settings = source.config.probe
    shared = {
        "n_permutations": settings.n_permutations,
        "level": source.config.evaluate.level,
        "seed": source.config.split.seed,
        "store_id": source.store.store_id,
        "regime": regime,
    }
    if target == "patient":
        options = {}
    else:
        options = {"model": model, "within": within, "n_splits": settings.n_splits}
    return PROBES[target](
        source.store.X(rows),
        source.column(source.domain)[rows],
        source.patients()[rows],
        label=source.column("label")[rows],
        **options,
        **shared,
    )


def _unseen(source: Source) -> tuple[np.ndarray, str]:
    """Return the rows of patients the encoder was not trained on, and a sentence that says so."""
    if source.fold == EVERY_FOLD:
        return np.arange(source.store.n), "all patients; the encoder was trained on none of them"
    split = source.split(source.fold)
    patients = source.patients()
    trained_on = set(patients[split.rows("train")].tolist())
    rows = np.flatnonzero([p not in trained_on for p in patients.tolist()])
    return rows, "patients the encoder was not trained on, every magnification"
