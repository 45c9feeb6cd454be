"""Which stores may be compared."""

from __future__ import annotations

from typing import Any

from featkit.core.errors import InputError
from featkit.store.store import EmbeddingStore

COMPARED = ("encoder", "weights_sha256", "transform", "precision")
_UNKNOWN = (None, "unknown")


def differences(a: EmbeddingStore, b: EmbeddingStore) -> dict[str, tuple[Any, Any]]:
    """Return which of encoder, weights, transform, precision and number of dimensions differ, with both values.

    An encoder nobody named is like no other: two such stores differ unless they hold the same.
    """
    found = {key: (a.provenance.get(key), b.provenance.get(key)) for key in COMPARED}
    found["n_dimensions"] = (a.d, b.d)
    is_unknown = a.provenance.get("encoder") in _UNKNOWN and a.store_id != b.store_id
    return {k: v for k, v in found.items() if v[0] != v[1] or (k == "encoder" and is_unknown)}


def same_encoder(a: EmbeddingStore, b: EmbeddingStore) -> bool:
    """Return whether two stores hold embeddings of the same encoder, weights, transform and precision."""
    return not differences(a, b)


def require_comparable(a: EmbeddingStore, b: EmbeddingStore, *, allow: bool = False) -> tuple[str, ...]:
    """Refuse to compare stores whose embeddings were made differently, unless told to.

    Parameters
    ----------
    a, b : EmbeddingStore
        The stores.
    allow : bool
        Compare all the same; the result must then say what differs.

    Returns
    -------
    tuple of str
        What differs ("weights_sha256", ...); empty for comparable stores.

    Raises
    ------
    InputError
        If something differs and ``allow`` is false.
    """
    found = differences(a, b)
    if found and not allow:
        key, (mine, theirs) = next(iter(found.items()))
        raise InputError(
            "stores must come from one known encoder to be compared",
            f"{key} {mine} in {a.path} and {theirs} in {b.path}",
            "Extract both with the same encoder, or allow the mismatch, which the result will then name",
        )
    return tuple(found)
