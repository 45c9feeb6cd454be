"""Calibration of held-out patches before and after maps fitted on source patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from featkit.core.errors import InputError
from featkit.results.calibration import RecalibrationEffect
from featkit.results.estimate import Estimate
from featkit.stats._inputs import as_groups, as_probabilities
from featkit.stats.draws import prepare_metrics
from featkit.stats.intervals import estimates, interval
from featkit.stats.recalibration import recalibrate
from featkit.stats.resampling import patient_counts


def recalibration_effect(
    p_source: Any,
    y_source: Any,
    groups_source: Any,
    p: Any,
    y: Any,
    groups: Any,
    *,
    kinds: Sequence[str] = ("platt", "temperature", "isotonic", "beta"),
    metrics: Sequence[str] = ("brier", "ece", "calibration_slope", "calibration_intercept"),
    n_draws: int = 2000,
    level: float = 0.95,
    method: str = "logit-t",
    seed: int = 0,
    unit: str = "patient",
) -> RecalibrationEffect:
    """Fit maps on source patches and report held-out patches before and after, with paired changes.

    Parameters
    ----------
    p_source, y_source, groups_source
        Probabilities (n_source,), labels and patients of the source patches, which the maps are fitted on.
    p, y, groups
        Probabilities (n,), labels and patients of the held-out patches, which no map sees.
    kinds : sequence of str
        Names in ``featkit.stats.recalibration.RECALIBRATIONS``.
    metrics : sequence of str
        Names in ``featkit.stats.metrics.METRICS``.
    n_draws, level, method, seed, unit
        As in `featkit.stats.intervals.bootstrap_metrics`; "studentised" is not available for changes.

    Returns
    -------
    RecalibrationEffect
        Changes are "after minus before" in the same draws of held-out patients; the maps stay as fitted.

    Raises
    ------
    InputError
        If a patient is on both sides.
    """
    if method == "studentised":
        raise InputError("changes have no studentised interval", "method='studentised'", "Use method='logit-t'")
    n = len(np.asarray(y))
    before = as_probabilities(p, n)
    unit = "patch" if isinstance(groups, str) else unit
    plan = patient_counts(as_groups(groups, n), strata=y, n=n)
    options: dict[str, Any] = {"n_draws": n_draws, "level": level, "method": method, "seed": seed, "unit": unit}
    parameters: dict[str, dict[str, float]] = {}
    forecasts = {"none": before}
    n_source_patients = 0
    for kind in kinds:
        fitted = recalibrate(kind).fit(p_source, y_source, groups_source)
        forecasts[kind] = fitted.predict(before, None if isinstance(groups, str) else groups)
        parameters[kind] = fitted.parameters
        n_source_patients = len(fitted.patients_)
    prepared = {kind: prepare_metrics(y, forecast, None, metrics, plan=plan) for kind, forecast in forecasts.items()}
    found = {kind: estimates(one, **options) for kind, one in prepared.items()}
    draws = {kind: one.bootstrap(n_draws, seed) for kind, one in prepared.items()}
    jackknife = {kind: one.jackknife() for kind, one in prepared.items()}
    changes: dict[str, dict[str, Estimate]] = {kind: {} for kind in kinds}
    for kind in kinds:
        for name in metrics:
            value = found[kind][name].value - found["none"][name].value
            moved = draws[kind][name] - draws["none"][name]
            moved = moved[np.isfinite(moved)]
            low, high = prepared[kind].ranges[name]
            bounds = interval(
                value,
                moved,
                jackknife[kind][name] - jackknife["none"][name],
                plan,
                method=method,
                level=level,
                range=(low - high, high - low),
            )
            changes[kind][name] = Estimate(value, *bounds, level, method, len(moved), unit, plan.n_patients)
    return RecalibrationEffect(found, changes, parameters, n_source_patients, len(np.asarray(y_source)))
