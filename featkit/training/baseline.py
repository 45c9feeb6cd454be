"""Empirical risk minimisation over all training domains together (also called DeepAll)."""

from __future__ import annotations

from typing import ClassVar

from featkit.encoders.compute import computing
from featkit.encoders.encoder import Encoder
from featkit.training.method import Batch, Method, MethodConfig, Task


class Baseline(Method):
    """Cross-entropy averaged within each training domain, then over domains; AdamW."""

    name: ClassVar[str] = "baseline"

    def __init__(self, encoder: Encoder, task: Task, config: MethodConfig) -> None:
        super().__init__(encoder, task, config)
        self.add_optimiser("all", self.networks().values())

    def update(self, batch: Batch) -> dict[str, float]:
        """Take one step down the classification loss."""
        with computing(self.task.precision, self.task.device):
            logits = self.head(self.encoder(batch.images))
        loss = self.classification_loss(logits.float(), batch)
        self.minimise(loss, "all")
        return {"loss": loss.item()}
