"""Logistic fits against statsmodels, scikit-learn and first-order conditions; the penalty is chosen over patients."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from featkit.core.errors import InputError
from featkit.core.options import RidgeOptions
from featkit.sparse.ridge import as_training, choose_ridge, fit_logistic
from featkit.sparse.solvers.design import as_patients
from featkit.sparse.subsamples import patient_folds_of
from featkit.stats.labelled_rows import LabelledRows


def _data(seed=0, n=300, k=4):
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, k)) * np.arange(1, k + 1) + 5
    y = (generator.random(n) < expit(X[:, 0] - 5)).astype(int)
    return X, y, 2 * generator.integers(0, 15, n) + y


def _several(seed=0, n=400, k=4, n_classes=3):
    """Patches whose class follows the first dimensions; patients of one class each, but for one of two."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, k)) * np.arange(1, k + 1) + 5
    chances = softmax(((X - 5) / np.arange(1, k + 1))[:, :n_classes], axis=1)
    y = np.array([generator.choice(n_classes, p=p) for p in chances])
    groups = n_classes * generator.integers(0, 8, n) + y
    groups[np.flatnonzero(y == 2)[:1]] = 0
    return X, y, groups


def test_fit_without_penalty_equals_statsmodels():
    X, y, _ = _data()
    fit = fit_logistic(X, y)
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    expected = sm.Logit(y, sm.add_constant(z)).fit(disp=0)
    np.testing.assert_allclose([fit.intercept, *fit.coefficients], expected.params, atol=2e-5)
    np.testing.assert_allclose(fit.predict_proba(X), expected.predict(), atol=1e-5)
    assert fit.is_reliable


def test_fit_of_several_classes_without_penalty_equals_statsmodels():
    X, y, _ = _several()
    fit = fit_logistic(X, y)
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    expected = sm.MNLogit(y, sm.add_constant(z)).fit(disp=0)
    np.testing.assert_allclose(
        fit.stacked[[-1, 0, 1, 2, 3], 1:] - fit.stacked[[-1, 0, 1, 2, 3], :1], expected.params, atol=1e-4
    )
    np.testing.assert_allclose(fit.predict_proba(X), expected.predict(), atol=1e-5)
    np.testing.assert_allclose(fit.stacked.sum(axis=1), 0, atol=1e-12)
    assert fit.is_reliable


@pytest.mark.parametrize("c", [0.001, 0.1, 10.0])
def test_ridge_fit_of_several_classes_equals_a_scikit_learn_pipeline(c):
    X, y, _ = _several(1)
    fit = fit_logistic(X[:300], y[:300], c)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=c, tol=1e-8)).fit(X[:300], y[:300])
    np.testing.assert_allclose(fit.predict_proba(X[300:]), pipeline.predict_proba(X[300:]), atol=1e-5)
    assert fit.coefficients.shape == (4, 3)
    assert fit.log_loss(X[300:], y[300:]) == pytest.approx(
        100 * log_loss(y[300:], pipeline.predict_proba(X[300:])), abs=1e-3
    )


@pytest.mark.parametrize(("c", "same_c"), [(np.inf, np.inf), (0.01, 0.03)])
def test_a_class_split_at_random_is_the_two_class_fit(c, same_c):
    """Every patch twice, those of class 1 once as class 1 and once as class 2.

    By symmetry both have the coefficients a and class 0 has -2a, so that the two-class coefficients are b = 3a. Half
    the squared norm is then b^2 / 3, for twice the loss: the two-class problem with thrice the C.
    """
    X, y, _ = _data(10)
    two = fit_logistic(X, y, same_c)
    three = fit_logistic(np.tile(X, (2, 1)), np.concatenate([y, 2 * y]), c)
    np.testing.assert_allclose(three.predict_proba(X)[:, 1:].sum(axis=1), two.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(three.coefficients[:, 1] - three.coefficients[:, 0], two.coefficients, atol=1e-4)
    assert three.intercept[1] - three.intercept[0] + np.log(2) == pytest.approx(two.intercept, abs=1e-4)


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


def test_a_start_changes_the_way_not_the_end_with_several_classes():
    X, y, _ = _several(2)
    cold = fit_logistic(X, y, 0.1)
    for start in (cold.stacked, np.arange(15.0).reshape(5, 3)):
        warm = fit_logistic(X, y, 0.1, start=start)
        np.testing.assert_allclose(warm.stacked, cold.stacked, atol=1e-4)


def test_separable_classes_are_recognised():
    X, y, _ = _data(3)
    X[:, 1] = y + 0.01 * X[:, 1]
    fit = fit_logistic(X, y)
    assert fit.is_separable
    assert not fit.is_reliable
    assert not fit_logistic(X[:, [0]], y).is_separable


def test_several_classes_are_separable_when_a_linear_classifier_is_right_everywhere():
    generator = np.random.default_rng(3)
    y = np.repeat([0, 1, 2], 30)
    X = generator.uniform(-1, 1, size=(90, 2)) + 4 * np.array([[0, 1], [1, -1], [-1, -1]])[y]
    fit = fit_logistic(X, y)
    assert fit.is_separable
    assert (fit.predict_proba(X).argmax(axis=1) == y).all()
    assert not fit.is_reliable
    y[[0, 30]] = y[[30, 0]]
    assert not fit_logistic(X, y).is_separable


@pytest.mark.parametrize("distance", [6, 20])
def test_one_class_apart_makes_a_fit_unreliable_but_not_separable(distance):
    generator = np.random.default_rng(4)
    y = np.arange(300) % 3
    X = np.column_stack(
        [generator.normal(size=300) + 0.8 * (y == 1), generator.uniform(size=300) + distance * (y == 2)]
    )
    fit = fit_logistic(X, y)  # a first dimension that overlaps, a second that tells class 2 alone
    assert not fit.is_separable
    assert fit.n_separable == 1
    assert not fit.is_reliable
    assert fit_logistic(X[:, [0]], y).is_reliable


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
    y = _several(5, 300)[1]
    for design in (np.full((300, 2), 0.1), np.empty((300, 0))):
        p = fit_logistic(design, y).predict_proba(design)
        np.testing.assert_allclose(p, np.tile(np.bincount(y) / 300, (300, 1)), atol=1e-4)


def test_penalty_is_chosen_strong_for_noise_and_weak_for_signal():
    generator = np.random.default_rng(6)
    noise, groups = generator.normal(size=(120, 30)), np.repeat(np.arange(60), 2)
    patient_class = groups % 2
    strong = choose_ridge(LabelledRows(noise, patient_class, groups))
    weak = choose_ridge(LabelledRows(np.column_stack([patient_class + 0.8 * noise[:, 0]] * 2), patient_class, groups))
    assert strong <= 1e-3
    assert weak >= 0.1


def test_penalty_has_the_smallest_loss_over_patient_folds_of_several_classes():
    X, y, groups = _several(11)
    X = np.column_stack([X, np.random.default_rng(12).normal(size=(400, 12))])
    cs = [1e-2, 1e-1, 1.0]
    patients = as_patients(groups, y)
    fold = patient_folds_of(patients, 5, 0)
    losses = []
    for c in cs:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=c))
        fits = [(model.fit(X[fold != k], y[fold != k]).predict_proba(X[fold == k]), y[fold == k]) for k in range(5)]
        losses.append(sum(log_loss(own, p, normalize=False) for p, own in fits))
    assert choose_ridge(LabelledRows(X, y, groups), RidgeOptions(cs=cs)) == cs[int(np.argmin(losses))]
    assert 0 < np.argmin(losses) < 2


def test_folds_keep_patients_together():
    """Patient identity predicts class inside a patient only: patch-wise folds would pick a weak penalty."""
    generator = np.random.default_rng(7)
    groups = np.repeat(np.arange(40), 10)
    y = generator.permutation(np.tile([0, 1], 20))[groups]
    X = generator.normal(size=(40, 30))[groups] + 0.05 * generator.normal(size=(400, 30))
    assert choose_ridge(LabelledRows(X, y, groups)) <= 1e-3
    assert choose_ridge(LabelledRows(X, y, np.arange(400))) >= 1e-1
    y = generator.permutation(np.tile([0, 1, 2, 3], 10))[groups]
    assert choose_ridge(LabelledRows(X, y, groups)) <= 1e-3
    assert choose_ridge(LabelledRows(X, y, np.arange(400))) >= 1e-1


def test_same_seed_same_penalty_and_one_candidate_is_taken():
    X, y, groups = _data(8)
    assert choose_ridge(LabelledRows(X, y, groups), seed=3) == choose_ridge(LabelledRows(X, y, groups), seed=3)
    assert choose_ridge(LabelledRows(X, y, groups), RidgeOptions(cs=[0.7])) == 0.7


def test_bad_input_is_refused():
    X, y, groups = _data(9)
    with pytest.raises(InputError, match="at least two training patients of each class, got 1"):
        choose_ridge(LabelledRows(X, y, np.where(y == 1, 1, groups)))
    with pytest.raises(InputError, match="must be positive"):
        choose_ridge(LabelledRows(X, y, groups), RidgeOptions(cs=[0.0, 1.0]))
    with pytest.raises(InputError, match="both classes"):
        as_training(LabelledRows(X, np.zeros(300), groups))
    with pytest.raises(InputError, match="each of the 299 rows"):
        as_training(LabelledRows(X[1:], y, groups))
    X, y, groups = _several(9)
    with pytest.raises(InputError, match="at least two training patients of each class, got 1 of class 2"):
        choose_ridge(LabelledRows(X, y, np.where(y == 2, 2, groups)))
    with pytest.raises(InputError, match="whole numbers from 0 to 2, got 0, 1, 3"):
        as_training(LabelledRows(X, np.where(y == 2, 3, y), groups))
