"""Results as tables: for people (one row of text), for LaTeX, and as CSV at full precision."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featkit.core.errors import InputError, did_you_mean
from featkit.core.files import write_text
from featkit.core.text import interval, number, p_value
from featkit.results.base import Result
from featkit.results.estimate import Estimate

if TYPE_CHECKING:
    import polars as pl

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
        Which columns hold numbers and are aligned right.
    caption : str
        What the table shows.

    Examples
    --------
    >>> Table(("model", "AUC"), (("grl", "0.912"),), (False, True)).rows[0]
    ('grl', '0.912')
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_number: tuple[bool, ...]
    caption: str = ""


def table_of_rows(
    rows: Sequence[Mapping[str, object]],
    *,
    texts: Collection[str] = (),
    named_once: str = "",
    digits: int = 3,
    caption: str = "",
) -> Table:
    """Return rows of cells by heading as a table for reading.

    Parameters
    ----------
    rows : sequence of mapping of str to object
        Texts, numbers, truth values, `Estimate` (shown with its interval) or None; a heading may be missing in a row.
    texts : collection of str
        Headings of the columns of text, aligned left.
    named_once : str
        Heading of a column in which a value that repeats the one above is left blank.
    digits : int
        Digits after the point; whole numbers have none.
    caption : str
        What the table shows.

    Returns
    -------
    Table
        Columns in the order in which headings first occur; missing values are dashes.

    Examples
    --------
    >>> table_of_rows([{"model": "grl", "AUC": Estimate(0.9, 0.8, 0.95)}], texts=["model"]).rows
    (('grl', '0.900 [0.800, 0.950]'),)
    """
    columns = list(dict.fromkeys(heading for row in rows for heading in row))
    cells = [{heading: _text(row.get(heading), digits) for heading in columns} for row in rows]
    last = ""
    for row in cells:
        if named_once in row:
            last, shown = row[named_once], "" if row[named_once] == last else row[named_once]
            row[named_once] = shown
    return Table(
        tuple(columns),
        tuple(tuple(row.values()) for row in cells),
        tuple(heading not in texts for heading in columns),
        caption,
    )


def table_of(
    source: Result | pl.DataFrame,
    *,
    columns: Mapping[str, str] | Sequence[str] | None = None,
    digits: int = 3,
    caption: str = "",
) -> Table:
    """Return a result or a frame as a table for reading.

    A number and its bounds become one cell, "0.912 [0.874, 0.941]": columns ``value``, ``low``, ``high``;
    ``difference``, ``low``, ``high``; or ``x``, ``x_low``, ``x_high``. Columns ``p`` and ``p_...`` hold p-values.

    Parameters
    ----------
    source : Result or polars.DataFrame
        A result is asked for its ``frame()``.
    columns : mapping of str to str, or sequence of str, optional
        Which columns, in which order, and how to head them; all, with underscores as spaces, when not given. Bounds
        follow their number and are not named.
    digits : int
        Digits after the point; whole numbers have none.
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

    Examples
    --------
    >>> table_of(Estimate(0.9), columns=["value", "unit"]).rows
    (('0.900', 'patient'),)
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
            value = record[name]
            if name in bounds:
                cells.append(interval(value, record[bounds[name][0]], record[bounds[name][1]], digits))
            elif isinstance(value, float) and (name == "p" or name.startswith("p_")):
                cells.append(p_value(value))
            else:
                cells.append(_text(value, digits))
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

    Raises
    ------
    InputError
        If the label holds anything else.

    Examples
    --------
    >>> print(to_latex(Table(("model", "AUC"), (("grl", "0.912"),), (False, True))))
    \begin{table}
    \centering
    \begin{tabular}{lr}
    \toprule
    model & AUC \\
    \midrule
    grl & 0.912 \\
    \bottomrule
    \end{tabular}
    \end{table}
    <BLANKLINE>
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
        Where to write; its folder is made when missing, and the file is whole or as it was before.

    Returns
    -------
    str
        Comma-separated with a heading; cells with commas, quotes or line ends are quoted, lists are joined by "; ".

    Raises
    ------
    InputError
        If the disk is full or read-only.

    Examples
    --------
    >>> to_csv(Estimate(0.5)).splitlines()[0][:14]
    'value,low,high'
    """
    import polars as pl

    frame = source.frame() if isinstance(source, Result) else source
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    text = frame.with_columns(pl.col(name).cast(pl.List(pl.String)).list.join("; ") for name in lists).write_csv()
    if path is not None:
        write_text(path, text)
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


def _text(value: Any, digits: int) -> str:
    if isinstance(value, Estimate):
        if value.state and math.isnan(value.value):
            return value.state
        return interval(value.value, value.low, value.high, digits)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value).replace("-", "−")
    if value is None or isinstance(value, float):
        return number(value, digits)
    if isinstance(value, list | tuple):
        return "; ".join(_text(v, digits) for v in value)
    return str(value)
