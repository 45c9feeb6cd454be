"""Results on disk: one file per run, kept until its inputs or options change."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from featkit.core.errors import InputError
from featkit.core.files import disk_errors, read_json
from featkit.core.fingerprint import Fingerprint
from featkit.core.run_key import RunKey
from featkit.results.base import Result
from featkit.results.by_run import ByRun

R = TypeVar("R", bound=Result)

_FOLDERS = {
    "Comparison": "comparisons",
    "CopiedDimensions": "copies",
    "DenseModel": "dense",
    "Evaluation": "evaluations",
    "MatchedRuns": "matchings",
    "ProbeResult": "probes",
    "RecalibrationEffect": "recalibrations",
    "ReseedingNull": "reseedings",
    "Signature": "signatures",
    "SignatureDetail": "details",
    "SparsityPrice": "prices",
}
_LOCK_SECONDS = 600.0


@dataclasses.dataclass(frozen=True)
class ResultFolder:
    """A folder of results by kind and run: ``signatures/method=grl,fold=100X,seed=0.json``.

    Parameters
    ----------
    root : Path
        The folder; made when something is saved.
    """

    root: Path

    def path(self, kind: type[Result], key: RunKey) -> Path:
        """Return the file of one result."""
        return self.root / _FOLDERS[kind.__name__] / f"{key.file_name()}.json"

    def save(self, result: Result) -> Path:
        """Write a result under its own key; the file is whole or as it was."""
        return result.save(self.path(type(result), result.key))

    def get(self, kind: type[R], key: RunKey) -> R | None:
        """Return the result of a run, or None where there is none.

        Raises
        ------
        InputError
            If the file is damaged or not of this run; the message names it.
        """
        path = self.path(kind, key)
        if not path.is_file():
            return None
        found = kind.load(path)
        if found.key != key:
            raise InputError(
                f"{path} must be of {key.label()}",
                found.key.label(),
                "Delete it and run the command that made it again",
            )
        return found

    def finished(self, kind: type[R], key: RunKey, made_from: Fingerprint) -> R | None:
        """Return the result of a run where it was made from just these inputs and options, else None.

        A damaged file counts as none: it is made again.
        """
        try:
            found = self.get(kind, key)
        except InputError:
            return None
        return found if found is not None and found.made_from == made_from else None

    def keys(self, kind: type[Result]) -> list[RunKey]:
        """Return the runs that there are results of, in natural order; files that cannot be read are passed over."""
        found = []
        for path in (self.root / _FOLDERS[kind.__name__]).glob("[!.]*.json"):
            try:
                found.append(RunKey.from_dict(read_json(path, "result")["key"]))
            except (InputError, TypeError, KeyError):
                continue
        return sorted(found, key=RunKey.sort_key)

    def every(self, kind: type[R]) -> ByRun[R]:
        """Return all results of a kind, in natural order of their runs.

        Raises
        ------
        InputError
            If one of the files is damaged.
        """
        paths = sorted((self.root / _FOLDERS[kind.__name__]).glob("[!.]*.json"))
        return ByRun((found.key, found) for found in map(kind.load, paths)).sorted()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from rebuilding a summary at the same time.

        Raises
        ------
        InputError
            If another process holds the lock for ten minutes.
        """
        from filelock import FileLock, Timeout

        with disk_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            holder = FileLock(self.root / ".lock", timeout=_LOCK_SECONDS)
            try:
                holder.acquire()
            except Timeout:
                raise InputError(
                    f"one process at a time may write summaries in {self.root}",
                    f"another one for {_LOCK_SECONDS:.0f} s",
                    "Wait for it, or end it, and run again",
                ) from None
        try:
            yield
        finally:
            holder.release()
