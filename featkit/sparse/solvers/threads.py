"""How many threads work on independent problems."""

from __future__ import annotations

import os

from featkit.core.errors import InputError


def worker_count(n_jobs: int | None) -> int:
    """Return the number of threads for ``n_jobs``: None or -1 is every processor this process may use."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    if n_jobs is None or n_jobs == -1:
        return available
    if n_jobs < 1:
        raise InputError("n_jobs must be at least 1, or -1 for every processor", n_jobs)
    return n_jobs
