import numpy as np
import pytest
from scipy.special import expit, xlogy

from featkit.sparse.solvers.working_set import ALL_ROWS, WorkingSet


def problem(seed, n=120, d=30, l1_ratio=1.0, fit_intercept=True, rows=ALL_ROWS):
    random = np.random.default_rng(seed)
    X = np.maximum(random.standard_normal((n, d)) + 0.5, 0).astype(np.float32)
    y = (X[:, 0] - X[:, 1] + random.standard_normal(n) > 0.8).astype(float)
    part = rows if rows.size else np.arange(n)
    w = random.uniform(0.5, 1.5, part.size)
    w /= w.sum()
    made = WorkingSet(np.ascontiguousarray(X.T), y[part], w, rows, np.ones(d), l1_ratio, fit_intercept)
    return X[part].astype(float), y[part], w, made


def primal(X, y, w, b, b0, lambda_, l1_ratio):
    eta = X @ b + b0
    loss = np.sum(w * np.logaddexp(0.0, np.where(y > 0, -eta, eta)))
    return loss + lambda_ * np.sum(l1_ratio * np.abs(b) + (1 - l1_ratio) * b * b / 2)


def dual(X, y, w, theta, lambda_, l1_ratio):
    """Return the dual objective at ``theta``: an entropy, less the conjugate of the elastic net's quadratic part."""
    a = y - theta / w
    assert a.min() >= 0
    assert a.max() <= 1
    entropy = -np.sum(w * (xlogy(a, a) + xlogy(1 - a, 1 - a)))
    if l1_ratio < 1:
        excess = np.maximum(np.abs(X.T @ theta) - lambda_ * l1_ratio, 0)
        entropy -= np.sum(excess**2) / (2 * lambda_ * (1 - l1_ratio))
    return entropy


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.6])
def test_the_gap_bounds_the_exact_gap_of_a_feasible_dual_point(l1_ratio, fit_intercept):
    for seed in range(8):
        X, y, w, made = problem(seed, l1_ratio=l1_ratio, fit_intercept=fit_intercept)
        lambda_ = 0.3 * np.abs(made.gradient()).max() / l1_ratio
        made.enter(np.arange(30))
        for tolerance in (1e-1, 1e-2, 1e-4):  # stopped early: the intercept is not exact, and slopes are too steep
            made.solve(lambda_, tolerance)
            gradient = made.gradient()
            np.testing.assert_allclose(X.T @ made.packed.r, gradient, atol=1e-6)
            gap = made.full_gap(gradient, np.empty(0, np.int64), lambda_)
            support, values = made.support()
            b = np.zeros(30)
            b[support] = values
            if fit_intercept:
                assert abs(made.packed.r.sum()) < 1e-9
            scale = 1.0 if l1_ratio < 1 else min(1.0, lambda_ / np.abs(X.T @ made.packed.r).max())
            exact = primal(X, y, w, b, made.intercept, lambda_, l1_ratio) - dual(
                X, y, w, scale * made.packed.r, lambda_, l1_ratio
            )
            assert -1e-9 <= exact <= gap + 1e-6
            assert gap <= 4 * exact + 1e-5  # a bound worth having


def test_a_problem_on_some_rows_is_that_of_those_rows():
    rows = np.flatnonzero(np.arange(120) % 3 > 0)
    X, y, w, part = problem(5, rows=rows)
    whole = WorkingSet(np.ascontiguousarray(X.T.astype(np.float32)), y, w, ALL_ROWS, np.ones(30), 1.0, True)
    lambda_ = 0.2 * np.abs(whole.gradient()).max()
    for made in (part, whole):
        made.enter(np.arange(30))
        made.solve(lambda_, 1e-8)
    np.testing.assert_array_equal(part.support()[0], whole.support()[0])
    np.testing.assert_allclose(part.support()[1], whole.support()[1], atol=1e-5)
    assert part.loss() == pytest.approx(whole.loss(), abs=1e-8)


def test_every_penalty_moves_the_solution_however_loose_the_tolerance():
    *_, made = problem(6)
    largest = np.abs(made.gradient()).max()
    made.enter(np.arange(30))
    sizes = []
    for share in (0.9, 0.8, 0.7):
        assert made.solve(share * largest, 10.0) >= 1
        sizes.append(np.abs(made.support()[1]).sum())
    assert sizes[0] < sizes[1] < sizes[2]


def test_an_intercept_far_off_is_solved():
    # nearly all of one class: a step from the null model leaves the intercept's residuals large
    n = 400
    y = (np.arange(n) < 4).astype(float)
    X = np.random.default_rng(0).standard_normal((n, 5)).astype(np.float32)
    X[:4] += 6.0
    made = WorkingSet(np.ascontiguousarray(X.T), y, np.full(n, 1 / n), ALL_ROWS, np.ones(5), 1.0, True)
    made.enter(np.arange(5))
    made.solve(1e-4, 1e-9)
    assert abs(np.mean(y - expit(X.astype(float) @ made.packed.beta[1:6] + made.intercept))) < 1e-6
