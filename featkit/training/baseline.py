"""Empirical risk minimisation over all training domains together (also called DeepAll)."""

from __future__ import annotations

from typing import ClassVar

from featkit.encoders.compute import computing
from featkit.encoders.encoder import Encoder
from featkit.training.method import Batch, LearningTask, Method, MethodOptions


class Baseline(Method):
    """Cross-entropy averaged within each training domain, then over domains; AdamW.

    Parameters
    ----------
    encoder : Encoder
        Trained in place.
    task : LearningTask
        What is learned.
    options : MethodOptions
        Those every method has.
    """

    name: ClassVar[str] = "baseline"

    def __init__(self, encoder: Encoder, task: LearningTask, options: MethodOptions) -> None:
        super().__init__(encoder, task, options)
        self.add_optimiser("all", self.networks().values())

    def update(self, batch: Batch) -> dict[str, float]:
        """Take one step down the classification loss."""
        with computing(self.task.precision, self.task.device):
            logits = self.head(self.encoder(batch.images))
        loss = self.classification_loss(logits.float(), batch)
        self.minimise(loss, "all")
        return {"loss": loss.item()}
