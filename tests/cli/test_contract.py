"""The shell and Python offer the same: a command is the workflow of its name; option objects become flags."""

import dataclasses
import inspect
import subprocess
import sys
import typing
from pathlib import Path

import pytest
import typer
from featkit_cli.command import Command
from featkit_cli.main import app, run

from featkit import workflows
from featkit.core import options
from featkit.core.run_key import RunFilter

PRINTING = {"json", "full"}
NAMED_OTHERWISE = {"split": {"fold"}, "init": {"fold", "encoder"}, "extract": {"encoder"}}  # folds, and names


def commands(group, prefix=""):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


COMMANDS = dict(commands(typer.main.get_command(app)))


def parameters(command):
    return {p.name: p for p in COMMANDS[command].params if p.name != "help"}


def test_there_is_a_command_for_every_workflow_and_no_other():
    assert {name.replace(" ", "_") for name in COMMANDS} == set(workflows.__all__)


def names_of(kind):
    """Return the names of an object's fields, those of objects inside it too."""
    for field in dataclasses.fields(kind):
        hint = typing.get_type_hints(kind)[field.name]
        yield field.name
        yield from names_of(hint) if dataclasses.is_dataclass(hint) else ()


def objects_of(workflow):
    """Return the option objects among a workflow's parameters, by the parameter's name."""
    known = {kind.__name__: kind for kind in (*vars(options).values(), RunFilter) if dataclasses.is_dataclass(kind)}
    annotations = {p.name: str(p.annotation) for p in inspect.signature(workflow).parameters.values()}
    named = {name: text.removesuffix(" | None") for name, text in annotations.items()}
    return {name: known[text] for name, text in named.items() if text in known}


@pytest.mark.parametrize("command", COMMANDS)
def test_parameters_are_those_of_the_workflow_and_of_its_option_objects(command):
    workflow = getattr(workflows, command.replace(" ", "_"))
    theirs, mine, objects = inspect.signature(workflow).parameters, parameters(command), objects_of(workflow)
    plain = {name: parameter for name, parameter in theirs.items() if name not in objects}
    fields = {name for kind in objects.values() for name in names_of(kind)}
    assert len(theirs) <= 7
    assert set(plain) <= set(mine)
    assert set(mine) - PRINTING - set(plain) <= fields | NAMED_OTHERWISE.get(command, set())
    for name, parameter in plain.items():
        given = mine[name].default
        if parameter.default is inspect.Parameter.empty:
            assert mine[name].required, name
        elif isinstance(parameter.default, tuple):  # an option that may be repeated: none given means the default
            assert given in (None, parameter.default, list(parameter.default)), name
        else:
            assert not mine[name].required, name
            assert str(given) == str(Path(parameter.default)) if isinstance(given, Path) else given == parameter.default


@pytest.mark.parametrize("command", COMMANDS)
def test_every_parameter_is_explained(command):
    for name, parameter in parameters(command).items():
        assert parameter.help, name
        assert parameter.help.endswith((".", "...", ")")), name


@pytest.mark.parametrize("command", COMMANDS)
def test_the_list_of_commands_shows_first_lines_whole(command):
    longest = 80 - 6 - max(map(len, COMMANDS))
    first = COMMANDS[command].help.split("\n\n")[0]
    assert len(" ".join(first.split())) <= longest, first


@pytest.mark.parametrize("command", ["", "store", *COMMANDS])
def test_help_fits_an_ordinary_terminal(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    assert run([*command.split(), "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("Usage: featkit")


def test_help_needs_no_heavy_import():
    asked = [[], ["store"], *(name.split() for name in COMMANDS)]
    code = (
        "import sys\n"
        "from featkit_cli.main import run\n"
        f"assert all(run([*command, '--help']) == 0 for command in {asked!r})\n"
        "heavy = {'numpy', 'scipy', 'sklearn', 'polars', 'pandas', 'numba', 'torch', 'matplotlib', 'zarr', 'timm'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_a_single_value_given_twice(command):
    assert type(COMMANDS[command]) is Command
