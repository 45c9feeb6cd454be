import doctest

import pytest

from featkit.core import text
from featkit.core.text import interval, listed, number, p_value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (float("-inf"), "−∞"),
        (-0.5, "−0.500"),
        (-1e-17, "0.000"),
        (12345.6, "12,346"),
        (7, "7.000"),
    ],
)
def test_numbers_have_one_format(value, shown):
    assert number(value) == shown


def test_differences_carry_their_sign_and_nought_has_none():
    assert interval(0.01, -0.02, 0.0, is_signed=True) == "+0.010 [−0.020, 0.000]"


def test_a_p_value_at_the_end_of_its_test_is_a_bound():
    assert p_value(0.0001, least=0.0001) == "≤ 0.0001"
    assert p_value(0.0002) == "< 0.001"


@pytest.mark.parametrize(
    ("parts", "shown"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_lists_read_as_people_write_them(parts, shown):
    assert listed(parts) == shown


def test_examples_run():
    assert doctest.testmod(text).failed == 0
