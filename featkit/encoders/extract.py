"""Patches through an encoder, one batch at a time."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Generator, Iterator, Sequence

import numpy as np
import torch
from torch import nn

from featkit.core.errors import InputError
from featkit.core.options import ExtractOptions
from featkit.encoders.compute import choose_device, choose_precision, computing
from featkit.encoders.encoder import Encoder
from featkit.encoders.read import AnyPatch, Patch, read_patches

_CPU_BATCH, _GPU_BATCH = 64, 256


@dataclasses.dataclass(frozen=True, eq=False)
class EmbeddedBatch:
    """Embeddings of some patches, in the order asked for.

    Parameters
    ----------
    rows : ndarray of int64, shape (b,)
        Indices into the paths, in the order asked for, without the bad ones.
    embeddings : ndarray of float32, shape (b, d)
        One row per patch.
    probabilities : ndarray of float32, shape (b, c), or None
        Softmax of the head; None without a head.
    sha256 : tuple of str
        Of the decoded pixels, per patch.
    sizes : ndarray of int64, shape (b, 2)
        Height and width in the file, pixels.
    mpp_factors : ndarray of float64, shape (b, 2)
        Vertical and horizontal; effective mpp = mpp * factor.
    bad : tuple of (int, str)
        Rows among these that could not be read, and why.
    """

    rows: np.ndarray
    embeddings: np.ndarray
    probabilities: np.ndarray | None
    sha256: tuple[str, ...]
    sizes: np.ndarray
    mpp_factors: np.ndarray
    bad: tuple[tuple[int, str], ...]


@dataclasses.dataclass
class Summary:
    """What an extraction did and where its time went.

    Parameters
    ----------
    device, precision : str
        Where and at which precision the network computed.
    batch_size : int
        The largest batch that fitted.
    n_embedded, n_bad : int
        Patches embedded, and patches that could not be read.
    seconds_reading, seconds_computing, seconds_taking : float
        The main thread's seconds: waiting for patches to be read, computing, and held by whoever takes the batches.
    """

    device: str
    precision: str
    batch_size: int
    n_embedded: int = 0
    n_bad: int = 0
    seconds_reading: float = 0.0
    seconds_computing: float = 0.0
    seconds_taking: float = 0.0


class Extraction(Iterator[EmbeddedBatch]):
    """What `embed_patches` returns: iterate over it for `EmbeddedBatch` objects.

    Attributes
    ----------
    summary : Summary
        Up to date after each batch.
    """

    def __init__(self, batches: Generator[EmbeddedBatch], summary: Summary) -> None:
        self._batches = batches
        self.summary = summary

    def __next__(self) -> EmbeddedBatch:
        return next(self._batches)

    def close(self) -> None:
        """Stop early: ends the reading threads."""
        self._batches.close()


def embed_patches(
    encoder: Encoder,
    paths: Sequence[AnyPatch],
    *,
    head: nn.Module | None = None,
    rows: Sequence[int] | np.ndarray | None = None,
    options: ExtractOptions | None = None,
) -> Extraction:
    """Stream patches through an encoder in bounded memory.

    Reading runs ahead in threads; batches come in the order asked for. In eval mode the embedding of a patch does not
    depend on the batch it is in beyond rounding (1e-5 relative in float32).

    Parameters
    ----------
    encoder : Encoder
        Moved to the device and left there.
    paths : sequence of path or Patch
        Files, or patches that `read_patches` gave for the same transform.
    head : nn.Module, optional
        Takes (b, d) embeddings and returns (b, c) logits; moved to the device too.
    rows : sequence of int, optional
        Which paths, and in which order; all by default. A second process takes other rows.
    options : ExtractOptions, optional
        Batch size, reading threads, device and precision; ``dtype`` and ``strict`` are for stores. Embeddings are
        float32 in any case. When the GPU's memory does not suffice for a batch it is halved, and the summary has the
        size that fitted.

    Returns
    -------
    Extraction
        Iterator of `EmbeddedBatch`, with ``summary``.

    Raises
    ------
    InputError
        If an argument is out of range; while iterating, if an embedding is not finite or one patch does not fit.

    Examples
    --------
    >>> batches = embed_patches(load_encoder("tiny"), paths)  # doctest: +SKIP
    >>> X = np.concatenate([batch.embeddings for batch in batches])  # doctest: +SKIP
    """
    options = options or ExtractOptions()
    chosen = np.arange(len(paths)) if rows is None else np.asarray(rows, dtype=np.int64)
    if chosen.size and (chosen.min() < 0 or chosen.max() >= len(paths)):
        raise InputError(f"rows must lie in 0..{len(paths) - 1}", f"{chosen.min()}..{chosen.max()}")
    where = choose_device(options.device)
    size = options.batch_size or (_GPU_BATCH if where.type == "cuda" else _CPU_BATCH)
    summary = Summary(str(where), choose_precision(options.precision, where), size)
    encoder.to(where).eval()
    if head is not None:
        head.to(where).eval()
    patches = read_patches(paths, encoder.transform, rows=chosen, n_jobs=options.n_jobs, n_ahead=2 * size)
    return Extraction(_batches(encoder, head, patches, size, where, summary), summary)


def _batches(
    encoder: Encoder,
    head: nn.Module | None,
    patches: Generator[Patch],
    size: int,
    device: torch.device,
    summary: Summary,
) -> Generator[EmbeddedBatch]:
    try:
        while True:
            start = time.perf_counter()
            read = list(itertools.islice(patches, size))
            if not read:
                return
            now = time.perf_counter()
            summary.seconds_reading += now - start
            batch = _embed(encoder, head, read, device, summary)
            start = time.perf_counter()
            summary.seconds_computing += start - now
            yield batch
            summary.seconds_taking += time.perf_counter() - start
    finally:
        patches.close()  # ends the reading threads when iteration is left early


def _embed(
    encoder: Encoder, head: nn.Module | None, read: list[Patch], device: torch.device, summary: Summary
) -> EmbeddedBatch:
    good = [patch for patch in read if patch.pixels is not None]
    bad = tuple((patch.row, patch.problem) for patch in read if patch.pixels is None)
    n_classes = 0 if head is None else _count_classes(head, encoder, device)
    embeddings = np.empty((len(good), encoder.n_dimensions), dtype=np.float32)
    probabilities = np.empty((len(good), n_classes), dtype=np.float32) if head is not None else None
    start = 0
    while start < len(good):
        piece = slice(start, start + summary.batch_size)
        pixels = torch.from_numpy(np.stack([p.pixels for p in good[piece] if p.pixels is not None]))
        try:
            found, shares = _forward(encoder, head, pixels, device, summary.precision)
        except torch.OutOfMemoryError:
            summary.batch_size = _smaller(min(summary.batch_size, len(pixels)), device)
            continue
        embeddings[piece] = found
        if probabilities is not None:
            probabilities[piece] = shares
        start += len(pixels)
    if not np.isfinite(embeddings).all():
        row = good[int(np.flatnonzero(~np.isfinite(embeddings).all(axis=1))[0])].row
        fix = "Use --precision float32" if summary.precision != "float32" else "Check the encoder's weights"
        raise InputError("embeddings must be finite", f"NaN or infinity for patch {row}", fix)
    summary.n_embedded += len(good)
    summary.n_bad += len(bad)
    return EmbeddedBatch(
        rows=np.array([p.row for p in good], dtype=np.int64),
        embeddings=embeddings,
        probabilities=probabilities,
        sha256=tuple(p.sha256 for p in good),
        sizes=np.array([p.size for p in good], dtype=np.int64).reshape(-1, 2),
        mpp_factors=np.array([encoder.transform.scale(*p.size) for p in good], dtype=np.float64).reshape(-1, 2),
        bad=bad,
    )


def _forward(
    encoder: Encoder, head: nn.Module | None, pixels: torch.Tensor, device: torch.device, precision: str
) -> tuple[np.ndarray, np.ndarray | None]:
    with torch.inference_mode():
        images = encoder.transform.normalise(pixels.to(device, non_blocking=True))
        with computing(precision, device):
            embeddings = encoder.embed(images)
        shares = None if head is None else head(embeddings).float().softmax(dim=1).cpu().numpy()
        return embeddings.cpu().numpy(), shares


def _count_classes(head: nn.Module, encoder: Encoder, device: torch.device) -> int:
    with torch.inference_mode():
        return int(head(torch.zeros(1, encoder.n_dimensions, device=device)).shape[1])


def _smaller(size: int, device: torch.device) -> int:
    if size == 1:
        raise InputError("one patch must fit in the memory of the device", device, "Use --device cpu")
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return size // 2
