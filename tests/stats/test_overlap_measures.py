"""Each measure against scikit-learn on membership indicators, and at its edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, f1_score, jaccard_score, matthews_corrcoef

from featkit.stats.overlap_measures import OVERLAP_MEASURES, dice, jaccard, kappa, kuncheva, lustgarten, phi, unadjusted


def _indicators(seed: int, d: int = 60) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.random(d) < 0.4, generator.random(d) < 0.6


@pytest.mark.parametrize(
    ("measure", "oracle"),
    [(jaccard, jaccard_score), (dice, f1_score), (phi, matthews_corrcoef), (kappa, cohen_kappa_score)],
)
def test_measures_agree_with_scikit_learn_on_indicators(measure, oracle):
    for seed in range(20):
        a, b = _indicators(seed)
        assert measure((a & b).sum(), a.sum(), b.sum(), len(a)) == pytest.approx(oracle(a, b), abs=1e-13)


@st.composite
def _counts(draw):
    d = draw(st.integers(2, 500))
    a, b = draw(st.integers(1, d)), draw(st.integers(1, d))
    r = draw(st.integers(max(0, a + b - d), min(a, b)))
    return r, a, b, d


@settings(deadline=None)
@given(_counts())
def test_measures_stay_in_their_range_and_rise_with_the_intersection(counts):
    r, a, b, d = counts
    for name, measure in OVERLAP_MEASURES.items():
        value = measure.function(r, a, b, d)
        assert np.isnan(value) or measure.low - 1e-9 <= value <= measure.high + 1e-9, name
        if r < min(a, b):
            higher = measure.function(r + 1, a, b, d)
            assert np.isnan(value) or higher > value, name


@settings(deadline=None)
@given(_counts())
def test_measures_do_not_depend_on_the_order_of_the_two_sets(counts):
    r, a, b, d = counts
    for measure in OVERLAP_MEASURES.values():
        np.testing.assert_allclose(measure.function(r, a, b, d), measure.function(r, b, a, d), rtol=1e-12)


def test_equal_sets_have_overlap_one():
    for name, measure in OVERLAP_MEASURES.items():
        if name not in ("intersection", "lustgarten"):
            assert measure.function(7, 7, 7, 20) == pytest.approx(1.0), name


@pytest.mark.parametrize("function", [phi, kappa, kuncheva, unadjusted])
def test_measures_of_equal_sizes_agree_where_their_formulas_do(function):
    r, k, d = np.arange(3, 11), 10, 17
    np.testing.assert_allclose(function(r, k, k, d), (r * d - k * k) / (k * (d - k)), rtol=1e-12)


def test_lustgarten_by_hand():
    assert lustgarten(3, 4, 5, 10) == pytest.approx((3 - 2) / 4)
    assert lustgarten(6, 8, 7, 10) == pytest.approx((6 - 5.6) / (7 - 5))


def test_kuncheva_is_undefined_for_unequal_sizes():
    assert np.isnan(kuncheva(3, 4, 5, 10))


def test_empty_and_full_sets_are_undefined_where_the_formula_is_zero_over_zero():
    assert np.isnan(jaccard(0, 0, 0, 10))
    assert np.isnan(dice(0, 0, 0, 10))
    assert jaccard(0, 0, 4, 10) == 0
    assert np.isnan(phi(4, 10, 4, 10))
    assert np.isnan(kuncheva(10, 10, 10, 10))


def test_measures_are_vectorised_over_the_intersection():
    for measure in OVERLAP_MEASURES.values():
        values = measure.function(np.arange(5), 4, 4, 12)
        assert values.shape == (5,)
        np.testing.assert_allclose(values, [measure.function(r, 4, 4, 12) for r in range(5)])
