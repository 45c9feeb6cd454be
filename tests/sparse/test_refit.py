"""Refitted signatures against scikit-learn's scores, planted contributions and refusals."""

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from featkit.core.errors import InputError
from featkit.core.options import Resampling, RidgeOptions
from featkit.results.refit import ContributionResult, PerformanceCurve, RefitResult
from featkit.sparse.refit import leave_one_out, performance_curve, refit_support
from featkit.sparse.ridge import fit_logistic
from featkit.stats.labelled_rows import LabelledRows


def split(halves):
    """Return training and test rows of six arrays."""
    return LabelledRows(*halves[:3]), LabelledRows(*halves[3:])


def _halves(seed=0, n_patients=40, each=15, d=10, informative=3, shift=0.8):
    """Patients of one class each; the first dimensions are shifted between the classes."""
    generator = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_patients), each)
    y = groups % 2
    X = generator.normal(size=(len(groups), d)) + 0.3 * generator.normal(size=(n_patients, d))[groups]
    X[:, :informative] += shift * y[:, None]
    train = groups < n_patients * 0.6
    return X[train], y[train], groups[train], X[~train], y[~train], groups[~train]


def _several(seed=0, n_patients=48, each=12, d=8, n_classes=3, shift=0.8):
    """Patients of one of several classes each; class k shifts dimension k, and the other dimensions say nothing."""
    generator = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_patients), each)
    y = groups % n_classes
    X = generator.normal(size=(len(groups), d)) + 0.3 * generator.normal(size=(n_patients, d))[groups]
    X[:, :n_classes] += shift * np.eye(n_classes)[y]
    train = groups < n_patients * 0.6
    return X[train], y[train], groups[train], X[~train], y[~train], groups[~train]


def _brier(y, P):
    return np.mean(np.sum((P - np.eye(P.shape[1])[y]) ** 2, axis=1))


def test_scores_equal_scikit_learn_on_the_fitted_probabilities():
    halves = _halves()
    X_train, y_train, _, X_test, y_test, _ = halves
    support = [0, 1, 2, 7]
    result = refit_support(*split(halves), support, resampling=Resampling(n_draws=50))
    for fits, c in ((result.unshrunk, np.inf), (result.ridge, result.ridge_c)):
        p = fit_logistic(X_train[:, support], y_train, c).predict_proba(X_test[:, support])
        assert fits["auc"].value == pytest.approx(roc_auc_score(y_test, p), abs=1e-12)
        assert fits["f1"].value == pytest.approx(f1_score(y_test, p >= 0.5), abs=1e-12)
        assert fits["brier"].value == pytest.approx(brier_score_loss(y_test, p), abs=1e-12)
        assert fits["auc"].low < fits["auc"].value < fits["auc"].high
        assert fits["auc"].n_units == 16
    assert (result.n_train_patients, result.n_test_patients) == (24, 16)
    assert result.is_converged
    assert result.notes == ()


def test_scores_of_several_classes_equal_scikit_learn_pipelines():
    halves = _several()
    X_train, y_train, _, X_test, y_test, _ = halves
    support = [0, 1, 2, 7]
    result = refit_support(*split(halves), support, resampling=Resampling(n_draws=50))
    for fits, c in ((result.unshrunk, np.inf), (result.ridge, result.ridge_c)):
        pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=c, tol=1e-8, max_iter=1000))
        P = pipeline.fit(X_train[:, support], y_train).predict_proba(X_test[:, support])
        assert fits["auc"].value == pytest.approx(roc_auc_score(y_test, P, multi_class="ovr"), abs=1e-3)
        assert fits["f1"].value == pytest.approx(f1_score(y_test, P.argmax(axis=1), average="macro"), abs=0.01)
        assert fits["brier"].value == pytest.approx(_brier(y_test, P), abs=1e-4)
        assert fits["brier"].low < fits["brier"].value < fits["brier"].high
        assert fits["auc"].n_units == 19
    assert result.ridge_coefficients.shape == (4, 3)
    assert np.linalg.norm(result.ridge_coefficients) < np.linalg.norm(result.unshrunk_coefficients)
    assert (result.n_classes, result.is_converged, result.notes) == (3, True, ())


def test_names_of_several_classes_do_not_matter():
    halves = _several(1)
    renamed = (halves[0], (halves[1] + 1) % 3, halves[2], halves[3], (halves[4] + 1) % 3, halves[5])
    first, second = (
        refit_support(*split(h), [0, 1, 2], ridge=RidgeOptions(cs=[0.1]), resampling=Resampling(n_draws=10))
        for h in (halves, renamed)
    )
    for metric in first.ridge:
        assert first.ridge[metric].value == pytest.approx(second.ridge[metric].value, abs=1e-4)
    np.testing.assert_allclose(np.roll(first.ridge_coefficients, 1, axis=1), second.ridge_coefficients, atol=1e-4)


def test_coefficients_are_those_of_the_fit_and_the_support_is_sorted():
    halves = _halves(1)
    result = refit_support(*split(halves), [7, 2, 0], resampling=Resampling(n_draws=10))
    assert result.support.tolist() == [0, 2, 7]
    np.testing.assert_allclose(
        result.unshrunk_coefficients, fit_logistic(halves[0][:, [0, 2, 7]], halves[1]).coefficients
    )
    assert np.linalg.norm(result.ridge_coefficients) < np.linalg.norm(result.unshrunk_coefficients)


def test_separable_support_is_reported_and_scored_with_ridge_alone(tmp_path):
    X_train, y_train, groups, X_test, y_test, others = _halves(2)
    X_train[:, 0] = 3 * y_train + 0.1 * X_train[:, 0]
    result = refit_support(
        *split((X_train, y_train, groups, X_test, y_test, others)), [0, 1], resampling=Resampling(n_draws=50)
    )
    assert result.is_separable
    assert np.isnan(result.unshrunk["auc"].value)
    assert np.isnan(result.unshrunk_coefficients).all()
    assert np.isfinite(result.ridge["auc"].value)
    assert "separates the training classes" in result.notes[0]
    again = RefitResult.load(result.save(tmp_path / "refit.json"))
    assert np.isnan(again.unshrunk["brier"].value)
    assert again.frame().height == 6


def test_several_separable_classes_are_scored_with_ridge_alone(tmp_path):
    X_train, y_train, groups, X_test, y_test, others = _several(2)
    X_train[:, :3] = 3 * np.eye(3)[y_train] + 0.1 * X_train[:, :3]
    result = refit_support(
        *split((X_train, y_train, groups, X_test, y_test, others)), [0, 1, 2], resampling=Resampling(n_draws=50)
    )
    assert result.is_separable
    assert np.isnan(result.unshrunk["f1"].value)
    assert np.isfinite(result.ridge["f1"].value)
    assert "separates the training classes" in result.notes[0]
    again = RefitResult.load(result.save(tmp_path / "refit.json"))
    assert np.isnan(again.unshrunk_coefficients).all()
    assert again.unshrunk_coefficients.shape == (3, 3)
    np.testing.assert_array_equal(again.ridge_coefficients, result.ridge_coefficients)
    assert again.frame().equals(result.frame())
    assert again.frame().height == 6


def test_one_class_apart_from_the_others_is_noted():
    X_train, y_train, groups, X_test, y_test, others = _several(3)
    X_train[:, 0] = np.where(y_train == 0, 6.0, 0.0) + 0.1 * X_train[:, 0]
    result = refit_support(
        *split((X_train, y_train, groups, X_test, y_test, others)), [0, 1], resampling=Resampling(n_draws=20)
    )
    assert not result.is_separable
    assert not result.is_converged
    assert result.notes[0].endswith("1 of 3 classes can be separated from all others")


def test_empty_support_predicts_the_training_prevalence():
    halves = _halves(3)
    result = refit_support(*split(halves), [], resampling=Resampling(n_draws=20))
    assert result.ridge["auc"].value == 0.5
    assert result.ridge["brier"].value == pytest.approx(np.mean((halves[4] - halves[1].mean()) ** 2))
    assert "The support is empty" in result.notes[0]


def test_empty_support_of_several_classes_keeps_its_shape_on_disk(tmp_path):
    halves = _several(4)
    result = refit_support(*split(halves), [], resampling=Resampling(n_draws=20))
    shares = np.bincount(halves[1]) / len(halves[1])
    assert result.ridge["auc"].value == 0.5
    assert result.ridge["brier"].value == pytest.approx(_brier(halves[4], np.tile(shares, (len(halves[4]), 1))))
    again = RefitResult.load(result.save(tmp_path / "refit.json"))
    assert again.ridge_coefficients.shape == again.unshrunk_coefficients.shape == (0, 3)


def test_test_labels_never_reach_the_fit():
    halves = _halves(4)
    flipped = (*halves[:4], 1 - halves[4], halves[5])
    first, second = (refit_support(*split(h), [0, 1, 2], resampling=Resampling(n_draws=10)) for h in (halves, flipped))
    assert first.ridge_c == second.ridge_c
    np.testing.assert_array_equal(first.ridge_coefficients, second.ridge_coefficients)
    assert first.ridge["auc"].value == pytest.approx(1 - second.ridge["auc"].value)


def test_one_class_in_test_leaves_auc_undefined_not_hidden():
    X_train, y_train, groups, X_test, y_test, others = _halves(5)
    result = refit_support(
        *split((X_train, y_train, groups, X_test, np.ones_like(y_test), others)),
        [0, 1],
        resampling=Resampling(n_draws=20),
    )
    assert np.isnan(result.ridge["auc"].value)
    assert np.isfinite(result.ridge["brier"].value)


def test_a_class_missing_from_test_leaves_auc_undefined_not_hidden():
    X_train, y_train, groups, X_test, y_test, others = _several(5)
    there = y_test != 2
    test = X_test[there], y_test[there], others[there]
    result = refit_support(*split((X_train, y_train, groups, *test)), [0, 1, 2], resampling=Resampling(n_draws=20))
    assert np.isnan(result.ridge["auc"].value)
    assert np.isfinite(result.ridge["f1"].value)
    assert any(note.startswith("auc: undefined") for note in result.notes)
    drops = leave_one_out(*split((X_train, y_train, groups, *test)), [0, 1, 2], resampling=Resampling(n_draws=20))
    assert np.isnan(drops.auc_drop).all()
    assert np.isfinite(drops.brier_rise_low).all()


def test_curve_rises_over_informative_dimensions_and_flattens_over_noise():
    halves = _halves(6, n_patients=60)
    result = performance_curve(
        *split(halves), np.arange(10), ranked_by="planted", sizes=[1, 2, 3, 6, 10], resampling=Resampling(n_draws=50)
    )
    assert (np.diff(result.auc[:3]) > 0.01).all()
    assert abs(result.auc[4] - result.auc[2]) < 0.03
    assert result.brier.argmin() >= 2
    assert (result.auc_low <= result.auc).all()
    assert (result.auc <= result.auc_high).all()


def test_curve_ends_at_the_refit_of_the_whole_ranking(tmp_path):
    halves = _halves(7)
    ranking = np.array([4, 0, 2])
    result = performance_curve(*split(halves), ranking, ranked_by="path entry", resampling=Resampling(n_draws=50))
    whole = refit_support(*split(halves), ranking, resampling=Resampling(n_draws=50))
    assert result.sizes.tolist() == [1, 2, 3]
    assert result.auc[-1] == pytest.approx(whole.ridge["auc"].value, abs=1e-4)
    assert result.ridge_c[-1] == whole.ridge_c
    assert PerformanceCurve.load(result.save(tmp_path / "curve.json")).frame().equals(result.frame())


def test_curve_of_several_classes_rises_with_each_class_that_is_told(tmp_path):
    halves = _several(6, n_patients=60)
    result = performance_curve(
        *split(halves), np.arange(8), ranked_by="planted", sizes=[1, 2, 3, 8], resampling=Resampling(n_draws=50)
    )
    assert (np.diff(result.auc[:3]) > 0.02).all()
    assert abs(result.auc[3] - result.auc[2]) < 0.03
    assert (result.brier_low <= result.brier).all()
    assert result.ridge_c[-1] == refit_support(*split(halves), np.arange(8), resampling=Resampling(n_draws=10)).ridge_c
    again = PerformanceCurve.load(result.save(tmp_path / "curve.json"))
    assert again.n_classes == 3
    assert again.frame().equals(result.frame())


def test_contributions_find_the_planted_dimensions_and_spare_twins(tmp_path):
    X_train, y_train, groups, X_test, y_test, others = _halves(8, n_patients=80)
    noise = np.random.default_rng(9)
    X_train[:, 4], X_test[:, 4] = (x[:, 1] + 0.05 * noise.normal(size=len(x)) for x in (X_train, X_test))
    result = leave_one_out(
        *split((X_train, y_train, groups, X_test, y_test, others)), [0, 1, 2, 4, 8], resampling=Resampling(n_draws=200)
    )
    drop = dict(zip(result.dimension.tolist(), result.auc_drop))
    assert min(drop[0], drop[2]) > 0.02
    assert max(abs(drop[j]) for j in (1, 4, 8)) < 0.01
    significant = dict(zip(result.dimension.tolist(), result.brier_rise_low > 0))
    assert significant[0]
    assert significant[2]
    assert not significant[8]
    assert ContributionResult.load(result.save(tmp_path / "c.json")).frame().equals(result.frame())


def test_contributions_equal_refits_without_the_dimension():
    halves = _halves(10)
    result = leave_one_out(*split(halves), [0, 1, 5], resampling=Resampling(n_draws=20))
    p = fit_logistic(halves[0][:, [0, 5]], halves[1], result.ridge_c).predict_proba(halves[3][:, [0, 5]])
    assert result.auc - result.auc_drop[1] == pytest.approx(roc_auc_score(halves[4], p), abs=1e-4)
    assert result.brier + result.brier_rise[1] == pytest.approx(brier_score_loss(halves[4], p), abs=1e-6)


def test_contributions_to_several_classes_find_the_planted_dimensions(tmp_path):
    halves = _several(8, n_patients=90)
    result = leave_one_out(*split(halves), [0, 1, 2, 5, 6], resampling=Resampling(n_draws=200))
    assert min(result.brier_rise_low[:2]) > 0
    assert min(result.auc_drop[:3]) > max(np.abs(result.auc_drop[3:])) + 0.005
    P = fit_logistic(halves[0][:, [0, 2, 5, 6]], halves[1], result.ridge_c).predict_proba(halves[3][:, [0, 2, 5, 6]])
    assert result.auc - result.auc_drop[1] == pytest.approx(roc_auc_score(halves[4], P, multi_class="ovr"), abs=1e-4)
    assert result.brier + result.brier_rise[1] == pytest.approx(_brier(halves[4], P), abs=1e-4)
    again = ContributionResult.load(result.save(tmp_path / "c.json"))
    assert again.n_classes == 3
    assert again.frame().equals(result.frame())


def test_a_brier_score_of_several_classes_may_rise_by_more_than_one():
    """Training patients are nearly all of class 0, test patients nearly all of class 1: their prevalence misleads."""
    generator = np.random.default_rng(9)
    y_train, y_test = (np.repeat(np.repeat([0, 1, 2], counts), 10) for counts in ((40, 2, 2), (2, 20, 2)))
    X_train, X_test = (2.0 * y[:, None] + 0.3 * generator.normal(size=(len(y), 1)) for y in (y_train, y_test))
    patients, others = np.repeat(np.arange(44), 10), 100 + np.repeat(np.arange(24), 10)
    result = leave_one_out(
        *split((X_train, y_train, patients, X_test, y_test, others)),
        [0],
        ridge=RidgeOptions(cs=[10.0]),
        resampling=Resampling(n_draws=100),
    )
    assert result.brier_rise[0] > 1
    assert result.brier_rise_low[0] < result.brier_rise[0] < result.brier_rise_high[0]


def test_same_seed_gives_the_same_intervals():
    halves = _halves(11)
    first, second = (leave_one_out(*split(halves), [0, 1], resampling=Resampling(n_draws=50, seed=4)) for _ in range(2))
    np.testing.assert_array_equal(first.auc_drop_low, second.auc_drop_low)


def test_patients_on_both_sides_are_refused():
    X_train, y_train, groups, X_test, y_test, others = _halves(12)
    with pytest.raises(InputError, match="no patient may be in training and test, got 16 on both sides"):
        refit_support(*split((X_train, y_train, groups, X_test, y_test, others - 24)), [0])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda h: refit_support(*split(h), [10]), "from 0 to 9, got 10"),
        (
            lambda h: refit_support(*split((h[0], h[1], h[2], h[3][:, :5], h[4], h[5])), [0]),
            "test embeddings must have",
        ),
        (lambda h: refit_support(*split((h[0], h[1], None, h[3], h[4], h[5])), [0]), "must name the patient"),
        (lambda h: leave_one_out(*split(h), []), "a dimension to leave one out"),
        (lambda h: performance_curve(*split(h), [], ranked_by="x"), "at least one dimension"),
        (lambda h: performance_curve(*split(h), [1, 1], ranked_by="x"), "each dimension once"),
        (lambda h: performance_curve(*split(h), [1, 2], ranked_by="x", sizes=[3]), "between 1 and the 2 ranked"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(InputError, match=match):
        call(_halves(13))


def test_classes_that_training_does_not_have_are_refused():
    X_train, y_train, groups, X_test, y_test, others = _several(14)
    with pytest.raises(InputError, match="whole numbers from 0 to 2, got 0, 1, 3"):
        refit_support(*split((X_train, y_train, groups, X_test, np.where(y_test == 2, 3, y_test), others)), [0])
    kept = y_train < 2
    with pytest.raises(InputError, match="whole numbers from 0 to 1, got 0, 1, 2"):
        refit_support(*split((X_train[kept], y_train[kept], groups[kept], X_test, y_test, others)), [0])


@pytest.mark.skipif("FEATKIT_TEST_DATA" not in os.environ, reason="FEATKIT_TEST_DATA is not set")
def test_real_texture_features_give_wide_intervals_over_case_numbers():
    with np.load(Path(os.environ["FEATKIT_TEST_DATA"]) / "breakhis" / "features_40x.npz") as table:
        X, files = table["X"], [Path(str(name)).name for name in table["filename"]]
    y = np.array([name.split("_")[1] == "M" for name in files]).astype(int)
    case = np.array(["-".join(name.split("-")[1:3]).rstrip("ABCDEFG") for name in files])
    patients = np.unique(case)
    test = np.isin(case, np.random.default_rng(0).permutation(patients)[: len(patients) // 3])
    halves = X[~test], y[~test], case[~test], X[test], y[test], case[test]
    scale = X[~test].std(axis=0)
    apart = np.abs(X[~test][y[~test] == 1].mean(axis=0) - X[~test][y[~test] == 0].mean(axis=0))
    ranking = np.argsort(-apart / np.where(scale > 0, scale, np.inf), kind="stable")
    curve = performance_curve(
        *split(halves),
        ranking,
        ranked_by="class difference",
        sizes=[1, 20, X.shape[1]],
        resampling=Resampling(n_draws=200),
    )
    assert curve.n_test_patients == len(patients) // 3
    assert (curve.auc > 0.5).all()
    assert (curve.auc_high - curve.auc_low > 0.05).all()  # a third of 70 case numbers cannot say more
