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
from featkit.core.fingerprint import Fingerprint
from featkit.core.options import TrainOptions
from featkit.core.progress import Task, note
from featkit.core.progress import task as progress_task
from featkit.core.provenance import environment
from featkit.core.seeds import check_seeds, derive_seed, rng
from featkit.core.text import listed
from featkit.encoders.compute import choose_device, choose_precision
from featkit.encoders.encoder import Encoder
from featkit.training.augment import augment
from featkit.training.checkpoint import Checkpoint, is_finished, load_checkpoint
from featkit.training.data import TrainingData
from featkit.training.identity import shared_settings, training_fingerprint
from featkit.training.images import PatchImages
from featkit.training.method import Batch, LearningTask, Method
from featkit.training.registry import METHODS
from featkit.training.sampling import balanced_batches, plain_batches
from featkit.training.selection import SELECTION_RULES, SelectionRule
from featkit.training.state import TrainingState

_ESTIMATOR = "training 1"
"""Its number grows when the same input and options would give other weights."""


def train(
    data: TrainingData,
    encoder: Encoder,
    method: str = "baseline",
    *,
    seed: int = 0,
    options: TrainOptions | None = None,
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
    seed : int
        Of everything random, 0 or more.
    options : TrainOptions, optional
        What all methods share, and in ``method_options[method]`` the method's own; ``methods`` and ``seeds`` are not
        looked at.
    folder : path, optional
        Where state, log (``log.jsonl``, one row per epoch) and checkpoint go. A training that was killed there is
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

    Examples
    --------
    >>> train(data, load_encoder("tiny"), "grl", options=TrainOptions(n_epochs=5))  # doctest: +SKIP
    """
    options = options or TrainOptions()
    check_seeds((seed,))
    rule: SelectionRule = SELECTION_RULES[options.selection]
    chosen: type[Method] = METHODS[method]
    own = chosen.parse(options.method_options.get(method))
    if rule.measure is not None and not len(data.val):
        raise InputError(
            f"selection rule {rule.name} must have validation rows", 0, "Use a larger validation share or last-epoch"
        )
    asked = {
        "estimator": _ESTIMATOR,
        "method": method,
        "options": vars(own),
        "training": shared_settings(options),
        "seed": seed,
        "data_sha256": data.sha256(),
        "started_from": encoder.describe(),
    }
    path = Path(folder) if folder is not None else None
    if path is not None and is_finished(path):
        finished = load_checkpoint(path)
        _require_same(path, training_fingerprint(finished.meta), asked, options.precision)
        return finished
    state = TrainingState.load(path) if path is not None else None
    if path is not None and state is not None:
        precision = _require_same(path, state.fingerprint, asked, options.precision)
        device = choose_device(options.device)
        note(f"Resuming {method} after epoch {len(state.history)}")
    else:
        device = choose_device(options.device)
        precision = choose_precision(options.precision, device)
        state = TrainingState(training_fingerprint({**asked, "precision": precision}).to_dict())
    task = LearningTask(
        class_counts=tuple(np.bincount(data.train.labels, minlength=len(data.classes)).tolist()),
        n_domains=len(data.training_domains),
        device=device,
        precision=precision,
    )
    began = time.perf_counter()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(derive_seed(seed, "train", method))
        learner = chosen(copy.deepcopy(encoder), task, own)
        if state.history:
            learner.load_state_dict(state.method)
        _Epochs(learner, data, options, rule, seed).run(state, path)
    learner.networks()["encoder"].load_state_dict(state.best_networks["encoder"])
    learner.head.load_state_dict(state.best_networks["head"])
    trained = learner.encoder.cpu().eval()
    trained.weights = f"trained ({method})"
    meta = {
        **asked,
        "classes": list(data.classes),
        "domains": [data.domains[d] for d in data.training_domains],
        "n_train": len(data.train),
        "n_val": len(data.val),
        "selection": {"rule": rule.name, "value": state.best_value, "epoch": state.best_epoch},
        "learning_rate": learner.learning_rate,
        "device": str(device),
        "precision": precision,
        "encoder": trained.describe(),
        "seconds": round(time.perf_counter() - began, 3),
        "history": state.history,
        "environment": environment(),
    }
    checkpoint = Checkpoint(trained, learner.head.cpu().eval(), meta)
    if path is not None:
        checkpoint.save(path)
        TrainingState.remove(path)
    return checkpoint


def _require_same(folder: Path, begun: Fingerprint, asked: Mapping[str, Any], precision: str) -> str:
    """Refuse to go on with another training, and return the precision that the one in the folder has.

    A precision of "auto" asks for none, so it is what the training was begun with.
    """
    own = str(begun.options["precision"])
    wanted = own if precision == "auto" else precision
    changes = begun.changes(training_fingerprint({**asked, "precision": wanted}))
    if changes:
        raise InputError(
            f"the training in {folder} must be of the data, encoder and options asked for",
            f"another: {listed(changes)} changed",
            "Ask for what it was begun with, choose another seed or workspace, or move that folder away to train anew",
        )
    return wanted


class _Epochs:
    """The epochs of one training.

    Parameters
    ----------
    learner : Method
        What is trained.
    data : TrainingData
        What it is trained on.
    options : TrainOptions
        What all methods share.
    rule : SelectionRule
        Which epoch is kept.
    seed : int
        Of batches and augmentation.
    """

    def __init__(
        self, learner: Method, data: TrainingData, options: TrainOptions, rule: SelectionRule, seed: int
    ) -> None:
        self._learner, self._data, self._options, self._rule, self._seed = learner, data, options, rule, seed
        self._domains = np.searchsorted(data.training_domains, data.train.domains)
        transform = learner.encoder.transform
        n_bytes = (len(data.train) + len(data.val)) * math.prod(transform.size) * 3
        fits = n_bytes <= options.cache_bytes
        self._images, self._val_images = (
            PatchImages(side.images, transform, cache=fits, n_jobs=options.n_jobs) for side in (data.train, data.val)
        )

    def run(self, state: TrainingState, folder: Path | None) -> None:
        """Train epoch by epoch, filling ``state``, until the last one or until patience runs out."""
        learner, options, rule = self._learner, self._options, self._rule
        n_steps = len(balanced_batches(self._domains, options.batch_size, self._seed, 0))
        with progress_task(f"Training {learner.name}", total=options.n_epochs * n_steps) as done:
            done(len(state.history) * n_steps)
            for epoch in range(len(state.history), options.n_epochs):
                if options.patience and rule.measure and state.history and epoch - state.best_epoch >= options.patience:
                    break
                began = time.perf_counter()
                row = {"epoch": epoch + 1, **self._train(epoch, done)}
                if len(self._data.val):
                    row |= self._validate()
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

    def _train(self, epoch: int, done: Task) -> dict[str, float]:
        """Run one epoch and return the mean of what the updates reported."""
        learner, options, rows = self._learner, self._options, self._data.train
        device = learner.task.device
        batches = balanced_batches(self._domains, options.batch_size, self._seed, epoch)
        random = rng(self._seed, "augment", epoch)
        torch.manual_seed(derive_seed(self._seed, "epoch", epoch))
        learner.train()
        totals: dict[str, float] = {}
        for step, (chosen, pixels) in enumerate(zip(batches, self._images.batches(batches), strict=True)):
            turned = augment(
                torch.from_numpy(pixels).to(device, non_blocking=True),
                random,
                augmentation=options.augmentation,
                colour_jitter=options.colour_jitter,
            )
            learner.progress = (epoch + step / len(batches)) / options.n_epochs
            reported = learner.update(
                Batch(
                    learner.encoder.transform.normalise(turned),
                    torch.from_numpy(rows.labels[chosen]).to(device),
                    torch.from_numpy(self._domains[chosen]).to(device),
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

    def _validate(self) -> dict[str, float]:
        learner, rows = self._learner, self._data.val
        learner.eval()
        found = [
            learner.predict(learner.encoder.transform.normalise(torch.from_numpy(pixels).to(learner.task.device)))
            for pixels in self._val_images.batches(plain_batches(len(rows), self._options.batch_size))
        ]
        probabilities = torch.cat(found).cpu().numpy()
        row = {"val_accuracy": float((probabilities.argmax(axis=1) == rows.labels).mean())}
        if self._rule.measure is not None:
            row["selection_value"] = self._rule.measure(rows.labels, probabilities, rows.domains)
        return row
