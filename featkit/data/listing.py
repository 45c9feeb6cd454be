"""Long lists of names, cut for one line."""

from __future__ import annotations

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
