"""Comparisons."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from featkit.core.options.base import Options
from featkit.core.options.resampling import Resampling


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompareOptions(Options):
    """What two runs are compared by.

    Parameters
    ----------
    model : {"signature", "dense", "head"}
        Whose probabilities.
    positive : str, optional
        The signatures that tell this class from the rest.
    metrics : tuple of str
        Names in `featkit.stats.METRICS`.
    margin : float, optional
        Differences within plus or minus this count as negligible: adds a test of equivalence.
    margins : dict of str to float
        The same for single metrics.
    resampling : Resampling, optional
        How intervals are made (default: the workspace's).
    """

    model: Literal["signature", "dense", "head"] = "signature"
    positive: str | None = None
    metrics: tuple[str, ...] = ("auc", "f1", "brier")
    margin: float | None = None
    margins: dict[str, float] = dataclasses.field(default_factory=dict)
    resampling: Resampling | None = None

    def check(self) -> None:
        """Refuse values out of range and heads of one class against the rest."""
        self.require("metrics", "at least one metric", bool(self.metrics), "Use auc, f1 or brier")
        self.require("margin", "positive and finite", self.margin is None or 0 < self.margin < math.inf)
        for name, margin in self.margins.items():
            self.require("margins", f"positive and finite ({name})", 0 < margin < math.inf)
        is_possible = self.positive is None or self.model != "head"
        self.require("model", "signature or dense where a class is named", is_possible, "Leave out the positive class")
