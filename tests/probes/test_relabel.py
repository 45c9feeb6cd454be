from collections import Counter

import numpy as np

from featkit.probes.relabel import exchanges, relabel_within, varies_within


def test_labels_stay_inside_their_block():
    random = np.random.default_rng(0)
    y, block = random.integers(0, 4, 100), random.integers(0, 9, 100)
    found = relabel_within(y, block, 20, 1)
    assert found.shape == (20, 100)
    for b in range(9):
        for row in found:
            assert Counter(row[block == b]) == Counter(y[block == b])
    assert len({row.tobytes() for row in found}) == 20


def test_every_arrangement_is_equally_likely():
    found = relabel_within(np.arange(3), np.zeros(3, dtype=int), 6000, 2)
    counts = np.array(list(Counter(map(tuple, found)).values()))
    assert len(counts) == 6
    assert ((counts - 1000) ** 2 / 1000).sum() < 20.5  # chi-squared with 5 degrees of freedom: p = 0.001


def test_patients_are_exchanged_inside_their_stratum():
    stratum = np.array([0, 1, 0, 1, 2, 0])
    for row in exchanges(stratum, 30, 3):
        assert sorted(row) == list(range(6))
        np.testing.assert_array_equal(stratum[row], stratum)
        assert row[4] == 4


def test_which_patients_vary():
    assert varies_within(np.array([0, 1, 2, 2]), np.array([0, 0, 1, 1])).tolist() == [True, False]
