"""What a comparison says, in words."""

from __future__ import annotations

import math

from featkit.results.comparison import ComparisonRow

_NO_WIDTH = 1e-9
"""Rounding alone leaves an interval this wide where every draw gives the same difference."""


def verdict(row: ComparisonRow, higher_is_better: bool | None, level: float) -> str:
    """Return what the row shows.

    "a better" and "b better" ask for both: an interval that leaves out 0 and an adjusted permutation p-value of at
    most ``1 - level``.

    Parameters
    ----------
    row : ComparisonRow
        With p-values and interval; a ``verdict`` of "identical" stays.
    higher_is_better : bool or None
        Direction of the metric; None where neither way is better.
    level : float
        Coverage of the interval.
    """
    estimate = row.difference
    if row.verdict == "identical" and not math.isnan(estimate.value):
        return "identical"
    if math.isnan(estimate.low) or math.isnan(row.p_value):
        return "undefined"
    if _leaves_out_zero(row) and row.p_adjusted <= _alpha(level):
        if higher_is_better is None:
            return "different"
        return "a better" if (estimate.value > 0) == higher_is_better else "b better"
    if row.p_equivalence <= _alpha(level):
        return "equivalent"
    return "not distinguishable"


def sentence(row: ComparisonRow, label: str, level: float) -> str:
    """Return the row as one sentence: difference, interval, patients and verdict.

    Parameters
    ----------
    row : ComparisonRow
        With its verdict.
    label : str
        The metric's name for people.
    level : float
        Coverage of the interval.
    """
    estimate = row.difference
    where = row.scope if row.aggregation == "fold" else f"{row.scope}, {row.aggregation}"
    if row.scope == "all patches":
        where = row.scope
    head = f"{label}, {row.a} minus {row.b} ({where}): "
    plural = "" if estimate.n_units == 1 else "es" if estimate.unit.endswith("ch") else "s"
    people = f"over {estimate.n_units} {estimate.unit}{plural}"
    if row.verdict == "undefined":
        return f"{head}no interval could be made {people}."
    digits = _digits(estimate.high - estimate.low)
    low, high = f"{estimate.low:.{digits}f}", f"{estimate.high:.{digits}f}"
    body = (
        f"difference {_plain(estimate.value, digits)}, {100 * level:g} % interval "
        f"{_plain(float(low), digits)} to {_plain(float(high), digits)} {people}: "
    )
    return head + body + _conclusion(row, level) + "."


def _conclusion(row: ComparisonRow, level: float) -> str:
    p = f"permutation p {_p(row.p_adjusted)}" + (f" corrected for {row.n_family} tests" if row.n_family > 1 else "")
    margin = f"{row.margin:g}"
    if row.verdict == "identical":
        return "the two give the same scores"
    if row.verdict in ("a better", "b better"):
        found = f"{row.a if row.verdict == 'a better' else row.b} is better ({p})"
        return found + (f", by less than the margin of {margin}" if row.p_equivalence <= _alpha(level) else "")
    if row.verdict == "different":
        return f"they differ ({p})"
    if row.verdict == "equivalent":
        return f"equivalent within a margin of {margin} (p {_p(row.p_equivalence)})"
    found = "not distinguishable"
    if _leaves_out_zero(row):
        found += f", since {p} although the interval leaves out 0"
    elif row.p_adjusted <= _alpha(level):
        found += f", since the interval holds 0 although {p}"
    return found + (f", nor shown equivalent within {margin}" if not math.isnan(row.margin) else "")


def _leaves_out_zero(row: ComparisonRow) -> bool:
    return row.difference.low > 0 or row.difference.high < 0


def _alpha(level: float) -> float:
    return 1 - level + 1e-12


def _digits(width: float) -> int:
    """Return decimals that show an interval's width to two digits at least, from 3 to 8; 3 where it has no width."""
    return 3 if not width > _NO_WIDTH else min(8, max(3, 1 - math.floor(math.log10(width))))


def _plain(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text[1:] if float(text) == 0 and text.startswith("-") else text


def _p(p: float) -> str:
    return "= 1" if p >= 1 else f"= {p:.2g}" if p >= 1e-4 else f"< {10 ** math.ceil(math.log10(p)):g}"
