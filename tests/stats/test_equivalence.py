import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.weightstats import DescrStatsW

from featkit.core.errors import InputError
from featkit.stats.equivalence import equivalence_margin_needed, equivalence_p_value


@pytest.mark.parametrize("margin", [0.1, 0.5, 2.0])
def test_agrees_with_statsmodels(margin):
    values = np.random.default_rng(4).normal(0.1, 1, size=23)
    expected = DescrStatsW(values).ttost_mean(-margin, margin)[0]
    se = values.std(ddof=1) / np.sqrt(23)
    assert equivalence_p_value(values.mean(), se, 22, margin) == pytest.approx(expected, rel=1e-12)


@given(st.floats(-1, 1), st.floats(0.001, 1), st.integers(2, 300), st.floats(0.01, 3))
def test_is_the_inclusion_of_the_ninety_percent_interval(difference, se, freedom, margin):
    needed = equivalence_margin_needed(difference, se, freedom)
    if abs(margin - needed) > 1e-9:
        assert (equivalence_p_value(difference, se, freedom, margin) < 0.05) == (margin > needed)


def test_no_spread_and_no_value():
    assert equivalence_p_value(0.0, 0.0, 10, 0.1) == 0.0
    assert equivalence_p_value(0.2, 0.0, 10, 0.1) == 1.0
    assert np.isnan(equivalence_p_value(np.nan, 0.1, 10, 0.1))


@pytest.mark.parametrize("margin", [0.0, -0.1, np.inf, np.nan])
def test_margin_must_be_above_zero(margin):
    with pytest.raises(InputError, match="margin"):
        equivalence_p_value(0.0, 0.1, 10, margin)


def test_level_must_leave_room():
    with pytest.raises(InputError, match="level"):
        equivalence_margin_needed(0.0, 0.1, 10, level=0.3)
