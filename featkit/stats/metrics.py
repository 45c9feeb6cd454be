"""The metrics featkit reports, by name, each as an exact function of how often every patient is drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal

import numpy as np

from featkit.core.arrays import as_probabilities
from featkit.core.errors import InputError, did_you_mean
from featkit.core.metric_names import metric_name
from featkit.stats import _forms as forms
from featkit.stats.calibration_error import Bins, Of, bin_edges, bin_index, compared
from featkit.stats.forecasts import Forecasts
from featkit.stats.resampling import PatientCounts

LOGIT_CLIP = 1e-6
"""Probabilities are kept this far from 0 and 1 before a logit is taken."""


Build = Callable[[PatientCounts, Forecasts, np.ndarray | None], forms.Form]


Carriers = Literal["patients", "classes", "class 0", "class 1"]
"""Whose patients a metric rests on, see `Metric`."""


@dataclasses.dataclass(frozen=True, eq=False)
class Metric:
    """One metric: how it is computed, and whose patients it rests on. Its names are in `featkit.core.metric_names`.

    Parameters
    ----------
    name : str
        Its key.
    build : callable
        ``(plan, forecasts, their rows in the plan or None) -> form``.
    carried_by : {"patients", "classes", "class 0", "class 1"}
        "patients": a mean over all patches or patients, defined whatever classes there are. Else undefined without
        patients of every class, or of that one.
    needs_probability : bool
        Scores must lie in [0, 1].
    is_binary : bool
        Defined for two classes only.
    """

    name: str
    build: Build
    carried_by: Carriers = "classes"
    needs_probability: bool = False
    is_binary: bool = False

    @property
    def label(self) -> str:
        """What people read."""
        return metric_name(self.name).label

    @property
    def higher_is_better(self) -> bool | None:
        """None where neither is."""
        return metric_name(self.name).higher_is_better

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest value it can take with two classes."""
        return metric_name(self.name).range

    @property
    def is_rank(self) -> bool:
        """Whether it knows only the order of the scores."""
        return metric_name(self.name).is_rank

    def range_of(self, n_classes: int) -> tuple[float, float]:
        """Return the smallest and largest value; a Brier score summed over K > 2 classes reaches 2."""
        return (0.0, 2.0) if self.name == "brier" and n_classes > 2 else self.range

    def form(self, plan: PatientCounts, data: Forecasts, rows: np.ndarray | None = None) -> forms.Form:
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
    if not isinstance(name, str) or name not in METRICS:
        raise InputError("metric must be a known name", repr(name), did_you_mean(str(name), METRICS))
    return METRICS[name]


def _auc(plan: PatientCounts, data: Forecasts, rows: np.ndarray | None) -> forms.Form:
    if data.n_classes == 2:
        return forms.auc_form(plan, data.y, data.p, rows)
    return forms.MeanForm(tuple(forms.auc_form(plan, data.y == k, data.p[:, k], rows) for k in range(data.n_classes)))


def _auc_hand_till(plan: PatientCounts, data: Forecasts, rows: np.ndarray | None) -> forms.Form:
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


def _average_precision(plan: PatientCounts, data: Forecasts, rows: np.ndarray | None) -> forms.Form:
    return forms.average_precision_form(plan, data.y, data.p, rows)


def _confusion(combine: Callable[..., np.ndarray], needs: Carriers = "classes") -> Build:
    def build(plan: PatientCounts, data: Forecasts, rows: np.ndarray | None) -> forms.Form:
        yes = data.decided
        cells = [data.y & yes, ~data.y & yes, data.y & ~yes, ~data.y & ~yes]

        def of_totals(totals: np.ndarray) -> np.ndarray:
            tp, fp, fn, tn = np.moveaxis(totals, -1, 0)
            is_there = {"class 1": tp + fn > 0, "class 0": fp + tn > 0}
            needed = is_there.get(needs, is_there["class 1"] & is_there["class 0"])
            return np.where(needed, combine(tp, fp, fn, tn), np.nan)

        return forms.sum_form(plan, cells, of_totals, rows)

    return build


def _f1(plan: PatientCounts, data: Forecasts, rows: np.ndarray | None) -> forms.Form:
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


def _balanced_accuracy(plan: PatientCounts, data: Forecasts, rows: np.ndarray | None) -> forms.Form:
    if data.n_classes == 2:
        return _confusion(lambda tp, fp, fn, tn: (tp / (tp + fn) + tn / (tn + fp)) / 2)(plan, data, rows)
    present = np.unique(data.y)
    right, n = data.right, len(present)
    columns = [right * (data.y == k) for k in present] + [(data.y == k).astype(np.float64) for k in present]
    return forms.sum_form(plan, columns, lambda totals: np.mean(totals[:, :n] / totals[:, n:], axis=1), rows)


def _matthews(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray, tn: np.ndarray) -> np.ndarray:
    spread = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return np.where(spread > 0, (tp * tn - fp * fn) / np.sqrt(spread), 0.0)


def _mean_of(column: Callable[[Forecasts], np.ndarray]) -> Build:
    def build(plan: PatientCounts, data: Forecasts, rows: np.ndarray | None) -> forms.Form:
        columns = [column(data), np.ones(len(data.y))]
        return forms.sum_form(plan, columns, lambda totals: totals[:, 0] / totals[:, 1], rows)

    return build


def _squared_error(data: Forecasts) -> np.ndarray:
    if data.n_classes == 2:
        return (data.p - data.y) ** 2
    return ((data.p - np.eye(data.n_classes)[data.y]) ** 2).sum(axis=1)


def _calibration_error(bins: Bins, of: Of) -> Build:
    def build(plan: PatientCounts, data: Forecasts, rows: np.ndarray | None) -> forms.Form:
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


def _recognition_rate(plan: PatientCounts, data: Forecasts, rows: np.ndarray | None) -> forms.Form:
    return forms.patient_mean_form(plan, data.right, rows)


def _recalibration(is_slope: bool) -> Build:
    def build(plan: PatientCounts, data: Forecasts, rows: np.ndarray | None) -> forms.Form:
        unit = plan.unit_of_row if rows is None else plan.unit_of_row[rows]
        p = np.clip(data.p, LOGIT_CLIP, 1 - LOGIT_CLIP)
        return forms.recalibration_form(plan, unit, np.log(p / (1 - p)), data.y, is_slope)

    return build


METRICS: dict[str, Metric] = {
    m.name: m
    for m in (
        Metric("auc", _auc),
        Metric("auc_hand_till", _auc_hand_till),
        Metric("average_precision", _average_precision, is_binary=True),
        Metric("f1", _f1),
        Metric("balanced_accuracy", _balanced_accuracy),
        Metric("accuracy", _mean_of(lambda data: data.right), "patients"),
        Metric("mcc", _confusion(_matthews), is_binary=True),
        Metric("sensitivity", _confusion(lambda tp, fp, fn, tn: tp / (tp + fn), "class 1"), "class 1", is_binary=True),
        Metric("specificity", _confusion(lambda tp, fp, fn, tn: tn / (tn + fp), "class 0"), "class 0", is_binary=True),
        Metric("recognition_rate", _recognition_rate, "patients"),
        Metric("brier", _mean_of(_squared_error), "patients", needs_probability=True),
        Metric("ece", _calibration_error("width", "class-one"), "patients", needs_probability=True),
        Metric("ece_mass", _calibration_error("mass", "class-one"), "patients", needs_probability=True),
        Metric("ece_top_label", _calibration_error("width", "top-label"), "patients", needs_probability=True),
        Metric("ece_classwise", _calibration_error("width", "classwise"), "patients", needs_probability=True),
        Metric("calibration_slope", _recalibration(True), needs_probability=True, is_binary=True),
        Metric("calibration_intercept", _recalibration(False), needs_probability=True, is_binary=True),
    )
}
"""Every metric by name."""
