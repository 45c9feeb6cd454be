"""Metrics under resampling of patients: the values in every draw, exact and fast."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from featkit.core.errors import InputError
from featkit.stats import _forms as forms
from featkit.stats._inputs import as_groups
from featkit.stats.metrics import metric, scored
from featkit.stats.resampling import PatientCounts, patient_counts

MetricLike = str | Callable[[np.ndarray, np.ndarray], float]


@dataclasses.dataclass(frozen=True, eq=False)
class MetricDraws:
    """Metrics prepared for resampling: values on the data, in bootstrap draws and with each patient left out.

    Parameters
    ----------
    plan : PatientCounts
        How patients are drawn.
    forms : dict of str to form
        The metrics, by name.
    ranges : dict of str to (float, float)
        Smallest and largest value of each.
    """

    plan: PatientCounts
    forms: dict[str, forms.Form]
    ranges: dict[str, tuple[float, float]]

    def values(self) -> dict[str, float]:
        """Return each metric on the data as they are."""
        return {name: float(v[0]) for name, v in self._over([self.plan.once()]).items()}

    def bootstrap(self, n_draws: int = 2000, seed: int = 0) -> dict[str, np.ndarray]:
        """Return each metric (n_draws,) under resampling; NaN in a draw that leaves it undefined."""
        return self._over(self.plan.blocks(n_draws, seed))

    def jackknife(self) -> dict[str, np.ndarray]:
        """Return each metric with one patient left out, shape ``plan.left_out.shape`` and in that order."""
        return self._over(self.plan.jackknife())

    def at(self, patients: np.ndarray) -> dict[str, np.ndarray]:
        """Return each metric (b,) for given counts of patients (b, n_patients); nothing may be nested."""
        return self._over([(patients, patients)])

    def _over(self, blocks: Iterable[tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
        found: dict[str, list[np.ndarray]] = {name: [] for name in self.forms}
        for patients, units in blocks:
            own = patients.astype(np.float64)
            inner = own if units is patients else units.astype(np.float64)
            for name, form in self.forms.items():
                found[name].append(form.values(own, inner))
        return {name: np.concatenate(parts) for name, parts in found.items()}


def prepare_metrics(
    y: Any,
    p: Any,
    groups: Any,
    metrics: Sequence[MetricLike],
    *,
    domains: Any = None,
    strata: Any = "class",
    nested: Sequence[Any] = (),
    threshold: float = 0.5,
    n_bins: int = 15,
    plan: PatientCounts | None = None,
    rows: np.ndarray | None = None,
) -> MetricDraws:
    """Return metrics ready to be resampled over patients.

    Parameters
    ----------
    y : array of int, shape (n,)
        Labels, 0/1 or 0..K-1.
    p : array of float, shape (n,) or (n, K)
        Scores of class 1, or class probabilities.
    groups : array, shape (n,), or "patches"
        Patient of each patch; the literal ``"patches"`` says that patches are independent.
    metrics : sequence of str or callable
        Names in `featkit.stats.metrics.METRICS`, or functions ``(y, p) -> float`` (slower: evaluated on the rows of
        each draw; named by ``__name__``).
    domains : array, shape (n,), optional
        When given, a metric is the mean over domains of the metric within each, inside every draw.
    strata : "class", None or array of shape (n,)
        Patients are drawn within these; by default within their class, so that no class vanishes.
    nested : sequence
        Levels resampled inside patients (see `patient_counts`).
    threshold : float
        Decision threshold on class 1.
    n_bins : int
        Bins of the calibration errors; equal-mass edges are those of the data and stay put in the draws.
    plan : PatientCounts, optional
        A plan made before, over more patches than these; then ``rows`` says which of them these are, and ``groups``,
        ``strata`` and ``nested`` are not used.
    rows : ndarray of int, shape (n,), optional
        Rows of the plan.

    Returns
    -------
    MetricDraws

    Raises
    ------
    InputError
        If inputs are not as described, or a metric is unknown or not defined for these classes.
    """
    data = scored(y, p, threshold, n_bins)
    n = len(data.y)
    if plan is None:
        own_strata = data.y if isinstance(strata, str) and strata == "class" else strata
        plan = patient_counts(groups, strata=own_strata, nested=nested, n=n)
    subsets: list[np.ndarray | None] = [None]
    if domains is not None:
        _, domain = np.unique(as_groups(domains, n, "domains"), return_inverse=True)
        subsets = [np.flatnonzero(domain == d) for d in range(int(domain.max()) + 1)]
    prepared: dict[str, forms.Form] = {}
    ranges: dict[str, tuple[float, float]] = {}
    for wanted in metrics:
        parts = []
        for subset in subsets:
            of_plan = subset if rows is None else (rows if subset is None else rows[subset])
            part = data.take(subset)
            if isinstance(wanted, str):
                chosen = metric(wanted)
                parts.append(chosen.form(plan, part, of_plan))
            else:
                unit = plan.unit_of_row if of_plan is None else plan.unit_of_row[of_plan]
                parts.append(forms.RowsForm(wanted, part.y.astype(np.int64), part.p, unit))
        name = wanted if isinstance(wanted, str) else getattr(wanted, "__name__", repr(wanted))
        if name in prepared:
            raise InputError("metrics must have different names", f"{name!r} twice")
        prepared[name] = parts[0] if domains is None else forms.MeanForm(tuple(parts))
        ranges[name] = metric(wanted).range_of(data.n_classes) if isinstance(wanted, str) else (-np.inf, np.inf)
    return MetricDraws(plan, prepared, ranges)


def metric_draws(
    y: Any,
    p: Any,
    groups: Any,
    metrics: Sequence[MetricLike] = ("auc", "f1", "brier", "ece"),
    *,
    n_draws: int = 2000,
    seed: int = 0,
    **options: Any,
) -> dict[str, np.ndarray]:
    """Return metrics (n_draws,) under resampling of patients with replacement.

    The draws depend on ``groups``, the strata and ``seed`` only: two models scored on the same patches and labels see
    the same draws, so differences taken draw by draw are paired.

    Parameters
    ----------
    y, p, groups, metrics
        As in `prepare_metrics`.
    n_draws : int
        Resamples.
    seed : int
        Same seed, same draws.
    **options
        ``domains``, ``strata``, ``nested``, ``threshold``, ``n_bins`` of `prepare_metrics`.

    Returns
    -------
    dict of str to ndarray of float64, shape (n_draws,)
        NaN in a draw that leaves the metric undefined (a class that vanished).
    """
    return prepare_metrics(y, p, groups, metrics, **options).bootstrap(n_draws, seed)
