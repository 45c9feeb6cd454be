import io
import re
import sys

import pytest
from featkit_cli import progress
from featkit_cli.progress import PlainReporter, TerminalReporter, reporter

from featkit.core.progress import note, reporting_to, task, track


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Time that passes when told to."""

    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_bars_are_for_terminals_and_lines_for_the_rest(monkeypatch):
    assert isinstance(reporter(), PlainReporter)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert isinstance(reporter(), TerminalReporter)


def test_short_work_is_silent(capsys, clock):
    with reporting_to(PlainReporter()), task("Reading", total=10) as done:
        clock.now += 1.9
        done(10)
    assert capsys.readouterr().err == ""


def test_long_work_says_count_rate_and_time_left_every_ten_seconds(capsys, clock):
    with reporting_to(PlainReporter()), task("Reading", total=100) as done:
        for _ in range(100):
            clock.now += 0.5
            done()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Reading: 4 of 100, 2/s, 48 s left"
    assert lines[1] == "Reading: 24 of 100, 2/s, 38 s left"
    assert len(lines) == 6
    assert lines[-1] == "Reading: done in 50 s"


def stop_early(clock):
    with reporting_to(PlainReporter()), task("Reading", total=100) as done:
        clock.now += 3
        done(40)
        raise KeyboardInterrupt


def test_work_that_stops_early_does_not_claim_to_be_done(capsys, clock):
    with pytest.raises(KeyboardInterrupt):
        stop_early(clock)
    assert capsys.readouterr().err.splitlines()[-1] == "Reading: stopped at 40 of 100 in 3 s"


def test_unknown_totals_have_a_rate_only(capsys, clock):
    with reporting_to(PlainReporter()), task("Reading") as done:
        clock.now += 4
        done(8)
    assert capsys.readouterr().err.splitlines() == ["Reading: 8, 2/s", "Reading: done in 4 s"]


def test_a_terminal_shows_bars_and_keeps_notes(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    with reporting_to(reporter()):
        for _ in track(range(3), "Outer [work]"):
            with task("Inner", total=2) as done:
                done(2)
            note("kept")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert shown.count("kept") == 3
    assert "Outer [work]" in shown
    assert "Inner" in shown
    assert "3/3" in shown or "2/3" in shown
