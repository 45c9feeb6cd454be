"""Reliability curves and their patient bands."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve

from featkit.core.errors import InputError
from featkit.results.calibration import ReliabilityCurve
from featkit.stats import Forecasts, reliability_curve


def clustered(seed=0, n_patients=40):
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), random.integers(5, 30, n_patients))
    y = patient % 2
    logit = 2 * y - 1 + random.normal(size=n_patients)[patient] + random.normal(size=len(patient))
    return y, 1 / (1 + np.exp(-logit)), patient


@pytest.mark.parametrize(("bins", "strategy"), [("width", "uniform"), ("mass", "quantile")])
def test_points_agree_with_scikit_learn(bins, strategy):
    y, p, patient = clustered()
    curve = reliability_curve(Forecasts(y, p, patient), bins=bins)
    observed, forecast = calibration_curve(y, p, n_bins=10, strategy=strategy)
    tolerance = 1e-12 if bins == "width" else 0.03  # quantile edges are interpolated there, and data here
    np.testing.assert_allclose(curve.forecast, forecast, atol=tolerance)
    np.testing.assert_allclose(curve.observed, observed, atol=tolerance * 3)
    assert curve.n_patches.sum() == len(y)


def test_bands_are_wider_for_patients_than_for_patches():
    y, p, patient = clustered(1)
    by_patient = reliability_curve(Forecasts(y, p, patient))
    by_patch = reliability_curve(Forecasts(y, p, "patches"))
    assert (by_patient.low <= by_patient.observed).all()
    assert (by_patient.observed <= by_patient.high).all()
    inner = slice(3, 7)
    ratio = (by_patient.high - by_patient.low)[inner] / (by_patch.high - by_patch.low)[inner]
    assert (ratio > 1.15).all()
    assert (by_patch.unit, by_patient.unit) == ("patch", "patient")


def test_a_bin_with_one_patient_has_no_band():
    y = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    p = np.array([0.1, 0.15, 0.2, 0.3, 0.95, 0.96, 0.6, 0.7])
    patient = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    curve = reliability_curve(Forecasts(y, p, patient), n_bins=10)
    alone = curve.n_patients < 2
    assert alone.any()
    assert np.isnan(curve.low[alone]).all()


def test_round_trip_and_frame():
    curve = reliability_curve(Forecasts(*clustered(2)))
    again = ReliabilityCurve.from_dict(curve.to_dict())
    assert again.frame().equals(curve.frame())
    assert curve.frame().height == len(curve.observed)


def test_a_bin_of_one_class_has_a_band_that_its_patients_carry():
    y, p, patient = np.ones(60), np.full(60, 0.95), np.repeat(np.arange(6), 10)
    curve = reliability_curve(Forecasts(y, p, patient))
    assert curve.observed == [1.0]
    assert curve.high == [1.0]
    assert curve.low == pytest.approx(0.025 ** (1 / 6))  # six patients, each wholly of the class


def test_bands_of_independent_patches_are_those_of_clopper_and_pearson():
    y = np.array([1] * 30 + [0] * 70)
    curve = reliability_curve(Forecasts(y, np.full(100, 0.3), "patches"), n_bins=1)
    exact = binomtest(30, 100).proportion_ci()
    np.testing.assert_allclose([curve.low[0], curve.high[0]], [exact.low, exact.high], atol=0.002)


def test_two_classes_only():
    with pytest.raises(InputError, match="a reliability curve is for two classes"):
        reliability_curve(Forecasts([0, 1, 2], np.full((3, 3), 1 / 3), [0, 1, 2]))
