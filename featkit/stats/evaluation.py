"""Evaluate a forecast: every metric with its interval, per fold, domain and class, pooled and averaged."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from featkit.core.arrays import as_probabilities
from featkit.core.errors import InputError
from featkit.core.natural_order import natural_key
from featkit.core.options.resampling import Resampling
from featkit.results.calibration import CalibrationTest, ReliabilityCurve
from featkit.results.evaluation import Curve, Evaluation, EvaluationCounts, EvaluationRow
from featkit.stats.calibration_check import calibration_test
from featkit.stats.calibration_error import Of
from featkit.stats.curves import roc_curve
from featkit.stats.draws import Over, patient_plan, prepare_metrics
from featkit.stats.forecasts import Forecasts, ScoreUnit
from featkit.stats.intervals import interval_estimates, remarks, without_biased
from featkit.stats.metrics import metric
from featkit.stats.reliability import reliability_curve
from featkit.stats.resampling import PatientCounts
from featkit.stats.states import rank_state

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

_TESTED: dict[str, Of] = {"ece": "class-one", "ece_top_label": "top-label", "ece_classwise": "classwise"}

CLASS_METRICS = ("auc", "f1", "sensitivity", "ece")
"""What `evaluate` always reports for each of more than two classes against the rest."""


def evaluate(
    forecasts: Forecasts,
    *,
    metrics: Sequence[str] | None = None,
    training_prevalence: Any = None,
    resampling: Resampling | None = None,
) -> Evaluation:
    """Return metrics with intervals over patients, and the majority baseline beside them.

    Parameters
    ----------
    forecasts : Forecasts
        Probabilities, labels and patients; folds and domains get rows of their own, and means over them.
    metrics : sequence of str, optional
        Names; ``BINARY_METRICS`` or ``MULTICLASS_METRICS`` by default.
    training_prevalence : float, array of shape (K,), or mapping of fold to either, optional
        Share of class 1 (or of each class) among the training labels, which the majority baseline forecasts; by
        default the share among the evaluated labels.
    resampling : Resampling, optional
        Level, method and design of the intervals; draws and seed of the bands.

    Returns
    -------
    Evaluation
        Over several folds, metrics of ranks are not pooled, since scores of models fitted fold by fold share no scale
        (``Forecasts.is_one_scale`` says that they do): their headline is the mean of folds, and the AUC is also given
        over pairs of patches of the same fold. Where labels belong to patients or slides, rows with one score for each
        (the mean probability) stand beside those of patches, in the scopes "patients" and "slides". A metric that a
        set of patches leaves undefined is NaN and named in ``notes``; nothing is left out.

    Raises
    ------
    InputError
        If inputs are not as described.

    Examples
    --------
    >>> found = Forecasts([0, 1, 0, 1], [0.1, 0.9, 0.6, 0.4], ["a", "b", "c", "d"])
    >>> evaluate(found, metrics=["auc", "brier"]).get("auc").value
    0.75
    """
    how = resampling or Resampling()
    as_probabilities(forecasts.p, len(forecasts))
    default = BINARY_METRICS if forecasts.n_classes == 2 else MULTICLASS_METRICS
    wanted = tuple(metrics) if metrics is not None else default
    constant = forecasts.with_p(_majority(forecasts, training_prevalence))
    table = _Table(forecasts, constant, how)
    table.add_all("all", wanted, forecasts, constant)
    table.count("all", "pooled", np.arange(len(forecasts)))
    for kind in ("fold", "domain"):
        labels = getattr(forecasts, f"{kind}s")
        for member in [] if labels is None else sorted(np.unique(labels).tolist(), key=natural_key):
            rows = np.flatnonzero(labels == member)
            table.add(kind, member, wanted, forecasts.take(rows), constant.take(rows))
            table.count(kind, member, rows)
    if forecasts.n_classes > 2:
        for k in range(forecasts.n_classes):
            table.add_class(k)
    units: tuple[ScoreUnit, ...] = ("slide", "patient")
    for unit in units:
        if _has_own_score(forecasts, unit):
            one, baseline = forecasts.by_unit(unit), constant.by_unit(unit)
            table.add_all(f"{unit}s", [m for m in wanted if m != "recognition_rate"], one, baseline)
    roc, reliability = _curves(forecasts, how)
    calibration = {name: _calibration(forecasts, of, how) for name, of in _TESTED.items() if name in wanted}
    return Evaluation(
        rows=tuple(table.rows),
        counts=tuple(table.counts),
        roc=roc,
        reliability=reliability,
        class_names=forecasts.names,
        threshold=forecasts.threshold,
        n_bins=forecasts.n_bins,
        majority_from="evaluated labels" if training_prevalence is None else "training labels",
        design=how.design,
        label_unit=forecasts.label_unit,
        seed=how.seed,
        calibration=calibration,
        notes=tuple(table.notes),
    )


def _calibration(forecasts: Forecasts, of: Of, how: Resampling) -> dict[str, CalibrationTest]:
    """Return the calibration test of all patches and of each fold, where there are two patients at least."""
    sets = {"pooled": forecasts}
    if forecasts.folds is not None:
        folds = sorted(np.unique(forecasts.folds).tolist(), key=natural_key)
        sets |= {fold: forecasts.take(np.flatnonzero(forecasts.folds == fold)) for fold in folds}
    return {
        name: calibration_test(one, of=of, resampling=how)
        for name, one in sets.items()
        if len(np.unique(one.groups)) > 1
    }


class _Table:
    """Rows, counts and notes as they come in."""

    def __init__(self, forecasts: Forecasts, constant: Forecasts, how: Resampling) -> None:
        self.forecasts, self.constant, self.how = forecasts, constant, how
        self.names = forecasts.names
        self.rows: list[EvaluationRow] = []
        self.counts: list[EvaluationCounts] = []
        self.notes: list[str] = []

    def add_all(self, scope: str, wanted: Sequence[str], given: Forecasts, constant: Forecasts) -> None:
        """Add all patches as one set and the means over folds and domains; ranks are pooled on one scale only."""
        n_folds = 1 if given.folds is None else len(np.unique(given.folds))
        is_pooled = n_folds == 1 or given.is_one_scale
        pooled = [name for name in wanted if is_pooled or not metric(name).is_rank]
        self.add(scope, "pooled", pooled, given, constant)
        if n_folds > 1:
            self.add(scope, "mean of folds", wanted, given, constant, "mean of folds")
            if "auc" in wanted and given.n_classes == 2:
                self.add(scope, "within folds", ["auc"], given, constant, "within folds")
        if given.domains is not None and len(np.unique(given.domains)) > 1:
            self.add(scope, "mean of domains", wanted, given, constant, "mean of domains")

    def add(
        self,
        scope: str,
        aggregation: str,
        wanted: Sequence[str],
        given: Forecasts,
        constant: Forecasts,
        over: Over | None = None,
        plan: PatientCounts | None = None,
    ) -> None:
        """Add the metrics of some patches."""
        plan = patient_plan(given, self.how) if plan is None else plan
        prepared = prepare_metrics(given, wanted, over=over, plan=plan)
        found = without_biased(interval_estimates(prepared, self.how, given))
        state = rank_state(given, over) if over is not None else ""
        if state:
            for name in filter(lambda name: metric(name).is_rank, found):
                found[name] = dataclasses.replace(found[name], low=float("nan"), high=float("nan"), state=state)
        baseline = prepare_metrics(constant, wanted, over=over, plan=plan).values()
        for name, estimate in found.items():
            self.rows.append(EvaluationRow(scope, aggregation, name, estimate, baseline[name]))
        where = aggregation if scope == "all" else f"{scope} {aggregation}"
        absent = [name for k, name in enumerate(given.names) if not np.any(given.y == k)]
        if absent and scope != "class":
            self.notes.append(f"{where}: no patch of {', '.join(absent)}")
        self.notes.extend(f"{where}: {text}" for text in remarks(found, self.how))
        self.notes.extend(f"{where}: {name}: {state}" for name in found if state and metric(name).is_rank)

    def add_class(self, k: int) -> None:
        """Add the metrics of class k against the rest; it is decided where it is the most probable."""
        ranked = self.forecasts.against_rest(k)
        usual = self.constant.against_rest(k)
        plan = patient_plan(ranked, self.how)
        scores = tuple(m for m in CLASS_METRICS if m in ("auc", "ece"))
        decided = ranked.with_p((self.forecasts.decided == k).astype(np.float64))
        common = usual.with_p((self.constant.decided == k).astype(np.float64))
        self.add("class", self.names[k], scores, ranked, usual, plan=plan)
        self.add("class", self.names[k], [m for m in CLASS_METRICS if m not in scores], decided, common, plan=plan)

    def count(self, scope: str, aggregation: str, rows: np.ndarray) -> None:
        """Add the numbers of patches and patients."""
        y, own = self.forecasts.y[rows].astype(np.int64), self.forecasts.groups[rows]
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


def _has_own_score(forecasts: Forecasts, unit: ScoreUnit) -> bool:
    """Whether labels belong to patients or slides of which some have several patches."""
    if forecasts.unit == "patch" or (unit == "slide" and forecasts.slides is None):
        return False
    if forecasts.label_unit not in (unit, "patient"):
        return False
    return len(forecasts.by_unit(unit)) < len(forecasts)


def _curves(forecasts: Forecasts, how: Resampling) -> tuple[dict[str, Curve], dict[str, ReliabilityCurve]]:
    """Return ROC and reliability curves: of all patches and of each fold, or of each of several classes.

    ROC curves are of ranks: there is none of all patches where folds share no scale.
    """
    sets = {"pooled": forecasts}
    if forecasts.n_classes > 2:
        sets = {name: forecasts.against_rest(k) for k, name in enumerate(forecasts.names)}
    elif forecasts.folds is not None:
        for fold in sorted(np.unique(forecasts.folds).tolist(), key=natural_key):
            sets[fold] = forecasts.take(np.flatnonzero(forecasts.folds == fold))
    roc, reliability = {}, {}
    for name, one in sets.items():
        plan = patient_plan(one, how)
        n_folds = 1 if one.folds is None else len(np.unique(one.folds))
        if 0 < one.y.sum() < len(one) and (n_folds == 1 or one.is_one_scale):
            roc[name] = roc_curve(one, resampling=how, plan=plan)
        reliability[name] = reliability_curve(one, resampling=how)
    return roc, reliability


def _majority(forecasts: Forecasts, prevalence: Any) -> np.ndarray:
    """Return the constant forecast of each patch, of the shape of ``forecasts.p``."""
    if isinstance(prevalence, Mapping):
        if forecasts.folds is None:
            raise InputError("training_prevalence by fold needs folds", "none", "Pass folds, or one prevalence")
        by_fold = {str(fold): value for fold, value in prevalence.items()}
        missing = np.setdiff1d(forecasts.folds, list(by_fold))
        if len(missing):
            raise InputError("training_prevalence must name every fold", f"nothing for {missing[0]}")
        return np.stack([_shares(by_fold[fold], forecasts) for fold in forecasts.folds.tolist()])
    if prevalence is None:
        sizes = np.bincount(forecasts.y.astype(np.int64), minlength=forecasts.n_classes) / len(forecasts)
        prevalence = sizes[1] if forecasts.n_classes == 2 else sizes
    return np.broadcast_to(_shares(prevalence, forecasts), forecasts.p.shape).copy()


def _shares(prevalence: Any, forecasts: Forecasts) -> np.ndarray:
    shares = np.asarray(prevalence, dtype=np.float64)
    if forecasts.n_classes == 2 and shares.shape == (2,):
        shares = shares[1]
    if shares.shape != forecasts.p.shape[1:]:
        raise InputError(f"training_prevalence must have shape {forecasts.p.shape[1:]}", f"shape {shares.shape}")
    if not (np.isfinite(shares).all() and shares.min() >= 0 and shares.max() <= 1):
        raise InputError("training_prevalence must lie in [0, 1]", prevalence)
    return shares
