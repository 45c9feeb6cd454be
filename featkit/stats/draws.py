"""Metrics under resampling of patients: on the data, in every draw and without each patient, exact and fast."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import numpy as np

from featkit.core.errors import InputError
from featkit.core.options.resampling import Resampling
from featkit.stats import _forms as forms
from featkit.stats.forecasts import Forecasts
from featkit.stats.metrics import metric
from featkit.stats.resampling import PatientCounts, patient_counts

MetricLike = str | Callable[[np.ndarray, np.ndarray], float]
Over = Literal["mean of folds", "mean of domains", "within folds"]


@dataclasses.dataclass(frozen=True)
class Reading:
    """What an interval must know of a metric.

    Parameters
    ----------
    range : (float, float)
        Smallest and largest value; infinite where there is none.
    carried_by : {"patients", "classes", "class 0", "class 1"}
        Whose patients it rests on (`featkit.stats.metrics.Metric`).
    n_bound : float
        Patients, each wholly right or wholly wrong, that would make the value as uncertain as it can be: those of
        the smallest class that carries it (times the classes, for a mean over more than two), or the effective
        number of all patients, ``(sum n_i)^2 / sum n_i^2`` for ``n_i`` patches.
    """

    range: tuple[float, float] = (-np.inf, np.inf)
    carried_by: str = "patients"
    n_bound: float = np.inf


@dataclasses.dataclass(frozen=True, eq=False)
class MetricDraws:
    """Metrics prepared for resampling: values on the data, in bootstrap draws and with each patient left out.

    Parameters
    ----------
    plan : PatientCounts
        How patients are drawn.
    forms : dict of str to form
        The metrics, by name.
    readings : dict of str to Reading
        Range and carriers of each.
    """

    plan: PatientCounts
    forms: dict[str, forms.Form]
    readings: dict[str, Reading]

    def values(self) -> dict[str, float]:
        """Return each metric on the data as they are."""
        return {name: float(v[0]) for name, v in self._over([self.plan.once()]).items()}

    def bootstrap(self, n_draws: int = 2000, seed: int = 0) -> dict[str, np.ndarray]:
        """Return each metric (n_draws,) under resampling; NaN in a draw that leaves it undefined."""
        return self._over(self.plan.blocks(n_draws, seed))

    def jackknife(self) -> dict[str, np.ndarray]:
        """Return each metric with one patient left out, shape ``plan.left_out.shape`` and in that order."""
        return self._over(self.plan.jackknife())

    def _over(self, blocks: Iterable[tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
        found: dict[str, list[np.ndarray]] = {name: [] for name in self.forms}
        for patients, units in blocks:
            own = patients.astype(np.float64)
            inner = own if units is patients else units.astype(np.float64)
            for name, form in self.forms.items():
                found[name].append(form.values(own, inner))
        return {name: np.concatenate(parts) for name, parts in found.items()}


def patient_plan(forecasts: Forecasts, resampling: Resampling | None = None) -> PatientCounts:
    """Return how the patients of these forecasts are resampled.

    Parameters
    ----------
    forecasts : Forecasts
        Whose patients.
    resampling : Resampling, optional
        Its ``design`` and ``nested`` are used. A cohort's patients are drawn from all, a case-control study's within
        their class; where every patient is in one fold, within folds too, as long as each keeps two patients.

    Returns
    -------
    PatientCounts
    """
    how = resampling or Resampling()
    y = forecasts.y.astype(np.int64)
    strata = y.astype(str) if how.design == "case-control" else None
    if forecasts.folds is not None:
        own = forecasts.folds if strata is None else np.char.add(np.char.add(forecasts.folds, "|"), strata)
        pairs = np.unique(np.stack([forecasts.groups.astype(str), forecasts.folds]), axis=1)
        is_disjoint = len(np.unique(pairs[0])) == pairs.shape[1]
        sizes = np.bincount(patient_counts(forecasts.groups, strata=own).stratum_of_patient)
        strata = own if is_disjoint and sizes.min() >= 2 else strata
    nested = []
    for level in how.nested:
        if level == "slides" and forecasts.slides is None:
            raise InputError("resampling slides needs the slide of each patch", "none", "Pass slides")
        nested.append(forecasts.slides if level == "slides" else "patches")
    plan = patient_counts(forecasts.groups, strata=strata, classes=y, nested=nested, n=len(y))
    carriers = np.zeros(forecasts.n_classes, dtype=np.int64)
    if plan.n_carriers is not None:
        carriers[: len(plan.n_carriers)] = plan.n_carriers
    return dataclasses.replace(plan, n_carriers=carriers, n_cohort=forecasts.n_cohort)


def prepare_metrics(
    forecasts: Forecasts,
    metrics: Sequence[MetricLike],
    *,
    over: Over | None = None,
    plan: PatientCounts | None = None,
    rows: np.ndarray | None = None,
) -> MetricDraws:
    """Return metrics ready to be resampled over patients.

    Parameters
    ----------
    forecasts : Forecasts
        Labels, scores and patients.
    metrics : sequence of str or callable
        Names in `featkit.stats.metrics.METRICS`, or functions ``(y, p) -> float`` (slower: evaluated on the rows of
        each draw; named by ``__name__``).
    over : {"mean of folds", "mean of domains", "within folds"}, optional
        The mean over folds or domains of the metric within each, inside every draw; or, for rank metrics of pairs
        (AUC), pairs of patches of the same fold only. None takes all patches as one set.
    plan : PatientCounts, optional
        A plan made before, over more patches than these; ``rows`` says which of them these are. By default
        `patient_plan` of these forecasts as a cohort.
    rows : ndarray of int, shape (n,), optional
        Rows of the plan.

    Returns
    -------
    MetricDraws

    Raises
    ------
    InputError
        If a metric is unknown, named twice, or not defined for these classes.

    Examples
    --------
    >>> found = prepare_metrics(Forecasts([0, 1, 0, 1], [0.1, 0.9, 0.6, 0.4], "patches"), ["auc", "brier"])
    >>> found.values()
    {'auc': 0.75, 'brier': 0.185}
    """
    plan = patient_plan(forecasts) if plan is None else plan
    subsets: list[np.ndarray | None] = [None]
    if over is not None:
        kind = "domains" if over == "mean of domains" else "folds"
        labels = getattr(forecasts, kind)
        if labels is None:
            raise InputError(f"{over} needs the {kind[:-1]} of each patch", "none", f"Pass {kind}")
        subsets = [np.flatnonzero(labels == name) for name in np.unique(labels)]
    prepared: dict[str, forms.Form] = {}
    readings: dict[str, Reading] = {}
    for wanted in metrics:
        name = wanted if isinstance(wanted, str) else getattr(wanted, "__name__", repr(wanted))
        if name in prepared:
            raise InputError("metrics must have different names", f"{name!r} twice")
        parts = []
        for subset in subsets:
            of_plan = subset if rows is None else (rows if subset is None else rows[subset])
            part = forecasts.take(subset)
            if isinstance(wanted, str):
                parts.append(metric(wanted).form(plan, part, of_plan))
            else:
                unit = plan.unit_of_row if of_plan is None else plan.unit_of_row[of_plan]
                parts.append(forms.RowsForm(wanted, part.y.astype(np.int64), part.p, unit))
        if over == "within folds":
            prepared[name] = _within(name, forecasts, plan, rows, subsets, parts)
        else:
            prepared[name] = parts[0] if over is None else forms.MeanForm(tuple(parts))
        readings[name] = _reading(wanted, forecasts, plan, rows)
    return MetricDraws(plan, prepared, readings)


def metric_draws(
    forecasts: Forecasts,
    metrics: Sequence[MetricLike] = ("auc", "f1", "brier"),
    *,
    over: Over | None = None,
    resampling: Resampling | None = None,
) -> dict[str, np.ndarray]:
    """Return metrics (n_draws,) under resampling of patients with replacement.

    The draws depend on patients, design and seed only: two models scored on the same patches see the same draws, so
    differences taken draw by draw are paired.

    Parameters
    ----------
    forecasts, metrics, over
        As in `prepare_metrics`.
    resampling : Resampling, optional
        Number of draws, seed, design and nested levels.

    Returns
    -------
    dict of str to ndarray of float64, shape (n_draws,)
        NaN in a draw that leaves the metric undefined (a class that vanished).

    Examples
    --------
    >>> found = Forecasts([0, 1, 0, 1], [0.1, 0.9, 0.6, 0.4], "patches")
    >>> metric_draws(found, ["brier"], resampling=Resampling(n_draws=5))["brier"].shape
    (5,)
    """
    how = resampling or Resampling()
    prepared = prepare_metrics(forecasts, metrics, over=over, plan=patient_plan(forecasts, how))
    return prepared.bootstrap(how.n_draws, how.seed)


def _reading(wanted: MetricLike, forecasts: Forecasts, plan: PatientCounts, rows: np.ndarray | None) -> Reading:
    if not isinstance(wanted, str):
        return Reading()
    chosen = metric(wanted)
    span = chosen.range_of(forecasts.n_classes)
    if chosen.carried_by == "patients":
        patient = plan.patient_of_row if rows is None else plan.patient_of_row[rows]
        size = np.bincount(patient).astype(np.float64)
        size = (size > 0).astype(np.float64) if wanted == "recognition_rate" else size
        return Reading(span, "patients", float(size.sum() ** 2 / (size**2).sum()))
    if plan.n_carriers is None:
        return Reading(span, chosen.carried_by, float(plan.n_patients))
    if chosen.carried_by.startswith("class "):
        k = int(chosen.carried_by[-1])
        return Reading(span, chosen.carried_by, float(plan.n_carriers[k]) if k < len(plan.n_carriers) else 0.0)
    fewest, n_classes = int(plan.n_carriers.min()), len(plan.n_carriers)
    return Reading(span, "classes", float(fewest * n_classes if n_classes > 2 else fewest))


def _within(
    name: str,
    forecasts: Forecasts,
    plan: PatientCounts,
    rows: np.ndarray | None,
    subsets: Sequence[np.ndarray | None],
    parts: Sequence[forms.Form],
) -> forms.Form:
    if name != "auc" or forecasts.n_classes > 2:
        raise InputError("only the AUC of two classes is made of pairs within folds", name, "Use over='mean of folds'")
    unit = plan.unit_of_row if rows is None else plan.unit_of_row[rows]
    sizes = [
        np.stack([np.bincount(unit[s][forecasts.y[s] == k], minlength=plan.n_units) for k in (False, True)], axis=1)
        for s in subsets
    ]
    return forms.PairsForm(tuple(parts), tuple(size.astype(np.float64) for size in sizes))
