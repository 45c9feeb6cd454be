"""Results on the terminal: tables for people, JSON for programs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from featkit.core.results import Estimate


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = "") -> None:
    """Print a table; numbers stand to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    grid = [[_text(cell) for cell in row] for row in rows]
    drawn = Table(title=title, caption=caption or None, box=box.SIMPLE_HEAD, title_justify="left")
    drawn.caption_justify = "left"
    for index, column in enumerate(columns):
        cells = [row[index] for row in grid if row[index]]
        is_number = bool(cells) and all(cell[:1] in "-+.0123456789<" for cell in cells)
        drawn.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in grid:
        drawn.add_row(*(_escape(cell) for cell in row))
    console = Console()
    if not console.is_terminal:  # a pipe has no width of its own: never fold a table there
        console = Console(width=200)
    console.print(drawn)


def place(path: object) -> str:
    """Return a path as a reader here would write it: relative where it lies below the current folder."""
    given = Path(str(path)).absolute()
    return str(given.relative_to(Path.cwd())) if given.is_relative_to(Path.cwd()) else str(given)


def pairs(option: str, texts: Sequence[str] | None) -> dict[str, str] | None:
    """Return ``OURS=THEIRS`` texts as a mapping; None for none."""
    from featkit.core.errors import InputError

    if not texts:
        return None
    wrong = next((text for text in texts if not all(text.partition("=")[::2])), None)
    if wrong is not None:
        raise InputError(f"{option} must read OURS=THEIRS", wrong, f"For example {option} patient=case_id")
    return dict(text.split("=", 1) for text in texts)


def line(text: str) -> None:
    """Print one line as it is."""
    from rich.console import Console

    Console(soft_wrap=True).print(text, markup=False, highlight=False)


def as_json(value: Any) -> None:
    """Print a result, or any nest of results, as JSON at full precision."""
    json.dump(_plain(value), sys.stdout, indent=1, allow_nan=False)
    sys.stdout.write("\n")


def interval(estimate: Estimate) -> str:
    """Return "0.912 [0.850, 0.960]"."""
    return str(estimate)


def p_value(p: float) -> str:
    """Return a p-value as people write it."""
    if not math.isfinite(p):
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


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
    if isinstance(cell, float):
        return "-" if not math.isfinite(cell) else f"{cell:.4g}"
    return str(cell)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
