import pytest
from hypothesis import given
from hypothesis import strategies as st

from featkit.core.errors import InputError, did_you_mean
from featkit.core.registry import Registry


def test_message_says_must_got_and_fix():
    error = InputError("fold must be one of 40X, 100X", "300X", "Pick one with --fold")
    assert str(error) == "fold must be one of 40X, 100X, got 300X. Pick one with --fold."
    assert isinstance(error, ValueError)


@given(st.text(), st.text(), st.text())
def test_always_one_line(must, got, fix):
    assert len(str(InputError(must, got, fix)).splitlines()) <= 1


def test_registry_imports_on_demand_and_suggests():
    registry = Registry("method", {"dumps": "json:dumps", "absent": "no_such_module:thing"})
    assert list(registry) == ["dumps", "absent"]
    assert "absent" in registry
    assert registry["dumps"]([1]) == "[1]"
    with pytest.raises(ModuleNotFoundError):
        registry["absent"]
    with pytest.raises(InputError, match="Did you mean 'dumps'"):
        registry["dump"]


def test_advice_lists_what_is_known():
    assert did_you_mean("zzz", ["b", "a"]) == "Known: a, b"
    assert did_you_mean("zzz", ["a", "b", "a"]) == "Known: a, b"
    assert did_you_mean("zzz", []) == "Known: nothing"


def test_what_was_got_is_cut_where_nobody_would_read_on():
    said = str(InputError("a label must be short", "a" * 5000))
    assert len(said) < 600
    assert "(5,000 characters)" in said
