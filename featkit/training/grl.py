"""Domain-adversarial training by gradient reversal (Ganin et al., JMLR 17(59), 2016)."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import torch
from torch import nn

from featkit.core.errors import InputError
from featkit.encoders.compute import computing
from featkit.encoders.encoder import Encoder
from featkit.training.method import Batch, LearningTask, Method, MethodOptions


class _Reverse(torch.autograd.Function):
    """The identity forward, and ``-strength`` times the gradient backward."""

    @staticmethod
    def forward(ctx: Any, features: torch.Tensor, strength: float) -> torch.Tensor:
        ctx.strength = strength
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradient.neg() * ctx.strength, None


def reverse_gradient(features: torch.Tensor, strength: float) -> torch.Tensor:
    """Return ``features`` unchanged; gradients that come back through it are multiplied by ``-strength``."""
    reversed_features: torch.Tensor = _Reverse.apply(features, strength)
    return reversed_features


def reversal_strength(progress: float, gamma: float = 10.0, max_lambda: float = 1.0) -> float:
    """Return lambda at ``progress``: ``max_lambda * (2 / (1 + exp(-gamma * progress)) - 1)``.

    Parameters
    ----------
    progress : float
        0 at the start of training, 1 at its end.
    gamma : float
        How soon lambda rises (Ganin et al. 2016, section 5.2.2, use 10).
    max_lambda : float
        Its limit.
    """
    return max_lambda * (2.0 / (1.0 + math.exp(-gamma * progress)) - 1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientReversalOptions(MethodOptions):
    """Options of gradient reversal, besides those every method has.

    Parameters
    ----------
    gamma : float
        How soon the reversal rises, positive.
    max_lambda : float
        Limit of the reversal's strength, 0 or more; 0 leaves a baseline with a watching discriminator.
    n_hidden : int
        Width of the discriminator's two hidden layers, 1 or more.
    """

    gamma: float = 10.0
    max_lambda: float = 1.0
    n_hidden: int = 256

    def check(self) -> None:
        """Refuse values out of range."""
        super().check()
        self.require("gamma", "positive", self.gamma > 0, "Use 10")
        self.require("max_lambda", "at least 0", self.max_lambda >= 0, "Use 1")
        self.require("n_hidden", "at least 1", self.n_hidden >= 1, "Use 256")


class GradientReversal(Method):
    """A discriminator learns the training domain from the embedding; the encoder learns to make that impossible.

    Lambda multiplies only the gradient into the features, so the discriminator learns at the full rate. Its
    cross-entropy is reported beside chance, the logarithm of the number of training domains: at chance, the
    discriminator (not every possible one) reads nothing. Adam's first momentum is 0.5 instead of 0.9, as is usual for
    opponents: with more, embeddings and discriminator chase each other in circles.
    """

    name: ClassVar[str] = "grl"
    options_type: ClassVar[type[MethodOptions]] = GradientReversalOptions
    options: GradientReversalOptions

    def __init__(self, encoder: Encoder, task: LearningTask, options: MethodOptions) -> None:
        if task.n_domains < 2:
            raise InputError(
                "gradient reversal must have at least two training domains", task.n_domains, "Use --method baseline"
            )
        super().__init__(encoder, task, options)
        width = self.options.n_hidden
        self.discriminator = nn.Sequential(
            nn.Linear(encoder.n_dimensions, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, task.n_domains),
        ).to(task.device)
        self.add_optimiser("all", self.networks().values(), momentum=0.5)

    def networks(self) -> dict[str, nn.Module]:
        """Return encoder, head and discriminator."""
        return {**super().networks(), "discriminator": self.discriminator}

    def update(self, batch: Batch) -> dict[str, float]:
        """Take one step down the sum of classification loss and (reversed) domain loss."""
        strength = reversal_strength(self.progress, self.options.gamma, self.options.max_lambda)
        with computing(self.task.precision, self.task.device):
            embeddings = self.encoder(batch.images)
            logits = self.head(embeddings)
            domain_logits = self.discriminator(reverse_gradient(embeddings, strength))
        class_loss = self.classification_loss(logits.float(), batch)
        domain_loss = nn.functional.cross_entropy(domain_logits.float(), batch.domains)
        loss = class_loss + domain_loss
        self.minimise(loss, "all")
        return {
            "loss": loss.item(),
            "class_loss": class_loss.item(),
            "domain_loss": domain_loss.item(),
            "domain_chance": math.log(self.task.n_domains),
            "domain_accuracy": (domain_logits.argmax(dim=1) == batch.domains).float().mean().item(),
            "lambda": strength,
        }
