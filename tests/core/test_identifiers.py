import polars as pl
import pytest

from featkit.core.identifiers import identifier, identifier_column, near_twins


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("01", "01"),
        (" P1 ", "P1"),
        (1, "1"),
        (2**53 + 1, "9007199254740993"),
        (7.0, "7"),
        (7.5, "7.5"),
        (True, "True"),
        (b"P1", "P1"),
        ("", None),
        (None, None),
        (float("nan"), None),
    ],
)
def test_identifiers_are_text(value, text):
    assert identifier(value) == text


def test_columns_of_any_kind_become_identifiers():
    for values, expected in (
        ([1, None], ["1", None]),
        ([1.0, float("nan")], ["1", None]),
        (["01 ", ""], ["01", None]),
        ([b"a", None], ["a", None]),
    ):
        assert identifier_column(pl.Series("p", values)).to_list() == expected
    assert identifier_column(pl.Series("p", ["a", "b"], dtype=pl.Categorical)).to_list() == ["a", "b"]


def test_near_twins_are_groups_of_names_that_look_alike():
    names = ["P1", "p1", "P1 ", "P2", "P 2", "0017", "17", "170", "a-b", "a_b", "1.05", "1.5", None]
    assert near_twins(names) == [("0017", "17"), ("P1", "P1 ", "p1"), ("a-b", "a_b")]
