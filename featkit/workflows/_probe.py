"""``featkit probe``: what should not be readable from a frozen embedding, and whether it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.errors import InputError, did_you_mean
from featkit.core.fingerprint import Fingerprint, options_of
from featkit.core.options import ProbeOptions, Resampling, SplitOptions
from featkit.core.progress import track
from featkit.core.run_key import RunFilter, RunKey
from featkit.results.by_run import ByRun
from featkit.results.probe import ProbeResult
from featkit.results.probe_set import ProbeSet
from featkit.workflows.steps.sources import Source, find_sources

if TYPE_CHECKING:
    from featkit.store.store import EmbeddingStore

_ESTIMATOR = "probe 3"


def probe(
    target: str,
    store: EmbeddingStore | str | Path | None = None,
    *,
    runs: RunFilter | None = None,
    split: SplitOptions | None = None,
    options: ProbeOptions | None = None,
    again: bool = False,
    output: str | Path | None = None,
) -> ProbeSet:
    """Fit a small model that reads a column from frozen embeddings, next to chance and a permutation null.

    For a trained encoder only patients it was not trained on are probed: what a network memorised of its training
    patients says nothing about new ones. A frozen encoder has seen none of them, so all are used.

    Parameters
    ----------
    target : str
        What to read: any column of the store ("magnification", "site", "scanner") across patients, or "patient" across
        domains. "magnification" stands for the domain where the store has no such column.
    store : EmbeddingStore or path, optional
        The embeddings; in a workspace all its stores when not given.
    runs : RunFilter, optional
        Which methods, folds and seeds; for a frozen encoder the fold says which domain counts as held out.
    split : SplitOptions, optional
        The held-out column (default: the workspace's).
    options : ProbeOptions, optional
        Which domains are told apart, by which model, within what, and the null (default: the workspace's).
    again : bool
        Probe also what was probed already.
    output : path, optional
        Folder for results (default: the workspace's ``results``, or beside the store).

    Returns
    -------
    ProbeSet
        By run; each is saved in ``probes``.

    Raises
    ------
    InputError
        If nothing matches, an option is unknown, or a regime needs a held-out domain and there is none.

    Examples
    --------
    >>> import featkit
    >>> featkit.probe("magnification", "uni.zarr").frame()  # doctest: +SKIP
    """
    from featkit.probes import PROBES

    sources = find_sources(store, runs, split=split, output=output)
    for source in sources:
        if target not in PROBES and target not in source.store.obs.columns:
            known = [*PROBES, *source.store.obs.columns]
            raise InputError(
                "the target of a probe must be a column or a probe", repr(target), did_you_mean(target, known)
            )
    chosen = options or sources[0].config.probe
    if target == "patient" and (chosen.regime, chosen.model, chosen.within) != ("all", "linear", None):
        raise InputError(
            "the patient probe must be left as it is: one model, all domains, within the class",
            f"regime {chosen.regime}, model {chosen.model}, within {chosen.within}",
            "Leave these options out",
        )
    if chosen.regime != "all" and target != sources[0].domain:
        raise InputError(
            f"a regime other than all is for the held-out column, {sources[0].domain}", target, "Leave --regime out"
        )
    jobs = [(source, fold) for source in sources for fold in _held_out(source, runs, chosen)]
    found: dict[RunKey, ProbeResult] = {}
    for source, fold in track(jobs, f"Probing {target}"):
        key = probe_key(source, fold, target, chosen)
        found[key] = _probed(source, key, target, chosen, again)
    return ProbeSet(ByRun(found))


def probe_key(source: Source, fold: str | None, target: str, options: ProbeOptions) -> RunKey:
    """Return the key of one probe: the run, what was read, and how where that is not the plain way."""
    variant = options.variant(target)
    if target == "patient" and source.domain != SplitOptions().domain:
        variant["domain"] = source.domain
    return dataclasses.replace(source.key, fold=fold, variant=tuple(variant.items()))


def _held_out(source: Source, runs: RunFilter | None, options: ProbeOptions) -> list[str | None]:
    """Return the domains that count as held out for one store: its own, or those asked for."""
    if source.key.fold is not None:
        return list(source.folds(runs))
    if options.regime == "all":
        return [None]
    if runs is None or runs.folds is None:
        raise InputError(
            f"the regime {options.regime!r} must have a held-out {source.domain}",
            f"{source.key.label()}, which was trained on none of them",
            f"Name one with --fold: {', '.join(source.domains())}",
        )
    return list(source.folds(runs))


def _probed(source: Source, key: RunKey, target: str, options: ProbeOptions, again: bool) -> ProbeResult:
    resampling = source.config.evaluate
    inputs = source.inputs(source.split(key.fold) if key.fold is not None else None)
    made = {**options_of(options), **options_of(resampling), "domain": source.domain}
    made_from = Fingerprint(_ESTIMATOR, inputs, made)
    found = None if again else source.results.finished(ProbeResult, key, made_from)
    if found is None:
        found = _probe_one(source, key, target, options, resampling)
        found = dataclasses.replace(found, made_from=made_from)
        source.results.save(found)
    return found


def _probe_one(source: Source, key: RunKey, target: str, options: ProbeOptions, resampling: Resampling) -> ProbeResult:
    from featkit.probes import ProbeRows, probe_of

    rows, column, words = _task(source, key.fold, target, options.regime)
    named = dataclasses.replace(options, column=source.domain if target == "patient" else target)
    given = ProbeRows(
        source.store.X(rows),
        column,
        source.patients()[rows],
        label=None if target == "label" else source.column("label")[rows],
        description=words,
    )
    return probe_of(target)(given, named, resampling, key)


def _task(source: Source, held_out: str | None, target: str, regime: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the rows to probe, what to read from them, and both in words."""
    rows, who = _unseen(source)
    if target not in ("patient", source.domain):
        return rows, source.column(target)[rows], who
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
    if source.key.fold is None:
        return np.arange(source.store.n), "all patients, since the encoder was trained on none of them"
    split = source.split(source.key.fold)
    patients = source.patients()
    trained_on = set(patients[split.rows("train")].tolist())
    rows = np.flatnonzero([p not in trained_on for p in patients.tolist()])
    return rows, "patients the encoder was not trained on"
