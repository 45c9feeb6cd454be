"""The contract between a training method and the loop."""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from featkit.core.options import Options
from featkit.core.structure import read_table
from featkit.encoders.compute import computing
from featkit.encoders.encoder import Encoder


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """Patches a method learns from in one step.

    Parameters
    ----------
    images : tensor of float32, shape (b, 3, height, width)
        Standardised by the encoder's transform.
    labels : tensor of int64, shape (b,)
        Class of each patch, 0..C-1.
    domains : tensor of int64, shape (b,)
        0..K-1 over the K training domains; every batch of the loop holds all of them.
    """

    images: torch.Tensor
    labels: torch.Tensor
    domains: torch.Tensor

    def by_domain(self) -> Iterator[tuple[int, Batch]]:
        """Yield the part of every domain present, in order of its number."""
        for domain in self.domains.unique().tolist():
            inside = self.domains == domain
            yield domain, Batch(self.images[inside], self.labels[inside], self.domains[inside])


@dataclasses.dataclass(frozen=True)
class LearningTask:
    """What a method is asked to learn, and where.

    Parameters
    ----------
    class_counts : tuple of int
        Training patches per class.
    n_domains : int
        Training domains.
    device : torch.device
        Where to compute.
    precision : {"float32", "float16", "bfloat16"}
        Of the computation; weights stay float32.

    Examples
    --------
    >>> LearningTask(class_counts=(30, 12), n_domains=3).n_classes
    2
    """

    class_counts: tuple[int, ...]
    n_domains: int
    device: torch.device = dataclasses.field(default_factory=lambda: torch.device("cpu"))
    precision: str = "float32"

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_counts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MethodOptions(Options):
    """Options every method has; a method with more subclasses it.

    Parameters
    ----------
    learning_rate : float, optional
        Of AdamW at its highest, positive; by default 1e-4 for an encoder with pretrained weights and 1e-3 for a random
        one.
    weight_decay : float
        Of AdamW, 0 or more.
    class_weights : {"none", "balanced"}
        ``balanced`` weighs each class by the inverse of its share of the training patches.
    max_grad_norm : float
        Gradients are scaled down to this norm; 0 leaves them.

    Examples
    --------
    >>> MethodOptions(class_weights="balanced").weight_decay
    0.0001
    """

    learning_rate: float | None = None
    weight_decay: float = 1e-4
    class_weights: Literal["none", "balanced"] = "none"
    max_grad_norm: float = 5.0

    def check(self) -> None:
        """Refuse values out of range."""
        is_positive = self.learning_rate is None or self.learning_rate > 0
        self.require("learning_rate", "positive", is_positive, "Leave it out for the default")
        self.require("weight_decay", "at least 0", self.weight_decay >= 0, "Use 1e-4")
        self.require("max_grad_norm", "at least 0", self.max_grad_norm >= 0, "0 leaves gradients as they are")


class Method(abc.ABC):
    """Base of the training methods: owns its networks, its optimisers and its update.

    A subclass sets ``name`` and ``options_type``, makes its optimisers in ``__init__`` with `add_optimiser`, adds any
    extra networks to `networks`, and implements `update`. The loop calls nothing else, so a method may keep several
    optimisers and take inner steps of its own.

    Parameters
    ----------
    encoder : Encoder
        Trained in place, on the task's device.
    task : LearningTask
        What is learned, and where.
    options : MethodOptions
        Of type ``options_type``.

    Attributes
    ----------
    encoder : Encoder
        The one given.
    head : nn.Linear
        (b, d) embeddings to (b, c) logits.
    progress : float
        0 at the start of training, 1 at its end; set by the loop before every update.
    """

    name: ClassVar[str]
    options_type: ClassVar[type[MethodOptions]] = MethodOptions

    def __init__(self, encoder: Encoder, task: LearningTask, options: MethodOptions) -> None:
        self.encoder = encoder.to(task.device)
        self.task = task
        self.options = options
        self.head = nn.Linear(encoder.n_dimensions, task.n_classes).to(task.device)
        self.progress = 0.0
        self.optimisers: dict[str, torch.optim.Optimizer] = {}
        self._scaler = torch.amp.GradScaler(task.device.type, enabled=task.precision == "float16")
        self._class_weights = _class_weights(task) if options.class_weights == "balanced" else None

    @classmethod
    def parse(cls, options: Mapping[str, Any] | None) -> MethodOptions:
        """Return the method's options from a table, refusing unknown keys and wrong types."""
        return read_table(cls.options_type, dict(options or {}), where=f"the options of method {cls.name}")

    @abc.abstractmethod
    def update(self, batch: Batch) -> dict[str, float]:
        """Learn from one batch and return its losses, the one under "loss" finite in sound training."""

    @property
    def learning_rate(self) -> float:
        """Highest learning rate, resolved for this encoder."""
        if self.options.learning_rate is not None:
            return self.options.learning_rate
        return 1e-3 if self.encoder.weights.startswith("random") else 1e-4

    def networks(self) -> dict[str, nn.Module]:
        """Return every network whose weights training must keep, by name."""
        return {"encoder": self.encoder.network, "head": self.head}

    def train(self) -> None:
        """Put all networks in training mode."""
        self.encoder.train()
        for network in self.networks().values():
            network.train()

    def eval(self) -> None:
        """Put all networks in eval mode."""
        self.encoder.eval()
        for network in self.networks().values():
            network.eval()

    def predict(self, images: torch.Tensor) -> torch.Tensor:
        """Return class probabilities, float32 (b, c), of standardised patches; call `eval` first."""
        with torch.inference_mode():
            with computing(self.task.precision, self.task.device):
                logits = self.head(self.encoder.embed(images))
            return logits.float().softmax(dim=1)

    def state_dict(self) -> dict[str, Any]:
        """Return weights and optimiser states: all that a resumed training needs."""
        return {
            "networks": {name: network.state_dict() for name, network in self.networks().items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "scaler": self._scaler.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        for name, network in self.networks().items():
            network.load_state_dict(state["networks"][name])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        self._scaler.load_state_dict(state["scaler"])

    def add_optimiser(self, name: str, networks: Iterable[nn.Module], momentum: float = 0.9) -> None:
        """Make the AdamW optimiser ``name`` over the parameters of ``networks``; ``momentum`` is its first beta."""
        parameters = [p for network in networks for p in network.parameters() if p.requires_grad]
        self.optimisers[name] = torch.optim.AdamW(
            parameters, lr=self.learning_rate, betas=(momentum, 0.999), weight_decay=self.options.weight_decay
        )

    def minimise(self, loss: torch.Tensor, name: str) -> None:
        """Take one step of the optimiser ``name`` down ``loss`` at the learning rate of the current progress."""
        optimiser = self.optimisers[name]
        for group in optimiser.param_groups:
            group["lr"] = self.learning_rate * rate_factor(self.progress)
        optimiser.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()
        if self.options.max_grad_norm:
            self._scaler.unscale_(optimiser)
            parameters = [p for group in optimiser.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.options.max_grad_norm)
        self._scaler.step(optimiser)
        self._scaler.update()

    def classification_loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the cross-entropy in nats: weighted mean within each domain, then the mean over domains."""
        losses = [
            nn.functional.cross_entropy(logits[inside], batch.labels[inside], weight=self._class_weights)
            for inside in (batch.domains == domain for domain in batch.domains.unique())
        ]
        return torch.stack(losses).mean()


def rate_factor(progress: float) -> float:
    """Return the learning rate's share of its highest: linear over the first 5 %, then a cosine down to 1 %."""
    if progress < 0.05:
        return 0.1 + 0.9 * progress / 0.05
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (progress - 0.05) / 0.95))


def _class_weights(task: LearningTask) -> torch.Tensor:
    """Inverse shares, 1 for balanced classes; a class without training patches weighs nothing."""
    counts = torch.tensor(task.class_counts, dtype=torch.float32, device=task.device)
    return torch.where(counts > 0, counts.sum() / (counts.clamp(min=1) * (counts > 0).sum()), 0.0)
