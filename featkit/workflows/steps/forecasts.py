"""Class probabilities on held-out patches: of the trained head, the signatures and their dense references."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from featkit.core.errors import InputError
from featkit.core.fingerprint import Fingerprint, options_of
from featkit.core.natural_order import sort_naturally
from featkit.core.options import Resampling
from featkit.core.progress import note
from featkit.core.run_key import RunFilter, RunKey
from featkit.results.dense_model import DenseModel
from featkit.results.evaluation import Evaluation
from featkit.results.signature import Signature
from featkit.workflows.steps.cohort import drawn_from
from featkit.workflows.steps.sources import Source
from featkit.workflows.steps.targets import said_positive, target

if TYPE_CHECKING:
    import polars as pl

    from featkit.data.split import Split
    from featkit.stats import Forecasts

HEAD, SIGNATURE, DENSE = "head", "signature", "dense"
FittedModel = Signature | DenseModel
_KINDS: dict[str, type[Signature] | type[DenseModel]] = {SIGNATURE: Signature, DENSE: DenseModel}
_RUN = ("method", "seed")
_EVALUATION = "evaluation 4"


@dataclasses.dataclass(frozen=True, eq=False)
class Forecast:
    """What one model says about patches it never saw.

    Parameters
    ----------
    key : RunKey
        Whose forecast it is; the fold is None where it spans several.
    patch_ids, patients, folds : (n,) arrays of str
        Which patches, of whom, with which domain held out.
    y : (n,) int64
        Class indices.
    p : (n,) or (n, K) float64
        Probability of class 1, or of every class.
    classes : tuple of str
        Class names.
    training_prevalence : dict of str to (K,) array
        By fold, each class's share of the training patches, which the majority baseline forecasts.
    inputs : dict of str to str
        What it depends on in each fold (`forecast_inputs`).
    slides : (n,) array of str or None
        Slide of each patch, where the store names all of them in the column "slide".
    n_cohort : int or None
        Patients of the study where the split drew the tested ones in its class shares (`drawn_from`).
    nothing_selected : tuple of str
        Folds whose signature is empty.
    is_one_scale : bool
        Whether one and the same fitted model made the forecasts of all folds, as the head of an encoder that was not
        trained fold by fold does. Signatures, and heads that were trained without the fold, do not.
    positive : str
        Which of two classes is the positive one, and why (`said_positive`).
    """

    key: RunKey
    patch_ids: np.ndarray
    patients: np.ndarray
    folds: np.ndarray
    y: np.ndarray
    p: np.ndarray
    classes: tuple[str, ...]
    training_prevalence: dict[str, np.ndarray]
    inputs: dict[str, str]
    slides: np.ndarray | None = None
    n_cohort: int | None = None
    nothing_selected: tuple[str, ...] = ()
    is_one_scale: bool = False
    positive: str = ""

    def labelled(self) -> Forecasts:
        """Return labels and probabilities as the statistics take them."""
        from featkit.stats import Forecasts

        return Forecasts(
            self.y,
            self.p,
            self.patients,
            folds=self.folds,
            slides=self.slides,
            class_names=self.classes,
            is_one_scale=self.is_one_scale,
            nothing_selected=self.nothing_selected,
            n_cohort=self.n_cohort,
        )

    def frame(self) -> pl.DataFrame:
        """Return one row per patch."""
        import polars as pl

        key = self.key
        named = {"method": key.method, "model": key.model, "positive": key.positive}
        head = [pl.lit(value, dtype=pl.String).alias(name) for name, value in named.items()]
        head.append(pl.lit(key.seed, dtype=pl.Int64).alias("seed"))
        columns = {"fold": self.folds.astype(str), "patch_id": self.patch_ids, "patient": self.patients}
        columns["label"] = np.array([self.classes[k] for k in self.y])
        P = self.p if self.p.ndim == 2 else np.column_stack([1 - self.p, self.p])
        return pl.DataFrame({**columns, **{f"p_{name}": P[:, k] for k, name in enumerate(self.classes)}}).select(
            *head, pl.all()
        )


def model_forecast(source: Source, split: Split, model: FittedModel, role: str = "test") -> Forecast:
    """Return the probabilities of a signature or dense reference on the fold's rows of ``role``."""
    y, classes = target(source, model.key.positive)
    rows = split.rows(role)
    p = np.concatenate([model.predict_proba(X) for _, X in source.store.view(rows).blocks()])
    if model.is_multinomial:
        p = p[:, [model.classes.index(name) for name in classes]]
    found = _forecast(model.key, source, split, rows, (y, p, classes), forecast_inputs(source, split, model))
    is_empty = isinstance(model, Signature) and not model.size
    return dataclasses.replace(found, nothing_selected=(split.fold,)) if is_empty else found


def forecast_inputs(source: Source, split: Split, model: FittedModel | None = None) -> dict[str, str]:
    """Return what a forecast of one fold depends on, for fingerprints: of a fitted model, or of the head."""
    inputs = source.inputs(split)
    if model is not None:
        inputs[model.key.model or SIGNATURE] = model.made_from.sha256 if model.made_from else ""
    return {f"{name} of {split.fold}": value for name, value in inputs.items()}


def head_forecast(source: Source, split: Split, role: str = "test") -> Forecast | None:
    """Return the trained head's probabilities on the fold's rows of ``role``; None without a head."""
    P = source.store.probabilities
    if P is None:
        return None
    y, classes = source.targets()
    rows = split.rows(role)
    p = P[rows].astype(np.float64)
    p = p / p.sum(axis=1, keepdims=True)
    key = run_key(source, split.fold, HEAD)
    forecast = (y, p[:, 1] if len(classes) == 2 else p, classes)
    found = _forecast(key, source, split, rows, forecast, forecast_inputs(source, split))
    return dataclasses.replace(found, is_one_scale=source.key.fold is None)


def run_key(source: Source, fold: str | None, model: str, positive: str | None = None) -> RunKey:
    """Return the key of one model of a store with one fold held out."""
    return dataclasses.replace(source.key, fold=fold, model=model, positive=positive)


def fitted_model(source: Source, key: RunKey) -> FittedModel | None:
    """Return the signature or dense reference fitted on this very store and split before, or None.

    It is looked for where results go, and then where they go by default.

    Parameters
    ----------
    source : Source
        The store.
    key : RunKey
        The run, with its fold and the model "signature" or "dense".

    Raises
    ------
    InputError
        If there is none but one that was fitted on other embeddings, labels or another split.
    """
    kind = _KINDS[str(key.model)]
    saved = [folder.get(kind, key) for folder in source.folders]
    found = [model for model in saved if model is not None]
    stale = [stale_parts(source, source.split(str(key.fold)), model) for model in found]
    for model, parts in zip(found, stale, strict=True):
        if not parts:
            return model
    if stale:
        raise InputError(
            f"the model of {key.label()} must be of the present {' and '.join(stale[0])}",
            "one fitted on others",
            "Run 'featkit signatures' again",
        )
    return None


def stale_parts(source: Source, split: Split, model: FittedModel) -> list[str]:
    """Return which of the inputs of a fitted model ("store", "split", ...) are others now."""
    made = dict(model.made_from.inputs) if model.made_from else {}
    return [name for name, value in source.inputs(split).items() if made.get(name) != value]


@dataclasses.dataclass(frozen=True, eq=False)
class FoldModel:
    """A model of one fold that can say what it thinks of patches; nothing is read from the store before.

    Parameters
    ----------
    key : RunKey
        Which model.
    source : Source
        The store.
    split : Split
        The fold.
    fitted : Signature, DenseModel or None
        None for the trained head.
    """

    key: RunKey
    source: Source
    split: Split
    fitted: FittedModel | None = None

    @property
    def inputs(self) -> dict[str, str]:
        """What its forecasts depend on, for fingerprints."""
        return forecast_inputs(self.source, self.split, self.fitted)

    def forecast(self, role: str = "test") -> Forecast:
        """Return its probabilities on the fold's rows of ``role``."""
        if self.fitted is not None:
            return model_forecast(self.source, self.split, self.fitted, role)
        found = head_forecast(self.source, self.split, role)
        assert found is not None  # there is a model of a head only where there is a head
        return found


def fold_models(
    source: Source, fold: str, *, wanted: RunKey | None = None, skip_stale: bool = False
) -> list[FoldModel]:
    """Return the head, the signatures and their dense references of one fold, where there are such.

    Those of one class against the rest come last, in the order of classes.

    Parameters
    ----------
    source : Source
        The store.
    fold : str
        The fold.
    wanted : RunKey, optional
        Only the model with this ``model`` and ``positive``.
    skip_stale : bool
        Leave out models of other inputs than the present ones, with a note, instead of refusing them.
    """
    split = source.split(fold)
    keys = [run_key(source, fold, HEAD)] if source.store.probabilities is not None else []
    classes = (None, *source.targets()[1])
    keys += [run_key(source, fold, model, positive) for model in _KINDS for positive in classes]
    found = []
    for key in keys:
        if wanted is not None and not key.matches(model=wanted.model, positive=wanted.positive):
            continue
        if key.model == HEAD:
            found.append(FoldModel(key, source, split))
            continue
        try:
            fitted = fitted_model(source, key)
        except InputError as error:
            if not skip_stale:
                raise
            note(f"Left out: {error}")
            continue
        if fitted is not None:
            found.append(FoldModel(key, source, split, fitted))
    return found


def gather_models(
    sources: Sequence[Source],
    runs: RunFilter | None = None,
    *,
    wanted: RunKey | None = None,
    skip_stale: bool = False,
) -> dict[RunKey, list[FoldModel]]:
    """Return each model's folds, by its key without the fold (see `fold_models`)."""
    parts: dict[RunKey, list[FoldModel]] = {}
    for source in sources:
        for fold in source.folds(runs) if runs is not None and runs.folds else analysed_folds(source):
            for model in fold_models(source, fold, wanted=wanted, skip_stale=skip_stale):
                parts.setdefault(model.key.without("fold"), []).append(model)
    return dict(sorted(parts.items(), key=lambda item: item[0].sort_key()))


def analysed_folds(source: Source) -> list[str]:
    """Return the folds of a store and, of an encoder of all folds, any others that signatures were fitted with."""
    folds = source.folds()
    if source.key.fold is not None:
        return folds
    saved = (key for folder in source.folders for key in folder.keys(Signature))
    others = [key.fold for key in saved if key.fold is not None and key.only(*_RUN) == source.key.only(*_RUN)]
    return [*folds, *(fold for fold in sort_naturally(others) if fold not in folds and source.has_fold(fold))]


def forecasts_of(models: Mapping[RunKey, Sequence[FoldModel]]) -> dict[RunKey, Forecast]:
    """Return each model's forecasts of the test rows of its folds, joined.

    Raises
    ------
    InputError
        If there is neither a head nor a signature.
    """
    if not models:
        raise InputError(
            "there must be probabilities to evaluate",
            "neither a trained head nor a signature",
            "Run 'featkit signatures' first",
        )
    return {key: joined(key, [model.forecast() for model in parts]) for key, parts in models.items()}


def joined(key: RunKey, pieces: Sequence[Forecast]) -> Forecast:
    """Return the forecasts of several folds as one."""
    names = ["patch_ids", "patients", "folds", "y", "p"]
    if pieces[0].slides is not None:
        names.append("slides")
    arrays: dict[str, Any] = {name: np.concatenate([getattr(f, name) for f in pieces]) for name in names}
    cohorts = [f.n_cohort for f in pieces]
    return dataclasses.replace(
        pieces[0],
        key=key,
        n_cohort=None if None in cohorts else max(n for n in cohorts if n is not None),
        nothing_selected=tuple(fold for f in pieces for fold in f.nothing_selected),
        is_one_scale=all(f.is_one_scale for f in pieces),
        training_prevalence={fold: share for f in pieces for fold, share in f.training_prevalence.items()},
        inputs={name: value for f in pieces for name, value in f.inputs.items()},
        **arrays,
    )


def evaluation_fingerprint(inputs: Mapping[str, str], options: Resampling) -> Fingerprint:
    """Return what an evaluation of forecasts with these inputs is made from."""
    return Fingerprint(_EVALUATION, inputs, options_of(options))


def evaluate_forecast(forecast: Forecast, resampling: Resampling) -> Evaluation:
    """Return metrics with patient-cluster intervals, per fold and over folds."""
    from featkit.stats import evaluate

    prevalence = forecast.training_prevalence
    found = evaluate(forecast.labelled(), training_prevalence=prevalence, resampling=resampling)
    made_from = evaluation_fingerprint(forecast.inputs, resampling)
    return dataclasses.replace(found, key=forecast.key, made_from=made_from, positive=forecast.positive)


def _forecast(
    key: RunKey,
    source: Source,
    split: Split,
    rows: np.ndarray,
    said: tuple[np.ndarray, np.ndarray, tuple[str, ...]],
    inputs: dict[str, str],
) -> Forecast:
    y, p, classes = said
    shares = np.bincount(y[split.rows("train")], minlength=len(classes))
    obs = source.store.obs
    slides = obs["slide"] if "slide" in obs.columns and not obs["slide"].null_count() else None
    return Forecast(
        key=key,
        patch_ids=source.column("patch_id")[rows],
        patients=source.patients()[rows],
        folds=np.full(rows.size, split.fold, dtype=object),
        y=y[rows],
        p=p,
        classes=classes,
        training_prevalence={split.fold: shares / shares.sum()},
        inputs=inputs,
        slides=None if slides is None else slides.to_numpy()[rows],
        n_cohort=drawn_from(source, split),
        positive=said_positive(source, key.positive),
    )
