"""Intervals: against scipy's bootstrap and the t interval, at the edges, and with the patient as the unit."""

import warnings

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.options import Resampling
from featkit.stats import (
    Forecasts,
    Resampled,
    bootstrap_metrics,
    interval,
    patient_counts,
    patient_plan,
    prepare_metrics,
)
from featkit.stats.intervals import spread, worst_case

LINE = (-np.inf, np.inf)
METHODS = ("logit-t", "expanded", "percentile", "bca")


def metrics_of(y, p, groups, metrics, **options):
    return bootstrap_metrics(Forecasts(y, p, groups), metrics, resampling=Resampling(**options))


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
        found = interval(Resampled(sample.mean(), jackknife, draws), plan, Resampling(method=ours))
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
    half = (classic[1] - sample.mean()) * np.sqrt(12 / 11)  # HC3
    expected = (sample.mean() - half, sample.mean() + half)
    assert interval(Resampled(sample.mean(), jackknife), plan, Resampling()) == pytest.approx(expected)
    expanded = interval(Resampled(sample.mean(), jackknife, draws), plan, Resampling(method="expanded"))
    assert np.diff(expanded)[0] == pytest.approx(classic[1] - classic[0], rel=0.06)


@pytest.mark.parametrize("method", METHODS)
def test_intervals_hold_the_value_and_stay_in_range(method):
    y, p, patient = patients(3)
    found = metrics_of(y, p, patient, ["auc", "f1", "brier", "mcc"], method=method, n_draws=400)
    for name, e in found.items():
        low, high = prepare_metrics(Forecasts(y, p, patient), [name]).readings[name].range
        assert low <= e.low < e.value < e.high <= high
        assert (e.method, e.unit, e.n_units, e.level, e.design) == (method, "patient", 20, 0.95, "cohort")
        assert e.n_draws == (0 if method == "logit-t" else 400)
        assert e.n_units_by_class == {"0": 12, "1": 8}


@pytest.mark.parametrize("method", METHODS)
def test_more_confidence_is_wider(method):
    y, p, patient = patients(4)
    wide, narrow = (
        metrics_of(y, p, patient, ["auc"], method=method, level=level, n_draws=500)["auc"] for level in (0.99, 0.8)
    )
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_value_is_that_of_the_data_and_not_the_mean_of_draws():
    y, p, patient = patients(5)
    found = metrics_of(y, p, patient, ["ece"], n_draws=300)["ece"]
    assert found.value == prepare_metrics(Forecasts(y, p, patient), ["ece"]).values()["ece"]


def test_patches_said_twice_tell_nothing_new():
    y, p, patient = patients(6)
    once = metrics_of(y, p, patient, ["auc", "brier", "recognition_rate"], n_draws=300)
    twice = metrics_of(*(np.repeat(a, 2) for a in (y, p, patient)), list(once), n_draws=300)
    for name in once:
        assert (once[name].low, once[name].high) == pytest.approx((twice[name].low, twice[name].high), abs=1e-12)
    naive_once = metrics_of(y, p, "patches", ["auc"], n_draws=1000)["auc"]
    naive = metrics_of(np.repeat(y, 2), np.repeat(p, 2), "patches", ["auc"], n_draws=1000)["auc"]
    assert naive.high - naive.low < 0.8 * (naive_once.high - naive_once.low)
    assert naive.unit == "patch"


@pytest.mark.parametrize("method", METHODS)
def test_perfect_separation_keeps_a_bound_from_the_number_of_patients(method):
    patient = np.repeat(np.arange(15), 4)
    y = (patient < 5).astype(int)
    found = metrics_of(
        y, 0.1 + 0.8 * y, patient, ["auc", "accuracy"], method=method, n_draws=100, design="case-control"
    )
    for name, n in (("auc", 5), ("accuracy", 15)):  # the smaller class carries the AUC, all patients the accuracy
        bound = proportion_confint(n, n, method="beta")[0]
        assert (found[name].low, found[name].high) == pytest.approx((bound, 1.0))


def test_a_share_of_all_is_bounded_by_all_patients_also_with_many_classes():
    y = np.repeat(np.arange(9), 6)
    decided = y.copy()
    decided[[0, 20, 40]] = (y[[0, 20, 40]] + 1) % 9
    p = 0.9 * np.eye(9)[decided] + 0.1 / 9
    found = metrics_of(y, p, np.arange(54), ["accuracy"])["accuracy"]
    low, high = proportion_confint(51, 54, method="beta")  # 0.846, 0.988
    assert found.value == pytest.approx(51 / 54)
    assert low - 1e-9 <= found.low < 0.88
    assert 0.97 < found.high <= high + 1e-9
    perfect = metrics_of(y, 0.9 * np.eye(9)[y] + 0.1 / 9, np.arange(54), ["accuracy", "balanced_accuracy"])
    for e in perfect.values():
        assert e.low == pytest.approx(proportion_confint(54, 54, method="beta")[0])


def test_patients_of_very_different_sizes_count_for_fewer():
    patient = np.repeat(np.arange(12), [400] + [2] * 11)
    y = patient % 2
    found = metrics_of(y, 0.1 + 0.8 * y, patient, ["accuracy", "recognition_rate"])
    assert found["accuracy"].low < 0.1  # one patient is nearly everything
    assert found["recognition_rate"].low == pytest.approx(proportion_confint(12, 12, method="beta")[0])


def test_worst_case_is_clopper_pearson_on_any_range():
    low, high = proportion_confint(7, 10, method="beta")
    assert worst_case(0.7, 10, 0.025, (0.0, 1.0)) == pytest.approx((low, high))
    assert worst_case(0.4, 10, 0.025, (-1.0, 1.0)) == pytest.approx((2 * low - 1, 2 * high - 1))
    assert worst_case(0.7, 10, 0.025, LINE) == LINE
    assert worst_case(0.0, 10, 0.025, (0.0, 1.0))[0] == 0.0


def test_a_class_with_one_patient_has_no_interval_and_says_so():
    patient = np.repeat(np.arange(6), 5)
    y = (patient == 0).astype(int)
    with pytest.warns(FeatkitWarning, match=r"auc: no interval: too few patients .* \(1 with class 1\)"):
        found = metrics_of(y, np.linspace(1, 0, 30), patient, ["auc", "accuracy", "brier", "specificity"])
    assert np.isfinite(found["auc"].value)
    assert found["auc"].state == "too few patients"
    assert np.isnan([found["auc"].low, found["auc"].high]).all()
    for name in ("accuracy", "brier", "specificity"):  # which do not need that class
        assert found[name].has_interval, name


def test_a_patient_with_patches_of_both_classes_costs_no_interval():
    y, p, patient = patients(11, n=24)
    y[np.flatnonzero(patient == 20)[:2]] = 1
    for design in ("cohort", "case-control"):
        for method in METHODS:
            found = metrics_of(y, p, patient, ["auc", "brier"], method=method, design=design, n_draws=200)
            assert all(e.has_interval for e in found.values()), (design, method)


def test_in_a_cohort_the_class_shares_vary_and_in_a_case_control_study_they_do_not():
    y, p, patient = patients(12, n=100, share=0.15)
    p = 0.5 * p  # hardly ever decides for class 1
    wide, narrow = (metrics_of(y, p, patient, ["auc", "accuracy", "f1"], design=d) for d in ("cohort", "case-control"))
    assert wide["accuracy"].high - wide["accuracy"].low > 1.02 * (narrow["accuracy"].high - narrow["accuracy"].low)
    assert wide["auc"].low == pytest.approx(narrow["auc"].low, abs=0.005)
    assert (wide["auc"].design, narrow["auc"].design) == ("cohort", "case-control")


def test_a_constant_forecast_is_as_uncertain_as_the_class_shares():
    patient = np.arange(130)
    y = (patient < 19).astype(int)
    found = metrics_of(y, np.full(130, 0.15), patient, ["accuracy"])["accuracy"]
    low, high = proportion_confint(111, 130, method="beta")
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.012)


def test_a_part_split_in_the_cohorts_class_shares_knows_them_as_the_cohort_does():
    y, p, patient = patients(12, n=60, share=0.15)
    flat = [Forecasts(y, np.full(len(y), 0.2), patient, n_cohort=n) for n in (None, 240)]
    prepared = [prepare_metrics(one, ["recognition_rate"]) for one in flat]
    small, large = (spread(one.jackknife()["recognition_rate"], one.plan) for one in prepared)
    assert small.se == pytest.approx(2 * large.se, rel=1e-3)
    with pytest.raises(InputError, match="at least the 60 patients"):
        Forecasts(y, p, patient, n_cohort=50)


def test_lost_draws_are_counted_and_told():
    y, p, patient = np.array([1, 1, 0, 0, 0, 0]), np.array([0.9, 0.3, 0.1, 0.4, 0.2, 0.5]), np.arange(6)
    with pytest.warns(FeatkitWarning, match=r"auc: undefined in \d+ of 200 draws"):
        found = metrics_of(y, p, patient, ["auc"], n_draws=200, method="percentile")["auc"]
    assert 0 < found.n_draws < 200
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fixed = metrics_of(y, p, patient, ["auc"], n_draws=200, method="percentile", design="case-control")["auc"]
        assert fixed.n_draws == 200


def test_one_class_has_no_auc_and_says_so():
    with pytest.warns(FeatkitWarning, match="auc: undefined on these patches"):
        found = metrics_of([1, 1, 1, 1], [0.2, 0.4, 0.6, 0.8], [0, 0, 1, 1], ["auc", "accuracy"], n_draws=50)
    assert np.isnan([found["auc"].value, found["auc"].low]).all()
    assert found["accuracy"].value == 0.5


def test_extreme_levels_do_not_overflow():
    patient = np.arange(4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FeatkitWarning)
        found = metrics_of([0, 0, 1, 1], [0.1, 0.6, 0.5, 0.9], patient, ["auc", "accuracy"], level=0.99999)
    assert all(e.low <= e.value <= e.high for e in found.values() if e.has_interval)


def test_a_constant_score_ranks_nothing_and_says_so():
    y, p, patient = patients(7)
    with pytest.warns(FeatkitWarning, match="auc: constant"):
        found = metrics_of(y, np.full(len(p), 0.5), patient, ["auc", "accuracy"])
    assert (found["auc"].value, found["auc"].state, found["auc"].has_interval) == (0.5, "constant", False)
    assert str(found["auc"]) == "0.500 (constant)"
    assert found["accuracy"].has_interval


def test_spread_is_that_of_each_class_and_between_them():
    y, p, patient = patients(13, n=30)
    right, plan = (p >= 0.5) == y, patient_plan(Forecasts(y, p, patient))
    without = np.array([right[patient != i].mean() for i in range(30)])
    values = prepare_metrics(Forecasts(y, p, patient), ["accuracy"]).jackknife()["accuracy"]
    assert values[np.argsort(plan.left_out)] == pytest.approx(without)
    label = np.array([y[patient == i][0] for i in range(30)])
    within = [np.sum((without[label == k] - without[label == k].mean()) ** 2) for k in (0, 1)]
    between = 29 / 30 * sum((label == k).sum() * (without[label == k].mean() - without.mean()) ** 2 for k in (0, 1))
    found = spread(values, plan)
    assert found.se**2 == pytest.approx(sum(within) + between)
    freedom = found.se**4 / (within[0] ** 2 / 17 + within[1] ** 2 / 11 + between**2 / 28)
    assert found.freedom == pytest.approx(freedom)


def test_same_seed_same_interval():
    y, p, patient = patients(8)
    draws = {"n_draws": 200, "method": "bca"}
    a, b, c = (metrics_of(y, p, patient, ["auc"], seed=s, **draws)["auc"] for s in (1, 1, 2))
    assert (a.low, a.high) == (b.low, b.high)
    assert (a.low, a.high) != (c.low, c.high)


def test_nested_resampling_widens_where_patients_have_few_patches():
    y, p, patient = patients(9, n=30, spread=0.1)
    how = {"n_draws": 1500, "method": "percentile", "design": "case-control"}
    carried = metrics_of(y, p, patient, ["brier"], **how)["brier"]
    nested = metrics_of(y, p, patient, ["brier"], nested=("patches",), **how)["brier"]
    assert nested.high - nested.low > 1.1 * (carried.high - carried.low)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "percentiles"}, "Did you mean 'percentile'"),
        ({"level": 95}, "level must be strictly between 0 and 1"),
        ({"n_draws": 0}, "n_draws"),
        ({"nested": ("slides",)}, "needs the slide of each patch"),
        ({"design": "registry"}, "cohort"),
    ],
)
def test_bad_options_are_named(options, said):
    y, p, patient = patients(10)
    with pytest.raises(InputError, match=said):
        metrics_of(y, p, patient, ["auc"], **options)
