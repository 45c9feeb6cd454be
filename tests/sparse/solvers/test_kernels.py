import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Lasso

from featkit.sparse.solvers import kernels, quadratic_model


def padded(A):
    """Return rows with three to spare, as the kernels that go by fours ask; what is in them must not matter."""
    return np.concatenate([A, np.full((3, A.shape[1]), np.nan)]).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 23), st.integers(0, 22), st.integers(1, 2100), st.integers(0, 2**32 - 1))
def test_gram_is_the_weighted_product_and_keeps_what_was_there(k, first, m, seed):
    first = min(first, k - 1)
    random = np.random.default_rng(seed)
    A, weights = random.standard_normal((k, m)), random.random(m)
    H = random.standard_normal((k + 3, k + 3)).astype(np.float32)
    before = H.copy()
    kernels.gram(padded(A), k, first, weights.astype(np.float32), H)
    expected = (A * weights) @ A.T
    expected[np.diag_indices(k)] *= 1 + 3e-6
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    for here in (np.s_[first:k, :k], np.s_[:k, first:k]):
        assert (np.abs(H[here] - expected[here]) <= 1e-5 * scale[here]).all()
    np.testing.assert_array_equal(H[:first, :first], before[:first, :first])


@pytest.mark.parametrize("k", [1, 3, 4, 9])
def test_products_with_packed_columns(k):
    random = np.random.default_rng(k)
    A, r = random.standard_normal((k, 37)).astype(np.float32), random.standard_normal(37)
    v = random.random(37).astype(np.float32)
    slope, curvature_dots, out = np.full(k, 9.0), np.full(k, 9.0), np.empty(37)
    kernels.packed_dots(A, k // 2, k, r, v, slope, curvature_dots)
    np.testing.assert_allclose(slope[k // 2 :], (A @ r)[k // 2 :], rtol=1e-12)
    np.testing.assert_allclose(curvature_dots[k // 2 :], (A.astype(float) @ v)[k // 2 :], atol=1e-5)
    assert (slope[: k // 2] == 9.0).all()
    step = random.standard_normal(k) * (random.random(k) < 0.7)
    kernels.packed_combine(A, k, step, out)
    np.testing.assert_allclose(out, A.T @ step, atol=1e-12)


@pytest.mark.parametrize("size", [0, 5, 8, 21])
def test_column_dots_of_chosen_columns(size):
    random = np.random.default_rng(size)
    A, r = random.standard_normal((30, 50)).astype(np.float32), random.standard_normal(50)
    which, out = random.permutation(30)[:size], np.empty(size)
    kernels.column_dots(A, which, r, out)
    np.testing.assert_allclose(out, A[which].astype(float) @ r, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("correlation", [0.0, 0.95])
def test_the_quadratic_model_is_the_lasso(dtype, correlation):
    random = np.random.default_rng(3)
    n, k = 400, 60
    A = random.standard_normal((n, k)) + np.sqrt(correlation / (1 - correlation)) * random.standard_normal((n, 1))
    y = A[:, :8] @ random.standard_normal(8) + random.standard_normal(n)
    H, slope = (A.T @ A / n).astype(np.float32), (A.T @ y / n).astype(dtype)
    l1 = np.full(k, 0.2)
    new, zero = np.zeros(k), np.zeros(k)
    assert quadratic_model.coordinate_descent(
        quadratic_model.QuadraticModel(H, l1, zero), k, slope, new, 1e-9, 1e-6, 400
    )
    lasso = Lasso(alpha=0.2, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(A, y)

    def objective(b):
        return 0.5 * np.mean((y - A @ b) ** 2) + 0.2 * np.abs(b).sum()

    assert objective(new) - objective(lasso.coef_) <= 1e-5 * objective(lasso.coef_)


def test_refining_holds_signs_and_lowers_the_model():
    random = np.random.default_rng(4)
    A = random.standard_normal((100, 12))
    H = (A.T @ A / 100).astype(np.float32)
    l1, l2 = np.full(12, 0.1), np.full(12, 0.05)
    start, new = random.standard_normal(12), random.standard_normal(12) * (np.arange(12) % 3 > 0)
    slope = start - H.astype(float) @ new

    def model(b):
        return 0.5 * b @ H.astype(float) @ b - start @ b + np.sum(l1 * np.abs(b) + 0.5 * l2 * b * b)

    before = new.copy()
    assert quadratic_model.refine(quadratic_model.QuadraticModel(H, l1, l2), 12, slope, new)
    assert model(new) < model(before)
    assert (new * before >= 0).all()
    np.testing.assert_allclose(slope, start - H.astype(float) @ new, atol=1e-6)


def test_violators_are_the_dimensions_outside_beyond_their_penalty():
    gradient = np.array([0.5, -2.0, 1.5, 3.0])
    found = quadratic_model.violators(
        gradient, np.array([1.0, 1.0, 2.0, 1.0]), 1.0, np.array([False, False, False, True])
    )
    assert found.tolist() == [1]
