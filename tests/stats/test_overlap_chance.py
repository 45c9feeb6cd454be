"""Exact chance: enumeration, rational arithmetic, scipy, published values and simulation."""

import itertools
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from featkit.core.errors import InputError
from featkit.stats.overlap_chance import (
    corrected_overlap,
    expected_overlap,
    hypergeometric,
    overlap_chance,
    overlap_distribution,
)
from featkit.stats.overlap_measures import OVERLAP_MEASURES


@pytest.mark.parametrize(("n", "marked", "drawn"), [(2048, 1074, 306), (2048, 1500, 1800), (10, 10, 4), (10, 0, 4)])
def test_hypergeometric_agrees_with_scipy(n, marked, drawn):
    first, probability = hypergeometric(n, marked, drawn)
    r = np.arange(first, first + len(probability))
    np.testing.assert_allclose(probability, hypergeom.pmf(r, n, marked, drawn), rtol=1e-11, atol=1e-290)


def test_hypergeometric_stays_exact_for_a_hundred_thousand_dimensions():
    first, probability = hypergeometric(100_000, 40_000, 30_000)
    r = np.array([11_000, 11_800, 12_000, 12_300, 13_500])
    np.testing.assert_allclose(probability[r - first], hypergeom.pmf(r, 100_000, 40_000, 30_000), rtol=1e-10)


@pytest.mark.parametrize(
    ("n", "k", "published"),
    [
        (1280, 1074, 0.723),
        (1536, 1074, 0.538),
        (1792, 1074, 0.428),
        (4096, 1074, 0.151),
        (1280, 306, 0.136),
        (1536, 306, 0.111),
        (2048, 306, 0.081),
        (4096, 306, 0.039),
    ],
)
def test_expected_jaccard_reproduces_the_table_for_sizes_1074_and_306(n, k, published):
    assert round(expected_overlap(k, k, n), 3) == published


@pytest.mark.parametrize(("n", "a", "b"), [(2048, 1074, 1074), (1792, 306, 306), (2048, 1074, 306)])
def test_expected_jaccard_equals_rational_arithmetic(n, a, b):
    ways = comb(n, b)
    exact = sum(
        Fraction(comb(a, r) * comb(n - a, b - r), ways) * Fraction(r, a + b - r)
        for r in range(max(0, a + b - n), min(a, b) + 1)
    )
    assert expected_overlap(a, b, n) == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("measure", sorted(OVERLAP_MEASURES))
@pytest.mark.parametrize(("d", "a", "b"), [(7, 3, 4), (6, 2, 2), (8, 5, 5), (6, 1, 6)])
def test_expectation_and_p_value_equal_enumeration_of_all_sets(measure, d, a, b):
    first = set(range(a))
    shared = [len(first & set(second)) for second in itertools.combinations(range(d), b)]
    values = [float(OVERLAP_MEASURES[measure].function(r, a, b, d)) for r in shared]
    for r in sorted(set(shared)):
        chance = overlap_chance(r, a, b, d, measure=measure)
        assert chance.p_value == pytest.approx(np.mean(np.array(shared) >= r), rel=1e-12)
        assert chance.expected == pytest.approx(np.mean(values), rel=1e-10, abs=1e-13, nan_ok=True)
        assert chance.maximum == pytest.approx(max(values), nan_ok=True)


def test_distribution_with_pools_that_differ_equals_enumeration():
    pool_a, pool_b, a, b = range(0, 6), range(3, 8), 3, 2
    counts = np.zeros(3)
    for first in itertools.combinations(pool_a, a):
        for second in itertools.combinations(pool_b, b):
            counts[len(set(first) & set(second))] += 1
    distribution = overlap_distribution(a, b, n_a=6, n_b=5, n_shared=3)
    np.testing.assert_allclose(distribution, counts / counts.sum(), rtol=1e-12)


def test_distribution_with_equal_pools_is_the_hypergeometric_one():
    first, probability = hypergeometric(50, 30, 35)
    distribution = overlap_distribution(30, 35, 50)
    assert np.all(distribution[:first] == 0)
    np.testing.assert_allclose(distribution[first:], probability, rtol=1e-12)


@settings(deadline=None)
@given(st.integers(2, 200), st.data())
def test_measures_corrected_by_design_have_expectation_zero(d, data):
    a, b = data.draw(st.integers(1, d - 1)), data.draw(st.integers(1, d - 1))
    for name, measure in OVERLAP_MEASURES.items():
        if measure.is_corrected:
            expected = expected_overlap(a, b, d, measure=name)
            assert np.isnan(expected) or abs(expected) < 1e-10, name


@settings(deadline=None)
@given(st.integers(2, 200), st.data())
def test_corrected_overlap_is_one_for_the_largest_intersection(d, data):
    a, b = data.draw(st.integers(1, d - 1)), data.draw(st.integers(1, d - 1))
    chance = overlap_chance(min(a, b), a, b, d)
    assert chance.corrected == pytest.approx(1.0)
    assert 0 < chance.p_value <= 1


def test_p_values_of_random_sets_are_uniform_up_to_their_steps():
    generator, d, a, b = np.random.default_rng(5), 400, 150, 120
    shared = generator.hypergeometric(a, d - a, b, size=4000)
    table = [overlap_chance(r, a, b, d).p_value for r in range(shared.max() + 1)]
    p = np.array(table)[shared]
    for level in (0.05, 0.25, 0.5):
        assert np.mean(p <= level) <= level + 3 * np.sqrt(level * (1 - level) / len(p))
        steps = np.cumsum(overlap_distribution(a, b, d)[::-1])
        reachable = steps[steps <= level].max()  # the largest p-value not above the level
        assert np.mean(p <= level) == pytest.approx(reachable, abs=4 * np.sqrt(level * (1 - level) / len(p)))


def test_tail_probabilities_far_below_rounding_are_kept():
    chance = overlap_chance(220, 306, 306, 2048)
    exact = sum(Fraction(comb(306, r) * comb(1742, 306 - r), comb(2048, 306)) for r in range(220, 307))
    assert chance.p_value == pytest.approx(float(exact), rel=1e-10)
    assert 0 < chance.p_value < 1e-100


def test_empty_and_full_sets_leave_no_room_for_a_corrected_value():
    assert np.isnan(overlap_chance(0, 0, 5, 10).corrected)
    full = overlap_chance(5, 10, 5, 10)
    assert np.isnan(full.corrected)
    assert full.p_value == 1.0
    assert np.isnan(overlap_chance(0, 0, 0, 10).expected)
    assert np.isnan(corrected_overlap(0.4, float("nan"), 1.0))


def test_single_dimensions_share_with_probability_one_in_d():
    chance = overlap_chance(1, 1, 1, 40)
    assert chance.expected == pytest.approx(1 / 40)
    assert chance.p_value == pytest.approx(1 / 40)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [((3, 2, 2, 10), "share at most"), ((1, 11, 2, 10), "larger than what it is drawn from"), ((-1, 2, 2, 10), "at")],
)
def test_impossible_counts_are_refused(arguments, match):
    with pytest.raises(InputError, match=match):
        overlap_chance(*arguments)


def test_unknown_measure_names_the_known_ones():
    with pytest.raises(InputError, match="Did you mean 'jaccard'"):
        expected_overlap(2, 2, 10, measure="jacard")
