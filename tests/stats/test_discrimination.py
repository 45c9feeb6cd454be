"""Discrimination against scikit-learn, by counting, and by what must not change it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from featkit.core.errors import InputError
from featkit.stats import (
    accuracy,
    auc,
    auc_hand_till,
    auc_one_vs_rest,
    average_precision,
    balanced_accuracy,
    confusion,
    f1,
    f1_macro,
    matthews,
    recognition_rate,
    sensitivity_at_specificity,
)


@st.composite
def labelled_scores(draw):
    n = draw(st.integers(2, 40))
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    y[0], y[1] = 0, 1
    score = np.array(draw(st.lists(st.integers(0, 10), min_size=n, max_size=n))) / 10  # many ties
    weight = np.array(draw(st.lists(st.integers(1, 5), min_size=n, max_size=n)), dtype=float)
    return y, score, weight


@given(labelled_scores())
@settings(max_examples=150, deadline=None)
def test_binary_metrics_agree_with_scikit_learn(data):
    y, score, w = data
    yes = score >= 0.5
    for weight in (None, w):
        pairs = [
            (auc(y, score, weight), sk.roc_auc_score(y, score, sample_weight=weight)),
            (average_precision(y, score, weight), sk.average_precision_score(y, score, sample_weight=weight)),
            (f1(y, score, sample_weight=weight), sk.f1_score(y, yes, sample_weight=weight)),
            (accuracy(y, score, sample_weight=weight), sk.accuracy_score(y, yes, sample_weight=weight)),
            (
                balanced_accuracy(y, score, sample_weight=weight),
                sk.balanced_accuracy_score(y, yes, sample_weight=weight),
            ),
            (matthews(y, score, sample_weight=weight), sk.matthews_corrcoef(y, yes, sample_weight=weight)),
        ]
        for ours, theirs in pairs:
            assert ours == pytest.approx(theirs, abs=1e-12)
        tn, fp, fn, tp = sk.confusion_matrix(y, yes, sample_weight=weight).ravel()
        assert confusion(y, score, sample_weight=weight) == pytest.approx((tp, fp, fn, tn))


def test_multiclass_metrics_agree_with_scikit_learn():
    random = np.random.default_rng(0)
    for n_classes in (3, 5):
        y = np.r_[np.arange(n_classes), random.integers(0, n_classes, 200)]
        p = np.round(random.dirichlet(np.ones(n_classes), len(y)) + 0.3 * np.eye(n_classes)[y], 2)
        p /= p.sum(axis=1, keepdims=True)
        called = p.argmax(axis=1)
        for average in ("macro", "weighted"):
            theirs = sk.roc_auc_score(y, p, multi_class="ovr", average=average)
            assert auc_one_vs_rest(y, p, average) == pytest.approx(theirs, abs=1e-12)
        assert auc_hand_till(y, p) == pytest.approx(sk.roc_auc_score(y, p, multi_class="ovo"), abs=1e-12)
        assert f1_macro(y, p) == pytest.approx(sk.f1_score(y, called, average="macro"), abs=1e-12)
        assert accuracy(y, p) == pytest.approx(sk.accuracy_score(y, called), abs=1e-12)
        assert balanced_accuracy(y, p) == pytest.approx(sk.balanced_accuracy_score(y, called), abs=1e-12)


@given(labelled_scores(), st.sampled_from([np.exp, np.arctan, lambda s: 3 * s - 7, lambda s: s**3 + s]))
@settings(max_examples=60, deadline=None)
def test_ranking_metrics_ignore_monotone_maps_and_row_order(data, increasing):
    y, score, _ = data
    order = np.random.default_rng(len(y)).permutation(len(y))
    for metric in (auc, average_precision):
        assert metric(y, increasing(score)) == pytest.approx(metric(y, score), abs=1e-12)
        assert metric(y[order], score[order]) == pytest.approx(metric(y, score), abs=1e-12)
    assert auc(y, -score) == pytest.approx(1 - auc(y, score), abs=1e-12)


def test_auc_is_not_reflected_about_one_half():
    assert auc([0, 0, 1, 1], [4, 3, 2, 1]) == 0.0


def test_sensitivity_at_specificity_against_the_roc_curve():
    random = np.random.default_rng(3)
    y = np.r_[0, 1, random.integers(0, 2, 100)]
    score = np.round(random.normal(size=102) + y, 1)
    false_alarms, hits, _ = sk.roc_curve(y, score, drop_intermediate=False)
    for wanted in (0.0, 0.5, 0.8, 0.95, 1.0):
        best, threshold = sensitivity_at_specificity(y, score, wanted)
        assert best == pytest.approx(hits[1 - false_alarms >= wanted - 1e-12].max())
        assert np.mean(score[y == 0] < threshold) >= wanted - 1e-12
        assert np.mean(score[y == 1] >= threshold) == pytest.approx(best)


def test_recognition_rate_gives_each_patient_the_same_weight():
    y = np.array([1, 1, 1, 1, 0])
    p = np.array([0.9, 0.9, 0.9, 0.1, 0.9])
    patients = np.array(["a", "a", "a", "a", "b"])
    assert recognition_rate(y, p, patients) == pytest.approx((3 / 4 + 0) / 2)
    assert recognition_rate(y, p, "patches") == pytest.approx(accuracy(y, p))


def test_a_score_at_the_threshold_is_decided_for_class_one():
    assert accuracy([1, 0], [0.5, 0.49]) == 1.0
    assert accuracy([1, 0], [[0.5, 0.5], [0.51, 0.49]]) == 1.0
    assert accuracy([1, 0], [0.5, 0.49], threshold=0.6) == 0.5


@pytest.mark.parametrize("metric", [auc, average_precision, f1, matthews, balanced_accuracy])
def test_one_class_is_refused(metric):
    with pytest.raises(InputError, match="both classes must occur"):
        metric([1, 1, 1], [0.2, 0.3, 0.9])


@pytest.mark.parametrize(
    ("y", "score", "said"),
    [
        ([0, 1], [0.1, np.nan], "1 missing or infinite"),
        ([0, 2], [0.1, 0.2], "binary labels must be 0 or 1"),
        ([0, 1], [0.1, 0.2, 0.3], "scores must have shape"),
        ([], [], "non-empty"),
        (["a", "b"], [0.1, 0.2], "binary labels must be 0 or 1"),
    ],
)
def test_bad_input_is_named(y, score, said):
    with pytest.raises(InputError, match=said):
        auc(y, score)


def test_a_missing_class_is_named():
    with pytest.raises(InputError, match="none of class 2"):
        auc_one_vs_rest([0, 1, 1], np.full((3, 3), 1 / 3))
