"""The shell and Python offer the same: a command is the workflow of its name, with its parameters."""

import inspect
from pathlib import Path

import pytest
import typer
from featkit_cli.main import app

from featkit import workflows

PRINTING = {"json", "full"}


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


@pytest.mark.parametrize("command", COMMANDS)
def test_parameters_and_defaults_are_those_of_the_workflow(command):
    theirs = inspect.signature(getattr(workflows, command.replace(" ", "_"))).parameters
    mine = parameters(command)
    assert set(mine) - PRINTING == set(theirs)
    for name, parameter in theirs.items():
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
