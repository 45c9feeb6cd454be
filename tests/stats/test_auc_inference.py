"""DeLong and Obuchowski: definitions by brute force, a published value, reductions and resampling."""

import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.core.options import Resampling
from featkit.stats import Forecasts, auc, auc_covariance, auc_difference, auc_interval, metric_draws


def covariance_by_pairs(y, scores):
    """DeLong's estimate from all pairs of a positive and a negative."""
    columns = []
    for s in scores.T:
        a, b = s[y == 1][:, None], s[y == 0][None]
        columns.append((a > b) + 0.5 * (a == b))
    of_positives = np.cov([w.mean(axis=1) for w in columns])
    of_negatives = np.cov([w.mean(axis=0) for w in columns])
    return of_positives / (y == 1).sum() + of_negatives / (y == 0).sum()


def test_delong_is_its_definition():
    random = np.random.default_rng(0)
    y = np.r_[0, 0, 1, 1, random.integers(0, 2, 60)]
    scores = np.round(random.normal(size=(64, 3)) + y[:, None], 1)
    aucs, covariance = auc_covariance(y, scores, "patches")
    np.testing.assert_allclose(aucs, [auc(y, s) for s in scores.T], atol=1e-12)
    np.testing.assert_allclose(covariance, covariance_by_pairs(y, scores), atol=1e-12)


def test_the_published_value_for_hanley_and_mcneil_ratings():
    """109 CT ratings of Hanley and McNeil (Radiology 143:29, 1982), as in the Stata manual under ``roctab``."""
    ratings = np.r_[np.repeat([1, 2, 3, 4, 5], [33, 6, 6, 11, 2]), np.repeat([1, 2, 3, 4, 5], [3, 2, 2, 11, 33])]
    y = np.repeat([0, 1], [58, 51])
    aucs, covariance = auc_covariance(y, ratings, "patches")
    error = np.sqrt(covariance[0, 0])
    assert (round(aucs[0], 4), round(error, 4)) == (0.8932, 0.0307)
    bounds = aucs[0] + np.array([-1, 1]) * 1.959963985 * error
    assert bounds.round(5).tolist() == [0.83295, 0.95339]


def test_patients_of_one_patch_each_give_delong():
    random = np.random.default_rng(1)
    y = np.r_[0, 0, 1, 1, random.integers(0, 2, 40)]
    scores = random.normal(size=(44, 2)) + y[:, None]
    clustered = auc_covariance(y, scores, random.permutation(44))[1]
    np.testing.assert_allclose(clustered, auc_covariance(y, scores, "patches")[1], atol=1e-12)


@pytest.mark.parametrize("is_mixed", [False, True])
def test_obuchowski_agrees_with_the_spread_of_patient_draws(is_mixed):
    random = np.random.default_rng(2)
    patient = np.repeat(np.arange(150), random.integers(2, 12, 150))
    y = random.integers(0, 2, len(patient)) if is_mixed else (np.arange(150) < 60)[patient].astype(int)
    score = y + random.normal(size=150)[patient] + random.normal(size=len(patient))
    closed = np.sqrt(auc_covariance(y, score, patient)[1][0, 0])
    how = Resampling(n_draws=4000, design="case-control")
    draws = metric_draws(Forecasts(y, score, patient), ["auc"], resampling=how)["auc"]
    assert closed == pytest.approx(draws.std(), rel=0.06)
    naive = np.sqrt(auc_covariance(y, score, "patches")[1][0, 0])
    if not is_mixed:
        assert naive < 0.7 * closed


def test_identical_rankings_differ_by_nothing_for_sure():
    random = np.random.default_rng(3)
    y, score = np.repeat([0, 1], 20), random.normal(size=40)
    difference, p_value = auc_difference(y, score, np.exp(score), np.arange(40) // 4)
    assert (difference.value, difference.low, difference.high, p_value) == (0.0, 0.0, 0.0, 1.0)


def test_a_difference_without_visible_spread_has_no_p_value():
    y = np.repeat([0, 1], 5)
    difference, p_value = auc_difference(y, y, -y, "patches")
    assert difference.value == 1.0
    assert np.isnan([difference.low, difference.high, p_value]).all()


def test_difference_matches_its_covariance():
    random = np.random.default_rng(4)
    patient = np.repeat(np.arange(40), 5)
    y = (patient < 15).astype(int)
    a, b = y + random.normal(size=(2, 200))
    aucs, covariance = auc_covariance(y, np.column_stack([a, b]), patient)
    difference, p_value = auc_difference(y, a, b, patient)
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert difference.value == pytest.approx(aucs[0] - aucs[1])
    assert difference.high - difference.low == pytest.approx(2 * 1.959963985 * error)
    swapped, same = auc_difference(y, b, a, patient)
    assert (swapped.value, same) == pytest.approx((-difference.value, p_value))
    assert difference.method == "obuchowski"


def test_interval_stays_inside_and_says_what_it_is():
    random = np.random.default_rng(5)
    patient = np.repeat(np.arange(12), 6)
    y = (patient < 6).astype(int)
    score = 3 * y + random.normal(size=72)
    clustered, naive = auc_interval(y, score, patient), auc_interval(y, score, "patches")
    assert 0 < clustered.low < clustered.value < clustered.high < 1
    assert (clustered.method, clustered.unit, clustered.n_units) == ("obuchowski", "patient", 12)
    assert (naive.method, naive.unit, naive.n_units) == ("delong", "patch", 72)


def test_perfect_separation_keeps_an_honest_lower_bound():
    y, patient = np.repeat([0, 1], 30), np.repeat(np.arange(12), 5)
    perfect = auc_interval(y, y.astype(float), patient)
    assert (perfect.value, perfect.high) == (1.0, 1.0)
    assert perfect.low == pytest.approx(0.025 ** (1 / 6))


def test_one_patient_of_a_class_gives_no_interval():
    patient = np.repeat(np.arange(4), 5)
    found = auc_interval((patient == 0).astype(int), np.arange(20.0), patient)
    assert np.isnan([found.low, found.high]).all()
    assert np.isfinite(found.value)


def test_refusals():
    with pytest.raises(InputError, match="must name the patient"):
        auc_interval([0, 1], [0.1, 0.2], None)
    with pytest.raises(InputError, match="scores must be finite"):
        auc_covariance([0, 1], [0.1, np.nan], "patches")
