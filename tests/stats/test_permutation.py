import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from featkit.core.errors import InputError
from featkit.stats.permutation import (
    label_permutation_test,
    label_permutations,
    permutation_p_value,
    sign_flip_test,
    sign_flips,
)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_sign_flip_enumeration_agrees_with_scipy(alternative):
    values = np.random.default_rng(3).normal(0.4, 1, size=9)
    ours = sign_flip_test(values, n_permutations=10_000, alternative=alternative)
    theirs = stats.permutation_test(
        (values,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative=alternative
    )
    assert ours.is_exact
    assert ours.n_permutations == 2**9 - 1
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=1e-12)


def test_random_flips_approach_the_enumeration():
    values = np.random.default_rng(5).normal(0.5, 1, size=14)
    exact = sign_flip_test(values, n_permutations=2**14)
    drawn = sign_flip_test(values, n_permutations=2**14 - 2, seed=1)
    assert exact.is_exact
    assert not drawn.is_exact
    assert drawn.p_value == pytest.approx(exact.p_value, abs=4 * np.sqrt(exact.p_value / 2**14))


def test_no_difference_at_all_has_p_one():
    assert sign_flip_test(np.zeros(6)).p_value == 1.0
    assert sign_flip_test(np.zeros(40), n_permutations=99).p_value == 1.0


def test_one_patient_cannot_say_anything():
    assert sign_flip_test([0.3]).p_value == 1.0


@given(
    st.lists(st.floats(-5, 5, allow_subnormal=False), min_size=2, max_size=8), st.sampled_from([0.01, 0.5, 3.0, 100.0])
)
def test_p_value_ignores_unit_and_order(values, scale):
    values = np.round(values, 9)
    p = sign_flip_test(values).p_value
    assert 0 < p <= 1
    assert sign_flip_test(values[::-1]).p_value == p
    assert sign_flip_test(-values).p_value == p
    assert sign_flip_test(values * scale).p_value == pytest.approx(p)


def test_signs_are_repeatable_and_enumerations_hold_each_subset_once():
    drawn, is_exact = sign_flips(30, 50, seed=4)
    assert not is_exact
    np.testing.assert_array_equal(drawn, sign_flips(30, 50, seed=4)[0])
    assert (drawn != sign_flips(30, 50, seed=5)[0]).any()
    every, is_exact = sign_flips(4, 15)
    assert is_exact
    expected = set(itertools.product([1, -1], repeat=4)) - {(1, 1, 1, 1)}
    assert {tuple(row) for row in every.tolist()} == expected


def test_labels_enumerate_every_distinct_arrangement():
    labels = np.array(["b", "a", "a", "b", "a"])
    arranged, is_exact = label_permutations(labels, 100)
    assert is_exact
    expected = set(itertools.permutations(labels.tolist())) - {tuple(labels.tolist())}
    assert {tuple(row) for row in arranged.tolist()} == expected
    assert len(arranged) == len(expected)


def test_labels_stay_in_their_stratum():
    labels, strata = np.array([0, 1, 0, 1, 2, 3]), np.array(["x", "x", "x", "x", "y", "y"])
    for limit in (1_000, 5):
        arranged, is_exact = label_permutations(labels, limit, strata=strata, seed=2)
        assert is_exact == (limit == 1_000)
        assert (np.sort(arranged[:, :4], axis=1) == [0, 0, 1, 1]).all()
        assert (np.sort(arranged[:, 4:], axis=1) == [2, 3]).all()


def test_label_test_agrees_with_scipy_on_patients_of_one_patch():
    rng = np.random.default_rng(8)
    x, labels = rng.normal(size=8), np.array([0, 0, 0, 1, 1, 1, 1, 0])
    x[labels == 1] += 0.8

    def gap(given):
        return x[given == 1].mean() - x[given == 0].mean()

    ours = label_permutation_test(gap, labels, np.arange(8), n_permutations=100)
    theirs = stats.permutation_test(
        (x[labels == 1], x[labels == 0]),
        lambda a, b: a.mean() - b.mean(),
        n_resamples=np.inf,
        alternative="greater",
    )
    assert ours.is_exact
    assert ours.p_value == pytest.approx(theirs.pvalue)


def test_labels_move_with_the_patient():
    groups = np.repeat(["p1", "p2", "p3", "p4"], [3, 1, 4, 2])
    labels = np.repeat([0, 1, 1, 0], [3, 1, 4, 2])
    seen = []

    def remember(given):
        seen.append(given)
        return 0.0

    label_permutation_test(remember, labels, groups, n_permutations=50)
    for given_labels in seen:
        for patient in np.unique(groups):
            assert np.unique(given_labels[groups == patient]).size == 1


def test_p_value_counts_ties_and_keeps_nan():
    assert permutation_p_value(2.0, [2.0 + 1e-14, 1.0, -2.0]) == 3 / 4
    assert permutation_p_value(2.0, [2.0, 1.0, -2.0], alternative="greater") == 2 / 4
    assert np.isnan(permutation_p_value(np.nan, [1.0]))
    assert permutation_p_value(1.0, []) == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sign_flip_test([1.0, np.nan]), "finite"),
        (lambda: sign_flip_test([]), "at least one patient"),
        (lambda: sign_flip_test([1.0], n_permutations=0), "from 1 to 1,000,000"),
        (lambda: permutation_p_value(1, [1], alternative="both"), "two-sided"),
        (lambda: label_permutations([0, 0, 1], 5, strata=[0, 0, 1]), "must differ"),
        (lambda: label_permutations([0, 1], 5, strata=[0]), "one a patient"),
        (lambda: label_permutation_test(np.mean, [0, 1, 1], ["a", "a", "b"]), "constant within a patient"),
        (lambda: label_permutation_test(np.mean, [0, 1], ["a", "a", "b"]), "one a patch"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
