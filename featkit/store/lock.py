"""Locks between processes, held by the operating system: a process that is killed holds none."""

from __future__ import annotations

import contextlib
import os
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
        The file, made if need be; its folder must exist. It may be deleted while the lock is held.
    wait : bool
        Wait for another process to be done; if not, `LockedError` is raised where there is one.

    Notes
    -----
    Where the system has no ``flock`` (Windows) nothing is locked. Stores are safe there as well, since shards and
    sealed folders appear by rename; what two processes both do is done twice.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise LockedError(path) from None
        yield
    finally:
        os.close(descriptor)
