import doctest
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featkit.core import text
from featkit.core.text import first_few, interval, listed, number, p_value


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


@given(st.floats(-9999, 9999), st.integers(0, 6))
def test_what_is_shown_is_the_number_rounded(value, digits):
    shown = number(value, digits)
    assert float(shown.replace("−", "-")) == pytest.approx(value, abs=0.5 * 10**-digits * (1 + 1e-9))
    assert "-" not in shown
    assert not (shown.startswith("−") and float(shown[1:]) == 0)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_every_number_has_a_text(value):
    assert number(value)
    assert number(value, is_signed=True)


@given(st.floats(1e-6, 1), st.integers(1, 10**6))
def test_a_p_value_never_claims_more_than_its_test_can_show(p, n):
    least = 1 / (1 + n)
    shown = p_value(max(p, least), least)
    bound = float(shown.lstrip("<≤ "))
    assert bound >= least or shown == "< 0.001"
    if shown.startswith("≤"):
        assert bound >= least
        assert math.isclose(max(p, least), least, rel_tol=1e-6)


@pytest.mark.parametrize(
    ("names", "n", "shown"),
    [([], 5, ""), (["a"], 1, "a"), ([1, 2, 3], 3, "1, 2, 3"), ([1, 2, 3], 1, "1 and 2 more")],
)
def test_long_lists_say_how_many_more(names, n, shown):
    assert first_few(names, n) == shown


@pytest.mark.parametrize("end", [None, float("nan")])
def test_an_interval_without_an_end_is_the_value_alone(end):
    assert interval(0.5, end, 0.6) == interval(0.5, 0.4, end) == "0.500"
    assert interval(None, 0.1, 0.2) == "–"
