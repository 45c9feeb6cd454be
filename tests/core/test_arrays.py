"""Checks of labels, embeddings and the rest: what passes and what is named."""

import numpy as np
import pytest

from featkit.core.arrays import (
    as_embeddings,
    as_groups,
    as_labels,
    as_matrix,
    as_probabilities,
    as_scores,
    as_weights,
    check_count,
    check_level,
    is_missing,
)
from featkit.core.errors import InputError


def test_labels_become_indices_and_names():
    codes, names = as_labels(np.array(["b", "a", "b"]))
    assert (codes.tolist(), names) == ([1, 0, 1], ("a", "b"))
    assert as_labels([2, 1, 2])[1] == ("1", "2")
    assert as_labels([True, False])[1] == ("False", "True")


@pytest.mark.parametrize("labels", [[0.5, 1.25, 3.0], [f"{k}.5" for k in range(30)], list(range(40))])
def test_survival_times_are_refused_with_what_to_do(labels):
    with pytest.raises(InputError, match=r"labels must name classes, got .* different numbers.*cut them first"):
        as_labels(labels)


def test_missing_labels_are_refused():
    with pytest.raises(InputError, match="missing"):
        as_labels(np.array(["a", None], dtype=object))


def test_embeddings_keep_their_precision_and_are_finite():
    assert as_embeddings(np.ones((2, 3), dtype=np.float32)).dtype == np.float32
    assert as_embeddings([[1, 2]]).dtype == np.float64
    for wrong, message in (
        (np.ones(3), "shape"),
        (np.ones((2, 0)), "shape"),
        (np.array([["a"]]), "numbers"),
        (np.array([[1.0, np.nan]]), "1 rows with NaN"),
    ):
        with pytest.raises(InputError, match=message):
            as_embeddings(wrong)
    with pytest.raises(InputError, match=r"shape \(3, d\)"):
        as_embeddings(np.ones((2, 2)), 3)


NO_ARRAYS = (None, "x", b"x", {"a": 1}, object(), [[1, 2], [3]], ["a", None], 1j, len)


@pytest.mark.parametrize("value", NO_ARRAYS, ids=lambda value: type(value).__name__)
def test_what_is_no_array_of_numbers_is_refused_in_one_line(value):
    for check in (as_embeddings, as_labels, lambda v: as_scores(v, 2), lambda v: as_probabilities(v, 2)):
        with pytest.raises(InputError):
            check(value)
    if value is not None:
        with pytest.raises(InputError):
            as_weights(value, 2)


def test_masked_values_are_not_read_as_if_they_were_there():
    masked = np.ma.masked_array([0.1, 0.9], [True, False])
    for check in (lambda v: as_scores(v, 2), lambda v: as_groups(v, 2), as_labels):
        with pytest.raises(InputError, match="must not hold masked values, got 1 of them"):
            check(masked)


@pytest.mark.parametrize("value", [None, "x", [], np.zeros(3), 1j, float("nan"), 10**11, 10**400, 2.5, 0])
def test_a_count_or_level_of_another_kind_is_refused(value):
    with pytest.raises(InputError):
        check_count(value, "n_draws")
    with pytest.raises(InputError):
        check_level(value)


def test_a_matrix_keeps_its_type_and_is_not_copied():
    for kind in (np.float16, np.float32, np.float64, np.int8, bool):
        X = np.ones((3, 2), dtype=kind, order="F")
        assert as_matrix(X) is X
    with pytest.raises(InputError, match="1 rows with NaN or infinity, the first in row 2, dimension 1"):
        as_matrix([[0, 1], [2, 3], [4, np.inf]])
    assert as_matrix(np.full((2, 2), 1e308)).max() == 1e308  # a sum that overflows is no missing value


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        (np.array([0.5, np.nan]), [False, True]),
        (np.array(["a", ""]), [False, True]),
        (np.array(["a", None, float("nan"), ""], dtype=object), [False, True, True, True]),
        (np.array([0, 1]), [False, False]),
        (np.array([True, False]), [False, False]),
    ],
)
def test_missing_values_of_every_type(values, missing):
    assert is_missing(values).tolist() == missing
