import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from featkit.core.errors import InputError
from featkit.stats.multiplicity import adjust

p_lists = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@settings(deadline=None, max_examples=40)
@given(p_lists, st.sampled_from([("holm", "holm"), ("bh", "fdr_bh")]))
def test_agrees_with_statsmodels(p_values, methods):
    ours, theirs = methods
    expected = multipletests(p_values, method=theirs)[1]
    np.testing.assert_allclose(adjust(p_values, ours), expected, rtol=1e-12, atol=1e-15)


@given(p_lists, st.sampled_from(["holm", "bh"]), st.randoms())
def test_order_does_not_matter_and_nothing_shrinks(p_values, method, random):
    order = list(range(len(p_values)))
    random.shuffle(order)
    adjusted = adjust(p_values, method)
    np.testing.assert_allclose(adjust(np.array(p_values)[order], method), adjusted[order])
    assert (adjusted >= np.array(p_values) - 1e-15).all()


def test_nan_is_no_member_of_the_family():
    adjusted = adjust([0.01, np.nan, 0.04], "holm")
    np.testing.assert_allclose(adjusted, [0.02, np.nan, 0.04])


def test_none_and_empty_are_left_alone():
    np.testing.assert_array_equal(adjust([0.2, 0.9], "none"), [0.2, 0.9])
    assert adjust([], "bh").shape == (0,)


@pytest.mark.parametrize(
    ("p_values", "method", "message"),
    [([0.1], "bonferoni", "known method"), ([1.2], "holm", r"lie in \[0, 1\]"), ([[0.1]], "holm", "one-dimensional")],
)
def test_mistakes_are_named(p_values, method, message):
    with pytest.raises(InputError, match=message):
        adjust(p_values, method)
