"""Supports as indices or masks, and what is refused."""

import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.stats.overlap_supports import as_support, membership


def test_indices_and_mask_give_the_same_support():
    mask = np.zeros(6, dtype=bool)
    mask[[4, 1]] = True
    assert as_support([4, 1], 6).tolist() == as_support(mask, 6).tolist() == [1, 4]


def test_empty_support_is_allowed_whatever_its_type():
    assert as_support([], 6).dtype == np.int64
    assert as_support(np.zeros(6, dtype=bool), 6).size == 0


@pytest.mark.parametrize(
    ("support", "match"),
    [
        ([6], "from 0 to 5, got 6"),
        ([-1, 2], "from 0 to 5, got -1"),
        ([1, 1], "each dimension once"),
        ([0.5], "whole indices"),
        ([[1, 2]], "one-dimensional"),
        (np.ones(4, dtype=bool), "cover 6"),
    ],
)
def test_bad_supports_are_refused_with_what_was_wrong(support, match):
    with pytest.raises(InputError, match=match):
        as_support(support, 6, "support 100X")


def test_membership_marks_the_selected_dimensions():
    z = membership([np.array([0, 2]), np.array([], dtype=np.int64)], 3)
    assert z.tolist() == [[1, 0, 1], [0, 0, 0]]
