"""Do 95 % intervals hold the truth 93 to 97 times in 100 when patches come in patients?

Patients have an effect of their own on the logit of their patches, so patches of a patient are alike. The truth of
every metric is known from the normal distribution of logits. Small by default; ``FEATKIT_SIMULATION=long`` repeats
more often and tightens what is tolerated, the range of a binomial count and nothing else. ``-s`` prints the coverages.
"""

import dataclasses
import os

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from featkit.stats import auc_interval, interval, metric_draws, prepare_metrics

pytestmark = pytest.mark.simulation

IS_LONG = os.environ.get("FEATKIT_SIMULATION") == "long"
METRICS = ("auc", "f1", "brier", "accuracy", "balanced_accuracy", "recognition_rate")
MINOR_SHARE = 0.3


@dataclasses.dataclass(frozen=True)
class World:
    """Logits: ``steepness * (+-separation / 2 + patient effect + noise)``, effect and noise standard normal."""

    n_patients: int
    separation: float
    steepness: float = 1.0

    def sample(self, random):
        n_positive = round(self.n_patients * MINOR_SHARE)
        patient = np.repeat(np.arange(self.n_patients), random.integers(8, 50, self.n_patients))
        y = (patient < n_positive).astype(int)
        effect = random.normal(size=self.n_patients)[patient]
        logit = self.separation * (y - 0.5) + effect + random.normal(size=len(patient))
        return y, 1 / (1 + np.exp(-self.steepness * logit)), patient

    def truth(self):
        scale, share = np.sqrt(2), MINOR_SHARE
        hit = stats.norm.cdf(self.separation / 2 / scale)  # true positive rate, and true negative rate

        def loss(logit):
            return (1 / (1 + np.exp(self.steepness * logit))) ** 2 * stats.norm.pdf(logit, self.separation / 2, scale)

        return {
            "auc": stats.norm.cdf(self.separation / 2),
            "f1": 2 * share * hit / (2 * share * hit + (1 - share) * (1 - hit) + share * (1 - hit)),
            "brier": quad(loss, -15, 15)[0],
            "accuracy": hit,
            "balanced_accuracy": hit,
            "recognition_rate": hit,
        }


def coverages(world, n_datasets, methods, seed, n_draws=600):
    """Return how often each method's 95 % interval held the truth: (method, metric) to a count."""
    random, truth = np.random.default_rng(seed), world.truth()
    held = dict.fromkeys([(method, name) for method in methods for name in METRICS], 0)
    for number in range(n_datasets):
        y, p, patient = world.sample(random)
        prepared = prepare_metrics(y, p, patient, METRICS)
        values, draws, without = prepared.values(), prepared.bootstrap(n_draws, number), prepared.jackknife()
        for method, name in held:
            low, high = interval(
                values[name], draws[name], without[name], prepared.plan, method=method, range=prepared.ranges[name]
            )
            held[method, name] += low <= truth[name] <= high
    for method in methods:
        rates = "  ".join(f"{name} {held[method, name] / n_datasets:.3f}" for name in METRICS)
        print(f"{world.n_patients:4d} patients, AUC {truth['auc']:.2f}, {n_datasets} data sets, {method}: {rates}")
    return held


def assert_covers(count, n, low=0.93, high=0.97):
    """Fail only when a coverage inside [low, high] would give so extreme a count less than once in two thousand."""
    assert stats.binom.ppf(0.0005, n, low) <= count <= stats.binom.ppf(0.9995, n, high), count / n


@pytest.mark.parametrize(
    ("world", "few", "many"),
    [
        (World(20, 1.7), 400, 4000),
        (World(80, 1.7), 300, 3000),
        (World(300, 1.7), 80, 1000),
        (World(20, 3.5, 3.0), 400, 4000),  # well separated and overconfident: the hard case for intervals near 1
        (World(80, 3.5, 3.0), 300, 3000),
    ],
    ids=lambda v: f"{v.n_patients}-patients-{v.separation}" if isinstance(v, World) else None,
)
def test_the_default_interval_covers(world, few, many):
    n = many if IS_LONG else few
    held = coverages(world, n, ("logit-t", "percentile"), seed=world.n_patients)
    for name in METRICS:
        assert_covers(held["logit-t", name], n)


def test_percentiles_cover_too_little_with_twenty_patients():
    n = 2000 if IS_LONG else 300
    held = coverages(World(20, 3.5, 3.0), n, ("logit-t", "expanded", "percentile", "bca"), seed=1)
    for name in METRICS:
        assert held["percentile", name] < stats.binom.ppf(0.05, n, 0.93)
        assert held["percentile", name] < held["expanded", name] <= held["logit-t", name]


@pytest.mark.parametrize("n_patients", [20, 80])
def test_a_bootstrap_over_patches_visibly_covers_too_little(n_patients):
    world, n = World(n_patients, 1.7), (1000 if IS_LONG else 120)
    random, truth, held = np.random.default_rng(2), world.truth(), dict.fromkeys(METRICS, 0)
    for number in range(n):
        y, p, _ = world.sample(random)
        for name, draws in metric_draws(y, p, "patches", METRICS, n_draws=300, seed=number).items():
            low, high = np.quantile(draws, [0.025, 0.975])
            held[name] += low <= truth[name] <= high
    print(f"{n_patients:4d} patients, patches drawn: ", {name: round(count / n, 3) for name, count in held.items()})
    for name in METRICS:
        assert held[name] < 0.75 * n


@pytest.mark.parametrize("n_patients", [20, 80])
def test_obuchowski_covers_and_delong_does_not(n_patients):
    world, n = World(n_patients, 1.7), (3000 if IS_LONG else 400)
    random, truth = np.random.default_rng(3), world.truth()["auc"]
    clustered = naive = 0
    for _ in range(n):
        y, p, patient = world.sample(random)
        for groups in (patient, "patches"):
            found = auc_interval(y, p, groups)
            if isinstance(groups, str):
                naive += found.low <= truth <= found.high
            else:
                clustered += found.low <= truth <= found.high
    print(f"{n_patients:4d} patients: obuchowski {clustered / n:.3f}, delong {naive / n:.3f}")
    assert_covers(clustered, n)
    assert naive < 0.75 * n
