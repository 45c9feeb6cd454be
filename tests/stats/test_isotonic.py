"""The isotonic parts of the Brier score."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from featkit.core.errors import InputError
from featkit.stats import brier, isotonic_decomposition


@given(st.integers(0, 10_000))
@settings(max_examples=80, deadline=None)
def test_parts_add_up_and_agree_with_scikit_learn(seed):
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 80))
    y, p = random.integers(0, 2, n), np.round(random.random(n), int(random.integers(1, 6)))
    s = isotonic_decomposition(y, p)
    assert s.miscalibration - s.discrimination + s.uncertainty == pytest.approx(brier(y, p), abs=1e-12)
    assert min(s.miscalibration, s.discrimination, s.uncertainty) >= 0
    fitted = IsotonicRegression().fit(p, y).predict(s.probability)
    np.testing.assert_allclose(s.rate, fitted, atol=1e-12)
    assert s.n_patches.sum() == n


def test_mending_with_the_isotonic_map_leaves_nothing_to_mend():
    random = np.random.default_rng(0)
    p = random.random(500)
    y = (random.random(500) < p**2).astype(int)
    s = isotonic_decomposition(y, p)
    mended = isotonic_decomposition(y, s.rate[np.searchsorted(s.probability, p)])
    assert mended.miscalibration == pytest.approx(0, abs=1e-12)
    assert mended.discrimination == pytest.approx(s.discrimination, abs=1e-12)


def test_discrimination_ignores_increasing_maps():
    random = np.random.default_rng(1)
    p = random.random(300)
    y = (random.random(300) < p).astype(int)
    assert isotonic_decomposition(y, p**3).discrimination == pytest.approx(
        isotonic_decomposition(y, p).discrimination, abs=1e-12
    )
    assert isotonic_decomposition(y, p**3).miscalibration > isotonic_decomposition(y, p).miscalibration


def test_a_constant_forecast_only_has_uncertainty_and_its_distance():
    s = isotonic_decomposition([0, 0, 0, 1], [0.5] * 4)
    assert s.discrimination == pytest.approx(0, abs=1e-15)
    assert s.miscalibration == pytest.approx((0.5 - 0.25) ** 2)
    assert s.frame().height == 1


def test_two_classes_only():
    with pytest.raises(InputError, match="two classes"):
        isotonic_decomposition([0, 1, 2], np.full((3, 3), 1 / 3))
