"""ROC curves: corners, interpolation and bands."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from featkit.core.errors import InputError
from featkit.core.options import Resampling
from featkit.results.evaluation import Curve
from featkit.stats import Forecasts, auc, draw_counts, roc_curve, roc_points


def clustered(seed=0, n_patients=30):
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), random.integers(5, 20, n_patients))
    y = (np.arange(n_patients) < 12)[patient].astype(int)
    return y, 1.2 * y + random.normal(size=n_patients)[patient] + random.normal(size=len(patient)), patient


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_corners_agree_with_scikit_learn(seed):
    random = np.random.default_rng(seed)
    y = np.r_[0, 1, random.integers(0, 2, 30)]
    score = random.integers(0, 8, 32).astype(float)
    theirs = sk.roc_curve(y, score, drop_intermediate=False)
    for ours, other in zip(roc_points(y, score), theirs):
        np.testing.assert_allclose(ours, other, atol=1e-12)


def at(grid, y, score):
    """Return the ROC curve at the grid, the upper end where it is vertical."""
    x, hits, _ = roc_points(y, score)
    out = []
    for g in grid:
        k = np.flatnonzero(x <= g + 1e-15)[-1]
        slope = (hits[k + 1] - hits[k]) / (x[k + 1] - x[k]) if k + 1 < len(x) else 0.0
        out.append(hits[k] + slope * (g - x[k]))
    return np.array(out)


def test_the_curve_on_the_grid_and_its_band():
    y, score, patient = clustered(1)
    curve = roc_curve(
        Forecasts(y, score, patient), n_grid=38, resampling=Resampling(n_draws=400, seed=2, design="case-control")
    )
    np.testing.assert_allclose(curve.y, at(curve.x, y, score), atol=1e-12)
    assert (curve.low <= curve.y + 1e-12).all()
    assert (curve.y <= curve.high + 1e-12).all()
    assert (np.diff(curve.low) >= -1e-12).all()
    assert (curve.y[-1], curve.low[-1], curve.high[-1]) == (1, 1, 1)
    draws = []
    for counts in draw_counts(patient, y, 400, seed=2):
        rows = np.repeat(np.arange(len(y)), counts[patient])
        draws.append(at(curve.x, y[rows], score[rows]))
    plain = np.quantile(draws, [0.025, 0.975], axis=0)
    assert (curve.low <= plain[0] + 1e-12).all()  # expanded beyond plain percentiles
    assert (plain[1] <= curve.high + 1e-12).all()
    assert np.abs(curve.low - plain[0]).max() < 0.12
    assert (curve.unit, curve.n_units, curve.n_draws) == ("patient", 30, 400)


def test_area_under_a_fine_grid_is_the_auc():
    y, score, patient = clustered(2)
    curve = roc_curve(Forecasts(y, score, patient), n_grid=4001, resampling=Resampling(n_draws=10))
    assert np.trapezoid(curve.y, curve.x) == pytest.approx(auc(y, score), abs=2e-3)


def test_patch_bands_are_narrower():
    y, score, patient = clustered(3)
    how = Resampling(n_draws=300)
    wide, narrow = (roc_curve(Forecasts(y, score, groups), resampling=how) for groups in (patient, "patches"))
    assert (narrow.high - narrow.low).mean() < 0.7 * (wide.high - wide.low).mean()
    assert narrow.unit == "patch"


def test_one_patient_of_a_class_has_no_band():
    patient = np.repeat(np.arange(4), 5)
    curve = roc_curve(Forecasts(patient == 0, np.arange(20.0), patient), resampling=Resampling(n_draws=20))
    assert np.isnan(curve.low).all()
    assert np.isfinite(curve.y).all()


def test_round_trip_and_refusal():
    curve = roc_curve(Forecasts(*clustered(4)), resampling=Resampling(n_draws=20))
    assert Curve.from_dict(curve.to_dict()).frame().equals(curve.frame())
    with pytest.raises(InputError, match="both classes"):
        roc_curve(Forecasts([1, 1], [0.1, 0.2], [0, 1]))
