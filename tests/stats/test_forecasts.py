"""Labelled forecasts: what is refused, what labels belong to, and scores of patients and slides."""

import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.stats import Forecasts, rank_state


def some(**given):
    y = np.array([0, 0, 1, 1, 1, 0])
    patient = np.array(["a", "a", "b", "b", "b", "c"])
    return Forecasts(y, [0.2, 0.4, 0.6, 0.9, 0.3, 0.1], patient, **given)


def test_one_score_per_patient_is_the_mean_of_its_patches():
    found = some().by_unit("patient")
    assert found.groups.tolist() == ["a", "b", "c"]
    assert found.y.tolist() == [False, True, False]
    assert found.p == pytest.approx([0.3, 0.6, 0.1])
    assert some().by_unit("patient", "median").p == pytest.approx([0.3, 0.6, 0.1])
    assert some().by_unit("patient", "max").p == pytest.approx([0.4, 0.9, 0.1])


def test_slides_count_within_their_patient_and_folds_stay_apart():
    slides = ["s1", "s2", "s1", "s1", "s2", "s1"]
    found = some(slides=slides).by_unit("slide")
    assert sorted(zip(found.groups.tolist(), np.round(found.p, 3).tolist())) == [
        ("a", 0.2),
        ("a", 0.4),
        ("b", 0.3),
        ("b", 0.75),
        ("c", 0.1),
    ]
    by_fold = some(folds=["x", "y", "x", "y", "y", "x"]).by_unit("patient")
    assert len(by_fold) == 5
    assert set(by_fold.folds) == {"x", "y"}


def test_class_probabilities_sum_to_one_again():
    p = np.random.default_rng(0).dirichlet(np.ones(3), size=6)
    found = Forecasts([0, 0, 1, 1, 1, 2], p, ["a", "a", "b", "b", "b", "c"]).by_unit("patient", "median")
    assert found.p.sum(axis=1) == pytest.approx(np.ones(3))
    with pytest.raises(InputError, match="two classes"):
        Forecasts([0, 0, 1, 1, 1, 2], p, ["a", "a", "b", "b", "b", "c"]).by_unit("patient", "max")


def test_what_labels_belong_to_is_recognised():
    assert some().label_unit == "patient"
    mixed = Forecasts([0, 1, 1, 1], [0.1, 0.2, 0.3, 0.4], ["a", "a", "b", "b"])
    assert mixed.label_unit == "patch"
    assert Forecasts([0, 1], [0.1, 0.2], "patches").label_unit == "patch"
    with pytest.raises(InputError, match="patient a with two"):
        mixed.by_unit("patient")


def test_taking_rows_and_classes_against_the_rest():
    p = np.random.default_rng(1).dirichlet(np.ones(3), size=3)
    one = Forecasts([0, 1, 2], p, ["a", "b", "c"], class_names=["A", "F", "rest"])
    rest = one.against_rest(1)
    assert (rest.names, rest.y.tolist()) == (("rest", "F"), [False, True, False])
    assert one.against_rest(2).names == ("others", "rest")
    assert some().take(np.array([0, 5])).groups.tolist() == ["a", "c"]


def test_states_of_ranks():
    y, folds = [0, 1, 0, 1, 1], ["x", "x", "y", "y", "z"]
    given = Forecasts(y, [0.5, 0.5, 0.1, 0.9, 0.3], "patches", folds=folds)
    assert rank_state(given) == ""
    assert rank_state(given, "mean of folds") == "constant in 1 of 3 folds, undefined in 1 of 3 folds"
    assert rank_state(given, "within folds") == "constant in 1 of 3 folds"


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([12.5, 30.1, 7.0, 44.2], "4 different numbers from 7 to 44.2.*cut them first"),
        (list(range(100, 130)), "30 different numbers"),
        ([0, 2, 0, 2], "0 or 1"),
    ],
)
def test_measurements_are_no_labels(y, message):
    with pytest.raises(InputError, match=message):
        Forecasts(y, np.full(len(y), 0.5), "patches")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"class_names": ["a"]}, "2 different names"),
        ({"folds": ["x"]}, "folds must have shape"),
        ({"n_cohort": 2}, "at least the 3 patients"),
    ],
)
def test_what_does_not_go_together_is_named(given, message):
    with pytest.raises(InputError, match=message):
        some(**given)
