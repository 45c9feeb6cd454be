import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.data.classes import class_order, integer_labels, positive_class, require_classes


def test_of_two_classes_the_positive_one_is_last():
    assert class_order(["malignant", "benign"]) == ("benign", "malignant")
    assert class_order(["normal", "malignant"]) == ("normal", "malignant")
    assert class_order(["b", "a", "b"]) == ("a", "b")
    assert class_order(["malignant", "benign"], positive="benign") == ("malignant", "benign")


def test_more_classes_are_sorted_and_have_no_positive_one():
    assert class_order(["z", "malignant", "a"]) == ("a", "malignant", "z")
    with pytest.raises(InputError, match="exactly two labels, got 3"):
        class_order(["z", "m", "a"], positive="a")


def test_an_unknown_positive_class_gets_a_suggestion():
    with pytest.raises(InputError, match="Did you mean 'malignant'"):
        class_order(["malignant", "benign"], positive="malignent")


def test_integer_labels_index_the_classes():
    y = integer_labels(["b", "a", "b"], ("a", "b"))
    assert y.dtype == np.int64
    assert y.tolist() == [1, 0, 1]


def test_integer_labels_name_what_they_do_not_know():
    with pytest.raises(InputError, match="among a, b, got c, d"):
        integer_labels(["a", "d", "c"], ("a", "b"))


@pytest.mark.parametrize(
    ("labels", "positive"),
    [
        (("normal", "tumour"), "tumour"),
        (("cancer", "healthy"), "cancer"),
        (("case", "control"), "case"),
        (("Positive", "negative"), "Positive"),
        (("YES", "no"), "YES"),
        (("0", "1"), "1"),
        (("false", "true"), "true"),
        (("atypical", "normal"), "atypical"),
        (("malignant", "positive"), "malignant"),
    ],
)
def test_the_default_is_what_a_person_would_choose_and_says_so(labels, positive):
    for order in (labels, labels[::-1]):
        assert positive_class(order).label == positive
        assert positive_class(order).reason == "the usual name of the positive class"
        assert class_order(order)[1] == positive


def test_a_choice_comes_with_its_reason():
    assert str(positive_class(["luminal", "basal"])) == "luminal (the last in alphabetical order)"
    assert str(positive_class(["malignant", "benign"], "benign")) == "benign (as asked for)"
    with pytest.raises(InputError, match="exactly two labels, got 1: a"):
        positive_class(["a"])


def test_measurements_are_no_classes_and_grades_are():
    for labels in (["0.5", "1.25", "2"], [str(i) for i in range(13)], ["1e3", "2e3", "2.5"]):
        with pytest.raises(InputError, match=r"'event' must name classes, got \d+ different numbers such as"):
            require_classes(labels, "event")
    grades = ["1", "2", "3", "4", "5"]
    for labels in (grades, ["0.0", "1.0"], ["6", "7", "8", "9", "10"], ["a"] * 30, ["1.5", "2.5", "x"]):
        require_classes(labels)
    with pytest.raises(InputError, match="must name classes"):
        class_order([str(i * 31) for i in range(40)])
