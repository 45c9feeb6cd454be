"""The calibration test and the ECE beside its distribution under perfect calibration."""

import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.core.options.resampling import Resampling
from featkit.results.calibration import CalibrationTest
from featkit.stats import Forecasts, calibration_test, ece, ece_debiased


def forecast(seed, n_patients=60, per_patient=8, steepness=1.0):
    """Patients share a latent threshold, so that their labels are alike; calibrated where the steepness is 1."""
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), per_patient)
    p = random.beta(2, 2, len(patient))
    y = (random.random(n_patients)[patient] < p).astype(int)
    return Forecasts(y, 1 / (1 + (1 / p - 1) ** steepness), patient)


def test_the_ece_of_a_calibrated_forecast_lies_in_its_null_and_that_of_a_steep_one_beyond():
    given = forecast(0)
    found = calibration_test(given)
    assert found.ece == ece(given.y, given.p)
    assert found.ece < found.chance_high
    assert found.p_value > 0.05
    steep = calibration_test(forecast(0, steepness=5))
    assert steep.ece > steep.chance_high
    assert steep.p_value < 0.01
    assert steep.rms_debiased > 0.1 > found.rms_debiased


def test_patients_raise_what_is_expected_by_chance():
    given = forecast(1)
    independent = Forecasts(given.y, given.p, "patches")
    assert calibration_test(given).ece_by_chance > 1.1 * calibration_test(independent).ece_by_chance


def test_few_patients_are_named_and_the_least_p_value_is_known():
    found = calibration_test(forecast(2, n_patients=7), resampling=Resampling(n_draws=99))
    assert found.least_p_value == 1 / 100
    assert found.notes == ("with 7 patients the size of the calibration test is not known",)


def test_class_after_class_and_the_decided_class_are_tested_too():
    random = np.random.default_rng(3)
    p = random.dirichlet(np.ones(3), 300)
    y = (p.cumsum(axis=1) < random.random((300, 1))).sum(axis=1)
    patients = np.arange(300) // 3
    for of in ("classwise", "top-label"):
        found = calibration_test(Forecasts(y, p, patients), of=of)
        assert found.ece == pytest.approx(ece(y, p, of=of), abs=1e-12)
        assert found.rms_debiased == ece_debiased(y, p, patients, of=of)
        assert found.p_value > 0.01


def test_the_seed_decides_and_the_result_is_saved(tmp_path):
    one, two = (calibration_test(forecast(4), resampling=Resampling(seed=9, n_draws=300)) for _ in range(2))
    assert one.to_dict() == two.to_dict()
    assert CalibrationTest.load(one.save(tmp_path / "test.json")).to_dict() == one.to_dict()
    assert repr(one).startswith("<CalibrationTest: ECE 0.")


def test_one_patient_is_refused():
    with pytest.raises(InputError, match="at least two patients"):
        calibration_test(Forecasts([0, 1], [0.2, 0.8], ["a", "a"]))
