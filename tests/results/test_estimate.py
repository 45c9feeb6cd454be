"""Numbers with their uncertainty, as they read."""

import pytest

from featkit.results import Estimate


def test_estimates_read_well():
    assert str(Estimate(0.5)) == "0.500"
    assert str(Estimate(0.5, 0.25, 0.75)) == "0.500 [0.250, 0.750]"
    assert str(Estimate(0.5, state="constant")) == "0.500 (constant)"


@pytest.mark.parametrize(
    ("value", "low", "high", "is_whole"),
    [
        (0.5, 0.4, 0.6, True),
        (0.5, 0.4, float("nan"), False),
        (float("nan"), 0.4, 0.6, False),
        (0.5, 0.4, float("inf"), True),
    ],
)
def test_an_interval_has_a_value_and_two_ends(value, low, high, is_whole):
    assert Estimate(value, low, high).has_interval == is_whole
