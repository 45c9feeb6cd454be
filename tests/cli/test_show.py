import io
import json
import re
import sys

import pytest
from featkit_cli import show
from hypothesis import given
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.results.estimate import Estimate

WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=9)
CELLS = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of the width asked for; what was printed there comes from its ``getvalue``."""

    def wide(columns):
        screen = Terminal()
        monkeypatch.setattr(sys, "stdout", screen)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm")
        return screen

    return wide


@given(st.integers(1, 7).flatmap(lambda k: st.lists(st.lists(CELLS, min_size=k, max_size=k), min_size=1, max_size=4)))
def test_columns_are_as_wide_as_there_is_room_and_words_stay_whole(rows):
    texts = list(map(list, zip(*rows, strict=True)))
    longest = [max(len(word) for cell in cells for word in cell.split()) for cells in texts]
    whole = [max(map(len, cells)) for cells in texts]
    for room in (len(texts), sum(longest), sum(longest) + 3, sum(whole), 200):
        widths = show._widths(texts, room)
        assert sum(widths) <= max(room, len(texts))
        if room >= sum(longest):
            assert all(width >= least for width, least in zip(widths, longest, strict=True))
        if room >= sum(whole):
            assert widths == whole
        else:
            assert all(width <= most for width, most in zip(widths, whole, strict=True))


def test_a_narrow_terminal_breaks_between_words(terminal):
    screen = terminal(46)
    show.table("A title that is longer than its table", ["name", "difference"], [("grl", "0.5 [0.1, 0.9]")] * 2)
    show.line("one two three four five six seven eight nine ten eleven")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).splitlines()
    assert max(map(len, lines)) <= 46
    assert "A title that is longer than its table" in screen.getvalue()
    assert lines[-1].strip() == "ten eleven"


def test_a_pipe_gets_whole_rows(capsys):
    wide = " ".join(["word"] * 30)
    show.table("Title", ["a", "b"], [(wide, 1.0)])
    show.line(wide + " " + wide)
    out = capsys.readouterr().out.splitlines()
    assert any(wide in row for row in out)
    assert out[-1] == wide + " " + wide


def test_what_looks_like_markup_is_text(capsys):
    show.table("The [red] title", ["[bold]"], [("[/]",)], caption="[x]")
    out = capsys.readouterr().out
    for text in ("The [red] title", "[bold]", "[/]", "[x]"):
        assert text in out


def test_numbers_stand_to_the_right(capsys):
    show.table("t", ["name", "count"], [("a", 5), ("bc", 12345), ("d", None), ("e", float("nan"))])
    rows = [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert rows[3].endswith("     5")
    assert rows[4].endswith(" 12345")
    assert rows[6].endswith(" -")


def test_json_is_strict_whatever_it_is_given(capsys):
    show.as_json({"a": float("nan"), 1: (1, 2.5, None, True), "e": Estimate(0.1 + 0.2)})
    read = json.loads(capsys.readouterr().out)
    assert read["a"] == "nan"
    assert read["1"] == [1, 2.5, None, True]
    assert read["e"]["value"] == 0.1 + 0.2


def test_pairs_are_read_or_refused():
    assert show.pairs("--columns", None) is None
    assert show.pairs("--columns", ["patient=case id", "label=a=b"]) == {"patient": "case id", "label": "a=b"}
    for wrong in ("patient", "=x", "patient="):
        with pytest.raises(InputError, match="--columns must read OURS=THEIRS"):
            show.pairs("--columns", ["mpp=um", wrong])


def test_places_are_relative_below_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert show.place("a/b.zarr") == "a/b.zarr"
    assert show.place(tmp_path / "a") == "a"
    assert show.place(tmp_path.parent / "other") == str(tmp_path.parent / "other")


def test_dashes_and_minus_signs_are_those_of_the_keyboard(capsys):
    show.table("a − b", ["x"], [("−0.5 [−0.6, –]",), ("≤ 0.005",), (-0.25,)], caption="1–2")
    show.line("−1")
    out = capsys.readouterr().out
    assert "−" not in out
    assert "–" not in out
    for text in ("a - b", "-0.5 [-0.6, -]", "≤ 0.005", "-0.250", "1-2", "-1"):
        assert text in out


def test_what_does_not_fit_side_by_side_goes_below_with_the_names_repeated(terminal):
    screen = terminal(80)
    metrics = ("AUC", "F1", "Bal. acc.", "Patient rate")
    cell = "0.912 [0.874, 0.941]"
    rows = [("baseline signature", fold, *[cell] * 4) for fold in ("40X", "100X, nothing selected")]
    show.table("Scores.", ("model", "patches", *metrics), rows)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).splitlines()
    assert max(map(len, lines)) <= 80
    headings = [line.split() for line in lines if "model" in line]
    assert headings == [["model", "patches", "AUC", "F1"], ["model", "patches", "Bal.", "acc.", "Patient", "rate"]]
    assert sum(line.count(cell) for line in lines) == 8
    assert screen.getvalue().count("Scores.") == 1
