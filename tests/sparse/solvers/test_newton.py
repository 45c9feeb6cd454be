import numpy as np
import pytest
from scipy.special import expit

from featkit.sparse.solvers.kernels import mean_loss, residuals
from featkit.sparse.solvers.newton import search_along, secant_update, solve_free


def test_a_secant_update_is_exact_along_its_step_and_stays_positive():
    random = np.random.default_rng(0)
    A = random.standard_normal((40, 7))
    H = np.zeros((10, 10), np.float32)
    H[:7, :7] = A.T @ A / 40
    B = random.standard_normal((60, 7))
    step = random.standard_normal(7)
    change = (B.T @ B / 60) @ step
    assert secant_update(H, 7, 1.7, step, change)
    np.testing.assert_allclose(H[:7, :7].astype(float) @ step, change, atol=1e-5)
    assert np.linalg.eigvalsh(H[:7, :7].astype(float)).min() > 0


def test_a_secant_without_curvature_only_rescales():
    H = np.eye(4, dtype=np.float32)
    assert secant_update(H, 4, 0.5, np.ones(4), -np.ones(4))
    np.testing.assert_array_equal(H, 0.5 * np.eye(4, dtype=np.float32))


@pytest.mark.parametrize("length", [0.1, 3.0, 40.0])
def test_a_search_never_ends_higher_than_it_began(length):
    random = np.random.default_rng(1)
    n = 200
    eta, y = random.standard_normal(n), (random.random(n) < 0.4).astype(float)
    w = np.full(n, 1 / n)
    r, v, origin = np.empty(n), np.empty(n), np.empty(n)
    residuals(eta, y, w, r, v)
    direction = length * n * r  # uphill in the likelihood
    before = mean_loss(eta, y, w)
    start = -float(r @ direction)
    moved, sum_r, sum_v, odds = search_along(eta, direction, start, 0.0, y, w, r, v, origin)
    assert 0 < moved <= 1
    assert mean_loss(eta, y, w) < before
    p = expit(eta)
    np.testing.assert_allclose([sum_r, sum_v], [np.mean(y - p), np.mean(p * (1 - p))], rtol=1e-9)
    np.testing.assert_allclose(odds, np.mean(np.exp(-np.where(y > 0, eta, -eta))), rtol=1e-9)


def test_free_coordinates_are_those_of_a_plain_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(2)
    n = 300
    X = random.standard_normal((n, 2)).astype(np.float32)
    y = (X[:, 0] + random.standard_normal(n) > 0.3).astype(float)
    packed = np.concatenate([np.ones((1, n), np.float32), X.T])
    beta, eta = np.zeros(3), np.zeros(n)
    r, v, w = np.empty(n), np.empty(n), np.full(n, 1 / n)
    solve_free(packed, 3, y, w, beta, eta, r, v, 1e-12)
    assert np.abs(packed.astype(float) @ r).max() < 1e-9
    model = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000).fit(X.astype(float), y)
    np.testing.assert_allclose(beta, [model.intercept_[0], *model.coef_[0]], atol=1e-5)
