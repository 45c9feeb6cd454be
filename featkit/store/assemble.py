"""From staged shards to the final Zarr hierarchy, one shard in memory at a time."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.errors import InputError
from featkit.core.progress import track
from featkit.store.layout import encoding, write_array, write_frame, write_mapping
from featkit.store.rows import checked_column, rows_sha256
from featkit.store.seal import Seal, content_id
from featkit.store.shards import Staging
from featkit.store.zarr_io import compressors, no_remarks, zarr

if TYPE_CHECKING:
    import polars as pl

_CHUNK_BYTES = 2_000_000
_SHARD_CHUNKS = 16


@dataclasses.dataclass(frozen=True)
class Kept:
    """The rows of the final store, and those left out.

    Parameters
    ----------
    rows : polars.DataFrame
        The final table: planned columns, then the columns that came with the shards.
    is_kept : np.ndarray
        Boolean mask over the planned rows.
    bad : polars.DataFrame
        ``patch_id``, ``path`` where known, and ``reason`` of each row left out.
    """

    rows: pl.DataFrame
    is_kept: np.ndarray
    bad: pl.DataFrame


def kept_rows(staging: Staging, planned: pl.DataFrame) -> Kept:
    """Return which rows the store will keep, from the markers alone."""
    import polars as pl

    parts, bad = [], {}
    for shard in staging.plan.shards():
        columns, shard_bad = staging.notes(shard)
        bad.update(shard_bad)
        if columns:
            part = pl.DataFrame([pl.Series(k, v, strict=False) for k, v in columns.items()])
        else:
            part = pl.DataFrame({"patch_id": [None] * len(shard)}).select([])
        ids = planned["patch_id"][shard.rows].to_frame()
        parts.append(pl.concat([ids, part], how="horizontal"))
    more = pl.concat(parts, how="diagonal_relaxed").drop("patch_id")
    rows = planned.hstack([checked_column(more[name]) for name in more.columns])
    is_kept = np.ones(len(planned), dtype=bool)
    is_kept[list(bad)] = False
    if not is_kept.any():
        first = next(iter(bad.values()))
        raise InputError(
            "store must keep at least one patch", f"{len(bad)} bad ones, the first because: {first}", "Check the images"
        )
    named = [c for c in ("patch_id", "path") if c in planned.columns]
    bad_rows = sorted(bad)
    refused = planned[bad_rows].select(named).with_columns(pl.Series("reason", [bad[r] for r in bad_rows], pl.String))
    return Kept(rows.filter(pl.Series(is_kept)), is_kept, refused)


def assemble(staging: Staging, kept: Kept, folder: Path) -> Seal:
    """Write the hierarchy of a finished store, seal included, into the new folder ``folder``."""
    plan, n = staging.plan, len(kept.rows)
    chunk_rows = max(1, min(n, _CHUNK_BYTES // (plan.d * np.dtype(plan.dtype).itemsize)))
    shard_rows = chunk_rows * min(_SHARD_CHUNKS, -(-n // chunk_rows))
    provenance = {**plan.provenance, "n_patches_given": plan.n, "n_patches_bad": plan.n - n}
    if plan.classes is not None:
        provenance["classes"] = plan.classes
    with no_remarks():
        root = zarr().create_group(folder, zarr_format=3, attributes=encoding("anndata", "0.1.0"))
        array = root.create_array(
            "X",
            shape=(n, plan.d),
            dtype=plan.dtype,
            chunks=(chunk_rows, plan.d),
            shards=(shard_rows, plan.d),
            compressors=compressors(),
            attributes=encoding("array", "0.2.0"),
        )
        moments, whole, shards_sha256, first = Moments(plan.d), hashlib.sha256(), [], 0
        probabilities: list[np.ndarray] = []
        for X in _blocks(_kept_shards(staging, kept.is_kept, probabilities), shard_rows):
            array[first : first + len(X)] = X
            data = np.ascontiguousarray(X).data
            whole.update(data)
            shards_sha256.append(hashlib.sha256(data).hexdigest())
            moments.add(X)
            first += len(X)
        write_frame(root, "obs", kept.rows, index="patch_id")
        write_frame(root, "var", moments.frame(plan.dimensions), index="dimension")
        for name in ("layers", "obsm", "varm", "obsp", "varp"):
            root.create_group(name, attributes=encoding("dict", "0.1.0"))
        probabilities_sha256 = None
        if plan.classes is not None:
            stacked = np.concatenate(probabilities)
            write_array(root["obsm"], "probabilities", stacked)
            probabilities_sha256 = hashlib.sha256(stacked.data).hexdigest()
        uns = root.create_group("uns", attributes=encoding("dict", "0.1.0"))
        write_mapping(uns, "featkit", provenance)
        obs_sha256 = rows_sha256(kept.rows)
        seal = Seal(
            store_id=content_id(whole.hexdigest(), (obs_sha256, probabilities_sha256), plan.to_dict()),
            n=n,
            d=plan.d,
            dtype=plan.dtype,
            shard_rows=shard_rows,
            chunk_rows=chunk_rows,
            shards_sha256=shards_sha256,
            obs_sha256=obs_sha256,
            probabilities_sha256=probabilities_sha256,
            provenance=provenance,
            plan=plan.to_dict(),
            files=_files(folder),
        )
        zarr().consolidate_metadata(folder)
        seal.write(folder)
    return seal


def _kept_shards(staging: Staging, is_kept: np.ndarray, probabilities: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the kept rows of each staged shard, collecting their probabilities on the way."""
    for shard in track(list(staging.plan.shards()), "Sealing the store"):
        staged, keep = staging.read(shard), is_kept[shard.rows]
        if staged.probabilities is not None:
            probabilities.append(staged.probabilities[keep])
        yield staged.X[keep]


def _blocks(parts: Iterator[np.ndarray], n_rows: int) -> Iterator[np.ndarray]:
    """Yield blocks of exactly ``n_rows`` rows (the last one excepted) from parts of any length."""
    waiting: list[np.ndarray] = []
    n_waiting = 0
    for part in parts:
        waiting.append(part)
        n_waiting += len(part)
        while n_waiting >= n_rows:
            joined = np.concatenate(waiting)
            yield joined[:n_rows]
            waiting, n_waiting = [joined[n_rows:]], n_waiting - n_rows
    if n_waiting:
        yield np.concatenate(waiting)


class Moments:
    """Mean, variance and range of each dimension over blocks of rows, in float64 (Chan, Golub & LeVeque 1979)."""

    def __init__(self, d: int) -> None:
        self.n, self.mean, self.squares = 0, np.zeros(d), np.zeros(d)
        self.least, self.most = np.full(d, np.inf), np.full(d, -np.inf)

    def add(self, X: np.ndarray) -> None:
        """Take in the rows of a block (m, d)."""
        m, mean = len(X), X.mean(axis=0, dtype=np.float64)
        shift = mean - self.mean
        self.squares += np.square(X - mean).sum(axis=0) + shift**2 * (self.n * m / (self.n + m))
        self.mean += shift * (m / (self.n + m))
        self.n += m
        self.least, self.most = np.minimum(self.least, X.min(axis=0)), np.maximum(self.most, X.max(axis=0))

    def frame(self, names: list[str] | None = None) -> pl.DataFrame:
        """Return ``dimension``, ``name`` if given, ``is_dead`` (one value in all rows), ``variance`` (divided by n)."""
        import polars as pl

        is_dead = self.least == self.most
        return pl.DataFrame(
            {
                "dimension": [f"d{j}" for j in range(len(self.mean))],
                **({} if names is None else {"name": names}),
                "is_dead": is_dead,
                "variance": np.where(is_dead, 0.0, self.squares / self.n),
            }
        )


def _files(folder: Path) -> dict[str, int]:
    """Return the size of each file under ``folder`` but the root's metadata, which are still to change."""
    found = (p for p in sorted(folder.rglob("*")) if p.is_file() and p != folder / "zarr.json")
    return {p.relative_to(folder).as_posix(): p.stat().st_size for p in found}
