"""Files that are whole or absent, and one clear line when the disk refuses."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from featkit.core.errors import InputError

_REASONS = {
    errno.ENOSPC: ("disk must have free space", "Free some space"),
    errno.EDQUOT: ("disk quota must have room", "Free some space"),
    errno.EROFS: ("folder must be writable", "Choose a path on a writable disk"),
    errno.EACCES: ("folder must be writable", "Choose a path you may write to"),
    errno.EPERM: ("folder must be writable", "Choose a path you may write to"),
    errno.ENOENT: ("folder must take new files", "Choose a path on an ordinary disk"),
    errno.ENOTDIR: ("every folder of the path must be a folder", "Choose another path"),
    errno.ENAMETOOLONG: ("file name must be shorter", "Choose a shorter name"),
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
            f"{must} to write {path}", error.strerror, f"{fix} and run again: what is done is kept"
        ) from error


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give the block a path to write to; what it wrote becomes ``path`` when the block ends without an error.

    ``path`` is complete or as it was before, also after a kill, a power cut or a full disk. The temporary file lies in
    the same folder, which is made if need be, under a name of its own and with the same ending, so any number of
    processes may write the same path.

    Raises
    ------
    InputError
        If the disk is full or read-only, or the path is that of a folder or a device.

    Examples
    --------
    >>> with whole_file("results/table.csv") as partial:  # doctest: +SKIP
    ...     frame.write_csv(partial)
    """
    path = Path(path)
    require_file_path(path)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
        try:
            yield partial
            with open(partial, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def require_file_path(path: str | Path) -> None:
    """Refuse a path that a file cannot take: a folder, or a device such as /dev/null, which a rename would replace.

    Raises
    ------
    InputError
        If something that is no ordinary file has the path.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "a device"
        raise InputError(f"{path} must be free or a file", kind, "Name a file, such as report.html")


def write_bytes(path: str | Path, data: bytes) -> Path:
    """Write a file that is whole or as it was before (see `whole_file`)."""
    with whole_file(path) as partial:
        partial.write_bytes(data)
    return Path(path)


def write_text(path: str | Path, text: str) -> Path:
    """Write text as UTF-8, whole or not at all."""
    return write_bytes(path, text.encode("utf-8"))


def write_json(path: str | Path, value: Any, *, indent: int | None = 1) -> Path:
    """Write a JSON-ready value, whole or not at all; NaN and infinity are refused."""
    return write_text(path, json.dumps(value, indent=indent, allow_nan=False, ensure_ascii=False))


def read_json(path: str | Path, what: str) -> Any:
    """Return what a JSON file holds.

    Parameters
    ----------
    path : path
        The file.
    what : str
        What it should be, for the message ("result").

    Raises
    ------
    InputError
        If there is no such file, or it is no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise InputError(f"the {what} must be a file", f"nothing at {path}", "Check the path") from None
    except (ValueError, RecursionError) as error:
        fix = "It is damaged: delete it and run the command that writes it again"
        raise InputError(f"{path} must be a {what} in JSON", str(error)[:120], fix) from None


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
