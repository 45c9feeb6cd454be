"""Named, independent random streams from one seed."""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(seed: int, *names: object) -> int:
    """Return a 63-bit seed for the named stream.

    Streams with different names are independent, and adding a stream never moves another one, so results do not
    depend on the order in which work is done or on the number of threads.

    Parameters
    ----------
    seed : int
        The user's seed.
    *names : object
        What the stream is for, e.g. ``"bootstrap", fold``; compared by their ``repr``.

    Returns
    -------
    int
        In ``[0, 2**63)``.
    """
    text = repr((int(seed), *[n.item() if isinstance(n, np.generic) else n for n in names]))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def rng(seed: int, *names: object) -> np.random.Generator:
    """Return the numpy generator of the named stream (see `derive_seed`)."""
    return np.random.default_rng(derive_seed(seed, *names))
