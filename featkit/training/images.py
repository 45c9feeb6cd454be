"""Patches of a set in any order, from memory where they fit and from disk where they do not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from featkit.core.errors import InputError
from featkit.core.progress import track
from featkit.encoders.read import AnyPatch, read_patches
from featkit.encoders.transform import Transform


class PatchImages:
    """Fitted patches, uint8 (size, 3) each.

    Parameters
    ----------
    images : sequence of path, or ndarray of uint8, shape (n, height, width, 3)
        Files, or pixels.
    transform : Transform
        Fits them to the encoder.
    cache : bool
        Whether to decode paths once and keep the patches; they are read anew every time otherwise.
    n_jobs : int, optional
        Reading threads; one per core, eight at most, when not set.
    """

    def __init__(
        self, images: Sequence[AnyPatch] | np.ndarray, transform: Transform, *, cache: bool, n_jobs: int | None = None
    ) -> None:
        self._transform, self._n_jobs = transform, n_jobs
        self._paths: Sequence[AnyPatch] = ()
        self._pixels: np.ndarray | None = None
        if isinstance(images, np.ndarray):
            fits = images.shape[1:3] == transform.size and transform.scale(*images.shape[1:3]) == (1, 1)
            self._pixels = images if fits else self._stack(map(transform.fit, images), len(images))
            return
        self._paths = images
        if cache:
            read = track(self._read(np.arange(len(images))), "Reading patches", total=len(images))
            self._pixels = self._stack(read, len(images))

    def batches(self, rows: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the patches of each array of rows.

        Yields
        ------
        ndarray of uint8, shape (b, height, width, 3)
        """
        if self._pixels is not None:
            for chosen in rows:
                yield self._pixels[chosen]
            return
        if not len(rows):
            return
        stream = self._read(np.concatenate(rows))
        for chosen in rows:
            yield self._stack(itertools.islice(stream, len(chosen)), len(chosen))

    def _stack(self, images: Iterator[np.ndarray], n: int) -> np.ndarray:
        stacked = np.empty((n, *self._transform.size, 3), dtype=np.uint8)
        for row, image in enumerate(images):
            stacked[row] = image
        return stacked

    def _read(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        for patch in read_patches(self._paths, self._transform, rows=rows, n_jobs=self._n_jobs):
            if patch.pixels is None:
                raise InputError(f"training patches must be readable: {patch.problem}")
            yield patch.pixels
