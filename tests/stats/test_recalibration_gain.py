"""Held-out calibration before and after recalibration."""

import dataclasses

import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.results.calibration import RecalibrationEffect
from featkit.stats import Forecasts, bootstrap_metrics, recalibrate, recalibration_effect


def clustered(seed, n_patients, factor=8.0):
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), 20)
    y = patient % 2
    logit = 1.5 * (2 * y - 1) + random.normal(size=n_patients)[patient] + random.normal(size=len(patient))
    return 1 / (1 + np.exp(-factor * logit)), y, patient


def labelled(p, y, patient):
    return Forecasts(y, p, patient)


def test_before_after_and_paired_change():
    source, (p, y, patient) = clustered(0, 60), clustered(1, 40)
    held_out = Forecasts(y, p, patient + 1000)
    found = recalibration_effect(labelled(*source), held_out)
    before = bootstrap_metrics(held_out, ["brier", "ece"])
    assert found.estimates["none"]["brier"].value == before["brier"].value
    assert found.estimates["none"]["brier"].low == pytest.approx(before["brier"].low, abs=1e-12)
    assert set(found.estimates) == {"none", "platt", "temperature", "isotonic", "beta"}
    assert (found.n_source_patients, found.n_source_patches) == (60, 1200)
    fixed = recalibrate("platt").fit(*source).predict(p)
    change = found.changes["platt"]["brier"]
    loss = np.bincount(patient, (fixed - y) ** 2 - (p - y) ** 2) / 20
    after = found.estimates["platt"]["brier"].value
    assert change.value == pytest.approx(after - before["brier"].value, abs=1e-12)
    assert change.high - change.low == pytest.approx(2 * 2.02 * loss.std(ddof=1) / np.sqrt(40), rel=0.05)
    assert change.high < 0  # far too steep: every map helps, for sure
    slope = found.estimates["platt"]["calibration_slope"]
    assert slope.low < 1 < slope.high
    assert found.estimates["none"]["calibration_slope"].high < 1


def test_a_biased_calibration_error_has_no_interval():
    p, y, patient = clustered(1, 40)
    found = recalibration_effect(labelled(*clustered(0, 60)), Forecasts(y, p, patient + 1000))
    for estimate in (found.estimates["platt"]["ece"], found.changes["platt"]["ece"]):
        assert np.isfinite(estimate.value)
        assert np.isnan([estimate.low, estimate.high]).all()
    assert np.isfinite(found.changes["platt"]["brier"].low)


def test_round_trip_and_frame():
    p, y, patient = clustered(3, 12)
    found = recalibration_effect(labelled(*clustered(2, 20)), Forecasts(y, p, patient + 99))
    again = RecalibrationEffect.from_dict(found.to_dict())
    assert again.frame().equals(found.frame())
    assert found.frame().height == 5 * 4
    assert found.frame().filter(found.frame()["map"] == "none")["change"].null_count() == 4


def test_a_shared_patient_is_refused():
    source, (p, y, patient) = clustered(4, 20), clustered(5, 20)
    with pytest.raises(InputError, match="20 patients on both sides"):
        recalibration_effect(labelled(*source), Forecasts(y, p, patient))


def test_what_maps_gain_over_a_constant_forecast_is_marked_as_such():
    random = np.random.default_rng(0)
    y, patient = random.integers(0, 2, 80), np.repeat(np.arange(20), 4)
    source, held_out = (
        Forecasts(y[:40], np.full(40, 0.2), patient[:40]),
        Forecasts(y[40:], np.full(40, 0.2), patient[40:]),
    )
    assert recalibration_effect(source, held_out, kinds=["platt"]).state == "constant"
    empty = dataclasses.replace(held_out, folds=["40X"] * 40, nothing_selected=["40X"])
    assert recalibration_effect(source, empty, kinds=["platt"]).state == "nothing selected"
    varied = held_out.with_p(random.uniform(size=40))
    assert recalibration_effect(source, varied, kinds=["platt"]).state == ""
