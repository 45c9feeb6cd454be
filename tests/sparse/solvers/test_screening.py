import numpy as np
import pytest

from featkit.sparse.solvers.screening import Screen, column_norms
from featkit.sparse.solvers.working_set import ALL_ROWS, WorkingSet


def test_norms_are_those_of_columns_or_of_their_deviations():
    X = np.random.default_rng(0).standard_normal((40, 6)).astype(np.float32) + 2
    exact = X.astype(float)
    np.testing.assert_allclose(column_norms(np.ascontiguousarray(X.T), False), np.linalg.norm(exact, axis=0), rtol=1e-5)
    centred = np.linalg.norm(exact - exact.mean(axis=0), axis=0)
    found = column_norms(np.ascontiguousarray(X.T), True)
    np.testing.assert_allclose(found, centred, rtol=1e-4)
    assert np.all(found >= centred)  # a bound must not be rounded down


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("rows", [ALL_ROWS, np.arange(0, 150, 2)])
def test_no_dimension_beyond_its_penalty_goes_unseen(fit_intercept, rows):
    for seed in range(6):
        random = np.random.default_rng(seed)
        X = random.standard_normal((150, 80)).astype(np.float32) + 0.5
        y = (X[:, 0] + random.standard_normal(150) > 0.5).astype(float)
        part = rows if rows.size else np.arange(150)
        weights = random.uniform(0.5, 2.0, 80)
        weights[7] = np.inf
        made = WorkingSet(
            np.ascontiguousarray(X.T), y[part], np.full(part.size, 1 / part.size), rows, weights, 1.0, fit_intercept
        )
        screen = Screen(made, made.gradient())
        lambda_ = float(np.max(np.abs(screen.gradient) / weights))
        n_old = 0
        for _ in range(12):
            lambda_ *= 0.85
            made.enter(made.violators(screen.gradient, lambda_))
            made.solve(lambda_, 1e-4)
            before = screen.gradient.copy()
            found = screen(lambda_)
            exact = X[part].T.astype(float) @ made.packed.r
            over = np.abs(exact) > lambda_ * weights * (1 + 1e-9)
            np.testing.assert_allclose(found[over], exact[over], rtol=1e-6)
            is_old = (found == before) & ~made.is_in & np.isfinite(weights)
            assert np.all(np.abs(found[is_old]) <= lambda_ * weights[is_old])
            n_old += int(is_old.sum())
        assert n_old > 100  # most need not be looked at
