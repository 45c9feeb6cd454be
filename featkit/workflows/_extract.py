"""``featkit extract``: patches through an encoder into stores."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featkit.core.errors import InputError, did_you_mean
from featkit.core.file_names import file_name
from featkit.core.options import DataOptions, EncoderOptions, ExtractOptions
from featkit.core.progress import note
from featkit.core.run_key import FROZEN, RunFilter
from featkit.core.workspace import Run, Workspace
from featkit.workflows._split import ensure_split
from featkit.workflows._train import training_data
from featkit.workflows.steps.embedding import Embedding, write_store
from featkit.workflows.steps.encoders import chosen_encoder, configured_encoder
from featkit.workflows.steps.manifests import read_manifest, workspace_manifest

if TYPE_CHECKING:
    from featkit.data.manifest import Manifest
    from featkit.store.store import EmbeddingStore


def extract(
    images: str | Path | None = None,
    *,
    runs: RunFilter | None = None,
    encoder: EncoderOptions | None = None,
    data: DataOptions | None = None,
    domain: str | None = None,
    options: ExtractOptions | None = None,
    output: str | Path | None = None,
) -> list[EmbeddingStore]:
    """Write the embeddings of patches to stores; work that was interrupted goes on where it was.

    In a workspace every trained run gets its store; where nothing is trained yet, or with the method "frozen", the
    configured encoder is used as it is.

    Parameters
    ----------
    images : path, optional
        Outside a workspace: a folder of patches or a table.
    runs : RunFilter, optional
        Which runs of the workspace.
    encoder : EncoderOptions, optional
        An encoder to use as it is (default: the workspace's trained ones, or outside the default encoder).
    data : DataOptions, optional
        How to read ``images``; its ``path`` is not looked at, and paths are relative to the current folder.
    domain : str, optional
        For ``images``: the column a method must generalise over, where it is not "magnification"; the analyses go by
        it.
    options : ExtractOptions, optional
        How embeddings are computed and written (default: the workspace's ``[extract]``).
    output : path, optional
        The store to write for ``images`` (default ``embeddings.zarr``); in a workspace a folder for stores.

    Returns
    -------
    list of EmbeddingStore
        The sealed stores.

    Raises
    ------
    InputError
        If the data or the encoder is not as it must be, nothing is trained that was asked for, or a store holds
        something else.

    Examples
    --------
    >>> featkit.extract(runs=RunFilter(method="grl", fold="100X"))  # doctest: +SKIP
    >>> featkit.extract(
    ...     "patches", encoder=EncoderOptions(name="hf-hub:MahmoodLab/UNI"), output="uni.zarr"
    ... )  # doctest: +SKIP
    """
    asked = runs or RunFilter()
    if images is not None:
        if asked != RunFilter():
            raise InputError("runs must be chosen in a workspace", f"{asked} with images", "Leave one of them out")
        made = _embedding_of(Path(images), data or DataOptions(), domain, encoder or EncoderOptions())
        return [write_store(made, Path(output or "embeddings.zarr"), options or ExtractOptions())]
    workspace = Workspace.require()
    if data is not None or domain is not None:
        raise InputError(
            "how data is read must be given with images",
            None,
            "In a workspace [data] and [split] of featkit.toml say it",
        )
    settings = options or workspace.config.extract
    chosen = _runs(workspace, asked, is_frozen=encoder is not None)
    frozen = configured_encoder(workspace, encoder) if _is_frozen(chosen) else None
    manifest = workspace_manifest(workspace)
    stores = []
    for run in chosen:
        made = _of_frozen(run, manifest, frozen) if frozen is not None else _of_trained(run, manifest, workspace)
        made = dataclasses.replace(made, more={**made.more, "domain": workspace.config.split.domain})
        stores.append(write_store(made, run.store if output is None else Path(output) / _store_name(run), settings))
    return stores


def _embedding_of(images: Path, data: DataOptions, domain: str | None, encoder: EncoderOptions) -> Embedding:
    """Return what is extracted from explicit images; names are checked before any image is looked at."""
    from featkit.encoders import check_encoder

    check_encoder(encoder.name)
    manifest = read_manifest(data.with_given(path=str(images.resolve())), Path.cwd())
    facts: dict[str, Any] = {"method": FROZEN, "manifest_sha256": manifest.content_hash}
    if domain is not None:
        manifest.require([domain])
        facts["domain"] = domain
    return Embedding(manifest.frame, chosen_encoder(encoder), facts)


def _runs(workspace: Workspace, asked: RunFilter, *, is_frozen: bool) -> list[Run]:
    """Return the finished runs that are asked for, or the one of the frozen encoder."""
    from featkit.training.checkpoint import is_finished

    if is_frozen or asked.method == (FROZEN,):
        return [workspace.run(FROZEN)]
    on_disk = [run for run in workspace.runs() if run.checkpoint.exists() and run.key.fold is not None]
    begun = [run for run in on_disk if asked.matches(run.key)]
    trained = [run for run in begun if is_finished(run.checkpoint)]
    if trained:
        for run in begun:
            if run not in trained:
                note(f"The training of {run.key.label()} is not finished and is left out: 'featkit train' continues it")
        return trained
    if not begun and asked == RunFilter():
        note("Nothing is trained here: extracting with the encoder as it is")
        return [workspace.run(FROZEN)]
    raise InputError(
        "a run must be trained to be extracted" + (f" ({asked})" if asked != RunFilter() else ""),
        "training that is not finished" if begun else "none",
        _nearest(asked, on_disk) or "Run 'featkit train', or extract with --method frozen",
    )


def _nearest(asked: RunFilter, on_disk: list[Run]) -> str:
    """Return advice on the first name that no run here has."""
    for name, wanted in (("method", asked.method), ("fold", asked.folds)):
        known = {str(getattr(run.key, name)) for run in on_disk}
        for value in wanted or ():
            if known and value not in known:
                return f"{did_you_mean(value, known)}; 'featkit train' makes more, --method frozen needs none"
    return ""


def _is_frozen(chosen: list[Run]) -> bool:
    return chosen[0].key.method == FROZEN


def _store_name(run: Run) -> str:
    """Return a name for a run's store outside its own folder."""
    key = run.key
    parts = (key.method, key.fold or "all")
    return "-".join(file_name(str(part)) for part in parts) + f"-seed{key.seed}.zarr"


def _of_frozen(run: Run, manifest: Manifest, encoder: EncoderOptions) -> Embedding:
    facts = {"method": FROZEN, "seed": run.key.seed, "manifest_sha256": manifest.content_hash}
    return Embedding(manifest.frame, chosen_encoder(encoder), facts, name=run.key.label())


def _of_trained(run: Run, manifest: Manifest, workspace: Workspace) -> Embedding:
    """Return what is extracted with a trained run.

    A split that is not the run's is refused: patients it was trained on could pass for held-out ones.
    """
    import polars as pl

    from featkit.training import load_checkpoint

    assert run.key.fold is not None
    encoder, head, meta = load_checkpoint(run.checkpoint)
    split = ensure_split(workspace, run.key.fold, manifest)
    if training_data(manifest, split, workspace.config).sha256() != meta["data_sha256"]:
        raise InputError(
            f"the split and labels of fold {run.key.fold} must be those that {run.key.label()} was trained with",
            "others",
            "Bring the old ones back, or move that run's folder away and run 'featkit train' again",
        )
    facts = {name: getattr(run.key, name) for name in ("method", "fold", "seed")}
    facts["manifest_sha256"] = manifest.content_hash
    frame = manifest.frame.with_columns(pl.Series("split", split.role.tolist()))
    more = {"checkpoint": meta}
    return Embedding(frame, encoder, facts, more, head=head, classes=tuple(meta["classes"]), name=run.key.label())
