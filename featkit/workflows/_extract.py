"""``featkit extract``: patches through an encoder into stores."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featkit.core.config import DataConfig, EncoderConfig, ExtractConfig
from featkit.core.errors import InputError
from featkit.core.options import StoreOptions
from featkit.core.progress import note, task
from featkit.core.provenance import environment
from featkit.core.workspace import EVERY_FOLD, FROZEN, Run, Workspace
from featkit.workflows._split import ensure_split
from featkit.workflows._train import training_data
from featkit.workflows.steps.encoders import workspace_encoder
from featkit.workflows.steps.manifests import guess_adapter, read_manifest, workspace_manifest

if TYPE_CHECKING:
    import polars as pl
    from torch import nn

    from featkit.encoders import Encoder
    from featkit.encoders.extract import Batch
    from featkit.store.store import EmbeddingStore
    from featkit.store.writer import StoreWriter


def extract(
    images: str | Path | None = None,
    *,
    encoder: str | None = None,
    weights: str | Path | None = None,
    output: str | Path | None = None,
    method: str | None = None,
    fold: str | None = None,
    seed: int | None = None,
    metadata: str | Path | None = None,
    batch_size: int | None = None,
    device: str | None = None,
    precision: str | None = None,
    dtype: str | None = None,
    offline: bool = False,
    strict: bool = False,
) -> list[EmbeddingStore]:
    """Write the embeddings of patches to stores; work that was interrupted goes on where it was.

    In a workspace every trained run gets its store; where nothing is trained yet, or with ``method="frozen"``, the
    configured encoder is used as it is.

    Parameters
    ----------
    images : path, optional
        Outside a workspace: a folder of patches or a table.
    encoder : str, optional
        "tiny", a timm model, "hf-hub:owner/name" or a checkpoint file (default: the workspace's).
    weights : path, optional
        Local weights instead of the hub's.
    output : path, optional
        The store to write for ``images`` (default ``embeddings.zarr``).
    method, fold, seed : optional
        Which runs of the workspace.
    metadata : path, optional
        For a folder of class sub-folders: the table with patient, magnification and mpp.
    batch_size : int, optional
        Patches at a time; found when not given.
    device : {"auto", "cpu", "cuda"}, optional
        Where to compute.
    precision : {"auto", "float32", "float16", "bfloat16"}, optional
        Of the computation; "auto" is float16 on a GPU and float32 elsewhere. It is part of a store's identity.
    dtype : {"float32", "float16"}, optional
        How embeddings are stored.
    offline : bool
        Never ask a hub for weights.
    strict : bool
        Stop at the first patch that cannot be read, instead of leaving it out and naming it in a file.

    Returns
    -------
    list of EmbeddingStore
        The sealed stores.
    """
    from featkit.encoders import load_encoder

    if images is not None:
        settings = _settings(ExtractConfig(), batch_size, device, precision, dtype, strict)
        path = Path(images).resolve()
        table = "" if metadata is None else str(Path(metadata).resolve())
        manifest = read_manifest(DataConfig(path=str(path), adapter=guess_adapter(path), metadata=table), path.parent)
        loaded = load_encoder(encoder or EncoderConfig().name, weights=weights, offline=offline)
        made_of: dict[str, Any] = {"method": FROZEN, "manifest_sha256": manifest.content_hash}
        target = Path(output or "embeddings.zarr")
        return [_extract_one(manifest.frame, target, loaded, None, made_of, settings)]
    workspace = Workspace.require()
    settings = _settings(workspace.config.extract, batch_size, device, precision, dtype, strict)
    manifest = workspace_manifest(workspace)
    stores: list[EmbeddingStore] = []
    head: nn.Module | None
    facts: dict[str, Any]
    for run in _runs(workspace, method, fold, seed, frozen=encoder is not None or weights is not None):
        if run.method == FROZEN:
            loaded = workspace_encoder(workspace, encoder=encoder, weights=weights, offline=offline)
            frame, head, facts = manifest.frame, None, {"method": FROZEN, "seed": run.seed}
        else:
            loaded, head, facts = _trained(run)
            split = ensure_split(workspace, run.fold, manifest)
            _require_trained_on(run, training_data(manifest, split, workspace.config.data).sha256(), facts)
            frame = manifest.frame.with_columns(_series("split", split.role))
        target = run.store if output is None else Path(output) / f"{run.method}-{run.fold}-seed{run.seed}.zarr"
        facts |= {"manifest_sha256": manifest.content_hash, "domain": workspace.config.data.domain}
        stores.append(_extract_one(frame, target, loaded, head, facts, settings, name=run.name))
    return stores


def _settings(
    base: ExtractConfig,
    batch_size: int | None,
    device: str | None,
    precision: str | None,
    dtype: str | None,
    strict: bool,
) -> ExtractConfig:
    given: dict[str, Any] = {"batch_size": batch_size, "device": device, "precision": precision, "dtype": dtype}
    given["strict"] = strict or None
    return dataclasses.replace(base, **{k: v for k, v in given.items() if v is not None})


def _runs(workspace: Workspace, method: str | None, fold: str | None, seed: int | None, *, frozen: bool) -> list[Run]:
    from featkit.training.checkpoint import is_finished

    if frozen or method == FROZEN:
        return [workspace.run(FROZEN)]
    begun = [run for run in workspace.runs(method, fold, seed) if run.checkpoint.exists() and run.fold != EVERY_FOLD]
    trained = [run for run in begun if is_finished(run.checkpoint)]
    if trained:
        for run in begun:
            if run not in trained:
                note(f"The training of {run.name} is not finished and is left out: 'featkit train' goes on with it.")
        return trained
    if not begun and method is None and fold is None and seed is None:
        note("Nothing is trained here: extracting with the encoder as it is.")
        return [workspace.run(FROZEN)]
    asked = ", ".join(f"{k} {v}" for k, v in (("method", method), ("fold", fold), ("seed", seed)) if v is not None)
    raise InputError(
        "a run must be trained to be extracted" + (f" ({asked})" if asked else ""),
        "training that is not finished" if begun else "none",
        "Run 'featkit train', or extract with --method frozen",
    )


def _trained(run: Run) -> tuple[Encoder, nn.Module, dict[str, Any]]:
    from featkit.training import load_checkpoint

    encoder, head, meta = load_checkpoint(run.checkpoint)
    facts: dict[str, Any] = {
        "method": run.method,
        "fold": run.fold,
        "seed": run.seed,
        "classes": list(meta["classes"]),
        "checkpoint": meta,
    }
    return encoder, head, facts


def _require_trained_on(run: Run, data_sha256: str, facts: dict[str, Any]) -> None:
    """Refuse a split that is not the run's: patients it was trained on could pass for held-out ones."""
    if data_sha256 != facts["checkpoint"]["data_sha256"]:
        raise InputError(
            f"the split and labels of fold {run.fold} must be those that {run.name} was trained with",
            "others",
            f"Delete {run.folder} and run 'featkit train' again, or bring the old ones back",
        )


def _extract_one(
    frame: pl.DataFrame,
    target: Path,
    encoder: Encoder,
    head: nn.Module | None,
    facts: dict[str, Any],
    settings: ExtractConfig,
    name: str = "",
) -> EmbeddingStore:
    """Stream one table of patches into one store."""
    from featkit.encoders import embed_patches
    from featkit.store import StoreWriter, open_store

    record = encoder.describe()
    classes = facts.pop("classes", None)
    provenance = {
        "encoder": record["name"],
        "weights_sha256": record["weights_sha256"],
        "transform": record["transform"],
        "encoder_record": record,
        "batch_size": settings.batch_size or "auto",
        "is_eval": True,
        "environment": environment(),
        **facts,
    }
    if target.exists():
        sealed = open_store(target)
        if _is_same(sealed, provenance, frame, settings.dtype):
            if settings.strict:
                _refuse_bad(sealed, target)
            return sealed
    batch_size: int | str = settings.batch_size or "auto"
    where: dict[str, Any] = {"device": settings.device, "precision": settings.precision}
    probe = embed_patches(encoder, [], head=head, batch_size=batch_size, **where).summary
    provenance["precision"] = probe.precision
    writer = StoreWriter.create_or_resume(
        target,
        frame,
        encoder.n_dimensions,
        provenance=provenance,
        classes=classes,
        options=StoreOptions(
            dtype=settings.dtype,
            shard_rows=_whole_batches(len(frame), encoder.n_dimensions, settings.dtype, probe.batch_size),
        ),
    )
    shards = writer.pending()
    rows = np.concatenate([np.arange(s.first, s.stop) for s in shards]) if shards else np.empty(0, dtype=np.int64)
    extraction = embed_patches(
        encoder,
        frame["path"].to_list(),
        head=head,
        rows=rows,
        batch_size=batch_size,
        n_workers=settings.workers,
        **where,
    )
    filler = _ShardFiller(writer, shards, frame, encoder.n_dimensions, len(classes) if classes else 0)
    with task(f"Embedding patches for {name or target.name}", total=len(rows)) as done:
        for batch in extraction:
            if batch.bad and settings.strict:
                row, reason = batch.bad[0]
                raise InputError("every patch must be readable with --strict", f"{frame['patch_id'][row]}: {reason}")
            filler.add(batch)
            done(len(batch.rows) + len(batch.bad))
    store = writer.seal()
    n_bad = len(frame) - store.n
    if n_bad:
        note(f"{n_bad} of {len(frame)} patches could not be read and were left out: see {writer.bad_patches_path}")
    if settings.strict:
        _refuse_bad(store, target)
    return store


class _ShardFiller:
    """Collects batches, which come in row order, and writes each shard as soon as it is whole."""

    def __init__(
        self, writer: StoreWriter, shards: Sequence[Any], frame: pl.DataFrame, n_dimensions: int, n_classes: int
    ) -> None:
        self._writer, self._shards, self._frame = writer, list(shards), frame
        self._n_dimensions, self._n_classes = n_dimensions, n_classes
        self._pieces: list[Batch] = []

    def add(self, batch: Batch) -> None:
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


def _whole_batches(n: int, d: int, dtype: str, batch_size: int) -> int:
    """Return rows for a shard: whole batches, so that a resumed run forms the same ones, to the last bit."""
    from featkit.store.shards import default_shard_rows

    rows = default_shard_rows(n, d, np.dtype(dtype).itemsize)
    return -(-rows // batch_size) * batch_size


def _is_same(store: EmbeddingStore, provenance: dict[str, Any], frame: pl.DataFrame, dtype: str) -> bool:
    """Return whether a finished store holds what is asked for; other versions of libraries made it as well."""
    keys = ("weights_sha256", "transform", "method", "fold", "seed", "manifest_sha256")
    same = all(store.provenance.get(k) == provenance.get(k) for k in keys)
    return same and store.seal.dtype == dtype and store.provenance["n_patches_given"] == len(frame)


def _refuse_bad(store: EmbeddingStore, target: Path) -> None:
    """Refuse a finished store that lacks patches."""
    n_bad = store.provenance["n_patches_bad"]
    if n_bad:
        raise InputError(
            "every patch must be readable with --strict",
            f"{n_bad} left out of {target}",
            "The file of bad patches beside the store names them: mend them, delete the store and extract again",
        )


def _series(name: str, values: np.ndarray) -> pl.Series:
    import polars as pl

    return pl.Series(name, values.tolist())
