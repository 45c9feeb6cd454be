"""Which stores may be compared: the one place that says so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from featkit.core.errors import InputError, did_you_mean
from featkit.core.text import listed
from featkit.store.store import EmbeddingStore

COMPARED = {
    "encoder": "the encoder",
    "weights_sha256": "the weights",
    "transform": "the transform of the images",
    "precision": "the precision of the computation",
    "n_dimensions": "the number of dimensions",
    "dimensions": "the names of the dimensions",
}
"""What two stores must share to be compared, and what each is called."""
_UNKNOWN = (None, "unknown")


def differences(a: EmbeddingStore, b: EmbeddingStore) -> dict[str, tuple[Any, Any]]:
    """Return what differs between two stores that would have to be the same, with both values.

    An encoder that nobody named is like no other: two such stores differ unless they hold the same.

    Parameters
    ----------
    a, b : EmbeddingStore
        The stores.

    Returns
    -------
    dict of str to (value in a, value in b)
        By the keys of `COMPARED`; empty for comparable stores.
    """
    found = {key: (a.provenance.get(key), b.provenance.get(key)) for key in COMPARED}
    found["n_dimensions"] = (a.d, b.d)
    found["dimensions"] = (a.dimension_names, b.dimension_names) if a.d == b.d else (None, None)
    is_unknown = a.provenance.get("encoder") in _UNKNOWN and a.store_id != b.store_id
    return {k: v for k, v in found.items() if v[0] != v[1] or (k == "encoder" and is_unknown)}


def require_comparable(a: EmbeddingStore, b: EmbeddingStore, *, allow: bool | Iterable[str] = False) -> tuple[str, ...]:
    """Refuse to compare stores whose embeddings were made differently, unless told to.

    Parameters
    ----------
    a, b : EmbeddingStore
        The stores.
    allow : bool or iterable of str
        Compare all the same: whatever differs (True), or where only these keys of `COMPARED` do. Methods that train an
        encoder are compared with ``allow=("encoder", "weights_sha256")``. The result must then say what differs.

    Returns
    -------
    tuple of str
        What differs, in words ("the weights", ...); empty for comparable stores.

    Raises
    ------
    InputError
        If something differs that is not allowed to.

    Examples
    --------
    >>> notes = require_comparable(a, b, allow=["weights_sha256"])  # doctest: +SKIP
    """
    allowed = set(COMPARED) if allow is True else set(allow or ())
    for key in allowed - set(COMPARED):
        raise InputError("allow must name what may differ", repr(key), did_you_mean(str(key), COMPARED))
    found = differences(a, b)
    refused = [key for key in found if key not in allowed]
    if refused:
        mine, theirs = found[refused[0]]
        raise InputError(
            f"stores must share {listed([COMPARED[key] for key in refused])} to be compared",
            f"{refused[0]} {mine} in {a.path} and {theirs} in {b.path}",
            "Extract both with the same encoder, or allow the mismatch, which the result will then name",
        )
    return tuple(COMPARED[key] for key in found)
