"""Tables into dataclasses: every wrong value is named by its key, whatever it is."""

import dataclasses
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.core.structure import check_value, read_table


@dataclasses.dataclass(frozen=True)
class Inner:
    size: int = 1
    shape: Literal["round", "flat"] = "round"


@dataclasses.dataclass(frozen=True)
class Outer:
    name: str = "a"
    ratio: float = 0.5
    is_on: bool = False
    folds: tuple[str, ...] = ()
    limit: int | None = None
    either: int | str = 0
    table: dict[str, float] = dataclasses.field(default_factory=dict)
    deep: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    inner: Inner = dataclasses.field(default_factory=Inner)


def test_an_empty_table_is_all_defaults():
    assert read_table(Outer, {}, "a.toml") == Outer()


def test_nested_tables_fill_nested_objects_and_whole_numbers_are_numbers():
    table = {"ratio": 1, "folds": ["40X"], "inner": {"size": 3, "shape": "flat"}, "deep": {"grl": {"gamma": 5.0}}}
    found = read_table(Outer, table, "a.toml")
    assert found == Outer(ratio=1.0, folds=("40X",), inner=Inner(3, "flat"), deep={"grl": {"gamma": 5.0}})
    assert isinstance(found.ratio, float)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"name": 1}, "name in a.toml must be text, got 1"),
        ({"ratio": "half"}, "ratio in a.toml must be a number, got 'half'"),
        ({"ratio": True}, "ratio in a.toml must be a number, got True"),
        ({"is_on": 1}, "is_on in a.toml must be true or false, got 1"),
        ({"folds": "40X"}, "folds in a.toml must be a list, got '40X'"),
        ({"folds": [40]}, "folds in a.toml must be a list, each item text, got 40"),
        ({"limit": 1.5}, "limit in a.toml must be a whole number, got 1.5"),
        ({"either": 1.5}, "either in a.toml must be a whole number or text, got 1.5"),
        ({"table": {"auc": "x"}}, "table.auc in a.toml must be a number, got 'x'"),
        ({"deep": {"grl": 3}}, "deep.grl in a.toml must be a table, got 3"),
        ({"inner": 3}, "inner in a.toml must be a table, got 3"),
        ({"inner": {"size": "x"}}, "inner.size in a.toml must be a whole number, got 'x'"),
        ({"inner": {"shape": "rund"}}, "inner.shape in a.toml must be one of round, flat, got 'rund'. Did you mean"),
        ({"nmae": "b"}, "every key in a.toml must be known, got 'nmae'. Did you mean 'name'?"),
        ({"inner": {"sice": 1}}, "got 'inner.sice'. Did you mean 'size'?"),
    ],
)
def test_the_wrong_value_is_named_by_its_full_key(table, said):
    with pytest.raises(InputError) as caught:
        read_table(Outer, table, "a.toml")
    assert said in str(caught.value)


@pytest.mark.parametrize("table", [3, None, [], "text"])
def test_what_is_no_table_is_refused(table):
    with pytest.raises(InputError, match="a table"):
        read_table(Outer, table, "a.toml")


KEYS = st.sampled_from([field.name for field in dataclasses.fields(Outer)]) | st.text(max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(KEYS, VALUES, max_size=3))
def test_any_table_is_read_or_refused_in_one_line(table):
    try:
        found = read_table(Outer, table, "a.toml")
    except InputError as error:
        assert "a.toml" in str(error)  # noqa: PT017
        assert len(str(error).splitlines()) == 1  # noqa: PT017
    else:
        assert {name: getattr(found, name) for name in table}.keys() == table.keys()


def test_one_value_is_checked_by_its_name():
    assert check_value([1, 2], tuple[int, ...], "seeds") == (1, 2)
    assert check_value(None, int | None, "limit") is None
    with pytest.raises(InputError, match="seeds must be a list, each item a whole number, got 'x'"):
        check_value(["x"], tuple[int, ...], "seeds")
