"""Logistic fits against statsmodels and first-order conditions; the penalty is chosen over patients."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit

from featkit.core.errors import InputError
from featkit.sparse.ridge import as_training, choose_ridge, fit_logistic


def _data(seed=0, n=300, k=4):
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, k)) * np.arange(1, k + 1) + 5
    y = (generator.random(n) < expit(X[:, 0] - 5)).astype(int)
    return X, y, 2 * generator.integers(0, 15, n) + y


def test_fit_without_penalty_equals_statsmodels():
    X, y, _ = _data()
    fit = fit_logistic(X, y)
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    expected = sm.Logit(y, sm.add_constant(z)).fit(disp=0)
    np.testing.assert_allclose([fit.intercept, *fit.coefficients], expected.params, atol=2e-5)
    np.testing.assert_allclose(fit.predict_proba(X), expected.predict(), atol=1e-5)
    assert fit.is_reliable


@pytest.mark.parametrize("c", [0.001, 0.1, 10.0])
def test_ridge_fit_meets_its_first_order_conditions(c):
    X, y, _ = _data(1)
    fit = fit_logistic(X, y, c)
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    residual = fit.predict_proba(X) - y
    np.testing.assert_allclose(c * z.T @ residual + fit.coefficients, 0, atol=2e-4 * max(c, 0.05))
    assert abs(residual.sum()) < 1e-3


def test_a_start_changes_the_way_not_the_end():
    X, y, _ = _data(2)
    cold, warm = fit_logistic(X, y, 0.1), fit_logistic(X, y, 0.1, start=np.array([1.0, -2.0, 0.5, 0.0, 1.0]))
    np.testing.assert_allclose(warm.coefficients, cold.coefficients, atol=1e-4)


def test_separable_classes_are_recognised():
    X, y, _ = _data(3)
    X[:, 1] = y + 0.01 * X[:, 1]
    fit = fit_logistic(X, y)
    assert fit.is_separable
    assert not fit.is_reliable
    assert not fit_logistic(X[:, [0]], y).is_separable


def test_nearly_separated_patches_make_a_fit_unreliable():
    generator = np.random.default_rng(4)
    y = np.repeat([0, 1], 50)
    X = np.column_stack([np.where(y == 1, generator.normal(size=100) ** 2, 0.0), generator.normal(size=100)])
    fit = fit_logistic(X, y)  # every patch with a positive first dimension is of class 1: no finite maximum
    assert not fit.is_reliable


def test_constant_and_missing_dimensions_predict_the_prevalence():
    y = _data(5)[1]
    for design in (np.full((300, 2), 0.1), np.empty((300, 0))):
        np.testing.assert_allclose(fit_logistic(design, y).predict_proba(design), y.mean(), atol=1e-4)


def test_penalty_is_chosen_strong_for_noise_and_weak_for_signal():
    generator = np.random.default_rng(6)
    noise, groups = generator.normal(size=(120, 30)), np.repeat(np.arange(60), 2)
    patient_class = groups % 2
    strong = choose_ridge(noise, patient_class, groups)
    weak = choose_ridge(np.column_stack([patient_class + 0.8 * noise[:, 0]] * 2), patient_class, groups)
    assert strong <= 1e-3
    assert weak >= 0.1


def test_folds_keep_patients_together():
    """Patient identity predicts class inside a patient only: patch-wise folds would pick a weak penalty."""
    generator = np.random.default_rng(7)
    groups = np.repeat(np.arange(40), 10)
    y = generator.permutation(np.tile([0, 1], 20))[groups]
    X = generator.normal(size=(40, 30))[groups] + 0.05 * generator.normal(size=(400, 30))
    assert choose_ridge(X, y, groups) <= 1e-3
    assert choose_ridge(X, y, np.arange(400)) >= 1e-1


def test_same_seed_same_penalty_and_one_candidate_is_taken():
    X, y, groups = _data(8)
    assert choose_ridge(X, y, groups, seed=3) == choose_ridge(X, y, groups, seed=3)
    assert choose_ridge(X, y, groups, cs=[0.7]) == 0.7


def test_bad_input_is_refused():
    X, y, groups = _data(9)
    with pytest.raises(InputError, match="at least two training patients of each class, got 1"):
        choose_ridge(X, y, np.where(y == 1, 1, groups))
    with pytest.raises(InputError, match="must be positive"):
        choose_ridge(X, y, groups, cs=[0.0, 1.0])
    with pytest.raises(InputError, match="both classes"):
        as_training(X, np.zeros(300), groups)
    with pytest.raises(InputError, match="300 rows"):
        as_training(X[1:], y, groups)
