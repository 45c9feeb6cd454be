import numpy as np
import pytest
from scipy.special import expit

from featkit.sparse.solvers.kernels import mean_loss, residuals
from featkit.sparse.solvers.newton import search_along, secant_update, solve_free
from featkit.sparse.solvers.packed import Packed


def packed(columns, y):
    """A working set at coefficients of zero, its rows of equal weight."""
    k, n = columns.shape
    by_column = {name: np.zeros(k) for name in ("beta", "l1", "l2", "slope", "curvature_dots", "g")}
    by_row = {name: np.zeros(n) for name in ("eta", "r", "v", "direction", "origin")}
    single = {name: np.zeros(n, np.float32) for name in ("curvature", "floor")}
    return Packed(
        columns=columns.astype(np.float32),
        hessian=np.zeros((k, k), np.float32),
        y=y,
        w=np.full(n, 1 / n),
        **by_column,
        **by_row,
        **single,
    )


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
    p = packed(np.empty((0, n)), y)
    p.eta[:] = eta
    residuals(p.eta, y, w, p.r, p.v)
    p.direction[:] = length * n * p.r  # uphill in the likelihood
    before = mean_loss(eta, y, w)
    moved, (sum_r, sum_v, exp_loss) = search_along(p, -float(p.r @ p.direction), 0.0)
    eta = p.eta
    assert 0 < moved <= 1
    assert mean_loss(eta, y, w) < before
    p = expit(eta)
    np.testing.assert_allclose([sum_r, sum_v], [np.mean(y - p), np.mean(p * (1 - p))], rtol=1e-9)
    np.testing.assert_allclose(exp_loss, np.mean(np.exp(-np.where(y > 0, eta, -eta))), rtol=1e-9)


def test_free_coordinates_are_those_of_a_plain_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(2)
    n = 300
    X = random.standard_normal((n, 2)).astype(np.float32)
    y = (X[:, 0] + random.standard_normal(n) > 0.3).astype(float)
    p = packed(np.concatenate([np.ones((1, n)), X.T]), y)
    solve_free(p, 3, 1e-12)
    assert np.abs(p.columns.astype(float) @ p.r).max() < 1e-9
    model = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000).fit(X.astype(float), y)
    np.testing.assert_allclose(p.beta, [model.intercept_[0], *model.coef_[0]], atol=1e-5)
