"""What is in a store, and whether it is still what was sealed."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featkit.core.errors import InputError
from featkit.core.text import listed
from featkit.store.assemble import Moments
from featkit.store.layout import read_mapping
from featkit.store.rows import rows_sha256
from featkit.store.seal import content_id
from featkit.store.store import EmbeddingStore

if TYPE_CHECKING:
    import polars as pl


def store_info(path: str | Path) -> dict[str, Any]:
    """Return what a store holds, JSON-ready, without reading its embeddings."""
    store = EmbeddingStore(path)
    return {
        "path": str(store.path),
        "store_id": store.store_id,
        "n": store.n,
        "d": store.d,
        "dtype": store.seal.dtype,
        "bytes": sum(store.seal.files.values()),
        "n_shards": len(store.seal.shards_sha256),
        "shard_rows": store.seal.shard_rows,
        "chunk_rows": store.seal.chunk_rows,
        "columns": {name: str(kind) for name, kind in store.obs.schema.items()},
        "classes": store.classes,
        "n_dead": int(store.var["is_dead"].sum()),
        "provenance": store.provenance,
    }


@dataclasses.dataclass(frozen=True)
class StoreCheck:
    """What `verify_store` found.

    Parameters
    ----------
    is_intact : bool
        Whether everything read is what was sealed.
    bad_shards : tuple of (int, int)
        First and last row of each shard of ``X`` whose values changed or cannot be read.
    bad_parts : tuple of str
        Which of "obs", "probabilities", "provenance", "var" and "store_id" changed or cannot be read.
    store_id : str
        The id fixed at sealing.
    """

    is_intact: bool
    bad_shards: tuple[tuple[int, int], ...]
    bad_parts: tuple[str, ...]
    store_id: str


def verify_store(path: str | Path) -> StoreCheck:
    """Read a whole store, recompute its checksums and its id, and name what is not as it was sealed.

    Raises
    ------
    InputError
        If there is no sealed store at ``path``, or files are missing or cut short.
    """
    store = EmbeddingStore(path)
    seal, array, whole, bad_shards = store.seal, store._array, hashlib.sha256(), []
    moments = Moments(store.d)
    for number, expected in enumerate(seal.shards_sha256):
        first = number * seal.shard_rows
        stop = min(store.n, first + seal.shard_rows)
        try:
            X = np.ascontiguousarray(array[first:stop])
        except Exception:  # whatever a compressor raises on bytes it did not write
            bad_shards.append((first, stop - 1))
            continue
        whole.update(X.data)
        moments.add(X)
        if hashlib.sha256(X.data).hexdigest() != expected:
            bad_shards.append((first, stop - 1))
    bad_parts = [name for name, check in _PARTS.items() if not _holds(check, store)]
    if not bad_shards and not _holds(
        lambda store: _is_alike(store.var, moments.frame(seal.plan.get("dimensions"))), store
    ):
        bad_parts.append("var")
    found = content_id(whole.hexdigest(), (seal.obs_sha256, seal.probabilities_sha256), seal.plan)
    if found != store.store_id and not bad_shards:
        bad_parts.append("store_id")
    return StoreCheck(not bad_shards and not bad_parts, tuple(bad_shards), tuple(bad_parts), store.store_id)


def require_intact(path: str | Path) -> None:
    """Read a whole store, and refuse it if something is not as it was sealed: nothing damaged is called finished.

    Raises
    ------
    InputError
        Naming the damaged rows and parts.
    """
    check = verify_store(path)
    if not check.is_intact:
        shards = [f"rows {first} to {last}" for first, last in check.bad_shards]
        raise InputError(
            f"the store at {path} must be as it was sealed",
            f"damage in {listed([*shards, *check.bad_parts])}",
            f"Delete {path} and run again",
        )


def _obs_holds(store: EmbeddingStore) -> bool:
    return rows_sha256(store.obs) == store.seal.obs_sha256


def _probabilities_hold(store: EmbeddingStore) -> bool:
    P = store.probabilities
    found = None if P is None else hashlib.sha256(np.ascontiguousarray(P).data).hexdigest()
    return found == store.seal.probabilities_sha256


def _is_alike(found: pl.DataFrame, expected: pl.DataFrame) -> bool:
    """Return whether two tables of dimensions say the same; variances may differ by rounding."""
    exact = [name for name in expected.columns if name != "variance"]
    same = found.columns == expected.columns and found.select(exact).equals(expected.select(exact))
    return same and bool(np.allclose(found["variance"], expected["variance"], rtol=1e-6, atol=0))


def _provenance_holds(store: EmbeddingStore) -> bool:
    return read_mapping(store._root["uns"]["featkit"]) == store.provenance


_PARTS = {"obs": _obs_holds, "probabilities": _probabilities_hold, "provenance": _provenance_holds}


def _holds(check: Any, store: EmbeddingStore) -> bool:
    try:
        return bool(check(store))
    except Exception:  # whatever a compressor raises on bytes it did not write
        return False
