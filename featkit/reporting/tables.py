"""Results as tables: for people (one row of text), for LaTeX, and as CSV at full precision."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featkit.core.errors import InputError, did_you_mean
from featkit.results.base import Result

if TYPE_CHECKING:
    import polars as pl

_NOTHING = "–"
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",  # after a line's end LaTeX would read an argument
    "]": "{]}",
    "–": "--",
    "−": "$-$",
    "±": r"$\pm$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "λ": r"$\lambda$",
    "µ": r"\textmu{}",
}


@dataclasses.dataclass(frozen=True)
class Table:
    """A table made for reading: text in every cell.

    Parameters
    ----------
    columns : tuple of str
        Headings.
    rows : tuple of tuple of str
        Cells.
    is_number : tuple of bool
        Which columns hold numbers and stand to the right.
    caption : str
        What the table shows.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_number: tuple[bool, ...]
    caption: str = ""


def table_of(
    source: Result | pl.DataFrame,
    *,
    columns: Mapping[str, str] | Sequence[str] | None = None,
    digits: int = 3,
    caption: str = "",
) -> Table:
    """Return a result or a frame as a table for reading.

    A number and its bounds become one cell, "0.912 [0.874, 0.941]": columns ``value``, ``low``, ``high``;
    ``difference``, ``low``, ``high``; or ``x``, ``x_low``, ``x_high``.

    Parameters
    ----------
    source : Result or polars.DataFrame
        A result is asked for its ``frame()``.
    columns : mapping of str to str, or sequence of str, optional
        Which columns, in which order, and how to head them; all, with underscores as spaces, when not given. Bounds
        follow their number and are not named.
    digits : int
        Decimals of numbers; whole numbers have none.
    caption : str
        What the table shows.

    Returns
    -------
    Table
        Missing values are dashes.

    Raises
    ------
    InputError
        If a column is not there.
    """
    frame = source.frame() if isinstance(source, Result) else source
    bounds = _bounds(frame.columns)
    if columns is None:
        hidden = {end for pair in bounds.values() for end in pair}
        chosen = {name: name.replace("_", " ") for name in frame.columns if name not in hidden}
    else:
        chosen = dict(columns) if isinstance(columns, Mapping) else {name: name.replace("_", " ") for name in columns}
    for name in chosen:
        if name not in frame.columns:
            raise InputError("column must be one of the table's", repr(name), did_you_mean(name, frame.columns))
    is_number = tuple(frame.schema[name].is_numeric() for name in chosen)
    rows = []
    for record in frame.iter_rows(named=True):
        cells = []
        for name in chosen:
            text = _text(record[name], digits)
            low, high = (record[end] for end in bounds.get(name, (name, name)))
            if name in bounds and _is_known(low) and _is_known(high):
                text += f" [{_text(float(low), digits)}, {_text(float(high), digits)}]"
            cells.append(text)
        rows.append(tuple(cells))
    return Table(tuple(chosen.values()), tuple(rows), is_number, caption)


def to_latex(table: Table, *, label: str = "") -> str:
    r"""Return a table as a LaTeX ``table`` with booktabs rules; every cell is escaped.

    Parameters
    ----------
    table : Table
        From `table_of`.
    label : str
        What ``\ref`` calls it: letters, digits, colons, dots and dashes.

    Returns
    -------
    str
        Needs ``\usepackage{booktabs}`` and an engine that reads UTF-8.
    """
    if not all(ch.isalnum() or ch in ":-." for ch in label):
        raise InputError("a label must hold letters, digits, colons, dots and dashes only", repr(label))
    align = "".join("r" if number else "l" for number in table.is_number)
    lines = ["\\begin{table}", "\\centering"]
    lines += [f"\\caption{{{escape_latex(table.caption)}}}"] if table.caption else []
    lines += [f"\\label{{{label}}}"] if label else []
    lines += [f"\\begin{{tabular}}{{{align}}}", "\\toprule", _latex_row(table.columns), "\\midrule"]
    lines += [_latex_row(row) for row in table.rows]
    lines += ["\\bottomrule", "\\end{tabular}", "\\end{table}"]
    return "\n".join(lines) + "\n"


def to_csv(source: Result | pl.DataFrame, path: str | Path | None = None) -> str:
    """Return a result or a frame as CSV at full precision, and write it when a path is given.

    Parameters
    ----------
    source : Result or polars.DataFrame
        A result is asked for its ``frame()``.
    path : path, optional
        Where to write; its folder is made when missing.

    Returns
    -------
    str
        Comma-separated with a heading; cells with commas, quotes or line ends are quoted, lists are joined by "; ".
    """
    import polars as pl

    frame = source.frame() if isinstance(source, Result) else source
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    text = frame.with_columns(pl.col(name).cast(pl.List(pl.String)).list.join("; ") for name in lists).write_csv()
    if path is not None:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    return text


def escape_latex(text: str) -> str:
    """Return text that LaTeX prints as it stands."""
    return "".join(_LATEX.get(ch, ch) for ch in " ".join(text.split()))


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(escape_latex(cell) for cell in cells) + " \\\\"


def _bounds(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return which columns carry their bounds in which others."""
    found = {name: (f"{name}_low", f"{name}_high") for name in names if {f"{name}_low", f"{name}_high"} <= set(names)}
    if {"low", "high"} <= set(names):
        found |= {name: ("low", "high") for name in ("value", "difference") if name in names}
    return found


def _is_known(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _text(value: Any, digits: int) -> str:
    if not _is_known(value):
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return _number(value, digits)
    if isinstance(value, list | tuple):
        return "; ".join(_text(v, digits) for v in value)
    return str(value)


def _number(value: float, digits: int) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value != 0 and abs(value) < 0.5 * 10**-digits:
        return f"{value:.1e}".replace("-", "−")
    text = f"{value:.{digits}f}" if abs(value) < 10_000 else f"{value:,.0f}"
    return text.replace("-", "−")
