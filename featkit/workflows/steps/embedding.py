"""A table of patches through one encoder into one store."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featkit.core.errors import InputError
from featkit.core.options import ExtractOptions, StoreOptions
from featkit.core.progress import note, task
from featkit.core.provenance import environment

if TYPE_CHECKING:
    import polars as pl
    from torch import nn

    from featkit.encoders import EmbeddedBatch, Encoder
    from featkit.store.store import EmbeddingStore
    from featkit.store.writer import StoreWriter


@dataclasses.dataclass(frozen=True)
class Embedding:
    """What one store will hold.

    Parameters
    ----------
    frame : polars.DataFrame, n rows
        The patches: columns of a manifest, and the role in the split where the encoder was trained.
    encoder : Encoder
        What embeds them.
    facts : dict
        What the store is of, for its provenance: a finished store of other facts is another store.
    more : dict
        What its provenance tells besides.
    head : nn.Module, optional
        Gives class probabilities.
    classes : tuple of str, optional
        Their names.
    name : str
        What it is of, for people; the store's name when empty.
    """

    frame: pl.DataFrame
    encoder: Encoder
    facts: dict[str, Any]
    more: dict[str, Any] = dataclasses.field(default_factory=dict)
    head: nn.Module | None = None
    classes: tuple[str, ...] | None = None
    name: str = ""

    def provenance(self, options: ExtractOptions) -> dict[str, Any]:
        """Return where the embeddings come from, except for the precision, which the device decides."""
        record = self.encoder.describe()
        return {
            "encoder": record["name"],
            "weights_sha256": record["weights_sha256"],
            "transform": record["transform"],
            "encoder_record": record,
            "batch_size": options.batch_size or "auto",
            "is_eval": True,
            "environment": environment(),
            **self.facts,
            **self.more,
        }


def write_store(made: Embedding, target: Path, options: ExtractOptions) -> EmbeddingStore:
    """Write the store, or return the finished one that is there.

    Parameters
    ----------
    made : Embedding
        What it will hold.
    target : Path
        Where it goes; work that was interrupted there goes on.
    options : ExtractOptions
        How embeddings are computed and written.

    Returns
    -------
    EmbeddingStore
        Sealed.

    Raises
    ------
    InputError
        If another store is there, or a patch cannot be read and ``options.strict`` asks for all.
    """
    provenance = made.provenance(options)
    store = _finished(made, target, provenance, options)
    if store is None:
        store = _write(made, target, provenance, options)
    if options.strict and store.provenance["n_patches_bad"]:
        raise InputError(
            "every patch must be readable with --strict",
            f"{store.provenance['n_patches_bad']} left out of {target}",
            "The file of bad patches beside the store names them: fix them and extract into another store",
        )
    return store


def _finished(
    made: Embedding, target: Path, provenance: dict[str, Any], options: ExtractOptions
) -> EmbeddingStore | None:
    """Return the sealed store at ``target`` if it holds what is asked for."""
    from featkit.store import open_store, require_intact

    if not target.exists():
        return None
    store = open_store(target)
    keys = ("weights_sha256", "transform", *made.facts)  # versions of libraries may differ
    is_same = all(store.provenance.get(k) == provenance[k] for k in keys) and store.seal.dtype == options.dtype
    is_same = is_same and options.precision in ("auto", store.provenance.get("precision"))
    if not is_same or store.provenance["n_patches_given"] != len(made.frame):
        return None
    require_intact(target)  # a damaged store is not finished
    return store


def _write(made: Embedding, target: Path, provenance: dict[str, Any], options: ExtractOptions) -> EmbeddingStore:
    from featkit.encoders import embed_patches
    from featkit.store import StoreWriter

    frame, encoder = made.frame, made.encoder
    probe = embed_patches(encoder, [], head=made.head, options=options).summary
    writer = StoreWriter.create_or_resume(
        target,
        frame,
        encoder.n_dimensions,
        provenance={**provenance, "precision": probe.precision},
        classes=None if made.classes is None else list(made.classes),
        options=StoreOptions(
            dtype=options.dtype,
            shard_rows=whole_batches(len(frame), encoder.n_dimensions, options.dtype, probe.batch_size),
        ),
    )
    was_there, shards = writer.is_sealed, writer.pending()
    rows = np.concatenate([np.arange(s.first, s.stop) for s in shards]) if shards else np.empty(0, dtype=np.int64)
    extraction = embed_patches(encoder, frame["path"].to_list(), head=made.head, rows=rows, options=options)
    filler = _ShardFiller(writer, shards, frame, encoder.n_dimensions, len(made.classes or ()))
    with task(f"Embedding patches for {made.name or target.name}", total=len(rows)) as done:
        for batch in extraction:
            if batch.bad and options.strict:
                row, reason = batch.bad[0]
                raise InputError("every patch must be readable with --strict", f"{frame['patch_id'][row]}: {reason}")
            filler.add(batch)
            done(len(batch.rows) + len(batch.bad))
    if writer.is_sealed and not was_there:
        note(f"Another process has finished {target} meanwhile, from the same input: its store is taken")
    store = writer.seal()
    n_bad = len(frame) - store.n
    if n_bad:
        note(f"{n_bad} of {len(frame)} patches could not be read and were left out: see {writer.bad_patches_path}")
    return store


class _ShardFiller:
    """Collects batches, which come in row order, and writes each shard as soon as it is whole."""

    def __init__(
        self, writer: StoreWriter, shards: Sequence[Any], frame: pl.DataFrame, n_dimensions: int, n_classes: int
    ) -> None:
        self._writer, self._shards, self._frame = writer, list(shards), frame
        self._n_dimensions, self._n_classes = n_dimensions, n_classes
        self._pieces: list[EmbeddedBatch] = []

    def add(self, batch: EmbeddedBatch) -> None:
        """Take the next batch and write what it completes."""
        self._writer.drop([row for row, _ in batch.bad], [reason for _, reason in batch.bad])
        self._pieces.append(batch)
        seen = max([*batch.rows.tolist(), *(row for row, _ in batch.bad)])
        while self._shards and seen >= self._shards[0].stop - 1:
            self._write(self._shards.pop(0))

    def _write(self, shard: Any) -> None:
        n = len(shard)
        X = np.zeros((n, self._n_dimensions), dtype=np.float32)
        P = np.zeros((n, self._n_classes), dtype=np.float32) if self._n_classes else None
        sha256: list[str | None] = [None] * n
        factors = np.full((n, 2), np.nan)
        for batch in self._pieces:
            here = np.flatnonzero((batch.rows >= shard.first) & (batch.rows < shard.stop))
            at = batch.rows[here] - shard.first
            X[at], factors[at] = batch.embeddings[here], batch.mpp_factors[here]
            if P is not None and batch.probabilities is not None:
                P[at] = batch.probabilities[here]
            for k, i in zip(here, at, strict=True):
                sha256[i] = batch.sha256[k]
        self._pieces = [b for b in self._pieces if b.rows.size and b.rows[-1] >= shard.stop]
        mpp = self._frame["mpp"][shard.rows].cast(float).to_numpy()
        mpp_y = self._frame["mpp_y"][shard.rows].cast(float).to_numpy() if "mpp_y" in self._frame.columns else mpp
        self._writer.write(
            shard,
            X,
            P,
            sha256=sha256,
            mpp_effective=_or_null(mpp * factors[:, 1]),
            mpp_effective_y=_or_null(mpp_y * factors[:, 0]),
        )


def _or_null(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(v) else float(v) for v in values]


def whole_batches(n: int, d: int, dtype: str, batch_size: int) -> int:
    """Return rows for a shard: whole batches, so that a resumed run forms the same ones, to the last bit."""
    from featkit.store.shards import default_shard_rows

    rows = default_shard_rows(n, d, np.dtype(dtype).itemsize)
    return -(-rows // batch_size) * batch_size
