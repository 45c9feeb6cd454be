"""Locks between processes, held by the operating system: a process that is killed holds none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path


class LockedError(Exception):
    """Another process holds the lock."""


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a file inside the block.

    Parameters
    ----------
    path : Path
        The file, made if need be; it may be deleted while the lock is held.
    wait : bool
        Wait for another process to be done; if not, `LockedError` is raised where there is one.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=-1 if wait else 0)
    try:
        lock.acquire()
    except Timeout:
        raise LockedError(path) from None
    try:
        yield
    finally:
        lock.release()
