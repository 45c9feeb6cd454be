"""Evaluate a forecast: every metric with its interval, per fold, domain and class, pooled and averaged."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from featkit.core.errors import InputError
from featkit.results.calibration import ReliabilityCurve
from featkit.results.evaluation import Curve, Evaluation, EvaluationCounts, EvaluationRow
from featkit.stats._inputs import as_groups, as_probabilities
from featkit.stats.curves import roc_curve
from featkit.stats.draws import prepare_metrics
from featkit.stats.intervals import estimates, remarks
from featkit.stats.metrics import Scored, scored
from featkit.stats.reliability import reliability_curve
from featkit.stats.resampling import PatientCounts, patient_counts

BINARY_METRICS = (
    "auc",
    "average_precision",
    "f1",
    "balanced_accuracy",
    "accuracy",
    "mcc",
    "sensitivity",
    "specificity",
    "recognition_rate",
    "brier",
    "ece",
    "calibration_slope",
    "calibration_intercept",
)
"""What `evaluate` reports for two classes; the calibration intercept is the one with the slope held at 1."""

MULTICLASS_METRICS = (
    "auc",
    "auc_hand_till",
    "f1",
    "balanced_accuracy",
    "accuracy",
    "recognition_rate",
    "brier",
    "ece_top_label",
    "ece_classwise",
)
"""What `evaluate` reports for more: AUC is the mean of one-vs-rest, F1 is macro, Brier is summed over classes."""

CLASS_METRICS = ("auc", "f1", "sensitivity", "ece")
"""What `evaluate` always reports for each of more than two classes against the rest."""


def evaluate(
    y: Any,
    p: Any,
    groups: Any,
    *,
    domains: Any = None,
    folds: Any = None,
    class_names: Sequence[str] | None = None,
    training_prevalence: Any = None,
    metrics: Sequence[str] | None = None,
    threshold: float = 0.5,
    n_bins: int = 15,
    n_draws: int = 2000,
    level: float = 0.95,
    method: str = "logit-t",
    nested: Sequence[Any] = (),
    seed: int = 0,
    unit: str = "patient",
) -> Evaluation:
    """Return metrics with patient-bootstrap intervals and the majority baseline beside them.

    Parameters
    ----------
    y : array of int, shape (n,)
        Labels, 0/1 or 0..K-1.
    p : array of float, shape (n,) or (n, K)
        Probability of class 1, or class probabilities.
    groups : array, shape (n,), or "patches"
        Patient of each patch; the literal ``"patches"`` says out loud that patches are independent.
    domains, folds : array, shape (n,), optional
        Domain and fold of each patch: rows of their own, and means over them taken inside each draw.
    class_names : sequence of str, optional
        Names of the classes; "0", "1", ... by default.
    training_prevalence : float, array of shape (K,), or mapping of fold to either, optional
        Share of class 1 (or of each class) among the training labels, which the majority baseline forecasts; by
        default the share among the evaluated labels.
    metrics : sequence of str, optional
        Names; ``BINARY_METRICS`` or ``MULTICLASS_METRICS`` by default.
    threshold : float
        Decision threshold on class 1; with K > 2 classes the most probable is decided.
    n_bins : int
        Bins of the calibration errors.
    n_draws, level, method, seed, unit
        As in `featkit.stats.intervals.bootstrap_metrics`.
    nested : sequence
        Levels resampled inside patients (`featkit.stats.resampling.patient_counts`).

    Returns
    -------
    Evaluation
        A metric that a set of patches leaves undefined (an AUC in a fold with one class) is NaN and named in
        ``notes``; nothing is left out. Patients are drawn within classes, and within folds too when each patient is in
        one fold; a fold's own rows draw the fold's patients.

    Raises
    ------
    InputError
        If inputs are not as described.
    """
    data = scored(y, as_probabilities(p, len(np.asarray(y))), threshold, n_bins)
    n = len(data.y)
    names = _class_names(class_names, data.n_classes)
    patients = as_groups(groups, n)
    unit = "patch" if isinstance(groups, str) else unit
    wanted = tuple(metrics) if metrics is not None else BINARY_METRICS if data.n_classes == 2 else MULTICLASS_METRICS
    parts = {
        key: as_groups(a, n, f"{key}s").astype(str)
        for key, a in (("fold", folds), ("domain", domains))
        if a is not None
    }
    constant = _majority(data, training_prevalence, parts.get("fold"))
    strata, strata_name = _strata(data.y, patients, parts.get("fold"))
    whole = patient_counts(patients, strata=strata, nested=nested, n=n)
    options = {"n_draws": n_draws, "level": level, "method": method, "seed": seed, "unit": unit}
    table = _Table(data, constant, names, options)
    roc: dict[str, Curve] = {}
    reliability: dict[str, ReliabilityCurve] = {}
    everything = np.arange(n)
    table.add("all", "pooled", wanted, whole, everything)
    table.count("all", "pooled", patients, everything)
    if data.n_classes == 2:
        _draw_curves(roc, reliability, "pooled", data, whole, everything, options)
    for kind, labels in parts.items():
        members = sorted(np.unique(labels).tolist(), key=_number_first)
        if len(members) > 1:
            table.add("all", f"mean of {kind}s", wanted, whole, everything, labels)
        for member in members:
            rows = np.flatnonzero(labels == member)
            own = patient_counts(patients[rows], strata=data.y[rows], nested=_taken(nested, rows), n=len(rows))
            table.add(kind, member, wanted, own, rows)
            table.count(kind, member, patients, rows)
            if data.n_classes == 2 and kind == "fold" and member not in roc:
                _draw_curves(roc, reliability, member, data, own, rows, options)
    if data.n_classes > 2:
        for k, name in enumerate(names):
            against_rest = dataclasses.replace(data, y=data.y == k, p=data.p[:, k])
            table.add_class(name, k, whole)
            _draw_curves(roc, reliability, name, against_rest, whole, everything, options)
    return Evaluation(
        rows=tuple(table.rows),
        counts=tuple(table.counts),
        roc=roc,
        reliability=reliability,
        class_names=names,
        threshold=float(threshold),
        n_bins=n_bins,
        majority_from="evaluated labels" if training_prevalence is None else "training labels",
        strata=strata_name,
        seed=seed,
        notes=tuple(table.notes),
    )


class _Table:
    """Rows, counts and notes as they come in."""

    def __init__(self, data: Scored, constant: np.ndarray, names: tuple[str, ...], options: dict[str, Any]) -> None:
        self.data, self.constant, self.names, self.options = data, constant, names, options
        self.rows: list[EvaluationRow] = []
        self.counts: list[EvaluationCounts] = []
        self.notes: list[str] = []

    def add(
        self,
        scope: str,
        aggregation: str,
        wanted: Sequence[str],
        plan: PatientCounts,
        rows: np.ndarray,
        domains: np.ndarray | None = None,
    ) -> None:
        """Add the metrics of some patches, on a plan over exactly these."""
        data = self.data
        self._extend(scope, aggregation, wanted, plan, data.y[rows], data.p[rows], self.constant[rows], domains)

    def add_class(self, name: str, k: int, plan: PatientCounts) -> None:
        """Add the metrics of class k against the rest; it is decided where it is the most probable."""
        data = self.data
        own, decided = data.y == k, (data.decided == k).astype(np.float64)
        shares = self.constant[:, k]
        usual = (np.argmax(self.constant, axis=1) == k).astype(np.float64)
        ranked = tuple(m for m in CLASS_METRICS if m in ("auc", "ece"))
        called = tuple(m for m in CLASS_METRICS if m not in ranked)
        self._extend("class", name, ranked, plan, own, data.p[:, k], shares, None)
        self._extend("class", name, called, plan, own, decided, usual, None)

    def count(self, scope: str, aggregation: str, patients: np.ndarray, rows: np.ndarray) -> None:
        """Add the numbers of patches and patients."""
        y, own = self.data.y[rows].astype(np.int64), patients[rows]
        sizes = np.bincount(y, minlength=len(self.names))
        self.counts.append(
            EvaluationCounts(
                scope=scope,
                aggregation=aggregation,
                n_patches=len(rows),
                n_patients=len(np.unique(own)),
                n_patches_by_class=dict(zip(self.names, sizes.tolist())),
                n_patients_by_class={name: len(np.unique(own[y == k])) for k, name in enumerate(self.names)},
                prevalence=float((sizes[1] if len(sizes) == 2 else sizes.max()) / len(rows)),
            )
        )

    def _extend(
        self,
        scope: str,
        aggregation: str,
        wanted: Sequence[str],
        plan: PatientCounts,
        y: np.ndarray,
        p: np.ndarray,
        constant: np.ndarray,
        domains: np.ndarray | None,
    ) -> None:
        shared: dict[str, Any] = {
            "domains": domains,
            "plan": plan,
            "threshold": self.data.threshold,
            "n_bins": self.data.n_bins,
        }
        found = estimates(prepare_metrics(y, p, None, wanted, **shared), **self.options)
        baseline = prepare_metrics(y, constant, None, wanted, **shared).values()
        for name, estimate in found.items():
            self.rows.append(EvaluationRow(scope, aggregation, name, estimate, baseline[name]))
        where = aggregation if scope == "all" else f"{scope} {aggregation}"
        absent = [self.names[k] for k in range(len(self.names)) if not np.any(y == k)] if scope != "class" else []
        if absent:
            self.notes.append(f"{where}: no patch of {', '.join(absent)}")
        self.notes.extend(f"{where}: {text}" for text in remarks(plan, found, self.options["n_draws"]))


def _draw_curves(
    roc: dict[str, Curve],
    reliability: dict[str, ReliabilityCurve],
    name: str,
    data: Scored,
    plan: PatientCounts,
    rows: np.ndarray,
    options: dict[str, Any],
) -> None:
    y, p = data.y[rows], data.p[rows]
    shared = {key: options[key] for key in ("n_draws", "level", "seed", "unit")}
    if 0 < y.sum() < len(y):
        roc[name] = roc_curve(y, p, None, plan=plan, **shared)
    reliability[name] = reliability_curve(y, p, None, plan=plan, **shared)


def _number_first(name: str) -> tuple[float, str]:
    """Sort "40X" before "100X"."""
    digits = re.match(r"\d+(\.\d+)?", name)
    return (float(digits[0]) if digits else np.inf), name


def _taken(nested: Sequence[Any], rows: np.ndarray) -> list[Any]:
    return [level if isinstance(level, str) else np.asarray(level)[rows] for level in nested]


def _class_names(names: Sequence[str] | None, n_classes: int) -> tuple[str, ...]:
    if names is None:
        return tuple(map(str, range(n_classes)))
    if len(names) != n_classes or len(set(names)) != n_classes:
        raise InputError(f"class_names must be {n_classes} different names", ", ".join(map(str, names)))
    return tuple(map(str, names))


def _strata(y: np.ndarray, patients: np.ndarray, folds: np.ndarray | None) -> tuple[np.ndarray, str]:
    """Return a stratum label per patch: its class, and its fold too where patients are in one fold each."""
    if folds is not None:
        pairs = np.unique(np.stack([patients.astype(str), folds]), axis=1)
        if len(np.unique(pairs[0])) == pairs.shape[1]:
            both = np.char.add(np.char.add(folds, "|"), y.astype(np.int64).astype(str))
            if np.bincount(patient_counts(patients, strata=both).stratum_of_patient).min() >= 2:
                return both, "class and fold"
    return y, "class"


def _majority(data: Scored, prevalence: Any, folds: np.ndarray | None) -> np.ndarray:
    """Return the constant forecast of each patch, of the shape of ``data.p``."""
    if isinstance(prevalence, Mapping):
        if folds is None:
            raise InputError("training_prevalence by fold needs folds", "none", "Pass folds, or one prevalence")
        by_fold = {str(fold): value for fold, value in prevalence.items()}
        missing = np.setdiff1d(folds, list(by_fold))
        if len(missing):
            raise InputError("training_prevalence must name every fold", f"nothing for {missing[0]}")
        return np.stack([_shares(by_fold[fold], data) for fold in folds])
    if prevalence is None:
        sizes = np.bincount(data.y.astype(np.int64), minlength=data.n_classes) / len(data.y)
        prevalence = sizes[1] if data.n_classes == 2 else sizes
    return np.broadcast_to(_shares(prevalence, data), data.p.shape).copy()


def _shares(prevalence: Any, data: Scored) -> np.ndarray:
    shares = np.asarray(prevalence, dtype=np.float64)
    if data.n_classes == 2 and shares.shape == (2,):
        shares = shares[1]
    if shares.shape != data.p.shape[1:]:
        raise InputError(f"training_prevalence must have shape {data.p.shape[1:]}", f"shape {shares.shape}")
    if not (np.isfinite(shares).all() and shares.min() >= 0 and shares.max() <= 1):
        raise InputError("training_prevalence must lie in [0, 1]", prevalence)
    return shares
