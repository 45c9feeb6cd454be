"""``featkit train``: fine-tune the encoder with one domain held out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from featkit.core.config import TrainConfig
from featkit.core.errors import InputError, did_you_mean
from featkit.core.workspace import Run, Workspace
from featkit.workflows._manifests import workspace_manifest
from featkit.workflows._split import ensure_split, workspace_folds

if TYPE_CHECKING:
    import numpy as np

    from featkit.data.manifest import Manifest
    from featkit.data.split import Split
    from featkit.training import TrainingData


def train(
    method: str | None = None,
    *,
    fold: str | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    device: str | None = None,
) -> list[Run]:
    """Train methods with folds held out; what is finished is not done again, what was interrupted goes on.

    Parameters
    ----------
    method : str, optional
        A training method; all the workspace names when not given.
    fold : str, optional
        The domain to hold out; all when not given.
    seed : int, optional
        Training seed; all the workspace names when not given.
    epochs : int, optional
        Passes over the training patches (default: the workspace's).
    device : {"auto", "cpu", "cuda"}, optional
        Where to train.

    Returns
    -------
    list of Run
        The trained runs, each with its checkpoint.
    """
    workspace = Workspace.require()
    settings = workspace.config.train
    manifest = workspace_manifest(workspace)
    folds = [fold] if fold is not None else workspace_folds(workspace, manifest)
    methods = [method] if method is not None else list(settings.methods)
    seeds = [seed] if seed is not None else list(settings.seeds)
    if epochs is not None or device is not None:
        changes: dict[str, Any] = {"epochs": epochs, "device": device}
        settings = dataclasses.replace(settings, **{k: v for k, v in changes.items() if v is not None})
    runs = []
    for name in folds:
        split = ensure_split(workspace, name, manifest)
        for training_method in methods:
            for number in seeds:
                run = workspace.run(training_method, name, number)
                _train_one(workspace, manifest, split, run, settings)
                runs.append(run)
    return runs


def _train_one(workspace: Workspace, manifest: Manifest, split: Split, run: Run, settings: TrainConfig) -> None:
    """Train one run into its checkpoint folder; a finished one is left as it is."""
    from featkit.encoders import load_encoder
    from featkit.training import METHODS, TrainingConfig
    from featkit.training import train as train_method

    if run.method not in METHODS:
        raise InputError("method must be a training method", repr(run.method), did_you_mean(run.method, METHODS))
    chosen = workspace.config.encoder
    encoder = load_encoder(chosen.name, weights=chosen.weights or None, offline=chosen.offline, seed=run.seed)
    config = TrainingConfig(
        n_epochs=settings.epochs,
        batch_size=settings.batch_size,
        patience=settings.patience,
        selection=settings.selection,
        augmentation=settings.augmentation,
        colour_jitter=settings.colour_jitter,
        seed=run.seed,
        device=settings.device,
    )
    train_method(
        training_data(manifest, split, workspace.config.data.positive or None),
        encoder,
        run.method,
        options=settings.options.get(run.method),
        config=config,
        folder=run.checkpoint,
    )


def training_data(manifest: Manifest, split: Split, positive: str | None = None) -> TrainingData:
    """Return the fold's training and validation patches; the held-out domain's rows are not in them."""
    import numpy as np

    from featkit.core.magnification import sort_domains
    from featkit.data.classes import class_order
    from featkit.training import PatchSet, TrainingData

    labels = manifest.targets(positive)
    paths = np.array(manifest.frame["path"].to_list(), dtype=object)
    train_rows, val_rows = split.rows("train"), split.rows("val")
    domains = sort_domains(split.domains[train_rows].tolist())
    number = {name: i for i, name in enumerate(domains)}

    def side(rows: np.ndarray) -> PatchSet:
        numbers = np.array([number[d] for d in split.domains[rows].tolist()], dtype=np.int64)
        return PatchSet(paths[rows].tolist(), labels[rows], numbers)

    classes = class_order(manifest.frame["label"].to_list(), positive)
    return TrainingData(side(train_rows), side(val_rows), classes, tuple(domains))
