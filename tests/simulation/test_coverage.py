"""Do 95 % intervals hold the truth at least 93 times in 100, wherever one is given?

Patients have an effect of their own on the logits of their patches, so patches of a patient are alike; two forecasts
share most of it. Classes of patients are drawn (a cohort) or fixed (case-control). The truth is the metric on 15,000
other patients. Small by default; ``FEATKIT_SIMULATION=long`` repeats more often and tightens what is tolerated, the
range of a binomial count and nothing else. ``-s`` prints coverage and how often no interval was given.
"""

import dataclasses
import functools
import os
from collections import Counter

import numpy as np
import polars as pl
import pytest
from scipy import stats

from featkit.core.options import Resampling, SplitOptions
from featkit.data import leave_one_domain_out
from featkit.stats import Forecasts, auc_interval, metric_draws, paired_differences, patient_plan, prepare_metrics
from featkit.stats.intervals import interval_estimates

pytestmark = pytest.mark.simulation

IS_LONG = os.environ.get("FEATKIT_SIMULATION") == "long"
METRICS = (
    *("auc", "average_precision", "f1", "balanced_accuracy", "accuracy", "mcc", "sensitivity", "specificity"),
    *("recognition_rate", "brier", "calibration_slope", "calibration_intercept"),
)


@dataclasses.dataclass(frozen=True)
class World:
    """Logits: ``steepness * (+-separation / 2 + patient effect + noise)``; forecasts differ in separation and noise."""

    separation: float = 1.7
    steepness: float = 1.0

    def sample(self, is_positive, random, n_patches=(5, 40)):
        """Return labels, two forecasts and patients."""
        n_patients = len(is_positive)
        patient = np.repeat(np.arange(n_patients), random.integers(*n_patches, n_patients))
        y, n = is_positive[patient].astype(int), len(patient)
        shared = random.normal(size=n_patients)[patient] + 0.6 * random.normal(size=n)
        both = []
        for separation in (self.separation + 0.3, self.separation):
            own = 0.5 * random.normal(size=n_patients)[patient] + 0.5 * random.normal(size=n)
            both.append(1 / (1 + np.exp(-self.steepness * (separation * (y - 0.5) + shared + own))))
        return y, both, patient

    @functools.cache  # noqa: B019
    def truth(self, share):
        """Return the metrics of both forecasts among very many patients."""
        is_positive = np.arange(15_000) < round(15_000 * share)
        y, both, patient = self.sample(is_positive, np.random.default_rng(99), (5, 40))
        return [prepare_metrics(Forecasts(y, p, patient), METRICS).values() for p in both]


def held(draw, truth, n_studies, design="cohort"):
    """Return by metric and kind how often an interval was given, and how often it held the truth.

    ``draw`` takes a random generator and returns two forecasts of the same patches.
    """
    given, right = Counter(), Counter()
    how = Resampling(design=design)
    for study in range(n_studies):
        one, two = draw(np.random.default_rng((7, study)))
        plan = patient_plan(one, how)
        both = [prepare_metrics(f, METRICS, plan=plan) for f in (one, two)]
        found = interval_estimates(both[0], how, one)
        gaps = paired_differences(*both, one, how)
        for name in METRICS:
            for kind, estimate, value in (
                ("value", found[name], truth[0][name]),
                ("difference", gaps[name].estimate, truth[0][name] - truth[1][name]),
            ):
                given[kind, name] += estimate.has_interval
                right[kind, name] += estimate.low <= value <= estimate.high
    return given, right


def show(title, given, right, n_studies):
    for kind in ("value", "difference"):
        cells = []
        for name in METRICS:
            n = given[kind, name]
            none = f" ({n_studies - n} without)" if n < n_studies else ""
            cells.append(f"{name} {right[kind, name] / n:.3f}{none}" if n else f"{name} never")
        print(f"{title}, {n_studies} studies, {kind}: " + "  ".join(cells))


def assert_covers(count, n, low=0.93, high=1.0):
    """Fail only when a coverage inside [low, high] would give so extreme a count less than once in two thousand."""
    assert stats.binom.ppf(0.0005, n, low) <= count <= stats.binom.ppf(0.9995, n, high), (count / n, n)


@pytest.mark.parametrize("world", [World(), World(3.0, 2.0)], ids=["overlapping", "separated"])
def test_through_the_split_intervals_cover_from_fifty_test_patients_with_ten_in_the_smaller_class(world):
    n_studies, share = (2000 if IS_LONG else 250), 0.2

    def draw(random):
        is_positive = random.random(167) < share
        y, both, patient = world.sample(is_positive, random, (10, 60))
        domain = np.where(np.arange(len(y)) % 2, "100X", "200X")
        rows = pl.DataFrame(
            {
                "patch_id": np.arange(len(y)).astype(str),
                "label": np.where(y == 1, "malignant", "benign"),
                "patient": patient.astype(str),
                "magnification": domain,
            }
        )
        split = leave_one_domain_out(rows, "100X", SplitOptions(seed=int(random.integers(1 << 30))))
        test = split.rows("test")
        one = Forecasts(y[test], both[0][test], patient[test], n_cohort=167)
        return one, one.with_p(both[1][test])

    given, right = held(draw, world.truth(share), n_studies)
    show("167 patients, 30 % tested", given, right, n_studies)
    for kind, name in given:
        assert given[kind, name] > 0.9 * n_studies, (kind, name)
        assert_covers(right[kind, name], given[kind, name], high=0.98)


@pytest.mark.parametrize(("n_positive", "n_negative"), [(2, 20), (3, 47), (5, 45), (4, 4)])
def test_few_patients_of_a_class_are_covered_wherever_an_interval_is_given(n_positive, n_negative):
    world, n_studies, n = World(), (1000 if IS_LONG else 120), n_positive + n_negative

    def draw(random):
        y, both, patient = world.sample(np.arange(n) < n_positive, random)
        one = Forecasts(y, both[0], patient)
        return one, one.with_p(both[1])

    given, right = held(draw, world.truth(n_positive / n), n_studies, "case-control")
    show(f"{n_positive} and {n_negative} patients", given, right, n_studies)
    for kind, name in given:
        if given[kind, name]:
            assert_covers(right[kind, name], given[kind, name], low=0.92)


def test_fixed_class_counts_would_cover_accuracy_and_brier_far_too_rarely():
    world, n_studies, share = World(2.5, 1.0), (2000 if IS_LONG else 150), 0.15

    def draw(random):
        y, both, patient = world.sample(random.random(130) < share, random, (3, 8))
        p = 1 / (
            1 + np.exp(2.0 - np.log(both[0] / (1 - both[0])))
        )  # leans to the commoner class, which it nearly always names
        one = Forecasts(y, p, patient)
        return one, one.with_p(np.full(len(y), 0.15))

    random = np.random.default_rng(5)
    y, both, patient = world.sample(np.arange(15_000) < 15_000 * share, random, (3, 8))
    p = 1 / (1 + np.exp(2.0 - np.log(both[0] / (1 - both[0]))))
    names = ("accuracy", "brier")
    truth = prepare_metrics(Forecasts(y, p, patient), names).values()
    usual = prepare_metrics(Forecasts(y, np.full(len(y), 0.15), patient), names).values()
    right, constant, gap = Counter(), Counter(), Counter()
    for study in range(n_studies):
        one, flat = draw(np.random.default_rng((3, study)))
        for design in ("cohort", "case-control"):
            how = Resampling(design=design)
            plan = patient_plan(one, how)
            both = [prepare_metrics(f, names, plan=plan) for f in (one, flat)]
            found, of_flat = (interval_estimates(m, how, f) for m, f in zip(both, (one, flat)))
            change = paired_differences(*both, one, how)
            for name in names:
                right[design, name] += found[name].low <= truth[name] <= found[name].high
                constant[design, name] += of_flat[name].low <= usual[name] <= of_flat[name].high
                difference = change[name].estimate
                gap[design, name] += difference.low <= truth[name] - usual[name] <= difference.high
    for what, count in (("forecast", right), ("constant forecast", constant), ("difference", gap)):
        print(f"130 patients, {share:.0%} positive, {n_studies} studies, {what}:", end=" ")
        print({key: round(value / n_studies, 3) for key, value in count.items()})
    for name in names:
        for count in (right, constant, gap):
            assert_covers(count["cohort", name], n_studies)
        assert right["case-control", name] < 0.9 * n_studies
        assert constant["case-control", name] < 0.7 * n_studies


@pytest.mark.parametrize("n_patients", [20, 80])
def test_a_bootstrap_over_patches_visibly_covers_too_little(n_patients):
    world, n = World(), (1000 if IS_LONG else 100)
    truth, names, right = world.truth(0.3)[0], ("auc", "brier", "accuracy"), Counter()
    for number in range(n):
        random = np.random.default_rng((2, number))
        y, both, _ = world.sample(np.arange(n_patients) < 0.3 * n_patients, random)
        how = Resampling(n_draws=200, seed=number)
        for name, draws in metric_draws(Forecasts(y, both[0], "patches"), names, resampling=how).items():
            low, high = np.quantile(draws, [0.025, 0.975])
            right[name] += low <= truth[name] <= high
    print(f"{n_patients:4d} patients, patches drawn: ", {name: round(right[name] / n, 3) for name in names})
    for name in names:
        assert right[name] < 0.75 * n


@pytest.mark.parametrize("n_patients", [20, 80])
def test_obuchowski_covers_and_delong_does_not(n_patients):
    world, n = World(), (3000 if IS_LONG else 300)
    truth, clustered, naive = world.truth(0.3)[0]["auc"], 0, 0
    for number in range(n):
        y, both, patient = world.sample(np.arange(n_patients) < 0.3 * n_patients, np.random.default_rng((4, number)))
        for groups in (patient, "patches"):
            found = auc_interval(y, both[0], groups)
            if isinstance(groups, str):
                naive += found.low <= truth <= found.high
            else:
                clustered += found.low <= truth <= found.high
    print(f"{n_patients:4d} patients: obuchowski {clustered / n:.3f}, delong {naive / n:.3f}")
    assert_covers(clustered, n, low=0.92)
    assert naive < 0.75 * n
