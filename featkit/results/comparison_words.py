"""What a comparison says, in words: made when it is printed, from the numbers of its row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from featkit.core.metric_names import metric_name
from featkit.core.run_key import RunKey, label_of
from featkit.core.text import p_value

if TYPE_CHECKING:
    from featkit.results.comparison import ComparisonRow

_NO_WIDTH = 1e-9
"""Rounding alone leaves an interval this wide where every patient shows the same difference."""


def shown_names(a: str | RunKey, b: str | RunKey) -> tuple[str, str]:
    """Return the two names as people read them: of run keys only the parts that tell them apart."""
    return label_of(a, (a, b)), label_of(b, (a, b))


def sentence(row: ComparisonRow) -> str:
    """Return a row in plain words: difference, interval, patients and what follows.

    Parameters
    ----------
    row : ComparisonRow
        With its verdict.

    Returns
    -------
    str
        Two sentences.
    """
    a, b = shown_names(row.a, row.b)
    estimate = row.difference
    head = f"{metric_name(row.metric).label}, {a} minus {b} ({_where(row)}): "
    if math.isnan(estimate.value):
        return f"{head}undefined. {_why_undefined(row)}"
    digits = _digits(estimate.high - estimate.low)
    value = f"difference {_plain(estimate.value, digits)}"
    if not estimate.has_interval:
        return f"{head}{value}, no interval ({_people(row)}). {_why_undefined(row)}"
    low, high = _plain(estimate.low, digits), _plain(estimate.high, digits)
    body = f"{value}, {100 * estimate.level:g} % interval {low} to {high} ({_people(row)}). "
    return f"{head}{body}{_conclusion(row, a, b)}.{_states(row, a, b)}"


def leaves_out_zero(row: ComparisonRow) -> bool:
    """Return whether the interval of the difference leaves out 0."""
    return row.difference.low > 0 or row.difference.high < 0


def at_most(p: float, level: float) -> bool:
    """Return whether a p-value is significant at ``1 - level``."""
    return p <= 1 - level + 1e-12


def _where(row: ComparisonRow) -> str:
    return row.scope if row.aggregation == "fold" or row.scope != "all folds" else f"{row.scope}, {row.aggregation}"


def _people(row: ComparisonRow) -> str:
    estimate = row.difference
    plural = "" if estimate.n_units == 1 else "es" if estimate.unit.endswith("ch") else "s"
    by_class = estimate.n_units_by_class
    fewest = min(by_class, key=lambda name: by_class[name], default=None)
    few = f", {by_class[fewest]} with class {fewest}" if fewest is not None else ""
    return f"{estimate.n_units} {estimate.unit}{plural}{few}"


def _why_undefined(row: ComparisonRow) -> str:
    if math.isnan(row.difference.value):
        return "A class is missing, or a forecast leaves the metric undefined."
    return f"Too few {row.difference.unit}s of a class show how they vary."


def _conclusion(row: ComparisonRow, a: str, b: str) -> str:
    level = row.difference.level
    p = f"permutation p {_p(row, row.p_adjusted)}"
    p += f" after correction for {row.n_family} tests" if row.n_family > 1 else ""
    if row.verdict == "identical":
        return "Both give the same scores"
    if row.verdict in ("a better", "b better"):
        found = f"{a if row.verdict == 'a better' else b} is better ({p})"
        return found + (f", by less than the margin of {row.margin:g}" if at_most(row.p_equivalence, level) else "")
    if row.verdict == "different":
        return f"They differ ({p})"
    if row.verdict == "equivalent":
        return f"Equivalent within ±{row.margin:g} (p {_p(row, row.p_equivalence)})"
    if leaves_out_zero(row):
        reason = f": the interval leaves out 0, but {p}"
    elif at_most(row.p_adjusted, level):
        reason = f": {p}, but the interval contains 0"
    else:
        reason = f" ({p})"
    shown = "" if math.isnan(row.margin) else f"; equivalence within ±{row.margin:g} is not shown either"
    return f"The data do not decide{reason}{shown}"


def _states(row: ComparisonRow, a: str, b: str) -> str:
    return "".join(f" {name}: {state}." for name, state in ((a, row.state_a), (b, row.state_b)) if state)


def _digits(width: float) -> int:
    """Return decimals that show an interval's width to two digits at least, from 3 to 8; 3 where it has no width."""
    return 3 if not width > _NO_WIDTH else min(8, max(3, 1 - math.floor(math.log10(width))))


def _plain(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text[1:] if float(text) == 0 and text.startswith("-") else text


def _p(row: ComparisonRow, p: float) -> str:
    least = 2 / 2**row.difference.n_units if row.is_exact else 1 / (1 + row.n_permutations)
    shown = p_value(p, min(least, 1.0)) if p == row.p_value else p_value(p)
    return shown if shown[0] in "<≤" else f"= {shown}"
