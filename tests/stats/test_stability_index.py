"""Nogueira's index: identities, the sign of its variance by simulation, exact chance and tests."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.stats.overlap_measures import kuncheva
from featkit.stats.stability_index import compare_stability, nogueira


def _supports(generator, m, d, k):
    return [generator.choice(d, k, replace=False) for _ in range(m)]


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(4, 40), st.data())
def test_index_is_the_mean_kuncheva_overlap_when_sizes_are_equal(seed, m, d, data):
    k = data.draw(st.integers(1, d - 1))
    supports = _supports(np.random.default_rng(seed), m, d, k)
    pairs = [kuncheva(len(np.intersect1d(a, b)), k, k, d) for a, b in itertools.combinations(supports, 2)]
    assert nogueira(supports, d, n_draws=0).value == pytest.approx(np.mean(pairs), abs=1e-10)


def test_identical_supports_have_index_one_and_no_interval():
    result = nogueira([[1, 2, 3]] * 5, 10)
    assert result.value == pytest.approx(1.0)
    assert np.isnan(result.low)
    assert "variance is zero" in result.notes[0]


def test_independent_supports_have_index_near_zero():
    supports = _supports(np.random.default_rng(0), 50, 500, 60)
    result = nogueira(supports, 500, n_draws=500)
    assert abs(result.value) < 0.01
    assert result.chance == 0
    assert result.permutation_p_value > 0.02


def test_formula_by_hand():
    result = nogueira([[0, 1], [0, 2]], 4)  # p = 1, 1/2, 1/2, 0; kbar = 2
    assert result.value == pytest.approx(1 - (2 * (0.25 + 0.25) / 4) / 0.25)


def _planted(generator, m, frequency):
    return [np.flatnonzero(generator.random(len(frequency)) < frequency) for _ in range(m)]


@pytest.mark.parametrize("m", [40])
def test_variance_formula_agrees_with_the_spread_over_repetitions(m):
    generator = np.random.default_rng(7)
    frequency = np.concatenate([np.full(10, 0.9), np.full(10, 0.4), np.full(80, 0.08)])
    results = [nogueira(_planted(generator, m, frequency), 100, n_draws=0) for _ in range(600)]
    empirical = np.var([r.value for r in results], ddof=1)
    estimated = np.mean([r.variance for r in results])
    assert estimated == pytest.approx(empirical, rel=0.2)  # a minus before Phi/2 gives more than twice as much


def test_interval_covers_the_stability_of_the_whole_distribution():
    generator = np.random.default_rng(11)
    frequency = np.concatenate([np.full(12, 0.85), np.full(88, 0.1)])
    density = frequency.mean()
    truth = 1 - np.mean(frequency * (1 - frequency)) / (density * (1 - density))
    results = [nogueira(_planted(generator, 60, frequency), 100, n_draws=0) for _ in range(400)]
    covered = np.mean([r.low <= truth <= r.high for r in results])
    assert covered == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 400))


def test_chance_equals_the_mean_over_all_sets_of_the_given_sizes():
    d, sizes = 5, (1, 2, 4)
    values = [
        nogueira(list(sets), d, n_draws=0).value
        for sets in itertools.product(*(list(itertools.combinations(range(d), k)) for k in sizes))
    ]
    assert nogueira([range(k) for k in sizes], d).chance == pytest.approx(np.mean(values), rel=1e-10)


def test_permutation_p_value_agrees_with_enumeration():
    d, sizes = 5, (2, 3, 2)
    observed = [[0, 1], [0, 1, 2], [0, 3]]
    value = nogueira(observed, d).value
    everything = [
        nogueira(list(sets), d, n_draws=0).value
        for sets in itertools.product(*(list(itertools.combinations(range(d), k)) for k in sizes))
    ]
    exact = np.mean(np.array(everything) >= value - 1e-12)
    drawn = nogueira(observed, d, n_draws=20_000).permutation_p_value
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000))


def test_permutation_p_values_are_uniform_under_the_null():
    generator = np.random.default_rng(2)
    p = [nogueira(_supports(generator, 4, 200, 60), 200, n_draws=199, seed=i).permutation_p_value for i in range(300)]
    assert np.mean(np.array(p) <= 0.1) == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / 300))
    assert np.mean(p) == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / 300))


def test_one_sided_test_against_a_null_value():
    generator = np.random.default_rng(4)
    supports = _planted(generator, 60, np.concatenate([np.full(10, 0.9), np.full(90, 0.05)]))
    against_zero, against_itself = nogueira(supports, 100), nogueira(supports, 100)
    assert against_zero.p_value < 1e-6
    at_value = nogueira(supports, 100, null=against_itself.value)
    assert at_value.p_value == pytest.approx(0.5)


def test_two_procedures_are_compared_with_both_variances():
    generator = np.random.default_rng(6)
    loose = nogueira(_planted(generator, 50, np.concatenate([np.full(10, 0.6), np.full(90, 0.1)])), 100)
    tight = nogueira(_planted(generator, 50, np.concatenate([np.full(10, 0.95), np.full(90, 0.02)])), 100)
    result = compare_stability(loose, tight)
    assert result.difference == pytest.approx(tight.value - loose.value)
    assert result.statistic == pytest.approx(result.difference / np.sqrt(loose.variance + tight.variance))
    assert result.low > 0
    assert result.p_value < 1e-4
    back = compare_stability(tight, loose)
    assert back.p_value == pytest.approx(result.p_value)
    assert back.difference == -result.difference


def test_two_sided_test_keeps_its_level_when_procedures_are_equal():
    generator = np.random.default_rng(8)
    frequency = np.concatenate([np.full(10, 0.8), np.full(90, 0.1)])
    p = []
    for _ in range(300):
        a, b = (nogueira(_planted(generator, 40, frequency), 100, n_draws=0) for _ in range(2))
        p.append(compare_stability(a, b).p_value)
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 300))


def test_equal_degenerate_procedures_have_no_test():
    same = nogueira([[1, 2]] * 3, 10)
    assert np.isnan(compare_stability(same, same).p_value)


@pytest.mark.parametrize("supports", [[[], []], [range(5), range(5)]])
def test_all_empty_or_all_full_supports_are_undefined(supports):
    result = nogueira(supports, 5)
    assert np.isnan(result.value)
    assert np.isnan(result.permutation_p_value)
    assert "not defined" in result.notes[0]


def test_supports_that_are_not_replicates_get_no_interval():
    result = nogueira([[0, 1], [0, 2], [0, 3]], 6, are_replicates=False)
    assert np.isnan(result.low)
    assert np.isnan(result.p_value)
    assert "folds share training patients" in result.notes[0]


def test_same_seed_gives_the_same_p_value():
    supports = [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
    assert nogueira(supports, 12, seed=3).permutation_p_value == nogueira(supports, 12, seed=3).permutation_p_value


def test_one_support_is_refused():
    with pytest.raises(InputError, match="at least two supports, got 1"):
        nogueira({"40X": [1]}, 5)
