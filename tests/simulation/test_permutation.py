"""Permutation p-values are uniform under the null, with clustered patients."""

import os

import numpy as np
import pytest
from scipy import stats

from featkit.stats.permutation import label_permutation_test, sign_flip_test

pytestmark = pytest.mark.simulation
N_REPEATS = 5_000 if os.environ.get("FEATKIT_SIMULATION") == "long" else 400


def assert_uniform(p_values, resolution):
    """Compare with the uniform law; p-values live on a grid, so they are spread over its cells first."""
    spread = np.random.default_rng(0).uniform(size=len(p_values)) * resolution
    assert stats.kstest(np.array(p_values) - spread, "uniform").pvalue > 1e-3
    share = np.mean(np.array(p_values) <= 0.05)
    assert share <= stats.binom.isf(1e-3, len(p_values), 0.05) / len(p_values)


@pytest.mark.parametrize("n_patients", [8, 40])
def test_sign_flips_are_uniform_for_heavy_tails_and_unequal_patients(n_patients):
    rng = np.random.default_rng(n_patients)
    sizes = rng.integers(1, 60, size=n_patients)
    p_values = [
        sign_flip_test(sizes * rng.standard_t(2, size=n_patients), n_permutations=255, seed=repeat).p_value
        for repeat in range(N_REPEATS)
    ]
    assert_uniform(p_values, 1 / 128 if n_patients == 8 else 1 / 256)


def test_labels_of_patients_are_uniform_where_patch_labels_would_not_be():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(24), rng.integers(2, 20, size=24))
    by_patient = np.repeat([0, 1], 12)
    by_patch, labels = [], by_patient[groups]
    p_values = []
    for repeat in range(N_REPEATS):
        x = rng.normal(size=24)[groups] + 0.3 * rng.normal(size=groups.size)

        def gap(given, x=x):
            return x[given == 1].mean() - x[given == 0].mean()

        p_values.append(label_permutation_test(gap, labels, groups, n_permutations=99, seed=repeat).p_value)
        by_patch.append(stats.ttest_ind(x[labels == 1], x[labels == 0]).pvalue)
    assert_uniform(p_values, 1 / 100)
    assert np.mean(np.array(by_patch) <= 0.05) > 0.3
