"""One training loop for every method."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from featkit.core.errors import InputError
from featkit.core.progress import Task as ProgressTask
from featkit.core.progress import note
from featkit.core.progress import task as progress_task
from featkit.core.provenance import environment, json_sha256
from featkit.core.seeds import derive_seed, rng
from featkit.encoders.compute import choose_device, choose_precision
from featkit.encoders.encoder import Encoder
from featkit.training.augment import augment
from featkit.training.checkpoint import Checkpoint, is_finished, load_checkpoint
from featkit.training.config import TrainingConfig
from featkit.training.data import PatchSet, TrainingData
from featkit.training.images import PatchImages
from featkit.training.method import Batch, Method, Task
from featkit.training.registry import METHODS
from featkit.training.sampling import balanced_batches, plain_batches
from featkit.training.selection import SELECTION_RULES, SelectionRule
from featkit.training.state import TrainingState


def train(
    data: TrainingData,
    encoder: Encoder,
    method: str = "baseline",
    *,
    options: Mapping[str, Any] | None = None,
    config: TrainingConfig | None = None,
    folder: str | Path | None = None,
) -> Checkpoint:
    """Fine-tune an encoder and a linear head on the training rows of one fold.

    The same data, encoder, options and seed give the same weights on a CPU with the same number of threads, also when
    the training was killed and resumed.

    Parameters
    ----------
    data : TrainingData
        Training and source-validation patches; the held-out domain is not among them.
    encoder : Encoder
        Where training starts; left as it is.
    method : str
        Name in `featkit.training.METHODS`.
    options : mapping, optional
        The method's own options (its ``config_type``).
    config : TrainingConfig, optional
        What all methods share.
    folder : path, optional
        Where state, log (``log.jsonl``, a row per epoch) and checkpoint go. A training that was killed there is
        resumed; a finished one is returned as it is.

    Returns
    -------
    Checkpoint
        With the weights of the epoch the selection rule chose.

    Raises
    ------
    InputError
        If an argument or the data are not as they must be, the folder belongs to another training, a patch cannot be
        read, or the loss stops being finite.
    """
    config = config or TrainingConfig()
    rule: SelectionRule = SELECTION_RULES[config.selection]
    chosen: type[Method] = METHODS[method]
    method_config = chosen.parse(options)
    if rule.measure is not None and not len(data.val):
        raise InputError(
            f"selection rule {rule.name} must have validation rows", 0, "Use a larger validation share or last-epoch"
        )
    settings = {"method": method, "options": vars(method_config), "training": config.outcome()}
    start = encoder.describe()
    identity = {"data": data.sha256(), "encoder": start["weights_sha256"], "transform": start["transform_sha256"]}
    fingerprint = json_sha256({**settings, **identity})
    path = Path(folder) if folder is not None else None
    if path is not None and is_finished(path):
        return _finished(path, fingerprint)
    state = (TrainingState.load(path, fingerprint) if path is not None else None) or TrainingState(fingerprint)
    if state.history:
        note(f"Resuming {method} after epoch {len(state.history)}")

    device = choose_device(config.device)
    task = Task(
        class_counts=tuple(np.bincount(data.train.labels, minlength=len(data.classes)).tolist()),
        n_domains=len(data.training_domains),
        device=device,
        precision=choose_precision(config.precision, device),
    )
    began = time.perf_counter()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(derive_seed(config.seed, "train", method))
        learner = chosen(copy.deepcopy(encoder), task, method_config)
        if state.history:
            learner.load_state_dict(state.method)
        _run_epochs(learner, data, config, rule, state, path)
    learner.networks()["encoder"].load_state_dict(state.best_networks["encoder"])
    learner.head.load_state_dict(state.best_networks["head"])
    trained = learner.encoder.cpu().eval()
    trained.weights = f"trained ({method})"
    meta = {
        **settings,
        "seed": config.seed,
        "classes": list(data.classes),
        "domains": [data.domains[d] for d in data.training_domains],
        "n_train": len(data.train),
        "n_val": len(data.val),
        "selection": {"rule": rule.name, "value": state.best_value, "epoch": state.best_epoch},
        "learning_rate": learner.learning_rate,
        "device": str(device),
        "precision": task.precision,
        "encoder": trained.describe(),
        "started_from": start,
        "data_sha256": identity["data"],
        "fingerprint": fingerprint,
        "seconds": round(time.perf_counter() - began, 3),
        "history": state.history,
        "environment": environment(),
    }
    checkpoint = Checkpoint(trained, learner.head.cpu().eval(), meta)
    if path is not None:
        checkpoint.save(path)
        TrainingState.remove(path)
    return checkpoint


def _finished(folder: Path, fingerprint: str) -> Checkpoint:
    checkpoint = load_checkpoint(folder)
    if checkpoint.meta["fingerprint"] != fingerprint:
        raise InputError(
            f"folder {folder} must be free",
            "a finished training of other data, encoder or settings",
            "Delete it to train anew",
        )
    return checkpoint


def _run_epochs(
    learner: Method,
    data: TrainingData,
    config: TrainingConfig,
    rule: SelectionRule,
    state: TrainingState,
    folder: Path | None,
) -> None:
    """Train epoch by epoch, filling ``state``, until the last one or until patience runs out."""
    transform = learner.encoder.transform
    n_bytes = (len(data.train) + len(data.val)) * math.prod(transform.size) * 3
    images, val_images = (
        PatchImages(side.images, transform, cache=n_bytes <= config.cache_bytes, n_workers=config.n_workers)
        for side in (data.train, data.val)
    )
    domains = np.searchsorted(data.training_domains, data.train.domains)
    n_steps = len(balanced_batches(domains, config.batch_size, config.seed, 0))
    with progress_task(f"Training {learner.name}", total=config.n_epochs * n_steps) as done:
        done(len(state.history) * n_steps)
        for epoch in range(len(state.history), config.n_epochs):
            if config.patience and rule.measure and state.history and epoch - state.best_epoch >= config.patience:
                break
            began = time.perf_counter()
            row = {"epoch": epoch + 1, **_train_epoch(learner, images, data.train, domains, config, epoch, done)}
            if len(data.val):
                row |= _validate(learner, val_images, data.val, config.batch_size, rule)
            row["seconds"] = round(time.perf_counter() - began, 3)
            if rule.improves(row.get("selection_value", math.nan), state.best_value):
                state.best_epoch, state.best_value = epoch + 1, row.get("selection_value")
                state.best_networks = {
                    k: copy.deepcopy(learner.networks()[k].state_dict()) for k in ("encoder", "head")
                }
            state.history.append(row)
            state.method = learner.state_dict()
            if folder is not None:
                state.save(folder)


def _train_epoch(
    learner: Method,
    images: PatchImages,
    rows: PatchSet,
    domains: np.ndarray,
    config: TrainingConfig,
    epoch: int,
    done: ProgressTask,
) -> dict[str, float]:
    """Run one epoch and return the mean of what the updates reported."""
    device = learner.task.device
    batches = balanced_batches(domains, config.batch_size, config.seed, epoch)
    random = rng(config.seed, "augment", epoch)
    torch.manual_seed(derive_seed(config.seed, "epoch", epoch))
    learner.train()
    totals: dict[str, float] = {}
    for step, (chosen, pixels) in enumerate(zip(batches, images.batches(batches), strict=True)):
        turned = augment(
            torch.from_numpy(pixels).to(device, non_blocking=True),
            random,
            augmentation=config.augmentation,
            colour_jitter=config.colour_jitter,
        )
        learner.progress = (epoch + step / len(batches)) / config.n_epochs
        reported = learner.update(
            Batch(
                learner.encoder.transform.normalise(turned),
                torch.from_numpy(rows.labels[chosen]).to(device),
                torch.from_numpy(domains[chosen]).to(device),
            )
        )
        if not math.isfinite(reported["loss"]):
            raise InputError(
                "training loss must stay finite",
                f"{reported['loss']} in epoch {epoch + 1}, step {step + 1} of {len(batches)}",
                "Lower learning_rate of the method, or use --precision float32",
            )
        for name, value in reported.items():
            totals[name] = totals.get(name, 0.0) + value / len(batches)
        done()
    return totals


def _validate(
    learner: Method, images: PatchImages, rows: PatchSet, batch_size: int, rule: SelectionRule
) -> dict[str, float]:
    learner.eval()
    found = [
        learner.predict(learner.encoder.transform.normalise(torch.from_numpy(pixels).to(learner.task.device)))
        for pixels in images.batches(plain_batches(len(rows), batch_size))
    ]
    probabilities = torch.cat(found).cpu().numpy()
    row = {"val_accuracy": float((probabilities.argmax(axis=1) == rows.labels).mean())}
    if rule.measure is not None:
        row["selection_value"] = rule.measure(rows.labels, probabilities, rows.domains)
    return row
