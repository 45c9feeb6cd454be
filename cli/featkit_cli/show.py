"""Results on the terminal: tables for people, JSON for programs."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from featkit.core.errors import InputError
from featkit.core.text import number

if TYPE_CHECKING:
    from rich.console import Console


_NUMBER = re.compile(r"[-+<≤]*\s*[\d.,]+(?!\w)|-")
"""How a cell with a number begins; "40X" is a name."""


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = "") -> None:
    """Print a table; numbers stand to the right, and lines break between words where the terminal is narrow.

    Where numbers with their intervals do not fit side by side, some columns go into a further table below.
    """
    grid = [[_text(cell) for cell in row] for row in rows]
    console = _console()
    texts = [[column, *(row[index] for row in grid)] for index, column in enumerate(columns)]
    console.print(_keyboard(title), markup=False, highlight=False, style="bold")
    for chosen in _parts(texts, console.width):
        _print_columns(console, [texts[index] for index in chosen])
    if caption:
        console.print(_keyboard(caption), markup=False, highlight=False)


def _print_columns(console: Console, texts: Sequence[Sequence[str]]) -> None:
    """Print columns of text, each with its heading first."""
    from rich import box
    from rich.table import Table

    drawn = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for cells, width in zip(texts, _widths(texts, _room(console.width, len(texts))), strict=True):
        justify: Literal["left", "right"] = "right" if _holds_numbers(cells) else "left"
        drawn.add_column(_escape(cells[0]), justify=justify, overflow="fold", width=width)
    for row in zip(*(cells[1:] for cells in texts), strict=True):
        drawn.add_row(*(_escape(cell) for cell in row))
    console.print(drawn)


def _holds_numbers(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells[1:] if cell]
    return bool(filled) and all(_NUMBER.match(cell) for cell in filled)


def _room(width: int, n_columns: int) -> int:
    """Return what margins and gaps leave of a terminal's width."""
    return width - 2 * n_columns - 1


def _parts(texts: Sequence[Sequence[str]], width: int) -> list[list[int]]:
    """Return which columns stand side by side: all, or the leading columns of text with as many others as fit."""
    n_leading = next((index for index, cells in enumerate(texts) if _holds_numbers(cells)), len(texts))
    least = [_longest_word(cells) if index < n_leading else _whole_cell(cells) for index, cells in enumerate(texts)]
    leading = list(range(n_leading))
    parts = [list(leading)]
    for index in range(n_leading, len(texts)):
        wider = [*parts[-1], index]
        if len(parts[-1]) > n_leading and sum(least[i] for i in wider) > _room(width, len(wider)):
            parts.append([*leading, index])
        else:
            parts[-1] = wider
    return parts


def _longest_word(cells: Sequence[str]) -> int:
    return max(len(word) for cell in cells for word in cell.split() or [""])


def _whole_cell(cells: Sequence[str]) -> int:
    """Return the width of the widest cell below the heading, whose words may stand on several lines."""
    return max([_longest_word(cells[:1]), *map(len, cells[1:])])


def _widths(texts: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return a width for each column: its text's where there is room, its longest word's where there is not.

    Where not even the words fit, those of the widest columns are broken. Numbers get their room before texts.
    """
    whole = [max(map(len, cells)) for cells in texts]
    widths = [_longest_word(cells) for cells in texts]
    left = room - sum(widths)
    while left < 0 and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
        left += 1
    for index in sorted(range(len(texts)), key=lambda i: (not _holds_numbers(texts[i]), whole[i] - widths[i])):
        more = min(max(0, left), whole[index] - widths[index])
        widths[index] += more
        left -= more
    return widths


def _console() -> Console:
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=200)  # a pipe has no width of its own: fold nothing


def place(path: object) -> str:
    """Return a path as a reader here would write it: relative where it lies below the current folder."""
    given = Path(str(path)).absolute()
    return str(given.relative_to(Path.cwd())) if given.is_relative_to(Path.cwd()) else str(given)


def pairs(option: str, texts: Sequence[str] | None) -> dict[str, str] | None:
    """Return ``OURS=THEIRS`` texts as a mapping; None for none."""
    if not texts:
        return None
    wrong = next((text for text in texts if not all(text.partition("=")[::2])), None)
    if wrong is not None:
        raise InputError(f"{option} must read OURS=THEIRS", wrong, f"For example {option} patient=case_id")
    return dict(text.split("=", 1) for text in texts)


def line(text: str) -> None:
    """Print one line, broken between words where the terminal is narrow."""
    from rich.console import Console

    console = Console()
    console.print(_keyboard(text), markup=False, highlight=False, soft_wrap=not console.is_terminal)


def as_json(value: Any) -> None:
    """Print a result, or any nest of results, as JSON at full precision."""
    json.dump(_plain(value), sys.stdout, indent=1, allow_nan=False)
    sys.stdout.write("\n")


def _plain(value: Any) -> Any:
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def _text(cell: object) -> str:
    if cell is None:
        return ""
    return _keyboard(number(cell) if isinstance(cell, float) else str(cell))


def _keyboard(text: str) -> str:
    """Return text with the keyboard's minus for dashes and minus signs, so that numbers can be copied and searched."""
    return text.replace("−", "-").replace("–", "-")


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
