import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.core.magnification import breakhis_mpp, effective_mpp, magnification_label, magnification_power
from featkit.core.natural_order import sort_naturally


@pytest.mark.parametrize("value", ["100X", "100x", " 100X ", "100", 100, 100.0, np.int64(100), np.float64(100), "100×"])
def test_every_way_to_write_one_magnification_gives_one_label(value):
    assert magnification_label(value) == "100X"
    assert magnification_power(value) == 100.0


def test_fractions_are_kept():
    assert magnification_label("2.5x") == magnification_label(2.5) == "2.5X"


@pytest.mark.parametrize(
    "value", ["", "X", "big", "100XX", "-40", "0", "0X", True, None, float("nan"), float("inf"), "1e2"]
)
def test_nonsense_is_refused_and_quoted(value):
    with pytest.raises(InputError, match="printed label such as 100X, got"):
        magnification_label(value)


@given(st.integers(1, 10**7))
def test_labels_are_fixed_points(power):
    assert magnification_label(magnification_label(power)) == f"{power}X"


@pytest.mark.parametrize(("label", "published"), [("40X", 0.49), ("100X", 0.20), ("200X", 0.10), ("400X", 0.05)])
def test_breakhis_mpp_agrees_with_the_two_digits_in_the_paper(label, published):
    assert round(breakhis_mpp(label)[0], 2) == published


def test_breakhis_field_of_view_is_345_by_218_um_at_40x():
    x, y = breakhis_mpp(40)
    assert (round(700 * x), round(460 * y)) == (345, 218)


def test_breakhis_mpp_scales_with_the_objective():
    for axis in (0, 1):
        assert breakhis_mpp("40X")[axis] / breakhis_mpp("400X")[axis] == pytest.approx(10.0, rel=1e-14)


def test_breakhis_has_four_magnifications():
    with pytest.raises(InputError, match="40X, 100X, 200X, 400X, got 60X"):
        breakhis_mpp("60X")


def test_domains_sort_as_a_reader_would():
    assert sort_naturally(["400X", "40X", "200X", "100X", "40X"]) == ["40X", "100X", "200X", "400X"]
    assert sort_naturally(["site 10", "Site 2", "art"]) == ["art", "Site 2", "site 10"]
    assert sort_naturally(["2.5X", "10X", "x"]) == ["2.5X", "10X", "x"]


@given(st.lists(st.text(max_size=8), max_size=6))
def test_any_names_can_be_sorted(names):
    assert sorted(sort_naturally(names)) == sorted(set(names))


def test_effective_mpp_keeps_the_field_of_view():
    assert effective_mpp(0.25, 448, 224) == 0.5
    assert effective_mpp(0.197, 460, 224) * 224 == pytest.approx(0.197 * 460, rel=1e-15)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_effective_mpp_refuses_impossible_sizes(bad):
    for arguments in ((bad, 460, 224), (0.5, bad, 224), (0.5, 460, bad)):
        with pytest.raises(InputError, match="positive and finite"):
            effective_mpp(*arguments)
