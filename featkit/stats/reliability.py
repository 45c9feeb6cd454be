"""Reliability curves with bands from resampling patients."""

from __future__ import annotations

from typing import Any

import numpy as np

from featkit.results.calibration import ReliabilityCurve
from featkit.stats._forms import Form, sum_form
from featkit.stats._inputs import as_binary_forecast
from featkit.stats.calibration_error import Bins, bin_edges, bin_index
from featkit.stats.draws import MetricDraws
from featkit.stats.intervals import estimates
from featkit.stats.resampling import PatientCounts, patient_counts


def reliability_curve(
    y: Any,
    p: Any,
    groups: Any,
    *,
    n_bins: int = 10,
    bins: Bins = "width",
    n_draws: int = 2000,
    level: float = 0.95,
    method: str = "expanded",
    seed: int = 0,
    unit: str = "patient",
    plan: PatientCounts | None = None,
    rows: np.ndarray | None = None,
) -> ReliabilityCurve:
    """Return observed frequency against forecast over bins, with pointwise bands.

    Parameters
    ----------
    y : array of {0, 1}, shape (n,)
        Labels.
    p : array of float, shape (n,)
        Probability of class 1.
    groups : array, shape (n,), or "patches"
        Patient of each patch.
    n_bins, bins
        As in `featkit.stats.calibration_error.bin_edges`; bins stay put in the draws.
    n_draws, level, method, seed, unit
        As in `featkit.stats.intervals.bootstrap_metrics`.
    plan, rows
        As in `featkit.stats.draws.prepare_metrics`.

    Returns
    -------
    ReliabilityCurve
    """
    positive, values = as_binary_forecast(y, p, "a reliability curve")
    if isinstance(groups, str):
        unit = "patch"
    if plan is None:
        plan = patient_counts(groups, strata=positive, n=len(positive))
    _, where = np.unique(bin_index(values, bin_edges(values, n_bins, bins)), return_inverse=True)
    patient = plan.patient_of_row if rows is None else plan.patient_of_row[rows]
    size = np.bincount(where)
    forms: dict[str, Form] = {}
    for b in range(len(size)):
        inside = (where == b).astype(np.float64)
        forms[str(b)] = sum_form(plan, [inside * positive, inside], lambda totals: totals[:, 0] / totals[:, 1], rows)
    prepared = MetricDraws(plan, forms, dict.fromkeys(forms, (0.0, 1.0)))
    found = list(estimates(prepared, n_draws=n_draws, level=level, method=method, seed=seed, unit=unit).values())
    n_patients = np.array([len(np.unique(patient[where == b])) for b in range(len(size))])
    return ReliabilityCurve(
        forecast=np.bincount(where, weights=values) / size,
        observed=np.array([e.value for e in found]),
        low=np.where(n_patients < 2, np.nan, [e.low for e in found]),
        high=np.where(n_patients < 2, np.nan, [e.high for e in found]),
        n_patches=size,
        n_patients=n_patients,
        level=level,
        method=method,
        n_draws=n_draws,
        unit=unit,
        bins=bins,
    )
