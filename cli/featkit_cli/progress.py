"""Progress on a terminal (bars) and elsewhere (plain lines)."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_SHOWN_AFTER = 2.0
_LINE_EVERY = 10.0


def reporter() -> TerminalReporter | PlainReporter:
    """Return bars for a terminal and plain lines for anything else."""
    return TerminalReporter() if sys.stderr.isatty() else PlainReporter()


class TerminalReporter:
    """Bars with rate and time left; finished bars leave nothing but their notes behind."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._open: set[int] = set()

    def _bars(self) -> Progress:
        if self._progress is None:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                SpinnerColumn,
                TextColumn,
                TimeRemainingColumn,
            )

            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=20),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
        return self._progress

    def start(self, description: str, total: float | None) -> int:
        """Open a bar."""
        bars = self._bars()
        if not self._open:
            bars.start()
        number = int(bars.add_task(description, total=total, rate=""))
        self._open.add(number)
        return number

    def advance(self, task: int, steps: float) -> None:
        """Move a bar."""
        bars = self._bars()
        bars.advance(_task_id(task), steps)
        speed = bars.tasks[bars.task_ids.index(_task_id(task))].speed
        if speed:
            bars.update(_task_id(task), rate=f"{speed:.0f}/s" if speed >= 10 else f"{speed:.1f}/s")

    def finish(self, task: int) -> None:
        """Close a bar."""
        bars = self._bars()
        bars.remove_task(_task_id(task))
        self._open.discard(task)
        if not self._open:
            bars.stop()

    def note(self, message: str) -> None:
        """Print a line above the bars."""
        self._bars().console.print(message, markup=False, highlight=False)


class PlainReporter:
    """One line when a task over two seconds gets going, every ten seconds, and at its end."""

    def __init__(self) -> None:
        self._tasks: list[dict[str, Any]] = []

    def start(self, description: str, total: float | None) -> int:
        """Open a task."""
        now = time.monotonic()
        self._tasks.append({"what": description, "total": total, "done": 0.0, "since": now, "said": None})
        return len(self._tasks) - 1

    def advance(self, task: int, steps: float) -> None:
        """Count steps, and say so now and then."""
        state = self._tasks[task]
        state["done"] = float(state["done"] or 0) + steps
        now, since, said = time.monotonic(), float(state["since"] or 0), state["said"]
        if now - since < _SHOWN_AFTER or (said is not None and now - float(said) < _LINE_EVERY):
            return
        state["said"] = now
        done, total = float(state["done"]), state["total"]
        rate = done / (now - since)
        line = f"{state['what']}: {done:g}"
        if total is not None:
            line += f" of {float(total):g}, {rate:.3g}/s, {max(0.0, float(total) - done) / rate:.0f} s left"
        else:
            line += f", {rate:.3g}/s"
        self.note(line)

    def finish(self, task: int) -> None:
        """Say the end of a task that took long enough to be seen."""
        state = self._tasks[task]
        seconds = time.monotonic() - float(state["since"] or 0)
        if seconds < _SHOWN_AFTER:
            return
        done, total = float(state["done"]), state["total"]
        end = "done" if total is None or done >= float(total) else f"stopped at {done:g} of {float(total):g}"
        self.note(f"{state['what']}: {end} in {seconds:.0f} s")

    def note(self, message: str) -> None:
        """Print a line on stderr."""
        print(message, file=sys.stderr, flush=True)


def _task_id(number: int) -> TaskID:
    from rich.progress import TaskID

    return TaskID(number)
