"""Numbers and lists as people read them: one format each, for tables, sentences and errors."""

from __future__ import annotations

import math
from collections.abc import Sequence


def first_few(names: Sequence[object], n: int = 5) -> str:
    """Return the first ``n`` names and how many more there are.

    Examples
    --------
    >>> first_few(["a", "b", "c"], n=2)
    'a, b and 1 more'
    """
    shown = ", ".join(str(x) for x in names[:n])
    return f"{shown} and {len(names) - n} more" if len(names) > n else shown


def listed(parts: Sequence[object], last: str = "and") -> str:
    """Return ``"a, b and c"``."""
    texts = [str(part) for part in parts]
    return f"{', '.join(texts[:-1])} {last} {texts[-1]}" if len(texts) > 1 else "".join(texts)


def number(value: float | None, digits: int = 3, *, is_signed: bool = False) -> str:
    """Return a number with fixed digits after the point and a true minus; "–" where there is none.

    Parameters
    ----------
    value : float or None
        Any number; whole numbers from 10,000 on are grouped by thousands.
    digits : int
        Digits after the point.
    is_signed : bool
        Write a plus, too (a difference).

    Examples
    --------
    >>> number(0.91234), number(float("nan")), number(0.5, 2), number(-0.0001), number(0.04, is_signed=True)
    ('0.912', '–', '0.50', '0.000', '+0.040')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:+.{digits}f}" if abs(value) < 10_000 else f"{value:+,.0f}"
    if not text.strip("+-0.,"):
        return text[1:]
    return (text if is_signed else text.removeprefix("+")).replace("-", "−")


def interval(
    value: float | None, low: float | None, high: float | None, digits: int = 3, *, is_signed: bool = False
) -> str:
    """Return ``"0.912 [0.850, 0.960]"``, the value alone where there is no interval.

    Examples
    --------
    >>> interval(0.9, 0.85, 0.96, 2), interval(0.9, float("nan"), float("nan"))
    ('0.90 [0.85, 0.96]', '0.900')
    """
    shown = number(value, digits, is_signed=is_signed)
    if value is None or low is None or high is None or math.isnan(value + low + high):
        return shown
    return f"{shown} [{number(low, digits, is_signed=is_signed)}, {number(high, digits, is_signed=is_signed)}]"


def p_value(p: float | None, least: float = 0.0) -> str:
    """Return a p-value as people write it, never below what its test can show.

    Parameters
    ----------
    p : float or None
        In [0, 1]; "–" where there is none.
    least : float
        The smallest p-value the test can give, such as ``1 / (1 + n_permutations)``: shown as a bound.

    Examples
    --------
    >>> p_value(0.04), p_value(1 / 201, least=1 / 201), p_value(1e-9)
    ('0.040', '≤ 0.005', '< 0.001')
    """
    if p is None or not math.isfinite(p):
        return "–"
    if least > 0 and p <= least * (1 + 1e-9):
        digits = max(3, math.ceil(-math.log10(least)))
        return f"≤ {math.ceil(least * 10**digits - 1e-9) / 10**digits:.{digits}f}"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
