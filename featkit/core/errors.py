"""Errors a user can act on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 500  # characters shown of what was got


class FeatkitError(Exception):
    """Base of every error featkit raises on purpose."""


class InputError(FeatkitError, ValueError):
    """A user's mistake: says what must hold, what was got and what to do next, in one line.

    The command line prints it on stderr and exits with code 2.

    Parameters
    ----------
    must : str
        What must hold, without a final stop ("probabilities must lie in [0, 1]").
    got : object, optional
        What was found instead; left out when ``must`` already says it.
    fix : str, optional
        What to do next, a sentence without a final stop.

    Examples
    --------
    >>> str(InputError("fold must be one of 40X, 100X", "300X", "Pick one of them with --fold"))
    'fold must be one of 40X, 100X, got 300X. Pick one of them with --fold.'
    """

    def __init__(self, must: str, got: object = None, fix: str = "") -> None:
        message = must if got is None else f"{must}, got {_cut(str(got))}"
        message = _one_line(message).rstrip(".") + "."
        if fix:
            message += " " + _one_line(fix).rstrip(".") + "."
        super().__init__(message)


class FeatkitWarning(UserWarning):
    """A result that holds but must be read with care."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"Did you mean 'x'?"``-style advice, or the list of what is known.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        What exists.

    Returns
    -------
    str
        Advice without a final stop.
    """
    known = sorted(set(known))
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    listed = ", ".join(known) if known else "nothing"
    return f"Did you mean {close[0]!r}? Known: {listed}" if close else f"Known: {listed}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text):,} characters)"


def _one_line(text: str) -> str:
    return " ".join(str(text).split())
