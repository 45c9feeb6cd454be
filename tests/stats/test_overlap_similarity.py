"""Similarity-adjusted overlap against brute force, and their limits."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.stats.overlap_measures import unadjusted
from featkit.stats.overlap_similarity import (
    SIMILARITY_MEASURES,
    adjusted_overlap,
    sechidis,
    similar_pairs,
    similarity_measure,
)
from featkit.stats.stability_index import nogueira

THRESHOLD = 0.6


def _problem(seed: int, d: int = 8):
    generator = np.random.default_rng(seed)
    similarity = generator.random((d, d))
    similarity = (similarity + similarity.T) / 2
    np.fill_diagonal(similarity, 1.0)
    first = np.sort(generator.choice(d, generator.integers(1, 6), replace=False))
    second = np.sort(generator.choice(d, generator.integers(1, 6), replace=False))
    return similarity, first, second


def _brute(similarity, first, second, measure):
    """The definitions read literally, with loops."""
    a, b = set(first.tolist()), set(second.tolist())
    only_a, only_b, shared = a - b, b - a, len(a & b)

    def alike(x, y):
        return similarity[x, y] >= THRESHOLD

    if measure == "zucknick":
        carried = sum(similarity[x, y] for x in a for y in only_b if alike(x, y)) / len(b)
        carried += sum(similarity[x, y] for x in b for y in only_a if alike(x, y)) / len(a)
        return (shared + carried) / len(a | b)
    partners = {x: [y for y in only_b if alike(x, y)] for x in only_a}
    partners |= {y: [x for x in only_a if alike(x, y)] for y in only_b}
    with_a, with_b = sum(bool(partners[x]) for x in only_a), sum(bool(partners[y]) for y in only_b)
    if measure == "intersection_count":
        return (shared + min(with_a, with_b)) / np.sqrt(len(a) * len(b))
    if measure == "yu":
        return (shared + (with_a + with_b) / 2) / ((len(a) + len(b)) / 2)
    if measure == "intersection_mean":
        means = [
            sum(np.mean([similarity[x, y] for y in partners[x]]) for x in side if partners[x])
            for side in (only_a, only_b)
        ]
        return (shared + min(means)) / np.sqrt(len(a) * len(b))
    small, large = sorted([sorted(only_a), sorted(only_b)], key=len)
    matched = max(
        (sum(alike(x, y) for x, y in zip(small, chosen)) for chosen in itertools.permutations(large, len(small))),
        default=0,
    )
    return (shared + matched) / np.sqrt(len(a) * len(b))


@pytest.mark.parametrize("measure", sorted(SIMILARITY_MEASURES))
def test_measures_equal_their_definitions(measure):
    for seed in range(40):
        similarity, first, second = _problem(seed)
        value = adjusted_overlap(first, second, similar_pairs(similarity, THRESHOLD), measure)
        assert value == pytest.approx(_brute(similarity, first, second, measure)), seed


@pytest.mark.parametrize("measure", sorted(SIMILARITY_MEASURES))
def test_measures_do_not_depend_on_the_order_of_the_sets(measure):
    for seed in range(10):
        similarity, first, second = _problem(seed)
        pairs = similar_pairs(similarity, THRESHOLD)
        forward, backward = (adjusted_overlap(*sets, pairs, measure) for sets in ((first, second), (second, first)))
        assert forward == pytest.approx(backward)


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_without_similar_dimensions_they_count_the_plain_intersection(seed):
    _, first, second = _problem(seed, d=12)
    nothing = similar_pairs(np.eye(12), 0.9)
    a, b, shared = len(first), len(second), len(np.intersect1d(first, second))
    for measure in ("intersection_count", "intersection_mean", "intersection_matching"):
        assert adjusted_overlap(first, second, nothing, measure) == pytest.approx(shared / np.sqrt(a * b))
    assert adjusted_overlap(first, second, nothing, "yu") == pytest.approx(2 * shared / (a + b))
    assert adjusted_overlap(first, second, nothing, "zucknick") == pytest.approx(shared / (a + b - shared))
    expected = a * b / 12 / np.sqrt(a * b)
    if expected < 1:
        corrected = (shared / np.sqrt(a * b) - expected) / (1 - expected)
        assert corrected == pytest.approx(float(unadjusted(shared, a, b, 12)))


def test_identity_similarity_gives_nogueira():
    generator = np.random.default_rng(0)
    supports = [generator.choice(30, generator.integers(3, 12), replace=False) for _ in range(6)]
    plain = nogueira(supports, 30, n_draws=0).value
    assert sechidis(supports, np.eye(30), n_draws=0).value == pytest.approx(plain)


def test_sechidis_equals_the_matrix_definition():
    similarity, _, _ = _problem(3, d=9)
    generator = np.random.default_rng(1)
    supports = [generator.choice(9, generator.integers(2, 6), replace=False) for _ in range(5)]
    z = np.zeros((5, 9))
    for row, support in zip(z, supports):
        row[support] = 1
    k = z.sum(axis=1)
    by_chance = np.full((9, 9), (np.mean(k**2) - k.mean()) / (81 - 9) - k.mean() ** 2 / 81)
    np.fill_diagonal(by_chance, k.mean() / 9 * (1 - k.mean() / 9))
    c = np.where(similarity >= THRESHOLD, similarity, 0)
    expected = 1 - np.trace(c @ np.cov(z.T)) / np.trace(c @ by_chance)
    assert sechidis(supports, similarity, threshold=THRESHOLD).value == pytest.approx(expected)


def test_supports_that_swap_twins_are_stable_once_twins_count():
    similarity = np.kron(np.eye(10), np.ones((2, 2)))  # dimensions 2j and 2j + 1 are copies
    supports = [[0, 2, 4], [1, 3, 5], [0, 3, 4], [1, 2, 5]]
    assert nogueira(supports, 20, n_draws=0).value < 0.4
    adjusted = sechidis(supports, similarity)
    assert adjusted.value == pytest.approx(1.0)
    assert adjusted.permutation_p_value < 0.01


def test_sechidis_is_undefined_for_empty_supports():
    result = sechidis([[], []], np.eye(4))
    assert np.isnan(result.value)
    assert "not defined" in result.notes[0]


def test_sechidis_chance_and_p_value_equal_enumeration():
    similarity = np.eye(5)
    for i, j, value in ((0, 1, 0.9), (2, 3, 0.7), (1, 4, 0.65)):
        similarity[i, j] = similarity[j, i] = value
    observed = [[0, 2], [1, 3, 2], [1]]
    everything = [
        sechidis(list(sets), similarity, threshold=THRESHOLD, n_draws=0).value
        for sets in itertools.product(*(list(itertools.combinations(range(5), len(s))) for s in observed))
    ]
    result = sechidis(observed, similarity, threshold=THRESHOLD, n_draws=2000)
    assert result.chance == pytest.approx(np.mean(everything), rel=1e-9)
    exact = np.mean(np.array(everything) >= result.value - 1e-12)
    assert result.permutation_p_value == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 2000))


def test_empty_support_has_no_adjusted_overlap():
    pairs = similar_pairs(np.eye(4))
    assert np.isnan(adjusted_overlap(np.array([], dtype=int), np.array([1]), pairs, "yu"))


@pytest.mark.parametrize(
    ("similarity", "match"),
    [
        (np.ones((2, 3)), "square"),
        (np.array([[1, -0.5], [-0.5, 1]]), r"lie in \[0, 1\]"),
        (np.array([[1, np.nan], [np.nan, 1]]), r"lie in \[0, 1\]"),
        (np.array([[1, 0.2], [0.9, 1]]), "symmetric"),
    ],
)
def test_bad_similarities_are_refused(similarity, match):
    with pytest.raises(InputError, match=match):
        similar_pairs(similarity)


def test_bad_thresholds_names_and_counts_are_refused():
    with pytest.raises(InputError, match="threshold"):
        similar_pairs(np.eye(3), -0.1)
    with pytest.raises(InputError, match="Did you mean 'zucknick'"):
        similarity_measure("zuknick")
    with pytest.raises(InputError, match="at least two supports"):
        sechidis([[1]], np.eye(3))
