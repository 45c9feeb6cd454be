"""Class probabilities on held-out patches: of the trained head, and of the signatures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from featkit.core.errors import InputError, did_you_mean
from featkit.core.fingerprint import Fingerprint, options_of
from featkit.core.options import Resampling
from featkit.core.run_key import RunFilter, RunKey
from featkit.results.evaluation import Evaluation
from featkit.results.signature import REST, Signature
from featkit.workflows.steps.sources import Source

if TYPE_CHECKING:
    import polars as pl

    from featkit.data.split import Split
    from featkit.stats import Forecasts

HEAD, SIGNATURE = "head", "signature"
_EVALUATION = "evaluation 3"


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

    def labelled(self) -> Forecasts:
        """Return labels and probabilities as the statistics take them."""
        from featkit.stats import Forecasts

        return Forecasts(self.y, self.p, self.patients, folds=self.folds, class_names=self.classes)

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


def target(source: Source, positive: str | None = None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return (n,) class indices and class names; "rest" and ``positive`` where a class is named.

    Raises
    ------
    InputError
        If there is no such class, or it is called what the others are.
    """
    y, classes = source.targets()
    if positive is None:
        return y, classes
    if positive not in classes:
        raise InputError("the positive class must be a label", repr(positive), did_you_mean(positive, classes))
    if positive == REST:
        raise InputError(
            f"the positive class must not be called {REST!r}, as all others are",
            repr(positive),
            "Rename it in the manifest",
        )
    return (y == classes.index(positive)).astype(np.int64), (REST, positive)


def signature_forecast(source: Source, split: Split, signature: Signature, role: str = "test") -> Forecast:
    """Return the signature's probabilities on the fold's rows of ``role``."""
    y, classes = target(source, signature.key.positive)
    rows = split.rows(role)
    p = np.concatenate([signature.predict_proba(X) for _, X in source.store.view(rows).blocks()])
    if signature.is_multinomial:
        p = p[:, [signature.classes.index(name) for name in classes]]
    return _forecast(signature.key, source, split, rows, (y, p, classes), forecast_inputs(source, split, signature))


def forecast_inputs(source: Source, split: Split, signature: Signature | None = None) -> dict[str, str]:
    """Return what a forecast of one fold depends on, for fingerprints: of a signature, or of the head."""
    inputs = source.inputs(split)
    if signature is not None:
        inputs["signature"] = signature.made_from.sha256 if signature.made_from else ""
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
    return _forecast(key, source, split, rows, forecast, forecast_inputs(source, split))


def run_key(source: Source, fold: str | None, model: str, positive: str | None = None) -> RunKey:
    """Return the key of one model of a store with one fold held out."""
    return dataclasses.replace(source.key, fold=fold, model=model, positive=positive)


def fitted_signature(source: Source, fold: str, positive: str | None = None) -> Signature | None:
    """Return the signature fitted on this very store and split before, or None.

    Raises
    ------
    InputError
        If there is one that was fitted on other embeddings, labels or another split.
    """
    signature = source.results.get(Signature, run_key(source, fold, SIGNATURE, positive))
    if signature is None:
        return None
    inputs = source.inputs(source.split(fold))
    made = dict(signature.made_from.inputs) if signature.made_from else {}
    stale = [name for name, value in inputs.items() if made.get(name) != value]
    if stale:
        raise InputError(
            f"the signature of {signature.key.label()} must be of the present {' and '.join(stale)}",
            "one fitted on others",
            "Run 'featkit signatures' again",
        )
    return signature


def fold_forecasts(source: Source, fold: str, role: str = "test") -> list[Forecast]:
    """Return what the head and the signatures of one fold, where there are such, say about its rows of ``role``.

    Signatures of one class against the rest come last, in the order of classes.
    """
    split = source.split(fold)
    head = head_forecast(source, split, role)
    found = [] if head is None else [head]
    for positive in (None, *source.targets()[1]):
        signature = fitted_signature(source, fold, positive)
        if signature is not None:
            found.append(signature_forecast(source, split, signature, role))
    return found


def gather_forecasts(sources: Sequence[Source], runs: RunFilter | None = None) -> dict[RunKey, Forecast]:
    """Return each model's forecasts over its folds, by its key without the fold.

    Raises
    ------
    InputError
        If there is neither a head nor a signature.
    """
    parts: dict[RunKey, list[Forecast]] = {}
    for source in sources:
        for fold in source.folds(runs):
            for forecast in fold_forecasts(source, fold):
                parts.setdefault(forecast.key.without("fold"), []).append(forecast)
    if not parts:
        raise InputError(
            "there must be probabilities to evaluate",
            "neither a trained head nor a signature",
            "Run 'featkit signatures' first",
        )
    return {key: joined(key, pieces) for key, pieces in sorted(parts.items(), key=lambda item: item[0].sort_key())}


def joined(key: RunKey, pieces: Sequence[Forecast]) -> Forecast:
    """Return the forecasts of several folds as one."""
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(f, name) for f in pieces])
        for name in ("patch_ids", "patients", "folds", "y", "p")
    }
    return dataclasses.replace(
        pieces[0],
        key=key,
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
    return dataclasses.replace(found, key=forecast.key, made_from=evaluation_fingerprint(forecast.inputs, resampling))


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
    )
