"""Paired differences on clustered data: exchange p-values are uniform, t intervals cover, percentiles do not."""

import os

import numpy as np
import pytest
from scipy import stats

from featkit.stats.auc_inference import auc_difference
from featkit.stats.comparison import compare
from featkit.stats.draws import prepare_metrics
from featkit.stats.paired_permutation import paired_permutation_test
from featkit.stats.resampling import patient_counts

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
    return y, *scores, groups


def test_exchange_p_values_are_uniform_where_delong_rejects_too_often():
    n_repeats = 3_000 if IS_LONG else 250
    found, naive = {name: [] for name in METRICS}, []
    for repeat in range(n_repeats):
        rng = np.random.default_rng((1, repeat))
        y, a, b, groups = cohort(23, rng, gain=0.0)
        tests = paired_permutation_test(y, a, b, groups, METRICS, n_permutations=199, seed=repeat)
        for name in METRICS:
            found[name].append(tests[name].p_value - rng.uniform() / 200)
        naive.append(compare(y, a, b, groups, metrics=["auc"], n_draws=2, n_permutations=1).rows[0].p_naive)
    for name in METRICS:
        assert stats.kstest(found[name], "uniform").pvalue > 1e-3, name
    assert np.mean(np.array(naive) < 0.05) > 0.3


@pytest.mark.parametrize("n_patients", [20, 80])
def test_t_intervals_cover_and_percentiles_cover_less(n_patients):
    n_repeats, n_draws = (2_000, 1_000) if IS_LONG else (4_000 // n_patients + 75, 400)
    truth = dict.fromkeys(METRICS, 0.0)
    y, a, b, groups = cohort(3_000, np.random.default_rng(0))
    for sign, p in ((1, a), (-1, b)):
        for name, value in prepare_metrics(y, p, groups, METRICS).values().items():
            truth[name] += sign * value
    covered = dict.fromkeys(METRICS, 0)
    by_percentile = by_patch = 0
    for repeat in range(n_repeats):
        y, a, b, groups = cohort(n_patients, np.random.default_rng((n_patients, repeat)))
        for row in compare(y, a, b, groups, metrics=METRICS, n_draws=n_draws, n_permutations=1, seed=repeat).rows:
            covered[row.metric] += row.difference.low <= truth[row.metric] <= row.difference.high
        plan = patient_counts(groups, strata=y)
        one, two = (prepare_metrics(y, p, None, ["auc"], plan=plan).bootstrap(n_draws, repeat)["auc"] for p in (a, b))
        low, high = np.quantile(one - two, [0.025, 0.975])
        by_percentile += low <= truth["auc"] <= high
        naive = auc_difference(y, a, b, "patches")[0]
        by_patch += naive.low <= truth["auc"] <= naive.high
    low, high = stats.binom.interval(0.999, n_repeats, 0.95) / np.array(n_repeats)
    for name in METRICS:
        assert low - 0.01 <= covered[name] / n_repeats <= high + 0.01, name
    assert by_patch / n_repeats < 0.7
    if n_patients == 20:
        assert by_percentile < covered["auc"]
