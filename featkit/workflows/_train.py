"""``featkit train``: fine-tune the encoder with one domain held out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from featkit.core.config import DataConfig, TrainConfig
from featkit.core.errors import InputError, did_you_mean
from featkit.core.natural_order import sort_naturally
from featkit.core.workspace import Run, Workspace
from featkit.workflows._split import ensure_split, workspace_folds
from featkit.workflows.steps.encoders import workspace_encoder
from featkit.workflows.steps.manifests import workspace_manifest

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
    precision: str | None = None,
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
    precision : {"auto", "float32", "float16", "bfloat16"}, optional
        Of the computation; "auto" is float16 on a GPU and float32 elsewhere. Weights stay float32.

    Returns
    -------
    list of Run
        The trained runs, each with its checkpoint.
    """
    workspace = Workspace.require()
    settings = workspace.config.train
    methods = [method] if method is not None else list(settings.methods)
    seeds = [seed] if seed is not None else list(settings.seeds)
    changes: dict[str, Any] = {"epochs": epochs, "device": device, "precision": precision}
    settings = dataclasses.replace(settings, **{k: v for k, v in changes.items() if v is not None})
    _check_methods(methods, settings)
    manifest = workspace_manifest(workspace)
    folds = [fold] if fold is not None else workspace_folds(workspace, manifest)
    splits = [ensure_split(workspace, name, manifest) for name in folds]  # all of them, before hours are spent on one
    runs = []
    for split in splits:
        data = training_data(manifest, split, workspace.config.data)
        for training_method in methods:
            for number in seeds:
                run = workspace.run(training_method, split.fold, number)
                _train_one(data, run, workspace, settings)
                runs.append(run)
    return runs


def _check_methods(methods: Sequence[str], settings: TrainConfig) -> None:
    """Refuse unknown methods and unknown options of any method before anything is trained."""
    from featkit.training import METHODS

    for name in (*methods, *settings.options):
        if name not in METHODS:
            raise InputError("method must be a training method", repr(name), did_you_mean(name, METHODS))
    for name, options in settings.options.items():
        METHODS[name].parse(options)


def _train_one(data: TrainingData, run: Run, workspace: Workspace, settings: TrainConfig) -> None:
    """Train one run into its checkpoint folder; a finished one is left as it is."""
    from featkit.training import TrainingConfig
    from featkit.training import train as train_method

    encoder = workspace_encoder(workspace, seed=run.seed)
    config = TrainingConfig(
        n_epochs=settings.epochs,
        batch_size=settings.batch_size,
        patience=settings.patience,
        selection=settings.selection,
        augmentation=settings.augmentation,
        colour_jitter=settings.colour_jitter,
        seed=run.seed,
        device=settings.device,
        precision=settings.precision,
    )
    options = settings.options.get(run.method)
    train_method(data, encoder, run.method, options=options, config=config, folder=run.checkpoint)


def training_data(manifest: Manifest, split: Split, config: DataConfig) -> TrainingData:
    """Return the fold's training and validation patches; the held-out domain's rows are not in them.

    Where the split holds out no domain (an official fold), the domains to generalise over are those of ``[data]``.
    """
    import numpy as np

    from featkit.data.classes import class_order
    from featkit.training import PatchSet, TrainingData

    positive = config.positive or None
    labels = manifest.targets(positive)
    paths = np.array(manifest.frame["path"].to_list(), dtype=object)
    column = split.domain or config.domain
    domain_of = manifest.require([column]).frame[column].cast(str).to_numpy()
    train_rows, val_rows = split.rows("train"), split.rows("val")
    domains = sort_naturally(domain_of[train_rows].tolist())
    number = {name: i for i, name in enumerate(domains)}

    def side(rows: np.ndarray) -> PatchSet:
        numbers = np.array([number[d] for d in domain_of[rows].tolist()], dtype=np.int64)
        return PatchSet(paths[rows].tolist(), labels[rows], numbers)

    classes = class_order(manifest.frame["label"].to_list(), positive)
    return TrainingData(side(train_rows), side(val_rows), classes, tuple(domains))
