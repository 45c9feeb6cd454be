"""Probes."""

from __future__ import annotations

import dataclasses
from typing import Literal

from featkit.core.options.base import Options


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProbeOptions(Options):
    """What a probe tells apart, with which model, and what its null is.

    Parameters
    ----------
    regime : {"all", "training", "held-out"}
        All domains; the training ones; or the held-out one against the rest.
    model : {"linear", "mlp"}
        The probe.
    within : {"label"}, optional
        Probe inside each class.
    n_permutations : int
        Relabellings of the null; 0 for none.
    n_folds : int
        Patient folds of the probe, 2 or more.
    """

    regime: Literal["all", "training", "held-out"] = "all"
    model: Literal["linear", "mlp"] = "linear"
    within: Literal["label"] | None = None
    n_permutations: int = 200
    n_folds: int = 5

    def check(self) -> None:
        """Refuse values out of range."""
        self.require("n_permutations", "at least 0", self.n_permutations >= 0, "Use 200")
        self.require("n_folds", "at least 2", self.n_folds >= 2, "Use 5")
