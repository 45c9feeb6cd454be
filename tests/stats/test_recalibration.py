"""Recalibration maps: one contract for all, planted parameters, and other libraries."""

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import log_loss

from featkit.core.errors import InputError
from featkit.stats import RECALIBRATIONS, brier, calibration_line, recalibrate

BINARY_KINDS = sorted(RECALIBRATIONS)


def overconfident(seed=0, n=4000, factor=2.5, shift=0.0):
    """Return labels, forecasts whose logits are ``factor`` times the true ones plus ``shift``, and patients."""
    random = np.random.default_rng(seed)
    logit = random.normal(0.2, 1.2, size=n)
    y = (random.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    return y, 1 / (1 + np.exp(-(factor * logit + shift))), np.arange(n) // 10


@pytest.mark.parametrize("kind", BINARY_KINDS)
def test_every_map_mends_overconfidence_on_other_patients(kind):
    y, p, patient = overconfident(0)
    fitted = recalibrate(kind).fit(p, y, patient)
    y_new, p_new, patient_new = overconfident(1)
    mended = fitted.predict(p_new, patient_new + 10_000)
    assert mended.shape == p_new.shape
    assert (mended >= 0).all()
    assert (mended <= 1).all()
    assert brier(y_new, mended) < brier(y_new, p_new) - 0.01
    assert (np.diff(fitted.predict(np.linspace(0, 1, 201))) >= -1e-12).all()
    assert fitted.n_patches_ == 4000
    assert len(fitted.patients_) == 400


@pytest.mark.parametrize("kind", BINARY_KINDS)
def test_row_order_and_two_columns_do_not_matter(kind):
    y, p, patient = overconfident(2, 500)
    order = np.random.default_rng(0).permutation(500)
    one = recalibrate(kind).fit(p, y, patient).predict(p)
    other = recalibrate(kind).fit(p[order], y[order], patient[order]).predict(p)
    columns = recalibrate(kind).fit(np.column_stack([1 - p, p]), y, patient).predict(np.column_stack([1 - p, p]))
    np.testing.assert_allclose(one, other, atol=1e-6)
    np.testing.assert_allclose(one, columns, atol=1e-6)


@pytest.mark.parametrize("kind", BINARY_KINDS)
def test_a_patient_on_both_sides_is_refused(kind):
    y, p, patient = overconfident(3, 100)
    fitted = recalibrate(kind).fit(p, y, patient)
    with pytest.raises(InputError, match=r"source patients only, got 1 patients on both sides \(9\)"):
        fitted.predict(p[:2], [9, 77])
    assert fitted.predict(p[:2], [76, 77]).shape == (2,)


@pytest.mark.parametrize("kind", BINARY_KINDS)
def test_separable_source_labels_still_give_finite_maps(kind):
    y, p = np.repeat([0, 1], 20), np.linspace(0.01, 0.99, 40)
    mended = recalibrate(kind).fit(p, y, "patches").predict(np.array([0.0, 0.3, 0.7, 1.0]))
    assert np.isfinite(mended).all()
    assert mended[-1] > mended[0]


def test_temperature_finds_the_planted_one():
    y, p, _ = overconfident(4, 40_000)
    assert recalibrate("temperature").fit(p, y, "patches").parameters["temperature_"] == pytest.approx(2.5, rel=0.04)


def test_temperature_for_three_classes():
    random = np.random.default_rng(5)
    logit = random.normal(size=(20_000, 3))
    truth = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    y = (truth.cumsum(axis=1) < random.random((len(logit), 1))).sum(axis=1)
    sharp = truth**3 / (truth**3).sum(axis=1, keepdims=True)
    fitted = recalibrate("temperature").fit(sharp, y, "patches")
    assert fitted.parameters["temperature_"] == pytest.approx(3, rel=0.05)
    mended = fitted.predict(sharp)
    np.testing.assert_allclose(mended.sum(axis=1), 1)
    assert log_loss(y, mended) < log_loss(y, sharp)
    assert (mended.argmax(axis=1) == sharp.argmax(axis=1)).all()


def test_platt_is_logistic_regression_on_the_logit_with_platts_targets():
    y, p, _ = overconfident(6, 800, shift=0.5)
    fitted = recalibrate("platt").fit(p, y, "patches").parameters
    target = np.where(y, (y.sum() + 1) / (y.sum() + 2), 1 / ((1 - y).sum() + 2))
    design = sm.add_constant(np.log(p / (1 - p)))
    theirs = sm.GLM(np.column_stack([target, 1 - target]), design, family=sm.families.Binomial()).fit(tol=1e-12).params
    assert (fitted["intercept_"], fitted["slope_"]) == pytest.approx(tuple(theirs), abs=1e-5)
    assert calibration_line(y, recalibrate("platt").fit(p, y, "patches").predict(p)).slope == pytest.approx(1, abs=0.02)


def test_beta_finds_planted_parameters():
    random = np.random.default_rng(7)
    p = random.beta(1.2, 1.2, 60_000)
    eta = 0.6 * np.log(p) - 1.7 * np.log(1 - p) + 0.4
    y = (random.random(len(p)) < 1 / (1 + np.exp(-eta))).astype(int)
    found = recalibrate("beta").fit(p, y, "patches").parameters
    assert (found["a_"], found["b_"], found["c_"]) == pytest.approx((0.6, 1.7, 0.4), abs=0.06)


def test_beta_never_turns_the_ranking_round():
    y, p, _ = overconfident(8, 500)
    found = recalibrate("beta").fit(1 - p, y, "patches").parameters
    assert min(found["a_"], found["b_"]) >= 0


def test_isotonic_agrees_with_scikit_learn():
    y, p, _ = overconfident(9, 300)
    new = np.linspace(0, 1, 101)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(p, y).predict(new)
    np.testing.assert_allclose(recalibrate("isotonic").fit(p, y, "patches").predict(new), theirs, atol=1e-12)


def test_refusals():
    y, p, patient = overconfident(10, 50)
    with pytest.raises(InputError, match="Did you mean 'platt'"):
        recalibrate("plat")
    with pytest.raises(InputError, match="must be fitted first"):
        recalibrate("platt").predict(p)
    with pytest.raises(InputError, match="both classes"):
        recalibrate("platt").fit(p, np.ones(50, dtype=int), patient)
    with pytest.raises(InputError, match=r"platt is for two classes, got 3 classes\. Use temperature"):
        recalibrate("platt").fit(np.full((3, 3), 1 / 3), [0, 1, 2], [0, 1, 2])
    with pytest.raises(InputError, match="must name the patient"):
        recalibrate("platt").fit(p, y, None)
