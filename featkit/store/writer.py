"""Writing a store: whole shards in any order from any number of processes, then the seal."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from featkit.core.errors import InputError
from featkit.core.files import disk_errors, require_free, write_bytes
from featkit.core.options import StoreOptions
from featkit.core.text import first_few
from featkit.store.assemble import assemble, kept_rows
from featkit.store.inspection import require_intact
from featkit.store.layout import is_element_name, json_ready
from featkit.store.lock import LockedError, locked
from featkit.store.rows import checked_column, checked_rows, rows_sha256
from featkit.store.seal import partial_folder, read_seal
from featkit.store.shards import Plan, Shard, StagedShard, Staging, default_shard_rows
from featkit.store.store import EmbeddingStore
from featkit.store.zarr_io import zarr

if TYPE_CHECKING:
    import polars as pl

_SPARE_BYTES = 16_000_000  # metadata and small tables


class StoreWriter:
    """Writes one store shard by shard; made by `create_or_resume`.

    Examples
    --------
    >>> writer = StoreWriter.create_or_resume("e.zarr", obs, 512, provenance={"encoder": "tiny"})  # doctest: +SKIP
    >>> for shard in writer.pending():  # doctest: +SKIP
    ...     writer.write(shard, embed(obs[shard.rows]))
    >>> store = writer.seal()  # doctest: +SKIP
    """

    def __init__(self, path: Path, obs: pl.DataFrame, plan: Plan) -> None:
        self.path, self.obs, self.plan = path, obs, plan
        self._staging = Staging(partial_folder(path), plan)
        self._dropped: dict[int, str] = {}

    @classmethod
    def create_or_resume(
        cls,
        path: str | Path,
        obs: pl.DataFrame,
        n_dimensions: int,
        *,
        provenance: Mapping[str, Any],
        classes: Sequence[str] | None = None,
        options: StoreOptions | None = None,
    ) -> Self:
        """Begin a store, or go on with one begun before with the same input.

        Parameters
        ----------
        path : str or Path
            The store's folder, by convention ending in ``.zarr``; must be free, or a store of the same input.
        obs : polars.DataFrame
            One row per patch (n rows): the manifest's columns, ``patch_id`` unique, and split roles where there are.
        n_dimensions : int
            d, at least 1.
        provenance : mapping
            JSON-ready and the same at every start (no times of day): encoder, weights_sha256, transform, precision,
            batch size, code version, method, fold, seed, ...
        classes : sequence of str, optional
            Names of the columns of the class probabilities; each shard must then come with them.
        options : StoreOptions, optional
            How embeddings are stored, and the names of the dimensions.

        Raises
        ------
        InputError
            If the input differs from what was begun, the path is taken, the store that is there is damaged, or the
            disk is full or read-only.
        """
        options = options or StoreOptions()
        path = Path(path)
        if "\0" in str(path):
            raise InputError("the path of a store must be plain text", repr(str(path)), "Choose another name")
        zarr()
        rows = checked_rows(obs)
        _check_plan(n_dimensions, provenance, classes, options)
        default = default_shard_rows(len(rows), n_dimensions, np.dtype(options.dtype).itemsize)
        folder = partial_folder(path)
        is_there = os.path.lexists(path)
        with disk_errors(path):
            begun = Plan(**read_seal(path).plan) if is_there else Staging.read_plan(folder)
        plan = Plan(
            n=len(rows),
            d=int(n_dimensions),
            dtype=options.dtype,
            shard_rows=int(options.shard_rows or (begun.shard_rows if begun else default)),
            classes=None if classes is None else [str(c) for c in classes],
            obs_sha256=rows_sha256(rows),
            provenance=json_ready(provenance),
            dimensions=list(options.dimensions) or None,
        )
        if begun is not None:
            begun.require_same(plan, path if is_there else folder)
        writer = cls(path, rows, plan)
        if is_there:
            require_intact(path)
        else:
            with disk_errors(folder):
                writer._staging.begin()
                n_left = sum(len(shard) for shard in writer.pending())
                row_bytes = plan.d * np.dtype(plan.dtype).itemsize
                require_free(folder, (n_left + plan.n) * row_bytes + _SPARE_BYTES)
        return writer

    @property
    def bad_patches_path(self) -> Path:
        """The file beside the store that names the patches left out; absent when there are none."""
        return self.path.with_name(self.path.name.removesuffix(".zarr") + ".bad_patches.csv")

    @property
    def is_sealed(self) -> bool:
        """Whether the store is complete."""
        return self.path.exists()

    def pending(self) -> list[Shard]:
        """Return the shards still to be written, in row order; empty for a sealed store.

        Processes that share the work take disjoint parts of this list. A shard written twice costs time, no more.
        """
        return [] if self.is_sealed else [s for s in self.plan.shards() if not self._staging.is_done(s)]

    def drop(self, rows: Iterable[int], reasons: Iterable[str] | str) -> None:
        """Leave rows out of the sealed store; say so before writing the shard that holds them.

        Parameters
        ----------
        rows : iterable of int
            Row numbers in ``obs``. What is written for them is ignored and may be anything.
        reasons : iterable of str, or str
            Why, for each of them or for all.
        """
        rows = [int(r) for r in rows]
        for row in rows:
            if not 0 <= row < self.plan.n:
                raise InputError(f"rows must lie in 0 to {self.plan.n - 1}", row, "Count rows as in obs")
        texts = [reasons] * len(rows) if isinstance(reasons, str) else [str(r) for r in reasons]
        if len(texts) != len(rows):
            raise InputError(
                "reasons must be one per row", f"{len(texts)} for {len(rows)} rows", "Give one reason each"
            )
        done = [r for r in rows if self._staging.is_done(self._shard_of(r))]
        if done:
            raise InputError(
                "rows must be dropped before their shard is written", f"row {done[0]}", "Call drop before write"
            )
        self._dropped.update(zip(rows, texts))

    def write(self, shard: Shard, X: np.ndarray, probabilities: np.ndarray | None = None, **columns: Any) -> None:
        """Write a whole shard; it counts once this returns.

        Parameters
        ----------
        shard : Shard
            One of `pending`.
        X : np.ndarray of shape (len(shard), d)
            Finite embeddings, the rows in the order of ``obs[shard.rows]``.
        probabilities : np.ndarray of shape (len(shard), n_classes), optional
            In [0, 1], rows summing to 1; given if and only if the store has ``classes``.
        **columns : array-like of length len(shard)
            More columns of ``obs``, known only now: ``sha256`` of the decoded pixels, ``mpp_effective``, ...

        Raises
        ------
        InputError
            If shapes differ from the plan, a value that is not dropped is not finite, or the disk refuses.
        """
        bad = {r: why for r, why in self._dropped.items() if shard.first <= r < shard.stop}
        keep = np.ones(len(shard), dtype=bool)
        keep[[r - shard.first for r in bad]] = False
        X = np.asarray(X)
        if X.shape != (len(shard), self.plan.d):
            raise InputError(f"X must have the shape {(len(shard), self.plan.d)}", X.shape, "Write whole shards")
        stored = np.where(keep[:, None], X, 0)
        with np.errstate(over="ignore"):  # what does not fit into float16 is refused below, by name
            stored = stored.astype(self.plan.dtype)
        self._require_finite(shard, stored, f"embeddings must be finite in {self.plan.dtype}")
        staged = StagedShard(stored, self._checked(shard, probabilities, keep), self._columns(shard, columns), bad)
        try:
            with disk_errors(self._staging.folder):
                self._staging.write(shard, staged)
        except InputError:
            if not self.is_sealed:  # else another process has finished the store, and cleared up
                raise

    def seal(self) -> EmbeddingStore:
        """Assemble the store, name the patches left out, and open the result.

        The embeddings are streamed shard by shard into a new folder, which takes the store's name in one rename; the
        staged shards are removed after that. A kill at any time leaves either the staged shards or the store. Any
        number of processes may write; one of them seals, and the others are refused while it does.

        Raises
        ------
        InputError
            If shards are missing or damaged, every patch was bad, another process is sealing, or the disk refuses.
        """
        folder = self._staging.folder
        try:
            with disk_errors(folder), locked(folder / "seal.lock", wait=False):
                if not self.is_sealed:
                    self._seal()
                shutil.rmtree(folder, ignore_errors=True)
        except LockedError:
            if not self.is_sealed:
                raise InputError(
                    f"store {self.path} must be sealed by one process at a time",
                    "another that is sealing it now",
                    "Wait until that is done: the store is then complete",
                ) from None
        except InputError:
            if not self.is_sealed:  # else another process has sealed it and removed the staged shards
                raise
        store = EmbeddingStore(self.path)
        Plan(**store.seal.plan).require_same(self.plan, self.path)
        return store

    def abandon(self) -> None:
        """Remove the staged shards, unless another process is sealing them."""
        folder = self._staging.folder
        with contextlib.suppress(LockedError, FileNotFoundError), locked(folder / "seal.lock", wait=False):
            shutil.rmtree(folder, ignore_errors=True)

    def _seal(self) -> None:
        folder = self._staging.folder
        pending = self.pending()
        if pending:
            n_shards = -(-self.plan.n // self.plan.shard_rows)
            raise InputError(
                "store must be complete before it is sealed",
                f"{len(pending)} of {n_shards} shards missing, first rows {pending[0].first} to {pending[0].stop - 1}",
                "Write the pending shards",
            )
        for abandoned in folder.glob("sealing-*"):  # by a process that was killed: the lock is ours
            shutil.rmtree(abandoned, ignore_errors=True)
        kept = kept_rows(self._staging, self.obs)
        building = folder / f"sealing-{uuid.uuid4().hex}"
        try:
            assemble(self._staging, kept, building)
            read_seal(building)  # nothing that cannot be read gets the store's name
            if len(kept.bad):
                write_bytes(self.bad_patches_path, kept.bad.write_csv().encode())
            else:
                self.bad_patches_path.unlink(missing_ok=True)
            os.rename(building, self.path)
        finally:
            shutil.rmtree(building, ignore_errors=True)

    def _shard_of(self, row: int) -> Shard:
        number = row // self.plan.shard_rows
        first = number * self.plan.shard_rows
        return Shard(number, first, min(self.plan.n, first + self.plan.shard_rows))

    def _require_finite(self, shard: Shard, values: np.ndarray, must: str) -> None:
        is_bad = ~np.isfinite(values).all(axis=1)
        if is_bad.any():
            ids = self.obs["patch_id"][shard.rows].filter(is_bad).to_list()
            raise InputError(
                must, f"NaN or infinity for {first_few(ids)}", "Leave those patches out or fix the encoder"
            )

    def _checked(self, shard: Shard, probabilities: np.ndarray | None, keep: np.ndarray) -> np.ndarray | None:
        classes = self.plan.classes
        if (probabilities is None) != (classes is None):
            got = "none" if probabilities is None else "probabilities without classes"
            raise InputError("probabilities and classes must be given together", got, "Give both or neither")
        if probabilities is None or classes is None:
            return None
        P = np.asarray(probabilities)
        if P.shape != (len(shard), len(classes)):
            raise InputError(
                f"probabilities must have the shape {(len(shard), len(classes))}", P.shape, "Check the head"
            )
        P = np.where(keep[:, None], P, 1 / len(classes)).astype(np.float32)
        self._require_finite(shard, P, "probabilities must be finite")
        if P.min() < 0 or P.max() > 1 or np.abs(P.sum(axis=1) - 1).max() > 1e-3:
            raise InputError("probabilities must lie in [0, 1] and sum to 1", "others", "Apply softmax to the logits")
        return P

    def _columns(self, shard: Shard, columns: Mapping[str, Any]) -> dict[str, list[Any]]:
        import polars as pl

        lists = {}
        for name, values in columns.items():
            if name in self.obs.columns:
                raise InputError("columns written with a shard must be new", name, "Leave it out or rename it")
            if len(values) != len(shard):
                raise InputError(f"column {name} must have {len(shard)} values", len(values), "Write whole shards")
            lists[name] = checked_column(pl.Series(name, values, strict=False)).to_list()
        return lists


def _check_plan(
    n_dimensions: int, provenance: Mapping[str, Any], classes: Sequence[str] | None, options: StoreOptions
) -> None:
    if n_dimensions < 1:
        raise InputError("n_dimensions must be at least 1", n_dimensions, "Check the encoder's output")
    if classes is not None and (len(classes) < 2 or len(set(classes)) < len(classes)):
        raise InputError("classes must be two or more different names", ", ".join(classes), "Check the head")
    odd = [key for key in provenance if not is_element_name(key)]
    if odd:
        raise InputError("provenance keys must be plain text without a slash", repr(odd[0]), "Rename it")
    if options.dimensions and len(options.dimensions) != n_dimensions:
        raise InputError(
            f"names of dimensions must be one per dimension ({n_dimensions})", len(options.dimensions), "Give them all"
        )
