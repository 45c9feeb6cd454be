"""Named, independent random streams from one seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from featkit.core.errors import InputError


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

    Raises
    ------
    InputError
        If the seed is no whole number.
    """
    if not isinstance(seed, int | np.integer):
        raise InputError("a seed must be a whole number", repr(seed), "Use 0, 1, 2 or more")
    text = repr((int(seed), *[n.item() if isinstance(n, np.generic) else n for n in names]))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def rng(seed: int, *names: object) -> np.random.Generator:
    """Return the numpy generator of the named stream (see `derive_seed`)."""
    return np.random.default_rng(derive_seed(seed, *names))


def check_seeds(seeds: Iterable[object]) -> None:
    """Refuse what is no seed: runs are named by their seeds, and random streams take no negative ones.

    Raises
    ------
    InputError
        If one of them is no whole number of at least 0.
    """
    for seed in seeds:
        if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
            raise InputError("a seed must be a whole number of at least 0", repr(seed), "Use 0, 1, 2 or more")
