"""``featkit signatures``: how few dimensions the answer needs, and whether they come back in another fold."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from featkit.core.errors import InputError, did_you_mean
from featkit.core.fingerprint import Fingerprint, options_of
from featkit.core.options import ComputeOptions, SignatureOptions, SplitOptions
from featkit.core.progress import note, track
from featkit.core.run_key import RunFilter, RunKey
from featkit.core.text import listed
from featkit.results.by_run import ByRun
from featkit.results.evaluation import Evaluation
from featkit.results.signature import Signature, dimension_names
from featkit.results.signature_detail import SignatureDetail
from featkit.results.signature_set import SignatureSet
from featkit.workflows.steps.copied import copied_dimensions, notes_on_copies
from featkit.workflows.steps.dense_reference import dense_reference, sparsity_price
from featkit.workflows.steps.forecasts import (
    SIGNATURE,
    FittedModel,
    analysed_folds,
    evaluate_forecast,
    evaluation_fingerprint,
    forecast_inputs,
    model_forecast,
    run_key,
    stale_parts,
)
from featkit.workflows.steps.overlaps import Fitted, match_encoders, mismatch_notes, overlap_groups
from featkit.workflows.steps.signature_detail import detail_fingerprint, signature_detail
from featkit.workflows.steps.sources import Source, find_sources
from featkit.workflows.steps.summaries import save_table, summary_path
from featkit.workflows.steps.targets import said_positive, target
from featkit.workflows.steps.training_rows import TrainingRows, training_rows

if TYPE_CHECKING:
    from featkit.data.split import Split
    from featkit.store.store import EmbeddingStore

_ESTIMATOR = "signature 3"
_PFER = 1.0
_APART_NOTE = (
    "Encoders of different folds, seeds or methods are trained separately: dimension j of one is dimension j of "
    "another only as far as a common start keeps it so; --deep matches dimensions first"
)


def signatures(
    store: EmbeddingStore | str | Path | None = None,
    *,
    runs: RunFilter | None = None,
    split: SplitOptions | None = None,
    options: SignatureOptions | None = None,
    again: bool = False,
    output: str | Path | None = None,
) -> SignatureSet:
    """Fit sparse signatures on the training patients of each fold and score them on its held-out patches.

    What is there already from the same embeddings, split and options is not fitted again.

    Parameters
    ----------
    store : EmbeddingStore or path, optional
        The embeddings; in a workspace all its stores when not given.
    runs : RunFilter, optional
        Which methods, folds and seeds; all when not given.
    split : SplitOptions, optional
        The held-out column and how patients are divided (default: the workspace's).
    options : SignatureOptions, optional
        The path, the choice of the penalty, stability selection, the positive class, the overlap measure, the dense
        reference, and whether to look deeper (default: the workspace's).
    again : bool
        Fit also what is there already.
    output : path, optional
        Folder for results (default: the workspace's ``results``, or beside the store).

    Returns
    -------
    SignatureSet
        The signatures asked for, their evaluation, and their overlap next to chance once there are two. Each is saved
        under its run; ``signatures.json`` and ``.parquet`` sum up all that are there, ``signatures,positive=CLASS``
        those of one class against the rest.

    Raises
    ------
    InputError
        If nothing matches, or options do not go together.

    Examples
    --------
    >>> import featkit
    >>> found = featkit.signatures("uni.zarr", runs=featkit.RunFilter(fold="100X"))  # doctest: +SKIP
    >>> found.signatures.one(fold="100X").support  # doctest: +SKIP
    """
    sources = find_sources(store, runs, split=split, output=output)
    chosen = _with_error_control(options or sources[0].config.signatures)
    check_measure(chosen.measure)
    jobs = [(source, fold) for source in sources for fold in source.folds(runs)]
    for source in sources:
        target(source, chosen.positive)  # before hours are spent
    fitted = [_fitted(source, fold, chosen, again) for source, fold in track(jobs, "Fitting signatures")]
    found = _gathered(fitted, chosen, is_asked=chosen.deep, again=again)
    _sum_up(sources, fitted, found, chosen)
    return found


def _with_error_control(options: SignatureOptions) -> SignatureOptions:
    """Return the options with one expected false selection as the bound where only a threshold was chosen."""
    stability = options.stability
    if stability.threshold is None or stability.q is not None or stability.pfer is not None:
        return options
    return dataclasses.replace(options, stability=dataclasses.replace(stability, pfer=_PFER))


def check_measure(measure: str) -> None:
    """Refuse a measure of overlap that is not known."""
    from featkit.stats.overlap_measures import OVERLAP_MEASURES
    from featkit.stats.overlap_similarity import SIMILARITY_MEASURES

    known = [name for name in (*OVERLAP_MEASURES, *SIMILARITY_MEASURES) if name != "intersection"]
    if measure not in known:
        raise InputError("the measure of overlap must be known", repr(measure), did_you_mean(measure, known))


def signature_fingerprint(source: Source, split: Split, options: SignatureOptions) -> Fingerprint:
    """Return what a signature of one fold is made from."""
    chosen = options_of(options)
    made = {name: value for name, value in chosen.items() if name not in ("measure", "deep", "dense", "allow_mismatch")}
    return Fingerprint(_ESTIMATOR, source.inputs(split), {**made, "seed": source.design.seed})


def _fitted(source: Source, fold: str, options: SignatureOptions, again: bool) -> Fitted:
    """Return the signature of one fold and what stands beside it, each made only where it is not there."""
    split = source.split(fold)
    key = run_key(source, fold, SIGNATURE, options.positive)
    made_from = signature_fingerprint(source, split, options)
    signature = None if again else source.results.finished(Signature, key, made_from)
    train = functools.cache(lambda: training_rows(source, split, options.positive))  # read once, and only if needed
    if signature is None:
        signature = dataclasses.replace(_fit(source, train(), options, key), made_from=made_from)
        source.results.save(signature)
    one = Fitted(key, source, split, signature, _evaluation(source, split, signature, again))
    one = dataclasses.replace(one, detail=_detail(one, train, options, again))
    one = dataclasses.replace(one, copies=copied_dimensions(source, split, key, train))
    return _beside(one, train, is_asked=options.dense, again=again)


def _beside(one: Fitted, train: Callable[[], TrainingRows], *, is_asked: bool, again: bool = False) -> Fitted:
    """Return a signature with its dense reference."""
    source, split, resampling = one.source, one.split, one.source.config.evaluate
    dense = dense_reference(source, split, one.signature, train, is_asked=is_asked, again=again)
    if dense is None:
        return one
    return dataclasses.replace(
        one,
        dense=_evaluation(source, split, dense, again),
        price=sparsity_price(source, split, one.signature, dense, resampling),
    )


def _evaluation(source: Source, split: Split, model: FittedModel, again: bool) -> Evaluation:
    resampling = source.config.evaluate
    wanted = evaluation_fingerprint(forecast_inputs(source, split, model), resampling)
    evaluation = None if again else source.results.finished(Evaluation, model.key, wanted)
    if evaluation is None:
        evaluation = evaluate_forecast(model_forecast(source, split, model), resampling)
        source.results.save(evaluation)
    return evaluation


def _detail(
    one: Fitted, train: Callable[[], TrainingRows], options: SignatureOptions, again: bool
) -> SignatureDetail | None:
    """Return the closer look at a signature: made where it is asked for, else the one that is there."""
    made_from = detail_fingerprint(one.source, one.signature, one.source.config.evaluate)
    results = one.source.results
    detail = None if again and options.deep else results.finished(SignatureDetail, one.key, made_from)
    if detail is None and options.deep:
        forecast = model_forecast(one.source, one.split, one.signature)
        detail = signature_detail(one.source, one.split, one.signature, train(), forecast, options.path)
        detail = dataclasses.replace(detail, key=one.key, made_from=made_from)
        results.save(detail)
    return detail


def _fit(source: Source, train: TrainingRows, options: SignatureOptions, key: RunKey) -> Signature:
    from featkit.sparse import fit_signature

    signature = fit_signature(
        train.rows,
        options=options,
        compute=ComputeOptions(max_bytes=train.max_bytes),
        seed=source.design.seed,
        classes=train.classes if key.positive or len(train.classes) > 2 else (),
        key=key,
    )
    notes = (train.note, *signature.notes) if train.note else signature.notes
    return dataclasses.replace(signature, notes=notes, dimension_names=_own_names(source.store))


def _own_names(store: EmbeddingStore) -> tuple[str, ...]:
    """Return the names of a store's dimensions where somebody named them."""
    names = store.dimension_names
    return () if names == tuple(dimension_names(range(store.d))) else names


def _gathered(
    fitted: Sequence[Fitted], options: SignatureOptions, *, is_asked: bool, again: bool = False
) -> SignatureSet:
    """Return signatures and what they have in common; encoders are matched anew only where ``is_asked``."""
    matchings, reseeding = match_encoders(fitted, measure=options.measure, is_asked=is_asked, again=again)
    return SignatureSet(
        signatures=ByRun((one.key, one.signature) for one in fitted),
        evaluations=ByRun((one.key, one.evaluation) for one in fitted),
        overlaps=overlap_groups(fitted, options),
        stable_overlaps=overlap_groups(fitted, options, is_stable=True),
        details=ByRun((one.key, one.detail) for one in fitted if one.detail is not None),
        matchings=matchings,
        reseeding=reseeding,
        dense=ByRun((one.key, one.dense) for one in fitted if one.dense is not None),
        prices=ByRun((one.key, one.price) for one in fitted if one.price is not None),
        copies=ByRun((one.key, one.copies) for one in fitted if one.copies is not None),
        notes=_notes(fitted, options),
        key=RunKey(positive=options.positive),
        made_from=_summary_fingerprint(fitted, options),
    )


def _sum_up(
    sources: Sequence[Source], fitted: Sequence[Fitted], found: SignatureSet, options: SignatureOptions
) -> None:
    """Rebuild the summary from all signatures that are there, also of runs that were not asked for now."""
    folder = sources[0].results
    path = summary_path(folder, "signatures", options.positive)
    table = path.with_suffix(".parquet")
    with folder.lock():
        everything = {one.key: one for one in _all_there(sources, options)} | {one.key: one for one in fitted}
        ordered = sorted(everything.values(), key=lambda one: one.key.sort_key())
        made_from = _summary_fingerprint(ordered, options)
        if table.is_file() and _made_from(path) == made_from:
            return
        if made_from != found.made_from:
            found = _gathered(ordered, options, is_asked=options.deep)
        save_table(found.frame(), table)
        found.save(path)  # last: where it is there, all of it is


def _all_there(sources: Sequence[Source], options: SignatureOptions) -> list[Fitted]:
    """Return every signature on disk of the stores that this workspace, or this one store, has."""
    found = []
    for source in sources[0].siblings():
        for fold in analysed_folds(source):
            try:
                one = _saved(source, fold, options)
            except InputError as error:  # damaged, or of a store that is
                note(f"Left out of the summary: {error}")
                continue
            if one is not None:
                found.append(one)
    return found


def _saved(source: Source, fold: str, options: SignatureOptions) -> Fitted | None:
    """Return what is there of one fold; None without a signature of the present embeddings and split."""
    key = run_key(source, fold, SIGNATURE, options.positive)
    signature = source.results.get(Signature, key)
    if signature is None:
        return None
    split = source.split(fold)
    stale = stale_parts(source, split, signature)
    if stale:
        note(f"Left out of the summary: the signature of {key.label()}, which is of another {listed(stale)}")
        return None
    resampling = source.config.evaluate
    evaluation = _evaluation(source, split, signature, again=False)
    detail = source.results.finished(SignatureDetail, key, detail_fingerprint(source, signature, resampling))
    one = Fitted(key, source, split, signature, evaluation, detail, copies=copied_dimensions(source, split, key, None))
    return _beside(one, functools.partial(training_rows, source, split, options.positive), is_asked=False)


def _made_from(path: Path) -> Fingerprint | None:
    try:
        return SignatureSet.load(path).made_from
    except InputError:
        return None


def _summary_fingerprint(fitted: Sequence[Fitted], options: SignatureOptions) -> Fingerprint:
    """Return what a summary is made from; matchings depend on nothing else, once they were asked for."""
    inputs = {}
    for one in fitted:
        parts = (one.signature, one.evaluation, one.detail, one.dense, one.price, one.copies)
        hashes = [part.made_from.sha256 for part in parts if part is not None and part.made_from is not None]
        inputs[one.key.file_name()] = " ".join(hashes)
    is_deep = options.deep or any(one.detail is not None for one in fitted)
    how = {"measure": options.measure, "deep": is_deep, "allow_mismatch": options.allow_mismatch}
    return Fingerprint("signatures 3", inputs, how)


def _notes(fitted: Sequence[Fitted], options: SignatureOptions) -> tuple[str, ...]:
    notes = []
    positive = said_positive(fitted[0].source, options.positive)
    if positive:
        notes.append(f"The positive class is {positive}: positive coefficients speak for it")
    is_matched = options.deep or all(one.detail is not None for one in fitted)
    if len({one.source.store.store_id for one in fitted}) > 1 and not is_matched:
        notes.append(_APART_NOTE)
    made = [one.signature.made_from for one in fitted if one.signature.made_from is not None]
    changed = {what for one in made[1:] for what in made[0].changes(one) if what.startswith("the option ")}
    if changed:
        notes.append(f"The signatures were chosen under different options: {listed(sorted(changed))} differ")
    copies = {one.key: one.copies for one in fitted if one.copies is not None}
    notes += notes_on_copies({one.key: one.signature for one in fitted}, copies)
    notes += mismatch_notes(fitted, options)
    return tuple(notes)
