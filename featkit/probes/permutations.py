"""Random permutations inside blocks."""

from __future__ import annotations

import numpy as np

from featkit.core.seeds import rng


def permuted_within(values: np.ndarray, block: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Permute values among the members of each block.

    Parameters
    ----------
    values, block : ndarray of int, shape (m,)
        What is permuted, and inside which block.
    n, seed : int
        How many permutations, and from which stream; the first ones of a longer run are those of a shorter.

    Returns
    -------
    ndarray of int, shape (n, m)
    """
    random, home = rng(seed, "permuted within blocks"), np.argsort(block, kind="stable")
    found = np.empty((n, len(values)), dtype=values.dtype)
    for b in range(n):
        found[b, home] = values[np.lexsort((random.random(len(values)), block))]
    return found
