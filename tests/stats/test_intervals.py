"""Intervals: against scipy's bootstrap and the t interval, at the edges, and with the patient as the unit."""

import warnings

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from featkit.core.errors import FeatkitWarning, InputError
from featkit.stats import bootstrap_metrics, interval, patient_counts, prepare_metrics
from featkit.stats.intervals import METHODS, worst_case

LINE = (-np.inf, np.inf)


def patients(seed=0, n=20, share=0.4, spread=1.0):
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n), random.integers(4, 15, n))
    y = (np.arange(n) < share * n)[patient].astype(int)
    logit = 1.5 * (2 * y - 1) + spread * random.normal(size=n)[patient] + random.normal(size=len(patient))
    return y, 1 / (1 + np.exp(-logit)), patient


def mean_draws(sample, n_draws=20_000):
    plan = patient_counts("patches", n=len(sample))
    draws = np.concatenate([c for c, _ in plan.blocks(n_draws)]) @ sample / len(sample)
    jackknife = (sample.sum() - sample) / (len(sample) - 1)
    return plan, draws, jackknife


def test_bca_and_percentile_agree_with_scipy_on_the_same_draws():
    sample = np.random.default_rng(0).exponential(size=25)
    plan, draws, jackknife = mean_draws(sample, 3000)
    for ours, theirs in (("percentile", "percentile"), ("bca", "BCa")):
        found = interval(sample.mean(), draws, jackknife, plan, method=ours, range=LINE)
        given = stats.bootstrap((sample,), np.mean, n_resamples=9, method=theirs, vectorized=True)
        given.bootstrap_distribution = draws
        again = stats.bootstrap(
            (sample,), np.mean, n_resamples=0, method=theirs, bootstrap_result=given, vectorized=True
        ).confidence_interval
        assert found == pytest.approx((again.low, again.high), abs=1e-12)


def test_the_default_on_an_unbounded_mean_is_the_t_interval():
    sample = np.random.default_rng(1).normal(size=12)
    plan, draws, jackknife = mean_draws(sample)
    classic = stats.t.interval(0.95, 11, sample.mean(), stats.sem(sample))
    found = interval(sample.mean(), draws, jackknife, plan, range=LINE)
    assert found == pytest.approx(classic, abs=0.03 * (classic[1] - classic[0]))
    expanded = interval(sample.mean(), draws, jackknife, plan, method="expanded", range=LINE)
    assert np.diff(expanded)[0] == pytest.approx(classic[1] - classic[0], rel=0.06)


def test_studentised_is_near_the_t_interval_for_normal_patients():
    random = np.random.default_rng(2)
    sample = random.normal(size=25)

    def mean(y, p):
        return float(p.mean())

    y = np.zeros(25, dtype=int)
    found = bootstrap_metrics(y, sample, np.arange(25), [mean], method="studentised", n_draws=3000)["mean"]
    classic = stats.t.interval(0.95, 24, sample.mean(), stats.sem(sample))
    assert (found.low, found.high) == pytest.approx(classic, abs=0.12 * (classic[1] - classic[0]))


@pytest.mark.parametrize("method", METHODS)
def test_intervals_hold_the_value_and_stay_in_range(method):
    y, p, patient = patients(3)
    found = bootstrap_metrics(y, p, patient, ["auc", "f1", "brier", "mcc"], method=method, n_draws=400)
    for name, e in found.items():
        low, high = prepare_metrics(y, p, patient, [name]).ranges[name]
        assert low <= e.low < e.value < e.high <= high
        assert (e.method, e.unit, e.n_units, e.n_draws, e.level) == (method, "patient", 20, 400, 0.95)


@pytest.mark.parametrize("method", METHODS)
def test_more_confidence_is_wider(method):
    y, p, patient = patients(4)
    wide, narrow = (
        bootstrap_metrics(y, p, patient, ["auc"], method=method, level=level, n_draws=500)["auc"]
        for level in (0.99, 0.8)
    )
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_value_is_that_of_the_data_and_not_the_mean_of_draws():
    y, p, patient = patients(5)
    found = bootstrap_metrics(y, p, patient, ["ece"], n_draws=300)["ece"]
    assert found.value == prepare_metrics(y, p, patient, ["ece"]).values()["ece"]


def test_patches_said_twice_tell_nothing_new():
    y, p, patient = patients(6)
    once = bootstrap_metrics(y, p, patient, ["auc", "brier", "recognition_rate"], n_draws=300)
    twice = bootstrap_metrics(*(np.repeat(a, 2) for a in (y, p, patient)), list(once), n_draws=300)
    for name in once:
        assert (once[name].low, once[name].high) == pytest.approx((twice[name].low, twice[name].high), abs=1e-12)
    naive_once = bootstrap_metrics(y, p, "patches", ["auc"], n_draws=1000)["auc"]
    naive = bootstrap_metrics(np.repeat(y, 2), np.repeat(p, 2), "patches", ["auc"], n_draws=1000)["auc"]
    assert naive.high - naive.low < 0.8 * (naive_once.high - naive_once.low)
    assert naive.unit == "patch"


@pytest.mark.parametrize("method", METHODS)
def test_perfect_separation_keeps_a_bound_from_the_number_of_patients(method):
    patient = np.repeat(np.arange(15), 4)
    y = (patient < 5).astype(int)
    found = bootstrap_metrics(y, 0.1 + 0.8 * y, patient, ["auc", "accuracy"], method=method, n_draws=100)
    bound = proportion_confint(5, 5, method="beta")[0]
    for e in found.values():
        assert (e.low, e.high) == pytest.approx((bound, 1.0))


def test_worst_case_is_clopper_pearson_on_any_range():
    low, high = proportion_confint(7, 10, method="beta")
    assert worst_case(0.7, 10, 0.025, (0.0, 1.0)) == pytest.approx((low, high))
    assert worst_case(0.4, 10, 0.025, (-1.0, 1.0)) == pytest.approx((2 * low - 1, 2 * high - 1))
    assert worst_case(0.7, 10, 0.025, LINE) == LINE
    assert worst_case(0.0, 10, 0.025, (0.0, 1.0))[0] == 0.0


def test_a_class_with_one_patient_has_no_interval_and_says_so():
    patient = np.repeat(np.arange(6), 5)
    y = (patient == 0).astype(int)
    with pytest.warns(FeatkitWarning, match="single patient"):
        found = bootstrap_metrics(y, np.linspace(1, 0, 30), patient, ["auc"], n_draws=50)["auc"]
    assert np.isfinite(found.value)
    assert np.isnan([found.low, found.high]).all()


def test_lost_draws_are_counted_and_told():
    y, p, patient = np.array([1, 1, 0, 0, 0, 0]), np.array([0.9, 0.3, 0.1, 0.4, 0.2, 0.5]), np.arange(6)
    with pytest.warns(FeatkitWarning, match=r"auc: undefined in \d+ of 200 draws"):
        found = bootstrap_metrics(y, p, patient, ["auc"], strata=None, n_draws=200)["auc"]
    assert 0 < found.n_draws < 200
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bootstrap_metrics(y, p, patient, ["auc"], n_draws=200)["auc"].n_draws == 200


def test_one_class_has_no_auc_and_says_so():
    with pytest.warns(FeatkitWarning, match="auc: undefined on these patches"):
        found = bootstrap_metrics([1, 1, 1, 1], [0.2, 0.4, 0.6, 0.8], [0, 0, 1, 1], ["auc", "accuracy"], n_draws=50)
    assert np.isnan([found["auc"].value, found["auc"].low]).all()
    assert found["accuracy"].value == 0.5


def test_extreme_levels_do_not_overflow():
    patient = np.arange(4)
    found = bootstrap_metrics([0, 0, 1, 1], [0.1, 0.6, 0.5, 0.9], patient, ["auc", "mcc"], level=0.99999, n_draws=99)
    assert all(e.low <= e.value <= e.high for e in found.values())


def test_a_constant_score_is_certain_to_be_useless():
    y, p, patient = patients(7)
    found = bootstrap_metrics(y, np.full(len(p), 0.5), patient, ["auc"], n_draws=100)["auc"]
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


def test_same_seed_same_interval():
    y, p, patient = patients(8)
    a, b, c = (bootstrap_metrics(y, p, patient, ["auc"], n_draws=200, seed=s)["auc"] for s in (1, 1, 2))
    assert (a.low, a.high) == (b.low, b.high)
    assert (a.low, a.high) != (c.low, c.high)


def test_nested_resampling_widens_where_patients_have_few_patches():
    y, p, patient = patients(9, n=30, spread=0.1)
    carried = bootstrap_metrics(y, p, patient, ["brier"], n_draws=1500)["brier"]
    nested = bootstrap_metrics(y, p, patient, ["brier"], n_draws=1500, nested=["patches"])["brier"]
    assert nested.high - nested.low > 1.1 * (carried.high - carried.low)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "percentiles"}, "Did you mean 'percentile'"),
        ({"level": 95}, "level must lie strictly between 0 and 1"),
        ({"n_draws": 0}, "n_draws"),
        ({"method": "studentised", "nested": ["patches"]}, "need nothing nested"),
    ],
)
def test_bad_options_are_named(options, said):
    y, p, patient = patients(10)
    with pytest.raises(InputError, match=said):
        bootstrap_metrics(y, p, patient, ["auc"], **options)
