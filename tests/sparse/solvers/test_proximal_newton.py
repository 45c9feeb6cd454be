import numpy as np
import pytest
from scipy.optimize import minimize

from featkit.sparse.solvers.packed import Sums
from featkit.sparse.solvers.proximal_newton import solve_packed, update_dual_point
from featkit.sparse.solvers.working_set import ALL_ROWS, WorkingSet


def made(seed=0, n=90, d=6, fit_intercept=True):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, d)).astype(np.float32) + 0.3
    y = (X[:, 0] - X[:, 1] + random.standard_normal(n) > 0).astype(float)
    problem = WorkingSet(np.ascontiguousarray(X.T), y, np.full(n, 1 / n), ALL_ROWS, np.ones(d), 1.0, fit_intercept)
    problem.enter(np.arange(d))
    return X.astype(float), y, problem


def objective(X, y, b, b0, lambda_):
    eta = X @ b + b0
    return np.mean(np.logaddexp(0, np.where(y > 0, -eta, eta))) + lambda_ * np.abs(b).sum()


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_solution_is_that_of_a_general_optimiser(fit_intercept):
    for seed in range(5):
        X, y, problem = made(seed, fit_intercept=fit_intercept)
        lambda_, first = 0.04, int(fit_intercept)
        problem.packed.l1[first : problem.k] = lambda_
        progress, n_steps = solve_packed(
            problem.packed, problem.k, problem.n_free, fit_intercept, problem.progress, 1e-9, 100
        )
        assert 1 <= n_steps < 20
        assert progress.gap <= 1e-9
        b, b0 = problem.packed.beta[first : problem.k], problem.intercept

        def smooth(z, X=X, y=y, lambda_=lambda_):  # positive and negative parts make it differentiable
            return objective(X, y, z[:6] - z[6:12], z[12] * fit_intercept, 0.0) + lambda_ * z[:12].sum()

        best = minimize(smooth, np.zeros(13), bounds=[(0, None)] * 12 + [(None, None)], options={"ftol": 1e-15})
        assert objective(X, y, b, b0, lambda_) <= best.fun + 1e-8


def test_steps_end_where_they_are_told_to():
    *_, problem = made()
    problem.packed.l1[1 : problem.k] = 0.01
    progress, n_steps = solve_packed(problem.packed, problem.k, problem.n_free, True, problem.progress, 1e-12, 2)
    assert n_steps == 2
    assert progress.gap > 1e-12


def test_residuals_of_a_dual_point_add_up_to_nothing():
    X, y, problem = made()
    p = problem.packed
    p.beta[1:7] = [1.0, -1.0, 0.5, 0.0, 0.2, 0.0]
    p.eta[:] = X @ p.beta[1:7] + p.beta[0]
    shift, sum_v, exp_loss, offset = update_dual_point(p, problem.k, 1, True, 1e-9, False, Sums(0.0, 1.0, 0.0))
    assert (shift, offset) == (0.0, 0.0)
    probability = 1 / (1 + np.exp(-(X @ p.beta[1:7] + p.beta[0])))
    assert abs(np.mean(y - probability)) < 1e-9
    np.testing.assert_allclose(p.r, (y - probability) / len(y), atol=1e-9)
    np.testing.assert_allclose(p.slope[1:7], X.T @ (y - probability) / len(y), atol=1e-7)
    assert sum_v == pytest.approx(np.mean(probability * (1 - probability)))
    assert exp_loss == pytest.approx(np.mean(np.exp(-np.where(y > 0, p.eta, -p.eta))))
