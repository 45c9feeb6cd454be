import errno
import json
import os
import subprocess
import sys
import warnings

import polars as pl
import pytest
from featkit_cli.main import app, run

from featkit import workflows
from featkit.core.errors import FeatkitWarning, InputError


@pytest.fixture
def breaks(monkeypatch):
    """Make 'featkit audit' raise what is given."""

    def arrange(error):
        def broken(*args, **kwargs):
            raise error

        monkeypatch.setattr(workflows, "audit", broken)

    return arrange


def only_line(capsys):
    """Return the one line on stderr."""
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    return line


def test_without_arguments_the_commands_are_listed(capsys):
    assert run([]) == 0
    said = capsys.readouterr().out
    for command in app.registered_commands:
        assert f"  {command.callback.__name__} " in said
    assert "..." not in said.split("Commands:")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trian"], "No such command 'trian'"),
        (["train", "--fould", "40X"], "No such option: --fould"),
        (["train", "--epochs", "many"], "Invalid value for '--epochs'"),
        (["train", "--seed"], "Option '--seed' requires an argument"),
        (["store", "info"], "Missing argument"),
        (["store"], "Missing command"),
        (["store", "import", "x.npz"], "Missing option '--output'"),
        (["probe"], "Missing argument"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line_and_name_the_help(capsys, arguments, said):
    assert run(arguments) == 2
    line = only_line(capsys)
    assert said in line
    assert line.startswith("featkit: ")
    assert line.endswith("--help'.")


def test_a_user_s_mistake_is_its_sentence(capsys, breaks):
    breaks(InputError("fold must be known", "300X", "Pick another"))
    assert run(["audit"]) == 2
    assert only_line(capsys) == "featkit: fold must be known, got 300X. Pick another."


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/x/y"),
            "room on the disk, got No space left on device: /x/y",
        ),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "room in the disk quota, got Disk quota exceeded: output"),
        (OSError(errno.EROFS, "Read-only file system", "/x/y"), "on a writable disk, got Read-only file system: /x/y"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "folder writable, got Permission denied: /x"),
        (OSError("Read-only file system (os error 30): /x"), "on a writable disk, got Read-only file system"),
        (
            pl.exceptions.ComputeError("parquet: underlying IO error: No space left on device (os error 28)"),
            "room on the disk, got No space left on device",
        ),
    ],
)
def test_a_disk_that_refuses_is_a_user_s_matter(capsys, breaks, error, said):
    breaks(error)
    assert run(["audit"]) == 2
    assert said in only_line(capsys)


@pytest.mark.parametrize("error", [ZeroDivisionError("1/0"), OSError(errno.EIO, "Input/output error"), OSError("odd")])
def test_anything_else_is_a_bug_and_shows_itself(breaks, error):
    breaks(error)
    with pytest.raises(type(error)):
        run(["audit"])


def test_an_interruption_says_that_work_is_kept(capsys, breaks):
    breaks(KeyboardInterrupt())
    assert run(["audit"]) == 130
    assert "What was finished is kept" in capsys.readouterr().err


def test_warnings_are_notes_and_those_of_libraries_are_silent(capsys, monkeypatch):
    def warned(*args, **kwargs):
        warnings.warn("few patients", FeatkitWarning, stacklevel=1)
        warnings.warn("old call", DeprecationWarning, stacklevel=1)
        return []

    monkeypatch.setattr(workflows, "audit", warned)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert run(["audit", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == []
    assert err == "note: few patients\n"


COMMAND = [sys.executable, "-m", "featkit_cli.main"]


def test_a_closed_pipe_ends_quietly():
    with subprocess.Popen([*COMMAND, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_behind_the_output_is_met():
    with open("/dev/full", "w") as full:
        done = subprocess.run([*COMMAND, "--help"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert b"there must be room on the disk" in done.stderr
    assert b"Traceback" not in done.stderr
