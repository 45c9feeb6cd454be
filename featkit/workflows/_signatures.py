"""``featkit signatures``: how few dimensions the answer needs, and whether they come back in another fold."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featkit.core.errors import InputError, did_you_mean
from featkit.core.options import ComputeOptions, PathOptions, PenaltyOptions, SignatureOptions, StabilityOptions
from featkit.core.progress import track
from featkit.core.provenance import json_sha256
from featkit.results.evaluation import Evaluation
from featkit.results.signature import Signature
from featkit.results.signature_detail import SignatureDetail
from featkit.results.signature_set import SignatureSet
from featkit.workflows.steps.file_names import file_name
from featkit.workflows.steps.forecasts import (
    evaluate_forecast,
    signature_forecast,
    signature_path,
)
from featkit.workflows.steps.overlaps import Fitted, match_encoders, overlap_groups
from featkit.workflows.steps.signature_detail import signature_detail
from featkit.workflows.steps.sources import Source, find_sources, summary_folder
from featkit.workflows.steps.training_rows import TrainingRows, training_rows

if TYPE_CHECKING:
    from featkit.data.split import Split
    from featkit.store.store import EmbeddingStore

_APART_NOTE = (
    "Encoders of different folds, seeds or methods are trained apart: dimension j of one is dimension j of another "
    "only as far as a common start keeps it so; --deep matches dimensions first"
)


@dataclasses.dataclass(frozen=True)
class Choices:
    """How signatures are chosen; what is None comes from the workspace's configuration.

    Parameters
    ----------
    rule, value
        Of the penalty: "min", "1se", or "lambda" or "C" with a value.
    threshold, q, pfer
        Of stability selection: two of them give the third.
    n_pairs
        Complementary pairs; 0 for none.
    """

    rule: str | None = None
    value: float | None = None
    threshold: float | None = None
    q: int | None = None
    pfer: float | None = None
    n_pairs: int | None = None

    def options(self, source: Source) -> SignatureOptions:
        """Return the options of `featkit.sparse.fit_signature`."""
        settings = source.config.signatures
        penalty = {"rule": self.rule or settings.rule, "value": self.value, "n_folds": settings.n_splits}
        n_pairs = settings.n_pairs if self.n_pairs is None else self.n_pairs
        control = self._error_control(settings.threshold, settings.q or None)
        return SignatureOptions(
            path=PathOptions(n_lambdas=settings.n_lambdas),
            penalty=PenaltyOptions().with_given(**penalty),
            stability=StabilityOptions().with_given(n_pairs=n_pairs, **control),
        )

    def _error_control(self, threshold: float, q: int | None) -> dict[str, Any]:
        asked = {"threshold": self.threshold, "q": self.q, "pfer": self.pfer}
        given = {name: value for name, value in asked.items() if value is not None}
        if len(given) == 3:
            raise InputError("at most two of --threshold, --q and --pfer may be given", "all three", "Leave one out")
        if len(given) == 2:
            return given
        if not given and (threshold, q) == (_THRESHOLD, None):
            return {}  # the engine's own default: this threshold with at most one false selection expected
        given.setdefault("threshold", threshold)
        if "pfer" not in given and "q" not in given:
            given |= {"q": q} if q else {"pfer": 1.0}
        return given


_THRESHOLD = 0.75


def signatures(
    store: EmbeddingStore | str | Path | None = None,
    *,
    fold: str | None = None,
    method: str | None = None,
    seed: int | None = None,
    rule: str | None = None,
    value: float | None = None,
    threshold: float | None = None,
    q: int | None = None,
    pfer: float | None = None,
    n_pairs: int | None = None,
    positive: str | None = None,
    measure: str = "jaccard",
    deep: bool = False,
    figures: bool = True,
    domain: str | None = None,
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
    rule : {"min", "1se", "lambda", "C"}, optional
        How the penalty is chosen: by patient-grouped cross-validation (default: the workspace's, or "1se"), or given
        by ``value`` on featkit's scale or scikit-learn's.
    value : float, optional
        The penalty, with rule "lambda" or "C" alone.
    threshold, q, pfer : float, int, float, optional
        Error control of stability selection: the selection frequency asked, the dimensions a subsample may select, and
        the bound on expected false selections. Two of them give the third; the workspace's threshold and ``pfer=1``
        stand in for what is not given.
    n_pairs : int, optional
        Complementary pairs of patient half-samples for stability selection; 0 for none.
    positive : str, optional
        The class to tell from the rest. With more than two classes and none named, dimensions are in or out for all
        classes together.
    measure : str
        How overlap is measured: "jaccard", "dice", "kuncheva", "lustgarten", "phi", "kappa", or a similarity-adjusted
        measure, for which collinear dimensions stand in for each other.
    deep : bool
        Also refit each signature without shrinkage and with a ridge, follow its performance by size, leave dimensions
        out one by one, split their variance by class, patient and domain, and match the dimensions of separately
        trained encoders.
    figures : bool
        Save the figures as SVG and PDF in ``figures`` beside the results.
    domain : str, optional
        The column a method must generalise over (default: the workspace's, or the one the store was made with).
    output : path, optional
        Folder for results (default: beside the store).

    Returns
    -------
    SignatureSet
        Signatures, their evaluation, and their overlap next to chance once there are two. Saved as
        ``signatures.json``, or ``signatures_<class>.json`` where a class is named, so that neither replaces the other.

    Raises
    ------
    InputError
        If nothing matches, or options do not go together.
    """
    _check_measure(measure)
    choices = Choices(rule, value, threshold, q, pfer, n_pairs)
    jobs = [
        (source, name)
        for source in find_sources(store, method=method, fold=fold, seed=seed, output=output, domain=domain)
        for name in source.folds(fold)
    ]
    several_seeds = len({source.seed for source, _ in jobs}) > 1
    fitted: list[Fitted] = []
    evaluations: dict[str, Evaluation] = {}
    details: dict[str, SignatureDetail] = {}
    for source, name in track(jobs, "Fitting signatures"):
        key = f"{source.method}/{name}" + (f"/seed{source.seed}" if several_seeds else "")
        split = source.split(name)
        train = training_rows(source, split, positive)
        signature = _fit(source, split, train, choices, positive)
        path = signature_path(source, name, positive)
        signature.save(path)
        signature.frame().write_parquet(path.with_suffix(".parquet"))
        fitted.append(Fitted(key, source, split, signature, train.rows))
        forecast = signature_forecast(source, split, signature, positive=positive)
        evaluations[key] = evaluate_forecast(forecast, source.config)
        details[key] = signature_detail(source, split, signature, train, forecast, is_deep=deep)
    matchings, reseeding = match_encoders(fitted, measure=measure) if deep else ({}, {})
    result = SignatureSet(
        signatures={one.key: one.signature for one in fitted},
        evaluations=evaluations,
        overlaps=overlap_groups(fitted, measure=measure),
        stable_overlaps=overlap_groups(fitted, measure=measure, is_stable=True),
        details=details,
        matchings=matchings,
        reseeding=reseeding,
        notes=_notes(fitted, deep, positive),
        positive=positive or "",
    )
    path = summary_folder([source for source, _ in jobs], output) / f"{summary_stem(positive)}.json"
    result.save(path)
    result.frame().write_parquet(path.with_suffix(".parquet"))
    if figures:
        from featkit.workflows.steps.figures import draw_signatures

        draw_signatures(result, path.parent / "figures")
    return result


def summary_stem(positive: str | None) -> str:
    """Return the name, without its ending, of the file that sums up the signatures of a class, or of all."""
    return "signatures" + (f"_{file_name(positive)}" if positive else "")


def _notes(fitted: list[Fitted], deep: bool, positive: str | None) -> tuple[str, ...]:
    notes = [f"The class {positive} against all others"] if positive else []
    if len({one.source.store.store_id for one in fitted}) > 1 and not deep:
        notes.append(_APART_NOTE)
    return tuple(notes)


def _fit(source: Source, split: Split, train: TrainingRows, choices: Choices, positive: str | None) -> Signature:
    from featkit.sparse import fit_signature
    from featkit.stats.labelled_rows import LabelledRows

    signature = fit_signature(
        LabelledRows(train.X, train.y, train.patients),
        options=choices.options(source),
        compute=ComputeOptions(max_bytes=train.max_bytes),
        seed=source.config.split.seed,
        classes=train.classes if positive or len(train.classes) > 2 else (),
    )
    notes = (train.note, *signature.warnings) if train.note else signature.warnings
    split_id = json_sha256([split.fold, split.patch_ids.tolist(), split.role.tolist()])
    return dataclasses.replace(
        signature,
        fold=split.fold,
        method=source.method,
        store_id=source.store.store_id,
        split_id=split_id,
        warnings=notes,
    )


def _check_measure(measure: str) -> None:
    from featkit.stats.overlap_measures import OVERLAP_MEASURES
    from featkit.stats.overlap_similarity import SIMILARITY_MEASURES

    known = [name for name in (*OVERLAP_MEASURES, *SIMILARITY_MEASURES) if name != "intersection"]
    if measure not in known:
        raise InputError("the measure of overlap must be known", repr(measure), did_you_mean(measure, known))
