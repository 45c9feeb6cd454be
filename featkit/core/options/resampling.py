"""How intervals are made."""

from __future__ import annotations

import dataclasses
from typing import Literal

from featkit.core.options.base import Options
from featkit.core.seeds import check_seeds

Design = Literal["cohort", "case-control"]
"""How patients came into the study, see `Resampling`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resampling(Options):
    """How patients are resampled for intervals.

    Parameters
    ----------
    n_draws : int
        Resamples of patients behind curves and the methods that need draws, from 1 to 1,000,000.
    level : float
        Nominal coverage, in (0, 1).
    method : {"logit-t", "expanded", "percentile", "bca"}
        How an interval is made (`featkit.stats.interval`). The default needs no draws.
    seed : int
        Seed of the draws.
    design : {"cohort", "case-control"}
        How the patients were sampled. In a cohort (the default) another study of as many patients would hold other
        numbers of each class; in a case-control study the numbers of each class were fixed beforehand. Only the
        first lets metrics that depend on the class shares, such as accuracy, F1 and the Brier score, vary with them.
    nested : tuple of {"slides", "patches"}
        Levels that draws resample inside each drawn patient, outermost first; empty carries all a patient has. The
        default method, which leaves out whole patients, does not use them.

    Examples
    --------
    >>> Resampling(level=0.9).design
    'cohort'
    """

    n_draws: int = 2000
    level: float = 0.95
    method: Literal["logit-t", "expanded", "percentile", "bca"] = "logit-t"
    seed: int = 0
    design: Design = "cohort"
    nested: tuple[Literal["slides", "patches"], ...] = ()

    def check(self) -> None:
        """Refuse values out of range."""
        self.require("n_draws", "between 1 and 1,000,000", 1 <= self.n_draws <= 1_000_000, "Use 2000")
        check_seeds((self.seed,))
        self.require("level", "strictly between 0 and 1", 0 < self.level < 1, "Use 0.95 for 95 %")
