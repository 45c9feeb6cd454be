import csv
import doctest
import errno
import io
import os
import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.reporting import tables
from featkit.reporting.tables import escape_latex, table_of, table_of_rows, to_csv, to_latex
from featkit.results.estimate import Estimate

words = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)


def test_number_and_bounds_share_a_cell(make):
    frame = pl.DataFrame({"metric": ["auc"], "difference": [-0.01], "low": [-0.06], "high": [0.04]})
    table = table_of(frame, columns={"metric": "metric", "difference": "difference"})
    assert table.columns == ("metric", "difference")
    assert table.is_number == (False, True)
    assert re.fullmatch(r"−?\d\.\d{3} \[−?\d\.\d{3}, −?\d\.\d{3}\]", table.rows[0][1])


def test_named_bounds_belong_to_their_column():
    frame = pl.DataFrame({"auc": [0.91], "auc_low": [0.85], "auc_high": [0.95], "brier": [0.1]})
    table = table_of(frame)
    assert table.columns == ("auc", "brier")
    assert table.rows == (("0.910 [0.850, 0.950]", "0.100"),)


def test_cells_read_well():
    frame = pl.DataFrame(
        {
            "whole": [12_345, None],
            "small": [-0.00004, float("nan")],
            "p_value": [0.00004, None],
            "large": [123456.7, float("inf")],
            "minus": [-0.5, 0.0],
            "flag": [True, False],
            "several": [["a", "b"], None],
        }
    )
    assert table_of(frame).rows == (
        ("12,345", "0.000", "< 0.001", "123,457", "−0.500", "yes", "a; b"),
        ("–", "–", "–", "∞", "0.000", "no", "–"),
    )


def test_bounds_that_are_missing_leave_the_value():
    frame = pl.DataFrame({"value": [0.5], "low": [float("nan")], "high": [float("nan")]})
    assert table_of(frame).rows == (("0.500",),)


def test_unknown_column_is_named(make):
    with pytest.raises(InputError, match="Did you mean 'metric'"):
        table_of(make.evaluation(), columns=["metrics"])


def test_latex_has_booktabs_rules_and_one_line_per_row(make):
    table = table_of(make.evaluation(), columns=["metric", "scope", "value"], caption="Differences at 100 %")
    text = to_latex(table, label="tab:differences")
    for word in (
        "\\toprule",
        "\\midrule",
        "\\bottomrule",
        "\\begin{tabular}{llr}",
        "\\caption{Differences at 100 \\%}",
    ):
        assert text.count(word) == 1
    assert text.count("\\\\\n") == 1 + len(table.rows)
    assert "\\label{tab:differences}" in text


@given(words)
def test_latex_escape_leaves_no_active_character(text):
    escaped = escape_latex(text)
    rest = escaped
    for known in (r"\textbackslash{}", r"\textasciitilde{}", r"\textasciicircum{}", r"\textless{}", r"\textgreater{}"):
        rest = rest.replace(known, "")
    for known in (r"\textbar{}", r"\textquotedbl{}", r"\textmu{}", "{[}", "{]}", "$-$", r"$\pm$", r"$\leq$", r"$\geq$"):
        rest = rest.replace(known, "")
    rest = rest.replace(r"$\lambda$", "")
    rest = re.sub(r"\\[&%$#_{}]", "", rest)
    assert not set(rest) & set("\\&%$#_{}~^")


def test_latex_escapes_what_a_patch_may_be_called():
    assert escape_latex("SOB_M_DC-14&50%{x}") == r"SOB\_M\_DC-14\&50\%\{x\}"
    assert escape_latex("a\\b") == r"a\textbackslash{}b"


def test_latex_row_does_not_begin_an_argument():
    frame = pl.DataFrame({"name": ["[1]", "b"]})
    assert "\\\\\n[" not in to_latex(table_of(frame))


def test_label_must_be_plain(make):
    with pytest.raises(InputError, match="label"):
        to_latex(table_of(make.evaluation(), columns=["metric"]), label="a}b")


@given(st.lists(st.tuples(words, st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=5))
def test_csv_returns_what_went_in(rows):
    frame = pl.DataFrame({"name": [r[0] for r in rows], "value": [r[1] for r in rows]})
    back = list(csv.reader(io.StringIO(to_csv(frame))))
    assert back[0] == ["name", "value"]
    assert [row[0] for row in back[1:]] == [r[0] for r in rows]
    assert [float(row[1]) for row in back[1:]] == [r[1] for r in rows]


def test_csv_of_a_result_is_written_and_lists_are_joined(make, tmp_path):
    path = tmp_path / "tables" / "comparison.csv"
    text = to_csv(make.signatures(), path)
    assert path.read_text(encoding="utf-8") == text
    assert pl.read_csv(path).height == make.signatures().frame().height
    assert to_csv(pl.DataFrame({"ids": [["a", "b"], ["c,d"]]})) == 'ids\na; b\n"c,d"\n'


def test_rows_become_cells_and_repeated_names_are_left_blank():
    rows = [{"model": "a", "x": 1}, {"model": "a", "y": Estimate(0.5, 0.4, 0.6)}, {"model": "b", "x": None}]
    table = table_of_rows(rows, texts=["model"], named_once="model")
    assert table.columns == ("model", "x", "y")
    assert table.rows == (("a", "1", "–"), ("", "–", "0.500 [0.400, 0.600]"), ("b", "–", "–"))
    assert table.is_number == (False, True, True)


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("old")

    def full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="free space"):
        to_csv(pl.DataFrame({"a": [1]}), path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
    assert path.read_text() == "old"


def test_examples_run():
    assert doctest.testmod(tables).failed == 0
