"""How well a forecast does: metrics with intervals over folds, domains and classes, and the curves behind them."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.errors import InputError
from featkit.core.metric_names import metric_name
from featkit.results.base import Result
from featkit.results.calibration import CalibrationTest, ReliabilityCurve
from featkit.results.estimate import Estimate

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Curve(Result):
    """A curve with a pointwise band.

    Parameters
    ----------
    curve : str
        What it is ("roc").
    x, y, low, high : ndarray of float, shape (n_grid,)
        Abscissa, the curve on the data, and its band.
    level : float
        Coverage at each abscissa.
    n_draws : int
        Resamples.
    unit : str
        What was resampled.
    n_units : int
        How many of them there were.
    """

    curve: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray
    level: float
    n_draws: int
    unit: str
    n_units: int

    def frame(self) -> pl.DataFrame:
        """Return one row per abscissa."""
        import polars as pl

        return pl.DataFrame({name: getattr(self, name) for name in ("x", "y", "low", "high")})


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class EvaluationRow(Result):
    """One metric on one set of patches.

    Parameters
    ----------
    scope : str
        "all", "fold", "domain" or "class" (a score per patch), "patients" or "slides" (a score per patient or slide).
    aggregation : str
        "pooled" (all as one set), "mean of folds", "mean of domains", "within folds" (pairs of patches of the same
        fold), or the name of the fold, domain or class.
    metric : str
        Name in ``featkit.core.metric_names.METRIC_NAMES``.
    estimate : Estimate
        Value and interval.
    majority : float
        The same metric of a constant forecast, the majority baseline.
    """

    scope: str
    aggregation: str
    metric: str
    estimate: Estimate
    majority: float


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class EvaluationCounts(Result):
    """What one set of patches consists of.

    Parameters
    ----------
    scope, aggregation : str
        As in `EvaluationRow`.
    n_patches, n_patients : int
        Patches and patients.
    n_patches_by_class, n_patients_by_class : dict of str to int
        By class name; a patient with patches of two classes counts in both.
    prevalence : float
        Share of patches of class 1 (of the largest class when there are more than two).
    """

    scope: str
    aggregation: str
    n_patches: int
    n_patients: int
    n_patches_by_class: dict[str, int]
    n_patients_by_class: dict[str, int]
    prevalence: float


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Result):
    """Metrics with intervals, counts and curves.

    Parameters
    ----------
    rows : tuple of EvaluationRow
        Every metric on every set of patches.
    counts : tuple of EvaluationCounts
        What the sets consist of.
    roc : dict of str to Curve
        ROC curve by aggregation ("pooled" and each fold); with K > 2 classes, "pooled" by class name.
    reliability : dict of str to ReliabilityCurve
        Reliability curve by the same names.
    class_names : tuple of str
        Names of classes 0, 1, ...
    threshold : float
        Decision threshold on class 1.
    n_bins : int
        Bins of the calibration errors.
    majority_from : str
        Whose prevalence the majority baseline used ("training labels" or "evaluated labels").
    design : str
        "cohort" (the numbers of each class vary from study to study) or "case-control" (they were fixed).
    label_unit : str
        What labels belong to: "patient", "slide" or "patch".
    positive : str
        Which of two classes is the positive one, and why; empty where that was not said.
    seed : int
        Seed of the draws.
    calibration : dict of str to dict of str to CalibrationTest
        By metric ("ece"; "ece_top_label" and "ece_classwise" with more than two classes) and aggregation ("pooled" and
        each fold): the calibration error beside what perfect calibration would show. Such errors are biased upwards,
        and their rows have no interval.
    notes : tuple of str
        What a reader must know: metrics that are undefined, draws that were lost, intervals that could not be made.
    """

    rows: tuple[EvaluationRow, ...]
    counts: tuple[EvaluationCounts, ...]
    roc: dict[str, Curve]
    reliability: dict[str, ReliabilityCurve]
    class_names: tuple[str, ...]
    threshold: float
    n_bins: int
    majority_from: str
    design: str
    label_unit: str
    seed: int
    positive: str = ""
    calibration: dict[str, dict[str, CalibrationTest]] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def get(self, metric: str, aggregation: str | None = None, scope: str | None = None) -> Estimate:
        """Return one estimate.

        Parameters
        ----------
        metric : str
            Its name.
        aggregation : str, optional
            "pooled", "mean of folds", "within folds", or the name of a fold, domain or class; the `headline` of the
            scope by default.
        scope : str, optional
            "all", "fold", "domain", "class", "patients" or "slides"; needed only when a name occurs in two of them,
            and "all" is not one of them.

        Raises
        ------
        InputError
            If there is no such row, or more than one.
        """
        if aggregation is None:
            return self.headline(metric, scope or "all").estimate
        found = [
            r for r in self.rows if (r.metric, r.aggregation) == (metric, aggregation) and scope in (None, r.scope)
        ]
        found = [r for r in found if r.scope == "all"] or found
        if len(found) != 1:
            raise self._unknown(metric, aggregation, len(found))
        return found[0].estimate

    def headline(self, metric: str, scope: str = "all") -> EvaluationRow:
        """Return the row to quote: pooled, or for metrics of ranks over several folds their mean.

        Where a fold leaves the mean undefined, as with one class in a fold, pairs within folds take its place.

        Parameters
        ----------
        metric : str
            Its name.
        scope : str
            "all" (patches), "patients" or "slides".

        Raises
        ------
        InputError
            If there is no such row.
        """
        rows = {r.aggregation: r for r in self.rows if (r.metric, r.scope) == (metric, scope)}
        order = ("mean of folds", "within folds", "pooled") if metric_name(metric).is_rank else ("pooled",)
        found = [rows[name] for name in order if name in rows]
        if not found:
            raise self._unknown(metric, scope, 0)
        return next((row for row in found if math.isfinite(row.estimate.value)), found[0])

    def _unknown(self, metric: str, wanted: str, count: int) -> InputError:
        known = sorted({f"{r.aggregation} ({r.scope})" for r in self.rows if r.metric == metric})
        return InputError(
            f"{metric} of {wanted!r} must be one row of this evaluation",
            f"{count} rows",
            f"{metric} is there for: {', '.join(known) or 'nothing'}",
        )

    def frame(self) -> pl.DataFrame:
        """Return one row per metric and set of patches."""
        import polars as pl

        return pl.DataFrame(
            [
                {
                    "scope": row.scope,
                    "aggregation": row.aggregation,
                    "metric": row.metric,
                    "value": row.estimate.value,
                    "low": row.estimate.low,
                    "high": row.estimate.high,
                    "level": row.estimate.level,
                    "method": row.estimate.method,
                    "n_draws": row.estimate.n_draws,
                    "unit": row.estimate.unit,
                    "n_units": row.estimate.n_units,
                    "n_smallest_class": min(row.estimate.n_units_by_class.values(), default=None),
                    "design": row.estimate.design,
                    "state": row.estimate.state,
                    "majority": row.majority,
                }
                for row in self.rows
            ]
        )
