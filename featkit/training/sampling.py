"""Which rows make up the batches of an epoch."""

from __future__ import annotations

import math

import numpy as np

from featkit.core.errors import InputError
from featkit.core.seeds import rng


def count_steps(n_rows: int, batch_size: int) -> int:
    """Return the steps of an epoch: enough to draw about every row once."""
    return max(1, math.ceil(n_rows / batch_size))


def balanced_batches(domains: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Return the rows of each batch of an epoch, the same number from every domain.

    Within a domain rows are drawn without replacement until all were drawn, then anew, so a small domain is seen more
    often than a large one. Depends on seed and epoch alone.

    Parameters
    ----------
    domains : ndarray of int, shape (n,)
        Domain of each row.
    batch_size : int
        At least one row per domain; a remainder goes to other domains in every batch.
    seed, epoch : int

    Returns
    -------
    list of ndarray of int64, each of shape (batch_size,)
        Of shape (n,) where fewer rows than that exist.
    """
    names = np.unique(domains)
    if batch_size < len(names):
        raise InputError(f"batch size must be at least the number of domains ({len(names)})", batch_size)
    size = min(batch_size, len(domains))
    n_steps = count_steps(len(domains), size)
    random = rng(seed, "batches", epoch)
    share, rest = divmod(size, len(names))
    counts = np.full((n_steps, len(names)), share)
    for step in range(n_steps):
        counts[step, [(step * rest + i) % len(names) for i in range(rest)]] += 1
    streams = [_cycle(np.flatnonzero(domains == name), counts[:, i].sum(), random) for i, name in enumerate(names)]
    cuts = [np.split(stream, counts[:, i].cumsum()[:-1]) for i, stream in enumerate(streams)]
    return [np.concatenate([cut[step] for cut in cuts]) for step in range(n_steps)]


def plain_batches(n_rows: int, batch_size: int) -> list[np.ndarray]:
    """Return all rows in order, cut into batches."""
    return [np.arange(start, min(start + batch_size, n_rows)) for start in range(0, n_rows, batch_size)]


def _cycle(rows: np.ndarray, n: int, random: np.random.Generator) -> np.ndarray:
    n_rounds = math.ceil(n / len(rows))
    return np.concatenate([random.permutation(rows) for _ in range(n_rounds)] or [rows])[:n]
