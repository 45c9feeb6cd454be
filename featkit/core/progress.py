"""Progress of long work: silent in a library, drawn by whoever sets a reporter (the command line does)."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterable, Iterator, Sized
from typing import Protocol, TypeVar

T = TypeVar("T")


class Reporter(Protocol):
    """Draws tasks; the command line has one for terminals and one for plain output."""

    def start(self, description: str, total: float | None) -> int:
        """Open a task of ``total`` steps (None when unknown) and return its id."""

    def advance(self, task: int, steps: float) -> None:
        """Say that ``steps`` more are done."""

    def finish(self, task: int) -> None:
        """Close the task."""

    def note(self, message: str) -> None:
        """Say one line."""


class _Silent:
    def start(self, description: str, total: float | None) -> int:
        return 0

    def advance(self, task: int, steps: float) -> None: ...

    def finish(self, task: int) -> None: ...

    def note(self, message: str) -> None: ...


_reporter: contextvars.ContextVar[Reporter] = contextvars.ContextVar("featkit_reporter", default=_Silent())  # noqa: B039


@contextlib.contextmanager
def reporting_to(reporter: Reporter) -> Iterator[None]:
    """Send progress to ``reporter`` inside the block."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)


class Task:
    """One piece of work under way; call it with the number of steps done."""

    def __init__(self, reporter: Reporter, number: int) -> None:
        self._reporter, self._number = reporter, number

    def __call__(self, steps: float = 1) -> None:
        """Say that ``steps`` more are done."""
        self._reporter.advance(self._number, steps)


@contextlib.contextmanager
def task(description: str, total: float | None = None) -> Iterator[Task]:
    """Open a task; the value is called with the number of steps done.

    Examples
    --------
    >>> with task("Extracting", total=2) as done:
    ...     for _ in range(2):
    ...         done()
    """
    reporter = _reporter.get()
    number = reporter.start(description, total)
    try:
        yield Task(reporter, number)
    finally:
        reporter.finish(number)


def track(items: Iterable[T], description: str, total: float | None = None) -> Iterator[T]:
    """Yield from ``items``, one step each."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with task(description, total) as done:
        for item in items:
            yield item
            done()


def note(message: str) -> None:
    """Say one line to whoever watches (nothing in a silent library)."""
    _reporter.get().note(message)
