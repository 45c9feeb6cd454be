"""Natural order: numbers inside names count as numbers, and no two names are equal."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featkit.core.natural_order import natural_key, sort_naturally

NAMES = st.text(max_size=8) | st.from_regex(r"[a-c ]{0,2}\d{0,3}(\.\d)?[xX]?", fullmatch=True)


@pytest.mark.parametrize(
    "names",
    [
        ["40X", "100X", "400X"],
        ["fold 2", "fold 10", "fold 100"],
        ["2.5X", "5X", "10X"],
        ["site a 2 slide 10", "site a 10 slide 2"],
        ["9", "10", "a"],
        ["", "1", "a"],
    ],
)
def test_names_stand_as_a_reader_expects(names):
    shuffled = names.copy()
    random.Random(0).shuffle(shuffled)
    assert sort_naturally(shuffled) == names


@given(NAMES, NAMES)
def test_keys_are_equal_for_equal_names_alone(a, b):
    assert (natural_key(a) == natural_key(b)) == (a == b)


@given(st.lists(NAMES, max_size=6))
def test_the_order_does_not_depend_on_the_order_given(names):
    assert sort_naturally(names) == sort_naturally(reversed(names))
    assert len(sort_naturally(names)) == len(set(names))


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_numbers_sort_by_value(a, b):
    assert (natural_key(f"fold {a}") < natural_key(f"fold {b}")) == (a < b)


def test_other_values_sort_by_their_text():
    assert sort_naturally([10, 9, "9", None]) == ["9", "10", "None"]
