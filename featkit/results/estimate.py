"""A number with its uncertainty."""

from __future__ import annotations

import dataclasses

from featkit.results.base import Result


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Estimate(Result):
    """A value, its interval, and how the interval was made.

    Parameters
    ----------
    value : float
        The estimate on the data as they are (never the mean of the draws).
    low, high : float
        Interval bounds; NaN when no interval could be made.
    level : float
        Nominal coverage, e.g. 0.95.
    method : str
        How the interval was made ("percentile", "bca", "delong", ...).
    n_draws : int
        Resamples used; 0 for a closed form.
    unit : str
        What was resampled or treated as independent ("patient").
    n_units : int
        How many of them there were.
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")
    level: float = 0.95
    method: str = "none"
    n_draws: int = 0
    unit: str = "patient"
    n_units: int = 0

    def __str__(self) -> str:
        if self.low != self.low or self.high != self.high:
            return f"{self.value:.3f}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"
