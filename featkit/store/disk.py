"""Files that are whole or absent, and one clear line when the disk refuses."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from featkit.core.errors import InputError

_REASONS = {
    errno.ENOSPC: ("disk must have free space", "Free some space"),
    errno.EDQUOT: ("disk quota must have room", "Free some space"),
    errno.EROFS: ("folder must be writable", "Choose a path on a writable disk"),
    errno.EACCES: ("folder must be writable", "Choose a path you may write to"),
    errno.EPERM: ("folder must be writable", "Choose a path you may write to"),
}


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full or read-only disk inside the block into an `InputError` about ``path``."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REASONS:
            raise
        must, fix = _REASONS[error.errno]
        raise InputError(
            f"{must} to write {path}", error.strerror, f"{fix} and run again: finished shards are kept"
        ) from error


def write_whole(path: Path, data: bytes) -> None:
    """Write ``data`` so that ``path`` is complete or absent, also after a kill or a power cut.

    The temporary file's name is unique, so any number of processes may write the same path.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with open(partial, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def require_free(folder: Path, n_bytes: int) -> None:
    """Refuse to start work that the disk cannot hold.

    Parameters
    ----------
    folder : Path
        An existing folder on the disk that will be written.
    n_bytes : int
        Bytes the work will need at most.

    Raises
    ------
    InputError
        If fewer bytes are free.
    """
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise InputError(
            f"disk under {folder} must have about {_size(n_bytes)} free to write the store",
            _size(free),
            "Free some space or choose a path on another disk",
        )


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
