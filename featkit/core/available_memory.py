"""How much memory a process may take before the system swaps or kills it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_UNKNOWN = 4 << 30
_VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_VERSION_2 = ("memory.max", "memory.current", "inactive_file")


def available_bytes(root: Path = Path("/")) -> int:
    """Return the memory that can be taken without swapping, within the limits of containers and batch jobs.

    Parameters
    ----------
    root : Path
        Where ``proc`` and ``sys`` are.

    Returns
    -------
    int
        Bytes; 4 GiB where the system does not say.
    """
    return max(0, min([_of_machine(root), *_of_control_groups(root)]))


def _of_machine(root: Path) -> int:
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
        return int(dict(line.split(":", 1) for line in lines)["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        pages = os.sysconf("SC_AVPHYS_PAGES") if "SC_AVPHYS_PAGES" in getattr(os, "sysconf_names", {}) else 0
        return pages * os.sysconf("SC_PAGE_SIZE") if pages else _UNKNOWN


def _of_control_groups(root: Path) -> Iterator[int]:
    """Yield what is left below the limit of each control group this process is in, from the innermost up."""
    try:
        groups = [line.split(":", 2) for line in (root / "proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return
    for number, controllers, path in groups:
        if number == "0":
            mount, names = root / "sys/fs/cgroup", _VERSION_2
        elif "memory" in controllers.split(","):
            mount, names = root / "sys/fs/cgroup/memory", _VERSION_1
        else:
            continue
        inner = mount / path.lstrip("/")
        for folder in (inner, *inner.parents):
            left = _left(folder, *names)
            if left is not None:
                yield left
            if folder == mount:
                break


def _left(folder: Path, limit: str, usage: str, reclaimable: str) -> int | None:
    """Return a group's limit less its use, the file cache that the system takes back by itself not counted."""
    try:
        most, used = int((folder / limit).read_text()), int((folder / usage).read_text())
        counts = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return most - used + int(counts[reclaimable])
    except (OSError, KeyError, ValueError):  # no such group, or "max": no limit
        return None
