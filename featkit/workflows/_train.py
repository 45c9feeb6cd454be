"""``featkit train``: fine-tune the encoder with one domain held out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featkit.core.errors import InputError, did_you_mean
from featkit.core.natural_order import sort_naturally
from featkit.core.options import TrainOptions
from featkit.core.run_key import RunFilter
from featkit.core.workspace import Run, Workspace
from featkit.workflows._split import ensure_split, workspace_folds
from featkit.workflows.steps.encoders import chosen_encoder, configured_encoder
from featkit.workflows.steps.manifests import workspace_manifest

if TYPE_CHECKING:
    import numpy as np

    from featkit.core.config import Config
    from featkit.data.manifest import Manifest
    from featkit.data.split import Split
    from featkit.training import TrainingData


def train(*, runs: RunFilter | None = None, options: TrainOptions | None = None) -> list[Run]:
    """Train methods with folds held out; what is finished is not done again, what was interrupted goes on.

    Parameters
    ----------
    runs : RunFilter, optional
        Methods, held-out folds and seeds to train; what it leaves open is taken from ``options`` and the workspace.
    options : TrainOptions, optional
        How to train (default: the workspace's ``[train]``).

    Returns
    -------
    list of Run
        The trained runs, each with its checkpoint.

    Raises
    ------
    InputError
        If there is no workspace, a name or value is not as it must be, or a run's folder holds another training.

    Examples
    --------
    >>> featkit.train(runs=RunFilter(method="grl", fold="100X"), options=TrainOptions(n_epochs=5))  # doctest: +SKIP
    """
    from featkit.training import train as train_method

    workspace = Workspace.require()
    asked = runs or RunFilter()
    settings = options or workspace.config.train
    settings = settings.with_given(methods=asked.method, seeds=asked.seed)
    _check_names(settings)
    start = configured_encoder(workspace)
    manifest = workspace_manifest(workspace)
    folds = asked.folds or workspace_folds(workspace, manifest)
    splits = [ensure_split(workspace, name, manifest) for name in folds]  # all of them, before hours are spent on one
    trained = []
    for split in splits:
        data = training_data(manifest, split, workspace.config)
        for method in settings.methods:
            for seed in settings.seeds:
                run = workspace.run(method, split.fold, seed)
                encoder = chosen_encoder(start, seed)
                train_method(data, encoder, method, seed=seed, options=settings, folder=run.checkpoint)
                trained.append(run)
    return trained


def _check_names(settings: TrainOptions) -> None:
    """Refuse unknown methods, rules and options of any method before anything is read or trained."""
    from featkit.training import METHODS, SELECTION_RULES

    for name in (*settings.methods, *settings.method_options):
        if name not in METHODS:
            raise InputError("method must be a training method", repr(name), did_you_mean(name, METHODS))
    for name, own in settings.method_options.items():
        METHODS[name].parse(own)
    SELECTION_RULES[settings.selection]


def training_data(manifest: Manifest, split: Split, config: Config) -> TrainingData:
    """Return the fold's training and validation patches; the held-out domain's rows are not in them.

    Where the split holds out no domain (an official fold, a cross-validation), the domains to generalise over are
    those of ``[split]``; a table without that column is one domain.
    """
    import numpy as np

    from featkit.data.classes import class_order
    from featkit.training import PatchSet, TrainingData

    positive = config.data.positive
    labels = manifest.targets(positive)
    paths = np.array(manifest.frame["path"].to_list(), dtype=object)
    column = split.domain or config.split.domain
    if split.domain is None and (column not in manifest.frame.columns or manifest.frame[column].is_null().all()):
        domain_of = np.full(len(manifest), "all", dtype=object)
    else:
        domain_of = manifest.require([column]).frame[column].cast(str).to_numpy()
    train_rows, val_rows = split.rows("train"), split.rows("val")
    domains = sort_naturally(domain_of[train_rows].tolist())
    number = {name: i for i, name in enumerate(domains)}

    def side(rows: np.ndarray) -> PatchSet:
        numbers = np.array([number[d] for d in domain_of[rows].tolist()], dtype=np.int64)
        return PatchSet(paths[rows].tolist(), labels[rows], numbers)

    classes = class_order(manifest.frame["label"].to_list(), positive)
    return TrainingData(side(train_rows), side(val_rows), classes, tuple(domains))
