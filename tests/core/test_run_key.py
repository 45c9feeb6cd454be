"""The identity of a run: data until it is printed, and a file name of its own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.core.run_key import RunFilter, RunKey

names = st.text(st.characters(max_codepoint=0x17F), min_size=1, max_size=16)
keys = st.builds(RunKey, method=names, fold=st.none() | names, seed=st.none() | st.integers(0, 99), positive=names)


@settings(deadline=None)
@given(keys, keys)
def test_keys_that_differ_have_file_names_that_differ_where_case_is_ignored(a, b):
    assert RunKey.from_dict(a.to_dict()) == a
    assert (a == b) == (a.file_name().casefold() == b.file_name().casefold())
    assert "/" not in a.file_name()
    assert len(a.file_name()) <= 200


def test_a_part_that_is_not_known_is_refused():
    with pytest.raises(InputError, match="the parts featkit knows, got colour"):
        RunKey.from_dict({"colour": "red"})


def test_a_filter_takes_runs_that_leave_a_part_open():
    asked = RunFilter(fold=("100X", "200X"), seed=0)
    assert asked.matches(RunKey("frozen", None, 0))
    assert asked.matches(RunKey("grl", "200X", 0))
    assert not asked.matches(RunKey("grl", "200X", 1))
    assert str(RunFilter()) == "all runs"


@pytest.mark.parametrize("value", [0, b"x", ["100X"], np.zeros(2), object()])
def test_a_part_that_is_no_text_is_refused(value):
    with pytest.raises(InputError, match="the fold of a run must be text"):
        RunKey(fold=value)


@pytest.mark.parametrize("value", [1, "x", [1], [None], np.zeros(3), object()])
def test_a_variant_that_is_no_pairs_is_refused(value):
    with pytest.raises(InputError, match="the variant of a run must be pairs"):
        RunKey(variant=value)


@pytest.mark.parametrize("value", [7, {}, {"a": 1}, np.zeros(3), [[1]], [None], {"x"}])
def test_a_filter_of_what_is_no_name_is_refused(value):
    with pytest.raises(InputError, match="a fold must be asked for by its name"):
        RunFilter(fold=value)
    with pytest.raises(InputError, match="a seed must be"):
        RunFilter(seed={"a": 1})


def test_names_of_any_length_have_a_file_name_of_their_own():
    a, b = RunKey(fold="a" * 5000), RunKey(fold="a" * 4999 + "b")
    assert a.file_name() != b.file_name()
    assert len(a.file_name()) <= 200
