"""Which stores may be compared."""

from __future__ import annotations

from typing import Any

from featkit.core.errors import InputError
from featkit.store.store import EmbeddingStore

COMPARED = ("encoder", "weights_sha256", "transform", "precision")


def differences(a: EmbeddingStore, b: EmbeddingStore) -> dict[str, tuple[Any, Any]]:
    """Return which of encoder, weights, transform, precision and number of dimensions differ, with both values."""
    found = {key: (a.provenance.get(key), b.provenance.get(key)) for key in COMPARED}
    found["n_dimensions"] = (a.d, b.d)
    return {key: values for key, values in found.items() if values[0] != values[1]}


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
            f"stores must come from one encoder to be compared, {a.path} and {b.path} do not: {key} must be {mine}",
            theirs,
            "Extract both with the same encoder, or allow the mismatch, which the result will then name",
        )
    return tuple(found)
