"""Brier score, its exact parts, and the calibration line against statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from featkit.core.errors import InputError
from featkit.stats import brier, brier_parts, calibration_line


def forecasts(seed, n=400, slope=1.0, shift=0.0):
    random = np.random.default_rng(seed)
    logit = 1.5 * random.normal(size=n)
    y = random.random(n) < 1 / (1 + np.exp(-(slope * logit + shift)))
    return y.astype(int), 1 / (1 + np.exp(-logit))


def test_brier_agrees_with_scikit_learn():
    y, p = forecasts(0)
    w = np.random.default_rng(1).random(len(y))
    assert brier(y, p) == pytest.approx(brier_score_loss(y, p), abs=1e-12)
    assert brier(y, p, w) == pytest.approx(brier_score_loss(y, p, sample_weight=w), abs=1e-12)
    assert brier(y, np.column_stack([1 - p, p])) == pytest.approx(brier(y, p), abs=1e-12)


def test_multiclass_brier_sums_over_classes():
    y, p = np.array([0, 2]), np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]])
    assert brier(y, p) == pytest.approx(((0.09 + 0.04 + 0.01) + (0.09 + 0.09 + 0.36)) / 2)


@given(st.integers(0, 10_000), st.integers(1, 30))
@settings(max_examples=100, deadline=None)
def test_parts_add_up_for_any_binning(seed, n_bins):
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 80))
    y, p = random.integers(0, 2, n), random.random(n)
    for where in (None, random.integers(0, n_bins, n)):  # even bins that have nothing to do with p
        s = brier_parts(y, p, n_bins=n_bins, where=where)
        total = s.reliability - s.resolution + s.uncertainty + s.within_variance - s.within_covariance
        assert total == pytest.approx(brier(y, p), abs=1e-12)
        corrected = s.corrected_reliability - s.corrected_resolution + s.corrected_uncertainty
        assert corrected == pytest.approx(s.reliability - s.resolution + s.uncertainty, abs=1e-12)


def test_murphy_is_exact_when_forecasts_are_constant_in_a_bin():
    random = np.random.default_rng(0)
    p = random.choice([0.1, 0.3, 0.8], 200)
    s = brier_parts((random.random(200) < p).astype(int), p, n_bins=10)
    assert (s.within_variance, s.within_covariance) == pytest.approx((0, 0), abs=1e-12)
    assert s.n_bins == 3
    assert s.reliability - s.resolution + s.uncertainty == pytest.approx(s.brier, abs=1e-12)


def test_bias_correction_is_unbiased_for_a_calibrated_forecast():
    random = np.random.default_rng(1)
    levels = np.repeat(np.arange(1, 10) / 10, 6)  # six patches a bin
    plain, corrected, uncertainty = [], [], []
    for _ in range(3000):
        s = brier_parts((random.random(len(levels)) < levels).astype(int), levels, n_bins=20)
        plain.append(s.reliability)
        corrected.append(s.corrected_reliability)
        uncertainty.append(s.corrected_uncertainty)
    assert np.mean(plain) > 0.02
    assert abs(np.mean(corrected)) < 4 * np.std(corrected) / np.sqrt(3000)
    of_means = np.mean(levels) * (1 - np.mean(levels))  # variance of a pooled draw, spread of levels included
    assert abs(np.mean(uncertainty) - of_means) < 0.01


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (0.4, -1.0), (2.5, 0.7)])
def test_line_agrees_with_statsmodels(slope, shift):
    y, p = forecasts(5, 600, slope, shift)
    logit = np.log(p / (1 - p))
    ours = calibration_line(y, p)
    theirs = sm.GLM(y, sm.add_constant(logit), family=sm.families.Binomial()).fit(tol=1e-14).params
    assert (ours.intercept, ours.slope) == pytest.approx(tuple(theirs), abs=1e-9)
    only = sm.GLM(y, np.ones((len(y), 1)), family=sm.families.Binomial(), offset=logit).fit(tol=1e-14).params
    assert ours.in_the_large == pytest.approx(only[0], abs=1e-9)


def test_weights_count_patches():
    y, p = forecasts(6, 100)
    w = np.random.default_rng(0).integers(1, 4, 100)
    repeated = calibration_line(np.repeat(y, w), np.repeat(p, w))
    weighted = calibration_line(y, p, w)
    assert weighted.slope == pytest.approx(repeated.slope, abs=1e-9)
    assert weighted.in_the_large == pytest.approx(repeated.in_the_large, abs=1e-9)


def test_very_overconfident_forecasts_still_have_a_line():
    y, p = forecasts(7, 500, slope=0.1)
    extreme = 1 / (1 + np.exp(-10 * np.log(p / (1 - p))))
    assert 0 < calibration_line(y, extreme).slope < 0.1


def test_separable_and_constant_forecasts_have_no_slope():
    assert np.isnan(calibration_line([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]).slope)
    flat = calibration_line([0, 0, 1, 1], [0.3] * 4)
    assert np.isnan(flat.slope)
    assert flat.in_the_large == pytest.approx(-np.log(0.3 / 0.7), abs=1e-9)


def test_refusals():
    with pytest.raises(InputError, match="both classes"):
        calibration_line([1, 1], [0.2, 0.3])
    with pytest.raises(InputError, match="two classes"):
        brier_parts([0, 1, 2], np.full((3, 3), 1 / 3))
    with pytest.raises(InputError, match="where must have shape"):
        brier_parts([0, 1], [0.1, 0.2], where=[0])


def test_a_proper_score_is_least_at_the_truth():
    random = np.random.default_rng(8)
    truth = random.beta(2, 3, 200_000)
    y = (random.random(len(truth)) < truth).astype(int)
    logit = np.log(truth / (1 - truth))
    others = [1 / (1 + np.exp(-(a + s * logit))) for a, s in [(0.3, 1), (-0.3, 1), (0, 0.7), (0, 1.4)]]
    assert all(brier(y, truth) < brier(y, other) for other in others)
