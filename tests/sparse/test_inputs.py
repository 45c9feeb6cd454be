"""Input that used to crash, crawl or give wrong answers."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.options import ComputeOptions, PathOptions
from featkit.sparse import logistic_path, multinomial_path
from featkit.sparse.memory import rows_that_fit
from featkit.sparse.model import sparse_model
from featkit.stats.labelled_rows import LabelledRows


def draw(n=200, d=60, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, d))
    return X, (X[:, :4] @ random.standard_normal(4) + random.logistic(size=n) > 0).astype(int)


@pytest.mark.parametrize("offset", [10.0, 30.0, 1e3])
def test_columns_far_from_zero_take_no_more_steps_than_centred_ones(offset):
    X, y = draw()
    signs = np.sign(np.random.default_rng(1).standard_normal(X.shape[1]))
    path = PathOptions(standardize=False, n_lambdas=30)
    near = logistic_path(LabelledRows(X, y, "patches"), path)
    far = logistic_path(LabelledRows(X + offset * signs, y, "patches"), path)
    assert far.is_converged.all()
    assert far.n_iter.sum() <= 1.2 * near.n_iter.sum()
    np.testing.assert_allclose(far.coefficients(20), near.coefficients(20), atol=2e-3)
    eta = far.decision_function(X + offset * signs, 20)
    np.testing.assert_allclose(eta, near.decision_function(X, 20), atol=2e-2)


def test_without_an_intercept_standardising_only_scales():
    X, y = draw()
    X = X * np.linspace(0.1, 9, X.shape[1]) + 1.0
    path = PathOptions(fit_intercept=False, n_lambdas=10, tolerance=1e-8)
    found = logistic_path(LabelledRows(X, y, "patches"), path)
    assert np.all(found.intercepts == 0.0)
    scale = X.std(axis=0)
    outside = logistic_path(
        LabelledRows(X / scale, y, "patches"),
        PathOptions(fit_intercept=False, standardize=False, lambdas=found.lambdas, tolerance=1e-8),
    )
    np.testing.assert_allclose(found.coefficients(9) * scale, outside.coefficients(9), atol=1e-3)


def test_several_classes_and_signatures_have_an_intercept():
    X, y = draw()
    with pytest.raises(InputError, match="fit_intercept must be true for a multinomial model"):
        multinomial_path(LabelledRows(X, y + (X[:, 1] > 1), "patches"), PathOptions(fit_intercept=False))
    with pytest.raises(InputError, match="fit_intercept must be true for a signature"):
        sparse_model(LabelledRows(X, y, "patches"), PathOptions(fit_intercept=False))


@pytest.mark.parametrize("path_of", [logistic_path, multinomial_path])
def test_a_design_without_gradient_has_no_grid_but_a_solution(path_of):
    rows = LabelledRows(np.ones((40, 3)), np.arange(40) % 2, "patches")
    with pytest.raises(InputError, match="at least one dimension must vary with the labels"):
        path_of(rows)
    assert path_of(rows, PathOptions(lambdas=[0.1])).sizes.tolist() == [0]


@pytest.mark.parametrize("path_of", [logistic_path, multinomial_path])
def test_a_class_without_weight_is_refused(path_of):
    X, y = draw()
    with pytest.raises(InputError, match="weight 0 for all rows of class 1"):
        path_of(LabelledRows(X, y, "patches"), sample_weight=np.where(y == 1, 0.0, 1.0))


@pytest.mark.parametrize("missing", [float("nan"), None])
def test_a_missing_patient_among_names_is_refused(missing):
    X, y = draw()
    names = np.array([f"p{i // 10}" for i in range(200)], dtype=object)
    names[7] = missing
    with pytest.raises(InputError, match="groups must not hold missing values, got 1 of 200"):
        LabelledRows(X, y, names)


def test_arrays_of_other_lengths_are_refused_also_where_rows_are_left_out():
    X, y = draw()
    patient = np.arange(200) // 10
    with pytest.raises(InputError, match="y must have one label for each of the 200 rows"):
        LabelledRows(X, y[:-1], patient)
    with pytest.raises(InputError, match="groups must have shape"):
        LabelledRows(X, y, patient[:-1])
    little = ComputeOptions(max_bytes=20 * X.shape[1] * 100)
    with pytest.raises(InputError, match="sample_weight must have shape"):
        logistic_path(LabelledRows(X, y, patient), sample_weight=np.ones(150), compute=little)


def test_large_offsets_survive_where_rows_are_left_out():
    X, y = draw()
    patient = np.arange(200) // 10
    little = 20 * X.shape[1] * 150
    with pytest.warns(FeatkitWarning, match="patches are used"):
        near, _, _ = rows_that_fit(LabelledRows(X, y, patient), little, 0)
    with pytest.warns(FeatkitWarning, match="patches are used"):
        far, _, _ = rows_that_fit(LabelledRows(X + 1e8, y, patient), little, 0)
    np.testing.assert_allclose(far.X - 1e8, near.X, atol=1e-6)


def test_unpenalised_dimensions_in_small_units_are_solved():
    X, y = draw()
    X[:, 2] *= 1e-6
    weights = np.ones(X.shape[1])
    weights[2] = 0.0
    path = PathOptions(standardize=False, lambdas=[0.3], tolerance=1e-8)
    found = logistic_path(LabelledRows(X, y, "patches"), path, penalty_weights=weights)
    alone = LogisticRegression(C=np.inf, tol=1e-10).fit(X[:, [2]] * 1e6, y)
    assert found.support(0).tolist() == [2]
    assert found.coefficients(0)[2] == pytest.approx(1e6 * alone.coef_[0, 0], rel=1e-3)


def test_near_copies_of_several_classes_converge_in_few_steps():
    random = np.random.default_rng(0)
    Z = random.standard_normal((200, 30))
    X = np.hstack([Z + 1e-2 * random.standard_normal(Z.shape) for _ in range(4)])
    y = (Z[:, :8] @ random.standard_normal((8, 5)) + random.gumbel(size=(200, 5))).argmax(axis=1)
    path = multinomial_path(LabelledRows(X, y, "patches"), PathOptions(n_lambdas=25, lambda_min_ratio=0.05))
    assert path.is_converged.all()
    assert path.n_iter.max() <= 60
