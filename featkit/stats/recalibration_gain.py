"""Calibration of held-out patches before and after maps fitted on source patients."""

from __future__ import annotations

from collections.abc import Sequence

from featkit.core.arrays import as_probabilities
from featkit.core.options.resampling import Resampling
from featkit.results.calibration import RecalibrationEffect
from featkit.results.estimate import Estimate
from featkit.stats.draws import patient_plan, prepare_metrics
from featkit.stats.forecasts import Forecasts
from featkit.stats.intervals import CONSTANT, NOTHING, interval_estimates, without_biased
from featkit.stats.paired import paired_differences
from featkit.stats.recalibration import recalibrate


def recalibration_effect(
    source: Forecasts,
    held_out: Forecasts,
    *,
    kinds: Sequence[str] = ("platt", "temperature", "isotonic", "beta"),
    metrics: Sequence[str] = ("brier", "ece", "calibration_slope", "calibration_intercept"),
    resampling: Resampling | None = None,
) -> RecalibrationEffect:
    """Fit maps on source patches and report held-out patches before and after, with paired changes.

    Parameters
    ----------
    source : Forecasts
        Probabilities of the source patches, which the maps are fitted on.
    held_out : Forecasts
        Probabilities of the held-out patches, which no map sees.
    kinds : sequence of str
        Names in ``featkit.stats.RECALIBRATIONS``.
    metrics : sequence of str
        Names in ``featkit.stats.METRICS``. Calibration errors over bins are biased and get no interval.
    resampling : Resampling, optional
        Level, method and design of the intervals.

    Returns
    -------
    RecalibrationEffect
        Changes are "after minus before" over the same held-out patients; the maps stay as fitted.

    Raises
    ------
    InputError
        If a patient is on both sides.
    """
    how = resampling or Resampling()
    as_probabilities(held_out.p, len(held_out))
    plan = patient_plan(held_out, how)
    parameters: dict[str, dict[str, float]] = {}
    forecasts = {"none": held_out}
    n_source_patients = 0
    for kind in kinds:
        fitted = recalibrate(kind).fit(source.p, source.y, "patches" if source.unit == "patch" else source.groups)
        p = fitted.predict(held_out.p, None if held_out.unit == "patch" else held_out.groups)
        forecasts[kind] = held_out.with_p(p)
        parameters[kind] = fitted.parameters
        n_source_patients = len(fitted.patients_)
    prepared = {kind: prepare_metrics(one, metrics, plan=plan) for kind, one in forecasts.items()}
    found = {kind: interval_estimates(one, how, forecasts[kind]) for kind, one in prepared.items()}
    changes: dict[str, dict[str, Estimate]] = {}
    for kind in kinds:
        moved = paired_differences(prepared[kind], prepared["none"], held_out, how)
        changes[kind] = {name: one.estimate for name, one in moved.items()}
    for table in (found, changes):
        for kind, own in table.items():
            table[kind] = without_biased(own)
    state = CONSTANT if held_out.is_constant else ""
    if state and held_out.folds is not None and set(held_out.folds.tolist()) <= set(held_out.nothing_selected):
        state = NOTHING
    return RecalibrationEffect(found, changes, parameters, n_source_patients, len(source), state)
