import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.data.classes import class_order, integer_labels


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
