"""Does the calibration test hold its size, and do reliability bands cover, when patches come in patients?

Forecasts are calibrated by construction: the posterior of a normal mixture whose patients have an effect of their own
and one class each ("patient labels"), or thresholds that patches of a patient share ("patch labels"). Small by default;
``FEATKIT_SIMULATION=long`` repeats more often. ``-s`` prints the figures that docs/statistics.md shows.
"""

import os

import numpy as np
import pytest
from scipy import stats

from featkit.core.options import Resampling
from featkit.stats import Forecasts, calibration_test, reliability_curve

pytestmark = pytest.mark.simulation

IS_LONG = os.environ.get("FEATKIT_SIMULATION") == "long"
SETTINGS = [
    (20, 0.4, "patient"),
    (20, 0.4, "patch"),
    (50, 0.15, "patient"),
    (130, 0.15, "patient"),
    (100, 0.1, "patch"),
]


def calibrated(n_patients, prevalence, labels, random):
    """Return labels, probabilities with exactly these frequencies, and patients."""
    patient = np.repeat(np.arange(n_patients), random.integers(8, 40, n_patients))
    n, start = len(patient), stats.norm.ppf(prevalence)
    effect, noise = random.normal(size=n_patients)[patient], random.normal(size=n)
    if labels == "patient":
        y = (random.random(n_patients) < prevalence)[patient]
        z = 1.5 * (y - 0.5) + effect + noise
        return y.astype(int), 1 / (1 + np.exp(-(0.75 * z + np.log(prevalence / (1 - prevalence))))), patient
    f = 0.7 * (random.normal(size=n) + random.normal(size=n_patients)[patient]) + 1.3 * start
    return ((effect + noise) / np.sqrt(2) < f).astype(int), stats.norm.cdf(f), patient


@pytest.mark.parametrize(("n_patients", "prevalence", "labels"), SETTINGS)
def test_the_calibration_test_holds_its_size(n_patients, prevalence, labels):
    n, random = (4000 if IS_LONG else 300), np.random.default_rng(n_patients)
    p = np.array(
        [
            calibration_test(
                Forecasts(*calibrated(n_patients, prevalence, labels, random)),
                resampling=Resampling(n_draws=299, seed=number),
            ).p_value
            for number in range(n)
        ]
    )
    size = np.mean(p <= 0.05)
    print(f"{n_patients} patients, {labels} labels, prevalence {prevalence}: size {size:.3f}, n {n}")
    assert stats.binom.ppf(0.0005, n, 0.03) <= np.sum(p <= 0.05) <= stats.binom.ppf(0.9995, n, 0.07)


@pytest.mark.parametrize(("n_patients", "prevalence", "labels"), SETTINGS)
def test_reliability_bands_cover(n_patients, prevalence, labels):
    n, random = (2000 if IS_LONG else 150), np.random.default_rng(1)
    _, p, _ = calibrated(40_000, prevalence, labels, random)
    truth = np.bincount(np.minimum((p * 5).astype(int), 4), weights=p) / np.bincount(np.minimum((p * 5).astype(int), 4))
    held, given = 0, 0
    for _ in range(n):
        curve = reliability_curve(Forecasts(*calibrated(n_patients, prevalence, labels, random)), n_bins=5)
        expected = truth[np.minimum((curve.forecast * 5).astype(int), 4)]
        has_band = np.isfinite(curve.low)
        given += has_band.sum()
        held += ((curve.low <= expected) & (expected <= curve.high))[has_band].sum()
        assert (curve.high - curve.low)[has_band].min() > 0.01
    print(f"{n_patients} patients, {labels} labels, prevalence {prevalence}: bands cover {held / given:.3f} of {given}")
    assert held / given > 0.9
