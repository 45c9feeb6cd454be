import itertools

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, roc_auc_score

from featkit.core.errors import InputError
from featkit.stats import Forecasts, paired_permutation_test


def cohort(n_patients, seed, gain=0.5):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_patients), rng.integers(2, 9, size=n_patients))
    y = (np.arange(n_patients) % 2)[groups]
    shared = rng.normal(size=n_patients)[groups] + rng.normal(size=groups.size)
    a, b = (y * k + shared + rng.normal(size=groups.size) for k in (1 + gain, 1.0))
    return y, np.round(1 / (1 + np.exp(-a)), 2), np.round(1 / (1 + np.exp(-b)), 2), groups


def exchanged(y, a, b, groups, *args, domains=None, **options):
    one, two = (Forecasts(y, p, groups, domains=domains) for p in (a, b))
    return paired_permutation_test(one, two, *args, **options)


def ranked(p):
    return rankdata(p) / len(p)


ORACLES = {
    "auc": (roc_auc_score, ranked),
    "average_precision": (average_precision_score, ranked),
    "brier": (brier_score_loss, np.asarray),
    "f1": (lambda y, p: f1_score(y, p >= 0.5), np.asarray),
}


@pytest.mark.parametrize("name", ORACLES)
def test_null_is_that_of_exchanging_patients_one_set_at_a_time(name):
    y, a, b, groups = cohort(7, seed=2)
    metric, transform = ORACLES[name]
    first, second = transform(a), transform(b)
    differences = []
    for moved in itertools.product([False, True], repeat=7):
        swap = np.array(moved)[groups]
        one, two = np.where(swap, second, first), np.where(swap, first, second)
        differences.append(metric(y, one) - metric(y, two))
    found = exchanged(y, a, b, groups, [name])[name]
    assert found.is_exact
    assert found.statistic == pytest.approx(differences[0], abs=1e-12)
    np.testing.assert_allclose(np.sort(found.null), np.sort(differences[1:]), atol=1e-12)
    extreme = np.abs(differences) >= abs(differences[0]) - 1e-12
    assert found.p_value == pytest.approx(extreme.mean())


def test_mean_over_domains_exchanges_a_patient_in_all_of_them():
    y, a, b, groups = cohort(6, seed=4)
    domains = np.where(np.arange(y.size) % 2, "40X", "100X")
    differences = []
    for moved in itertools.product([False, True], repeat=6):
        swap, total = np.array(moved)[groups], 0.0
        for domain in ("40X", "100X"):
            own = domains == domain
            first, second = ranked(a[own]), ranked(b[own])
            one, two = np.where(swap[own], second, first), np.where(swap[own], first, second)
            total += (roc_auc_score(y[own], one) - roc_auc_score(y[own], two)) / 2
        differences.append(total)
    found = exchanged(y, a, b, groups, ["auc"], domains=domains, over="mean of domains")["auc"]
    np.testing.assert_allclose(np.sort(found.null), np.sort(differences[1:]), atol=1e-12)


def test_ranking_metrics_do_not_see_the_scale():
    y, a, b, groups = cohort(9, seed=5)
    plain = exchanged(y, a, b, groups, ["auc"])["auc"]
    stretched = exchanged(y, a, np.exp(5 * b) + 100, groups, ["auc"])["auc"]
    assert stretched.p_value == plain.p_value
    assert stretched.statistic == pytest.approx(plain.statistic)


def test_identical_forecasts_have_p_one():
    y, a, _, groups = cohort(8, seed=6)
    for found in exchanged(y, a, a, groups, ["auc", "f1", "brier", "ece", "recognition_rate"]).values():
        assert (found.statistic, found.p_value) == (0.0, 1.0)


@pytest.mark.parametrize("seed", range(20))
def test_rounding_does_not_tell_equal_forecasts_apart(seed):
    rng = np.random.default_rng(seed)
    y, p, groups = np.tile([0, 1], 30), rng.random(60), np.repeat(np.arange(10), 6)
    tests = exchanged(y, p, p.copy(), groups, ("auc", "brier", "ece", "f1"), n_permutations=200)
    assert {name: test.p_value for name, test in tests.items()} == dict.fromkeys(tests, 1.0)


def test_same_seed_same_p_value_and_forecasts_in_either_order():
    y, a, b, groups = cohort(40, seed=7)
    first = exchanged(y, a, b, groups, n_permutations=199, seed=3)
    again = exchanged(y, a, b, groups, n_permutations=199, seed=3)
    turned = exchanged(y, b, a, groups, n_permutations=199, seed=3)
    for name, test in first.items():
        np.testing.assert_array_equal(test.null, again[name].null)
        assert turned[name].statistic == pytest.approx(-test.statistic)
        assert turned[name].p_value == test.p_value
        assert not test.is_exact


def test_several_classes():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(12), 5)
    y = (np.arange(12) % 3)[groups]
    good = rng.dirichlet(np.ones(3), size=60) * 0.4 + 0.6 * np.eye(3)[y]
    poor = rng.dirichlet(np.ones(3), size=60)
    found = exchanged(y, good, poor, groups, ["auc", "accuracy", "brier"], n_permutations=500)
    assert found["auc"].statistic > 0.2
    assert found["accuracy"].p_value < 0.01
    assert found["brier"].statistic < 0


def test_a_metric_of_ones_own():
    y, a, b, groups = cohort(6, seed=8)

    def median_gap(y, p):
        return float(np.median(p[y == 1]) - np.median(p[y == 0]))

    found = exchanged(y, a, b, groups, [median_gap])["median_gap"]
    assert found.n_permutations == 63
    assert found.statistic == pytest.approx(median_gap(y, a) - median_gap(y, b))


def test_groups_must_be_given():
    y, a, b, _ = cohort(5, seed=1)
    with pytest.raises(InputError, match="patient of each patch"):
        exchanged(y, a, b, None)
