"""The metrics featkit reports, by name, each as an exact function of how often every patient is drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from featkit.core.errors import InputError, did_you_mean
from featkit.stats import _forms as forms
from featkit.stats._inputs import as_binary, as_classes, as_probabilities, as_scores
from featkit.stats.calibration_error import Bins, Of, bin_edges, bin_index, compared
from featkit.stats.resampling import PatientCounts

LOGIT_CLIP = 1e-6
"""Probabilities are kept this far from 0 and 1 before a logit is taken."""


@dataclasses.dataclass(frozen=True, eq=False)
class Scored:
    """Labels and scores of patches, with what a decision and a bin need.

    Parameters
    ----------
    y : ndarray, shape (n,)
        Booleans for two classes, integers 0..K-1 for more.
    p : ndarray of float64, shape (n,) or (n, K)
        Scores of class 1, or class probabilities.
    threshold : float
        A patch is decided for class 1 when its score is at least this; K > 2 classes take the most probable.
    n_bins : int
        Bins of the calibration errors.
    """

    y: np.ndarray
    p: np.ndarray
    threshold: float = 0.5
    n_bins: int = 15

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return 2 if self.p.ndim == 1 else self.p.shape[1]

    @property
    def decided(self) -> np.ndarray:
        """Class decided for each patch."""
        return self.p >= self.threshold if self.p.ndim == 1 else np.argmax(self.p, axis=1)

    @property
    def right(self) -> np.ndarray:
        """1.0 where the decision is right."""
        return (self.decided == self.y).astype(np.float64)

    def take(self, rows: np.ndarray | None) -> Scored:
        """Return some of the patches; all for None."""
        return self if rows is None else dataclasses.replace(self, y=self.y[rows], p=self.p[rows])


def scored(y: Any, p: Any, threshold: float = 0.5, n_bins: int = 15) -> Scored:
    """Return checked labels and scores; scores of class 1 may be any finite numbers."""
    n = len(np.asarray(y))
    values = np.asarray(p, dtype=np.float64)
    values = as_scores(values, n) if values.ndim == 1 else as_probabilities(values, n)
    labels = as_binary(y) if values.ndim == 1 else as_classes(y, values.shape[1])
    return Scored(labels, values, float(threshold), n_bins)


Build = Callable[[PatientCounts, Scored, np.ndarray | None], forms.Form]


@dataclasses.dataclass(frozen=True, eq=False)
class Metric:
    """One metric.

    Parameters
    ----------
    name, label : str
        Its key and what people read.
    higher_is_better : bool or None
        None where neither is (a calibration slope is best at 1).
    build : callable
        ``(plan, scored patches, their rows in the plan or None) -> form``.
    range : tuple of float
        Smallest and largest value it can take with two classes.
    needs_probability : bool
        Scores must lie in [0, 1].
    is_binary : bool
        Defined for two classes only.
    """

    name: str
    label: str
    higher_is_better: bool | None
    build: Build
    range: tuple[float, float] = (0.0, 1.0)
    needs_probability: bool = False
    is_binary: bool = False

    def range_of(self, n_classes: int) -> tuple[float, float]:
        """Return the smallest and largest value; a Brier score summed over K > 2 classes reaches 2."""
        return (0.0, 2.0) if self.name == "brier" and n_classes > 2 else self.range

    def form(self, plan: PatientCounts, data: Scored, rows: np.ndarray | None = None) -> forms.Form:
        """Return the metric as a form over ``plan``; ``data`` are the plan's ``rows``, all of them for None.

        Raises
        ------
        InputError
            If the metric is for two classes and there are more, or scores are no probabilities.
        """
        if self.is_binary and data.n_classes > 2:
            raise InputError(f"{self.name} is for two classes", f"{data.n_classes} classes", "Leave it out")
        if self.needs_probability:
            as_probabilities(data.p, len(data.y))
        return self.build(plan, data, rows)


def metric(name: str) -> Metric:
    """Return the metric of that name.

    Raises
    ------
    InputError
        If there is none, with the nearest name.
    """
    if name not in METRICS:
        raise InputError("metric must be a known name", repr(name), did_you_mean(str(name), METRICS))
    return METRICS[name]


def _auc(plan: PatientCounts, data: Scored, rows: np.ndarray | None) -> forms.Form:
    if data.n_classes == 2:
        return forms.auc_form(plan, data.y, data.p, rows)
    return forms.MeanForm(tuple(forms.auc_form(plan, data.y == k, data.p[:, k], rows) for k in range(data.n_classes)))


def _auc_hand_till(plan: PatientCounts, data: Scored, rows: np.ndarray | None) -> forms.Form:
    if data.n_classes == 2:
        return _auc(plan, data, rows)
    own = np.arange(len(data.y)) if rows is None else np.asarray(rows)
    parts = []
    for i in range(data.n_classes):
        for j in range(data.n_classes):
            if i != j:
                pair = np.flatnonzero((data.y == i) | (data.y == j))
                parts.append(forms.auc_form(plan, data.y[pair] == i, data.p[pair, i], own[pair]))
    return forms.MeanForm(tuple(parts))


def _average_precision(plan: PatientCounts, data: Scored, rows: np.ndarray | None) -> forms.Form:
    return forms.average_precision_form(plan, data.y, data.p, rows)


def _confusion(combine: Callable[..., np.ndarray]) -> Build:
    def build(plan: PatientCounts, data: Scored, rows: np.ndarray | None) -> forms.Form:
        yes = data.decided
        cells = [data.y & yes, ~data.y & yes, data.y & ~yes, ~data.y & ~yes]

        def of_totals(totals: np.ndarray) -> np.ndarray:
            tp, fp, fn, tn = np.moveaxis(totals, -1, 0)
            return np.where((tp + fn > 0) & (fp + tn > 0), combine(tp, fp, fn, tn), np.nan)

        return forms.sum_form(plan, cells, of_totals, rows)

    return build


def _f1(plan: PatientCounts, data: Scored, rows: np.ndarray | None) -> forms.Form:
    if data.n_classes == 2:
        return _confusion(lambda tp, fp, fn, tn: 2 * tp / (2 * tp + fp + fn))(plan, data, rows)
    decided, n_classes = data.decided, data.n_classes
    both = [(data.y == k) & (decided == k) for k in range(n_classes)]
    either = [(data.y == k).astype(np.float64) + (decided == k) for k in range(n_classes)]

    def of_totals(totals: np.ndarray) -> np.ndarray:
        hits, sizes = totals[:, :n_classes], totals[:, n_classes:]
        occurs = sizes > 0
        return np.divide(2 * hits, sizes, out=np.zeros_like(hits), where=occurs).sum(axis=1) / occurs.sum(axis=1)

    return forms.sum_form(plan, both + either, of_totals, rows)


def _balanced_accuracy(plan: PatientCounts, data: Scored, rows: np.ndarray | None) -> forms.Form:
    if data.n_classes == 2:
        return _confusion(lambda tp, fp, fn, tn: (tp / (tp + fn) + tn / (tn + fp)) / 2)(plan, data, rows)
    present = np.unique(data.y)
    right, n = data.right, len(present)
    columns = [right * (data.y == k) for k in present] + [(data.y == k).astype(np.float64) for k in present]
    return forms.sum_form(plan, columns, lambda totals: np.mean(totals[:, :n] / totals[:, n:], axis=1), rows)


def _matthews(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray, tn: np.ndarray) -> np.ndarray:
    spread = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return np.where(spread > 0, (tp * tn - fp * fn) / np.sqrt(spread), 0.0)


def _mean_of(column: Callable[[Scored], np.ndarray]) -> Build:
    def build(plan: PatientCounts, data: Scored, rows: np.ndarray | None) -> forms.Form:
        columns = [column(data), np.ones(len(data.y))]
        return forms.sum_form(plan, columns, lambda totals: totals[:, 0] / totals[:, 1], rows)

    return build


def _squared_error(data: Scored) -> np.ndarray:
    if data.n_classes == 2:
        return (data.p - data.y) ** 2
    return ((data.p - np.eye(data.n_classes)[data.y]) ** 2).sum(axis=1)


def _calibration_error(bins: Bins, of: Of) -> Build:
    def build(plan: PatientCounts, data: Scored, rows: np.ndarray | None) -> forms.Form:
        kind: Of = "top-label" if of == "class-one" and data.n_classes > 2 else of
        pairs = compared(data.y, data.p, kind)
        columns = [np.ones(len(data.y))]
        for event, claim in pairs:
            where = bin_index(claim, bin_edges(claim, data.n_bins, bins))
            columns += [np.where(where == b, claim - event, 0.0) for b in np.unique(where)]
        return forms.sum_form(
            plan, columns, lambda totals: np.abs(totals[:, 1:]).sum(axis=1) / (totals[:, 0] * len(pairs)), rows
        )

    return build


def _recognition_rate(plan: PatientCounts, data: Scored, rows: np.ndarray | None) -> forms.Form:
    return forms.patient_mean_form(plan, data.right, rows)


def _recalibration(is_slope: bool) -> Build:
    def build(plan: PatientCounts, data: Scored, rows: np.ndarray | None) -> forms.Form:
        unit = plan.unit_of_row if rows is None else plan.unit_of_row[rows]
        p = np.clip(data.p, LOGIT_CLIP, 1 - LOGIT_CLIP)
        return forms.recalibration_form(plan, unit, np.log(p / (1 - p)), data.y, is_slope)

    return build


_ANY = (-np.inf, np.inf)
METRICS: dict[str, Metric] = {
    m.name: m
    for m in (
        Metric("auc", "AUC", True, _auc),
        Metric("auc_hand_till", "AUC (Hand-Till)", True, _auc_hand_till),
        Metric("average_precision", "Average precision", True, _average_precision, is_binary=True),
        Metric("f1", "F1", True, _f1),
        Metric("balanced_accuracy", "Balanced accuracy", True, _balanced_accuracy),
        Metric("accuracy", "Accuracy", True, _mean_of(lambda data: data.right)),
        Metric("mcc", "Matthews correlation", True, _confusion(_matthews), range=(-1.0, 1.0), is_binary=True),
        Metric("sensitivity", "Sensitivity", True, _confusion(lambda tp, fp, fn, tn: tp / (tp + fn)), is_binary=True),
        Metric("specificity", "Specificity", True, _confusion(lambda tp, fp, fn, tn: tn / (tn + fp)), is_binary=True),
        Metric("recognition_rate", "Patient recognition rate", True, _recognition_rate),
        Metric("brier", "Brier score", False, _mean_of(_squared_error), needs_probability=True),
        Metric("ece", "ECE", False, _calibration_error("width", "class-one"), needs_probability=True),
        Metric("ece_mass", "ECE (equal mass)", False, _calibration_error("mass", "class-one"), needs_probability=True),
        Metric(
            "ece_top_label", "ECE (top label)", False, _calibration_error("width", "top-label"), needs_probability=True
        ),
        Metric(
            "ece_classwise", "ECE (class-wise)", False, _calibration_error("width", "classwise"), needs_probability=True
        ),
        Metric(
            "calibration_slope",
            "Calibration slope",
            None,
            _recalibration(True),
            _ANY,
            needs_probability=True,
            is_binary=True,
        ),
        Metric(
            "calibration_intercept",
            "Calibration in the large",
            None,
            _recalibration(False),
            _ANY,
            needs_probability=True,
            is_binary=True,
        ),
    )
}
"""Every metric by name."""
