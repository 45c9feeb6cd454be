"""Class probabilities on held-out patches: of the trained head, and of the sparse model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featkit.core.config import Config
from featkit.core.errors import InputError, did_you_mean
from featkit.results.evaluation import Evaluation
from featkit.results.signature import REST, Signature
from featkit.workflows.steps.file_names import file_name
from featkit.workflows.steps.sources import Source

if TYPE_CHECKING:
    import polars as pl

    from featkit.data.split import Split


_RENAME = "Rename it in the manifest"


@dataclasses.dataclass(frozen=True, eq=False)
class Forecast:
    """What one model says about patches it never saw.

    Parameters
    ----------
    name : str
        Whose forecast it is ("grl head", "grl signature", "grl signature, ductal" for that class against the rest).
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
    seed : int
        Training seed of the encoder.
    """

    name: str
    patch_ids: np.ndarray
    patients: np.ndarray
    folds: np.ndarray
    y: np.ndarray
    p: np.ndarray
    classes: tuple[str, ...]
    training_prevalence: dict[str, np.ndarray]
    seed: int = 0

    def frame(self) -> pl.DataFrame:
        """Return one row a patch."""
        import polars as pl

        columns = {"model": [self.name] * len(self.y), "fold": self.folds, "patch_id": self.patch_ids}
        columns |= {"patient": self.patients, "label": [self.classes[k] for k in self.y]}
        P = self.p if self.p.ndim == 2 else np.column_stack([1 - self.p, self.p])
        return pl.DataFrame({**columns, **{f"p_{name}": P[:, k] for k, name in enumerate(self.classes)}})


def target(source: Source, positive: str | None = None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return (n,) class indices and class names; "rest" and ``positive`` where a class is named.

    Raises
    ------
    InputError
        If there is no such class, or its name cannot tell it from the others.
    """
    y, classes = source.targets()
    if positive is not None:
        if positive not in classes:
            raise InputError("the positive class must be a label", repr(positive), did_you_mean(positive, classes))
        if positive == REST:
            raise InputError(
                f"the positive class must not be called {REST!r}, as all others are", repr(positive), _RENAME
            )
        twins = [name for name in classes if name != positive and file_name(name) == file_name(positive)]
        if twins:
            raise InputError(
                "classes must differ in more than spaces and marks to have files of their own",
                f"{positive!r} and {twins[0]!r}",
                _RENAME,
            )
        return (y == classes.index(positive)).astype(np.int64), (REST, positive)
    return y, classes


def signature_forecast(
    source: Source, split: Split, signature: Signature, role: str = "test", positive: str | None = None
) -> Forecast:
    """Return the signature's probabilities on the fold's rows of ``role``; of one class against the rest if named."""
    y, classes = target(source, positive)
    rows = split.rows(role)
    p = np.concatenate([signature.predict_proba(X) for _, X in source.store.view(rows).blocks()])
    if signature.is_multinomial:
        p = p[:, [signature.classes.index(name) for name in classes]]
    return _forecast(model_name(source.method, "signature", positive), source, split, rows, y, p, classes)


def head_forecast(source: Source, split: Split, role: str = "test") -> Forecast | None:
    """Return the trained head's probabilities on the fold's rows of ``role``; None without a head."""
    P = source.store.probabilities
    if P is None:
        return None
    y, classes = source.targets()
    rows = split.rows(role)
    p = P[rows].astype(np.float64)
    p = p / p.sum(axis=1, keepdims=True)
    return _forecast(
        model_name(source.method, "head"), source, split, rows, y, p[:, 1] if len(classes) == 2 else p, classes
    )


def model_name(method: str, model: str, positive: str | None = None) -> str:
    """Return what a model's forecasts are called: "grl head", "grl signature, ductal"."""
    return f"{method} {model}" + (f", {positive}" if positive else "")


def signature_path(source: Source, fold: str, positive: str | None = None) -> Path:
    """Return where the signature of a fold, of all classes or of one against the rest, is saved."""
    return source.results / (f"signature_{file_name(fold)}" + (f"_{file_name(positive)}" if positive else "") + ".json")


def load_signature(source: Source, fold: str, positive: str | None = None) -> Signature | None:
    """Return the signature fitted on this very store and fold before, of ``positive`` if named, or None."""
    path = signature_path(source, fold, positive)
    if not path.is_file():
        return None
    signature = Signature.load(path)
    if (signature.store_id, signature.fold) != (source.store.store_id, fold):
        return None
    is_named = not signature.is_multinomial and signature.classes[:1] == (REST,)
    named = signature.classes[1] if is_named else None
    return signature if named == positive else None


def fold_forecasts(source: Source, fold: str, role: str = "test") -> list[Forecast]:
    """Return what the head and the signatures of one fold, where there are such, say about its rows of ``role``.

    Signatures of one class against the rest come last, in the order of classes.
    """
    split = source.split(fold)
    head = head_forecast(source, split, role)
    found = [] if head is None else [head]
    for positive in (None, *source.targets()[1]):
        signature = load_signature(source, fold, positive)
        if signature is not None:
            found.append(signature_forecast(source, split, signature, role, positive))
    return found


def gather_forecasts(sources: Sequence[Source], fold: str | None) -> dict[str, Forecast]:
    """Return every model's forecasts over the folds, by name; several seeds of one method stay apart."""
    several_seeds = len({source.seed for source in sources}) > 1
    parts: dict[str, list[Forecast]] = {}
    for source in sources:
        for name in source.folds(fold):
            for forecast in fold_forecasts(source, name):
                key = forecast.name + (f" seed {source.seed}" if several_seeds else "")
                parts.setdefault(key, []).append(dataclasses.replace(forecast, name=key))
    if not parts:
        raise InputError(
            "there must be probabilities to evaluate",
            "neither a trained head nor a signature",
            "Run 'featkit signatures' first",
        )
    return {name: _join(pieces) for name, pieces in parts.items()}


def evaluate_forecast(forecast: Forecast, config: Config) -> Evaluation:
    """Return metrics with patient-cluster intervals, per fold and over folds."""
    from featkit.stats import evaluate

    return evaluate(
        forecast.y,
        forecast.p,
        forecast.patients,
        folds=forecast.folds,
        class_names=forecast.classes,
        training_prevalence=forecast.training_prevalence,
        n_draws=config.evaluate.n_draws,
        level=config.evaluate.level,
        seed=config.split.seed,
    )


def _forecast(
    name: str, source: Source, split: Split, rows: np.ndarray, y: np.ndarray, p: np.ndarray, classes: tuple[str, ...]
) -> Forecast:
    shares = np.bincount(y[split.rows("train")], minlength=len(classes))
    return Forecast(
        name=name,
        patch_ids=source.column("patch_id")[rows],
        patients=source.patients()[rows],
        folds=np.full(rows.size, split.fold, dtype=object),
        y=y[rows],
        p=p,
        classes=classes,
        training_prevalence={split.fold: shares / shares.sum()},
        seed=source.seed,
    )


def _join(pieces: list[Forecast]) -> Forecast:
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(f, name) for f in pieces])
        for name in ("patch_ids", "patients", "folds", "y", "p")
    }
    return dataclasses.replace(
        pieces[0],
        training_prevalence={fold: share for f in pieces for fold, share in f.training_prevalence.items()},
        **arrays,
    )
