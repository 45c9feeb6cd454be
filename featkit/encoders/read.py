"""Patches read ahead by threads, in order, with bounded memory."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from featkit.core.errors import InputError
from featkit.data.images import pixel_hash, read_rgb
from featkit.encoders.transform import Transform

AnyPath = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True)
class Patch:
    """One patch as read.

    Parameters
    ----------
    row : int
        Index into the paths.
    pixels : ndarray of uint8, shape (height, width, 3), or None
        Fitted by the transform; None when the file could not be read.
    sha256 : str
        Of the decoded pixels before the transform.
    size : (int, int)
        Height and width in the file.
    problem : str
        Why the file could not be read; empty when it could.
    """

    row: int
    pixels: np.ndarray | None
    sha256: str = ""
    size: tuple[int, int] = (0, 0)
    problem: str = ""


def read_patches(
    paths: Sequence[AnyPath],
    transform: Transform,
    *,
    rows: np.ndarray | None = None,
    n_workers: int = 0,
    n_ahead: int = 128,
) -> Generator[Patch]:
    """Read, decode, hash and fit patches, several at a time.

    Parameters
    ----------
    paths : sequence of path
    transform : Transform
        Fits each patch to what the encoder takes.
    rows : ndarray of int, optional
        Which paths to read, in this order; all by default.
    n_workers : int
        Threads; 0 takes one per core, eight at most.
    n_ahead : int
        How many patches may be held at once.

    Yields
    ------
    Patch
        In the order of ``rows``. A file that cannot be read is yielded with its problem.
    """
    wanted = iter(range(len(paths)) if rows is None else np.asarray(rows).tolist())
    with ThreadPoolExecutor(n_workers or count_workers(), thread_name_prefix="featkit-read") as pool:
        pending: deque[Future[Patch]] = deque()
        try:
            while True:
                for row in itertools.islice(wanted, max(1, n_ahead) - len(pending)):
                    pending.append(pool.submit(_read, paths[row], row, transform))
                if not pending:
                    return
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def count_workers() -> int:
    """Return how many reading threads are worth having here."""
    return min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _read(path: AnyPath, row: int, transform: Transform) -> Patch:
    try:
        image = read_rgb(path)
    except InputError as error:
        return Patch(row, None, problem=str(error))
    return Patch(row, transform.fit(image), pixel_hash(image), (image.shape[0], image.shape[1]))
