"""Rank, dead dimensions, correlation and alignment against planted spectra, numpy and direct definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from featkit.core.errors import InputError
from featkit.stats import geometry
from featkit.stats.geometry import cross_correlation, dead_dimensions, effective_rank, linear_cka


def _with_singular_values(values, n=60, d=20, seed=0):
    left = ortho_group.rvs(n, random_state=seed)[:, : len(values)]
    right = ortho_group.rvs(d, random_state=seed + 1)[:, : len(values)]
    return left * np.asarray(values, dtype=float) @ right.T


@pytest.mark.parametrize("shape", [(60, 20), (20, 60)])
@pytest.mark.parametrize("rank", [1, 4, 11])
def test_rankme_of_equal_singular_values_is_their_number(rank, shape):
    X = _with_singular_values(np.full(rank, 3.0), n=60, d=20)
    X = X if shape == (60, 20) else X.T
    assert effective_rank(X) == pytest.approx(rank, rel=1e-9)


def test_rankme_is_the_entropy_of_the_planted_singular_values():
    values = np.array([5.0, 2.0, 1.0, 0.5])
    p = values / values.sum()
    assert effective_rank(_with_singular_values(values)) == pytest.approx(np.exp(-np.sum(p * np.log(p))), rel=1e-9)


def test_covariance_rank_is_the_entropy_of_the_covariance_eigenvalues():
    X = np.random.default_rng(0).normal(size=(50, 6)) * [4, 2, 1, 1, 0.5, 0.1] + 10
    p = np.linalg.eigvalsh(np.cov(X.T))
    p /= p.sum()
    assert effective_rank(X, kind="covariance") == pytest.approx(np.exp(-np.sum(p * np.log(p))), rel=1e-9)


def test_only_the_covariance_rank_ignores_a_shift():
    X = np.random.default_rng(1).normal(size=(80, 10))
    assert effective_rank(X + 50, kind="covariance") == pytest.approx(effective_rank(X, kind="covariance"), rel=1e-6)
    assert effective_rank(X + 50) < 0.5 * effective_rank(X)


def test_rank_of_nothing_is_not_a_number():
    assert np.isnan(effective_rank(np.zeros((5, 3))))
    assert np.isnan(effective_rank(np.full((5, 3), 0.1), kind="covariance"))
    assert effective_rank(np.full((5, 3), 0.1)) == pytest.approx(1.0)


def test_rank_does_not_depend_on_the_block_size(monkeypatch):
    X = np.random.default_rng(2).normal(size=(70, 9)).astype(np.float32)
    whole = effective_rank(X), linear_cka(X, X[:, ::-1] ** 2), cross_correlation(X, X**2)
    monkeypatch.setattr(geometry, "_BLOCK_BYTES", 500)
    assert effective_rank(X) == pytest.approx(whole[0], rel=1e-10)
    assert linear_cka(X, X[:, ::-1] ** 2) == pytest.approx(whole[1], rel=1e-10)
    np.testing.assert_allclose(cross_correlation(X, X**2), whole[2], atol=1e-12)


def test_dead_dimensions_are_those_without_spread():
    X = np.random.default_rng(3).normal(size=(40, 5)).astype(np.float32)
    X[:, 1] = 0
    X[:, 3] = 0.1
    X[:, 4] = 7 + 1e-5 * X[:, 4]
    assert dead_dimensions(X).tolist() == [False, True, False, True, False]
    assert dead_dimensions(X, tolerance=1e-3).tolist() == [False, True, False, True, True]


def test_correlation_agrees_with_numpy_and_is_zero_for_dead_dimensions():
    generator = np.random.default_rng(4)
    a, b = generator.normal(size=(90, 4)), generator.normal(size=(90, 3))
    b[:, 1] += a[:, 2]
    np.testing.assert_allclose(cross_correlation(a, b), np.corrcoef(a.T, b.T)[:4, 4:], atol=1e-12)
    a[:, 0] = 0.1
    assert (cross_correlation(a, b)[0] == 0).all()


def _unbiased_hsic(k, m):
    k, m = k.copy(), m.copy()
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    n, ones = len(k), np.ones(len(k))
    cross = ones @ k @ ones * (ones @ m @ ones) / ((n - 1) * (n - 2)) - 2 / (n - 2) * ones @ k @ m @ ones
    return (np.trace(k @ m) + cross) / (n * (n - 3))


def test_alignment_equals_its_definitions_on_gram_matrices():
    generator = np.random.default_rng(5)
    a, b = generator.normal(size=(30, 5)) + 3, generator.normal(size=(30, 8))
    b[:, 0] += a[:, 0]
    k, m = a @ a.T, b @ b.T
    expected = _unbiased_hsic(k, m) / np.sqrt(_unbiased_hsic(k, k) * _unbiased_hsic(m, m))
    assert linear_cka(a, b) == pytest.approx(expected, rel=1e-9)
    h = np.eye(30) - 1 / 30
    k, m = h @ k @ h, h @ m @ h
    expected = np.sum(k * m) / np.sqrt(np.sum(k * k) * np.sum(m * m))
    assert linear_cka(a, b, debiased=False) == pytest.approx(expected, rel=1e-9)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.booleans())
def test_alignment_ignores_rotation_shift_and_scale(seed, debiased):
    generator = np.random.default_rng(seed)
    a = generator.normal(size=(25, 4))
    turned = 3 * a @ ortho_group.rvs(4, random_state=seed) - 2
    assert linear_cka(a, turned, debiased=debiased) == pytest.approx(1.0)


def test_debiased_alignment_of_unrelated_embeddings_is_near_zero_where_the_plain_one_is_not():
    generator = np.random.default_rng(6)
    a, b = generator.normal(size=(60, 200)), generator.normal(size=(60, 200))
    assert abs(linear_cka(a, b)) < 0.05
    assert linear_cka(a, b, debiased=False) > 0.5


def test_alignment_of_a_constant_embedding_is_not_a_number():
    a = np.random.default_rng(7).normal(size=(10, 2))
    assert np.isnan(linear_cka(a, np.zeros((10, 3)), debiased=False))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda x: effective_rank(x[0]), "matrix of at least two rows"),
        (lambda x: dead_dimensions(np.where(x > 0, np.nan, x)), "finite"),
        (lambda x: effective_rank(x, kind="rank"), "'rankme' or 'covariance'"),
        (lambda x: linear_cka(x[:3], x[:3]), "at least 4 patches"),
        (lambda x: cross_correlation(x, x[:-1]), "10 and 9 rows"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(InputError, match=match):
        call(np.random.default_rng(8).normal(size=(10, 3)))
