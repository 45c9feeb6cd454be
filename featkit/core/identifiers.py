"""Identifiers are text: "01" is not "1", and names that look alike are named, never merged."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_LEADING_ZEROS = re.compile(r"(?<![0-9.,])0+(?=[0-9])")
_SEPARATORS = re.compile(r"[\s_\-]+")


def identifier(value: object) -> str | None:
    """Return a value as an identifier: text as it is but for outer spaces, whole numbers exactly, None where missing.

    Parameters
    ----------
    value : object
        Text, bytes, a number, a boolean or None. NaN and empty text are missing.

    Examples
    --------
    >>> identifier("01 "), identifier(7), identifier(7.0), identifier(float("nan"))
    ('01', '7', '7', None)
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.strip() or None


def near_twins(names: Iterable[str | None]) -> list[tuple[str, ...]]:
    """Return groups of names that differ only in case, in leading zeros, or in space, underscore or hyphen.

    Parameters
    ----------
    names : iterable of str or None
        Identifiers, repeated or not; None is left out.

    Returns
    -------
    list of tuple of str
        Each group sorted; groups in the order of their first name.

    Examples
    --------
    >>> near_twins(["P1", "p1", "P2", "site 3", "site_3", "07", "7"])
    [('07', '7'), ('P1', 'p1'), ('site 3', 'site_3')]
    """
    alike: defaultdict[str, set[str]] = defaultdict(set)
    for name in set(names) - {None}:
        key = _LEADING_ZEROS.sub("", _SEPARATORS.sub(" ", str(name).casefold()).strip())
        alike[key].add(str(name))
    return sorted(tuple(sorted(group)) for group in alike.values() if len(group) > 1)


def identifier_column(column: pl.Series) -> pl.Series:
    """Return a polars column as identifiers (see `identifier`): text, whole numbers exactly, null where missing.

    Parameters
    ----------
    column : polars.Series
        Text, numbers, booleans, categories or dates.
    """
    import polars as pl

    if column.dtype.is_float() or column.dtype in (pl.Binary, pl.Object):
        return pl.Series(column.name, [identifier(value) for value in column.to_list()], dtype=pl.String)
    text = column.cast(pl.String).str.strip_chars()
    return text.set(text == "", None)
