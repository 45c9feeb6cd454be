"""Metrics as functions of how often each unit is drawn, exact and for many draws at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol

import numpy as np

from featkit.core.errors import InputError
from featkit.stats._kernels import logistic_recalibration, weighted_auc, weighted_average_precision, wins_matrix
from featkit.stats.resampling import PatientCounts

Combine = Callable[[np.ndarray], np.ndarray]


class Form(Protocol):
    """One metric on one set of patches."""

    def values(self, patients: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Return the metric (b,) for float64 counts of patients (b, n_patients) and units (b, n_units), or NaN."""


@dataclasses.dataclass(frozen=True, eq=False)
class SumForm:
    """A function of sums over patches, such as Brier, F1 or an ECE with fixed bins: sums (n_units, k) per unit."""

    sums: np.ndarray
    combine: Combine

    def values(self, patients: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Return the metric for each row of counts."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.combine(units @ self.sums)


@dataclasses.dataclass(frozen=True, eq=False)
class PatientMeanForm:
    """The mean over patients of a share of their patches: parts and wholes (n_units,) per unit."""

    part: np.ndarray
    whole: np.ndarray
    patient_of_unit: np.ndarray

    def values(self, patients: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Return the metric for each row of counts."""
        first = np.flatnonzero(np.diff(self.patient_of_unit, prepend=-1))
        part = np.add.reduceat(units * self.part, first, axis=1)
        whole = np.add.reduceat(units * self.whole, first, axis=1)
        share = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
        present = patients * (np.bincount(self.patient_of_unit, weights=self.whole) > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (share * present).sum(axis=1) / present.sum(axis=1)


@dataclasses.dataclass(frozen=True, eq=False)
class SortedForm:
    """A metric of the ranking, by one compiled pass over the sorted patches for each draw."""

    kernel: Callable[..., np.ndarray]
    unit: np.ndarray
    positive: np.ndarray
    starts: np.ndarray

    def values(self, patients: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Return the metric for each row of counts."""
        return self.kernel(units, self.unit, self.positive, self.starts)


@dataclasses.dataclass(frozen=True, eq=False)
class WinsForm:
    """The AUC as a quadratic form: wins (n_units, n_units), positives and negatives (n_units,)."""

    wins: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray

    def values(self, patients: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Return the AUC for each row of counts."""
        with np.errstate(divide="ignore", invalid="ignore"):
            won = np.einsum("bi,bi->b", units @ self.wins, units)
            return won / ((units @ self.positives) * (units @ self.negatives))


@dataclasses.dataclass(frozen=True, eq=False)
class MeanForm:
    """The mean of other forms inside each draw; undefined where one of them is."""

    parts: tuple[Form, ...]

    def values(self, patients: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Return the mean for each row of counts."""
        return np.mean([part.values(patients, units) for part in self.parts], axis=0)


@dataclasses.dataclass(frozen=True, eq=False)
class PairsForm:
    """The AUC over pairs of patches of one part: parts' AUCs, weighted by their pairs; sizes (n_units, 2) by class."""

    parts: tuple[Form, ...]
    sizes: tuple[np.ndarray, ...]

    def values(self, patients: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Return the AUC for each row of counts; parts with one class have no pairs."""
        won = pairs = np.zeros(len(units))
        for part, size in zip(self.parts, self.sizes):
            n_pairs = np.prod(units @ size, axis=1)
            won = won + np.where(n_pairs > 0, part.values(patients, units), 0.0) * n_pairs
            pairs = pairs + n_pairs
        return np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0)


@dataclasses.dataclass(frozen=True, eq=False)
class RecalibrationForm:
    """Slope of the logistic recalibration, or its intercept with the slope held at 1."""

    unit: np.ndarray
    logit: np.ndarray
    positive: np.ndarray
    is_slope: bool
    start: tuple[float, float] = (0.0, 1.0)

    def values(self, patients: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Return the coefficient for each row of counts."""
        line = logistic_recalibration(units, self.unit, self.logit, self.positive, self.is_slope, self.start)
        return line[:, int(self.is_slope)]


@dataclasses.dataclass(frozen=True, eq=False)
class RowsForm:
    """Any function of ``(y, p)``, evaluated on the rows of each draw in turn."""

    metric: Callable[[np.ndarray, np.ndarray], float]
    y: np.ndarray
    p: np.ndarray
    unit: np.ndarray

    def values(self, patients: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Return the metric for each row of counts; NaN where it refuses the draw with an `InputError`."""
        out = np.full(len(units), np.nan)
        for draw, counts in enumerate(units):
            rows = np.repeat(np.arange(len(self.y)), counts[self.unit].astype(np.int64))
            try:
                out[draw] = self.metric(self.y[rows], self.p[rows])
            except InputError:
                continue
        return out


def sum_form(
    plan: PatientCounts, columns: list[np.ndarray], combine: Combine, rows: np.ndarray | None = None
) -> SumForm:
    """Return the `SumForm` of per-patch columns, each (n_rows,), summed within units."""
    return SumForm(np.stack([_per_unit(plan, column, rows) for column in columns], axis=1), combine)


def patient_mean_form(plan: PatientCounts, right: np.ndarray, rows: np.ndarray | None = None) -> PatientMeanForm:
    """Return the `PatientMeanForm` of a per-patch indicator (n_rows,)."""
    whole = _per_unit(plan, np.ones(len(right)), rows)
    return PatientMeanForm(_per_unit(plan, right, rows), whole, plan.patient_of_unit)


def auc_form(plan: PatientCounts, positive: np.ndarray, score: np.ndarray, rows: np.ndarray | None = None) -> Form:
    """Return the AUC as a quadratic form for few units, as a pass over sorted patches for many; both exact."""
    unit, positive, starts = by_score(plan, positive, score, rows)
    if plan.n_units**2 > 8 * len(unit) + 4096:
        return SortedForm(weighted_auc, unit, positive, starts)
    wins = wins_matrix(unit, positive, starts, plan.n_units)
    positives, negatives = (np.bincount(unit[side], minlength=plan.n_units) for side in (positive, ~positive))
    return WinsForm(wins, positives.astype(np.float64), negatives.astype(np.float64))


def average_precision_form(
    plan: PatientCounts, positive: np.ndarray, score: np.ndarray, rows: np.ndarray | None = None
) -> SortedForm:
    """Return the average precision as a pass over sorted patches."""
    return SortedForm(weighted_average_precision, *by_score(plan, positive, score, rows))


def recalibration_form(
    plan: PatientCounts, unit: np.ndarray, logit: np.ndarray, positive: np.ndarray, is_slope: bool
) -> RecalibrationForm:
    """Return the `RecalibrationForm` that starts each draw from the fit to the data as they are."""
    cold = (0.0, 0.0 if is_slope else 1.0)
    whole = logistic_recalibration(np.ones((1, plan.n_units)), unit, logit, positive, is_slope, cold)[0]
    start = (float(whole[0]), float(whole[1])) if np.isfinite(whole).all() else cold
    return RecalibrationForm(unit, logit, positive, is_slope, start)


def by_score(
    plan: PatientCounts, positive: np.ndarray, score: np.ndarray, rows: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return unit, positive and first-of-tie marks of the patches in ascending order of score."""
    unit = plan.unit_of_row if rows is None else plan.unit_of_row[rows]
    order = np.lexsort((unit, score))
    ordered = score[order]
    starts = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    return unit[order].astype(np.int32), positive[order], starts


def _per_unit(plan: PatientCounts, column: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
    unit = plan.unit_of_row if rows is None else plan.unit_of_row[rows]
    return np.bincount(unit, weights=column, minlength=plan.n_units)
