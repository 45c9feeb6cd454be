"""Names in the order a reader expects: 40X before 100X, "site 2" before "site 10"."""

from __future__ import annotations

import re
from collections.abc import Iterable

_DIGITS = re.compile(r"(\d+(?:\.\d+)?)")


def natural_key(name: object) -> tuple[tuple[tuple[int, float, str], ...], str]:
    """Return a key that sorts names in natural order; names that differ have keys that differ."""
    parts = _DIGITS.split(str(name))
    read = tuple((0, float(p), "") if i % 2 else (1, 0.0, p.casefold()) for i, p in enumerate(parts) if p)
    return read, str(name)


def sort_naturally(names: Iterable[object]) -> list[str]:
    """Return the distinct names in natural order.

    Examples
    --------
    >>> sort_naturally(["100X", "40X", "100X"])
    ['40X', '100X']
    """
    return sorted({str(n) for n in names}, key=natural_key)
