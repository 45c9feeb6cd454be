"""Paired differences on clustered data: exchange p-values are uniform; intervals are in test_coverage.py."""

import os

import numpy as np
import pytest
from scipy import stats

from featkit.stats import Forecasts, auc_difference, paired_permutation_test

pytestmark = pytest.mark.simulation
IS_LONG = os.environ.get("FEATKIT_SIMULATION") == "long"
METRICS = ("auc", "brier")


def cohort(n_patients, rng, gain=0.2):
    """Return forecasts that share patient effects and have others of their own; a third of the patients benign."""
    groups = np.repeat(np.arange(n_patients), rng.integers(5, 40, size=n_patients))
    y = (np.arange(n_patients) % 3 > 0).astype(int)[groups]
    shared = rng.normal(size=n_patients)[groups] + 0.8 * rng.normal(size=groups.size)
    scores = []
    for strength in (1.0 + gain, 1.0):
        own = 0.7 * rng.normal(size=n_patients)[groups] + 0.5 * rng.normal(size=groups.size)
        scores.append(1 / (1 + np.exp(-(strength * (2 * y - 1) + shared + own))))
    one = Forecasts(y, scores[0], groups)
    return one, one.with_p(scores[1])


def test_exchange_p_values_are_uniform_where_delong_rejects_too_often():
    n_repeats = 3_000 if IS_LONG else 250
    found, naive = {name: [] for name in METRICS}, []
    for repeat in range(n_repeats):
        rng = np.random.default_rng((1, repeat))
        a, b = cohort(23, rng, gain=0.0)
        tests = paired_permutation_test(a, b, METRICS, n_permutations=199, seed=repeat)
        for name in METRICS:
            found[name].append(tests[name].p_value - rng.uniform() / 200)
        naive.append(auc_difference(a.y, a.p, b.p, "patches")[1])
    for name in METRICS:
        assert stats.kstest(found[name], "uniform").pvalue > 1e-3, name
    assert np.mean(np.array(naive) < 0.05) > 0.3
