import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from featkit.sparse.solvers.grouped_descent import group_coordinate_descent
from featkit.sparse.solvers.multinomial import GroupedProblem


@pytest.fixture(autouse=True)
def one_thread():
    """Products are too small to share, and threads that wait for one another take ten times as long."""
    with threadpool_limits(1):
        yield


def draw(seed, n=150, d=40, n_classes=5, kind="plain"):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, d))
    if kind == "collinear":
        X[:, d // 2 :] = X[:, : d - d // 2] + 1e-3 * random.standard_normal((n, d - d // 2))
    if kind == "constant":
        X[:, ::3] = 0.0
    B = 2.0 * random.standard_normal((d, n_classes)) * (np.arange(d) < 4)[:, None]
    y = (X @ B + (0.0 if kind == "separable" else 1.0) * random.gumbel(size=(n, n_classes))).argmax(axis=1)
    if kind == "rare":
        y[:] = np.where(y == 1, 0, y)
        y[:3] = 1
    return X.astype(np.float32), y


def fitted(X, y, n_classes=5, tolerance=1e-7, lowest=0.05):
    n, d = X.shape
    problem = GroupedProblem(np.ascontiguousarray(X.T), y, n_classes, np.full(n, 1.0 / n), np.ones(d), tolerance)
    null, largest = problem.loss(), problem.gradient_norms().max()
    for lambda_ in largest * np.geomspace(1, lowest, 8):
        gap, _ = problem.solve(lambda_, tolerance * null)
        yield lambda_, null, *problem.support(), problem.intercepts, gap


@pytest.mark.parametrize("kind", ["plain", "collinear", "constant", "separable", "rare"])
@pytest.mark.parametrize("shape", [(150, 40), (60, 120), (20, 8)])
def test_optimality_conditions_on_awkward_problems(kind, shape):
    for seed in range(1 if kind == "collinear" else 3):
        X, y = draw(seed, *shape, kind=kind)
        _, y = np.unique(y, return_inverse=True)
        K = y.max() + 1
        tolerance = 1e-5 if kind == "collinear" else 1e-7  # pairs that differ by a thousandth converge slowly
        for lambda_, null, support, B, intercepts, gap in fitted(X, y, K, tolerance):
            assert gap <= tolerance * null
            eta = X[:, support].astype(float) @ B + intercepts
            P = np.exp(eta - eta.max(axis=1, keepdims=True))
            P /= P.sum(axis=1, keepdims=True)
            R = ((np.arange(K) == y[:, None]) - P) / len(y)
            assert np.abs(R.sum(axis=0)).max() < 1e-8  # steps are taken in float32 for loose tolerances
            G = X.T.astype(float) @ R
            assert np.linalg.norm(G, axis=1).max() <= lambda_ * (1 + (5e-3 if tolerance < 1e-6 else 5e-2))
            # the gap says how far each kept dimension may be from stationary
            size = np.linalg.norm(B, axis=1)
            slack = lambda_ * size - np.sum(B * G[support], axis=1)
            assert slack.max(initial=0.0) <= 2 * tolerance * null + 5e-3 * lambda_ * size.max(initial=0.0)


def test_many_dimensions_converge_in_few_steps():
    X, y = draw(0, n=500, d=400, n_classes=8)
    entered = 0
    for _, null, support, _, _, gap in fitted(X, y, 8, tolerance=1e-4, lowest=0.03):
        assert gap <= 1e-4 * null
        entered = max(entered, support.size)
    assert entered > 100


def test_one_dimension_has_a_closed_form():
    # orthogonal dimensions and equal scales: soft-thresholding of the norm, at once
    H = np.eye(8, dtype=np.float32) * 2.0
    slope = np.random.default_rng(1).standard_normal((3, 5))
    new, l1 = np.zeros((3, 5)), np.full(5, 1.2)
    expected = slope * np.maximum(1.0 - l1 / np.linalg.norm(slope, axis=0), 0.0) / (2.0 * 0.5)
    group_coordinate_descent(H, np.full(3, 0.5), slope.copy(), new, l1, 0.0, 100)
    np.testing.assert_allclose(new, expected, atol=1e-9)


def test_blocks_with_unequal_scales_meet_their_condition():
    random = np.random.default_rng(2)
    A = random.standard_normal((40, 6))
    H = np.zeros((9, 9), np.float32)
    H[:6, :6] = A.T @ A / 40
    scales, l1 = np.array([0.1, 0.5, 1.0]), np.full(6, 0.3)
    slope, new = random.standard_normal((3, 6)), np.zeros((3, 6))
    start = slope.copy()
    for _ in range(50):  # each call stops at a thousandth of its first sweep
        group_coordinate_descent(H, scales, slope, new, l1, 0.0, 100)
    exact = start - scales[:, None] * (new @ H[:6, :6].astype(float))
    np.testing.assert_allclose(slope, exact, atol=1e-5)
    sizes = np.linalg.norm(new, axis=0)
    assert np.sum(sizes > 0) > 0
    for a in range(6):
        if sizes[a] > 0:
            np.testing.assert_allclose(slope[:, a], l1[a] * new[:, a] / sizes[a], atol=1e-4)
        else:
            assert np.linalg.norm(slope[:, a]) <= l1[a] * (1 + 1e-4)


@settings(max_examples=60, deadline=None)
@given(counts=st.lists(st.integers(1, 3000), min_size=2, max_size=10), weight=st.sampled_from([1.0, 1e-6]))
def test_the_null_model_is_the_entropy_of_the_classes_however_unequal(counts, weight):
    y = np.repeat(np.arange(len(counts)), counts)
    w = np.where(y == 0, weight, 1.0)
    w /= w.sum()
    problem = GroupedProblem(np.zeros((1, y.size), np.float32), y, len(counts), w, np.ones(1), 1e-4)
    shares = np.bincount(y, w)
    assert problem.loss() == pytest.approx(-np.sum(shares * np.log(shares)), rel=1e-12)
    assert np.abs(problem.R.sum(axis=1)).max() < 1e-13


def test_intercepts_are_solved_from_far_off():
    # columns that speak for rare classes alone: what a step does to the others' residuals is large
    random = np.random.default_rng(0)
    y = np.repeat(np.arange(6), [900, 3, 3, 40, 2, 2])
    X = random.standard_normal((y.size, 4)).astype(np.float32)
    X[:, 0] += 30.0 * (y == 1)
    X[:, 1] += 30.0 * (y == 4)
    for lambda_, null, support, B, intercepts, gap in fitted(X, y, 6, 1e-6, lowest=1e-3):
        assert gap <= 1e-6 * null
        eta = X[:, support].astype(float) @ B + intercepts
        P = np.exp(eta - eta.max(axis=1, keepdims=True))
        P /= P.sum(axis=1, keepdims=True)
        R = ((np.arange(6) == y[:, None]) - P) / len(y)
        assert np.abs(R.sum(axis=0)).max() < 1e-8
        assert np.linalg.norm(X.T.astype(float) @ R, axis=1).max() <= lambda_ * (1 + 1e-2)


def test_no_dual_point_no_certificate(monkeypatch):
    X, y = draw(1)
    monkeypatch.setattr(GroupedProblem, "_solve_intercepts", lambda self: setattr(self, "_imbalance", 1e-3))
    *_, gap = next(fitted(X, y))
    assert gap == np.inf
