"""How intervals are made."""

from __future__ import annotations

import dataclasses
from typing import Literal

from featkit.core.options.base import Options


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resampling(Options):
    """How patients are resampled for intervals.

    Parameters
    ----------
    n_draws : int
        Resamples; 1 or more.
    level : float
        Nominal coverage, in (0, 1).
    method : {"logit-t", "percentile", "bca", "t"}
        How draws become an interval.
    seed : int
        Seed of the draws.
    """

    n_draws: int = 2000
    level: float = 0.95
    method: Literal["logit-t", "percentile", "bca", "t"] = "logit-t"
    seed: int = 0

    def check(self) -> None:
        """Refuse values out of range."""
        self.require("n_draws", "between 1 and 1,000,000", 1 <= self.n_draws <= 1_000_000, "Use 2000")
        self.require("level", "strictly between 0 and 1", 0 < self.level < 1, "Use 0.95 for 95 %")
