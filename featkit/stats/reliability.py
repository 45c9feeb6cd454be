"""Reliability curves with bands from resampling patients."""

from __future__ import annotations

import numpy as np

from featkit.core.arrays import as_binary_forecast
from featkit.core.options.resampling import Resampling
from featkit.results.calibration import ReliabilityCurve
from featkit.stats._forms import Form, sum_form
from featkit.stats.calibration_error import Bins, bin_edges, bin_index
from featkit.stats.draws import MetricDraws, Reading, patient_plan
from featkit.stats.forecasts import Forecasts
from featkit.stats.intervals import interval_estimates
from featkit.stats.resampling import PatientCounts


def reliability_curve(
    forecasts: Forecasts,
    *,
    n_bins: int = 10,
    bins: Bins = "width",
    resampling: Resampling | None = None,
    plan: PatientCounts | None = None,
    rows: np.ndarray | None = None,
) -> ReliabilityCurve:
    """Return observed frequency against forecast over bins, with pointwise bands.

    Parameters
    ----------
    forecasts : Forecasts
        Of two classes, with probabilities.
    n_bins, bins
        As in `featkit.stats.calibration_error.bin_edges`; bins stay put in the draws.
    resampling : Resampling, optional
        Level, method ("expanded" by default), draws and design.
    plan, rows
        As in `featkit.stats.prepare_metrics`.

    Returns
    -------
    ReliabilityCurve
    """
    how = resampling or Resampling(method="expanded")
    positive, values = as_binary_forecast(forecasts.y, forecasts.p, "a reliability curve")
    plan = patient_plan(forecasts, how) if plan is None else plan
    _, where = np.unique(bin_index(values, bin_edges(values, n_bins, bins)), return_inverse=True)
    patient = plan.patient_of_row if rows is None else plan.patient_of_row[rows]
    size = np.bincount(where)
    forms: dict[str, Form] = {}
    for b in range(len(size)):
        inside = (where == b).astype(np.float64)
        forms[str(b)] = sum_form(plan, [inside * positive, inside], lambda totals: totals[:, 0] / totals[:, 1], rows)
    n_patients = np.array([len(np.unique(patient[where == b])) for b in range(len(size))])
    readings = {str(b): Reading((0.0, 1.0), "patients", float(n)) for b, n in enumerate(n_patients)}
    found = list(interval_estimates(MetricDraws(plan, forms, readings), how, forecasts).values())
    return ReliabilityCurve(
        forecast=np.bincount(where, weights=values) / size,
        observed=np.array([e.value for e in found]),
        low=np.where(n_patients < 2, np.nan, [e.low for e in found]),
        high=np.where(n_patients < 2, np.nan, [e.high for e in found]),
        n_patches=size,
        n_patients=n_patients,
        level=how.level,
        method=how.method,
        n_draws=how.n_draws,
        unit=forecasts.unit,
        bins=bins,
    )
