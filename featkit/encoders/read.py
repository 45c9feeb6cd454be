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


@dataclasses.dataclass(frozen=True, eq=False)
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


AnyPatch = str | os.PathLike[str] | Patch
"""A file to read, or a patch that was read before with the same transform."""


def read_patches(
    paths: Sequence[AnyPatch],
    transform: Transform,
    *,
    rows: np.ndarray | None = None,
    n_jobs: int | None = None,
    n_ahead: int = 128,
) -> Generator[Patch]:
    """Read, decode, hash and fit patches, several at a time.

    Parameters
    ----------
    paths : sequence of path or Patch
        A patch that was read before is taken as it is: several encoders of one transform need to read only once.
    transform : Transform
        Fits each patch to what the encoder takes.
    rows : ndarray of int, optional
        Which paths to read, in this order; all by default.
    n_jobs : int, optional
        Threads; one per core, eight at most, when not set.
    n_ahead : int
        How many patches may be held at once.

    Yields
    ------
    Patch
        In the order of ``rows``. A file that cannot be read is yielded with its problem.

    Raises
    ------
    InputError
        If a patch read before was fitted to another size.
    """
    wanted = iter(range(len(paths)) if rows is None else np.asarray(rows).tolist())
    with ThreadPoolExecutor(n_jobs or count_threads(), thread_name_prefix="featkit-read") as pool:
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


def count_threads() -> int:
    """Return how many reading threads are worth having here."""
    return min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _read(path: AnyPatch, row: int, transform: Transform) -> Patch:
    if isinstance(path, Patch):
        if path.pixels is not None and path.pixels.shape[:2] != transform.size:
            raise InputError(
                f"patches read before must be fitted to {transform.size}", path.pixels.shape[:2], "Read the files again"
            )
        return dataclasses.replace(path, row=row)
    try:
        image = read_rgb(path)
    except InputError as error:
        return Patch(row, None, problem=str(error))
    return Patch(row, transform.fit(image), pixel_hash(image), (image.shape[0], image.shape[1]))
