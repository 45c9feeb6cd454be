import doctest
import errno
import os
import subprocess
import sys

import pytest

from featkit import reporting
from featkit.core.errors import InputError
from featkit.reporting.figures import style
from featkit.reporting.figures.style import PALETTE, colour, line_style, short


def test_pdf_and_png_repeat_too_and_carry_no_date(make, tmp_path):
    figure = reporting.forest_plot(make.comparison(), "auc")
    paths = reporting.save_figure(figure, tmp_path / "one", "forest")
    again = reporting.save_figure(reporting.forest_plot(make.comparison(), "auc"), tmp_path / "two", "forest")
    assert [p.suffix for p in paths] == [".svg", ".pdf", ".png"]
    for a, b in zip(paths, again):
        assert a.read_bytes() == b.read_bytes()
    assert b"CreationDate" not in paths[1].read_bytes()
    with pytest.raises(InputError, match="svg, pdf or png"):
        reporting.figure_bytes(figure, "gif")


def test_names_with_dollars_are_not_mathematics(make):
    figure = reporting.performance_by_fold({"$\\bad$ <b>": {"$x^": make.estimate(0.8)}, "b": {}}, label="AUC")
    svg = reporting.figure_bytes(figure, "svg")
    assert b"<svg" in svg


def test_series_differ_in_more_than_colour():
    assert len(set(PALETTE)) == 8
    styles = [(s["color"], s["linestyle"]) for s in map(line_style, range(16))]
    assert len(set(styles)) == 16
    assert styles[0][1] != styles[1][1]
    assert colour(8) == PALETTE[0]


def test_short_keeps_both_ends():
    assert short("abc", 5) == "abc"
    assert short("baseline_seed13", 9) == "base…ed13"
    assert len(short("x" * 100)) == 24


def test_importing_the_floor_draws_nothing_in():
    code = "import featkit.reporting, sys; print([m for m in ('matplotlib', 'jinja2', 'polars') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_full_disk_leaves_no_half_figure(make, tmp_path, monkeypatch):
    def full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="free space"):
        reporting.save_figure(reporting.split_matrix(make.audit()), tmp_path, "split")
    assert list(tmp_path.iterdir()) == []


def test_examples_run():
    assert doctest.testmod(style).failed == 0
