"""A number with its uncertainty."""

from __future__ import annotations

import dataclasses
import math

from featkit.core.text import interval
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
        How the interval was made ("logit-t", "percentile", "bca", "delong", ...).
    n_draws : int
        Resamples used; 0 for a closed form.
    unit : str
        What was resampled or treated as independent ("patient").
    n_units : int
        How many of them there were.
    n_units_by_class : dict of str to int
        How many of them have patches of each class; one with patches of two classes counts in both.
    design : str
        "cohort" (numbers of each class vary from study to study), "case-control" (they were fixed), or empty where
        that makes no difference.
    state : str
        Empty for a plain estimate. Else why it must not be read as one: "undefined" (no value), "constant" (the
        forecast gives all patches the same score), "nothing selected" (the same, of an empty signature), both also
        as "constant in 2 of 5 folds"; "too few patients" (a class that the metric needs has one patient, or patients
        that show no spread; value, but no interval).

    Examples
    --------
    >>> str(Estimate(0.9, 0.8, 0.95))
    '0.900 [0.800, 0.950]'
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")
    level: float = 0.95
    method: str = "none"
    n_draws: int = 0
    unit: str = "patient"
    n_units: int = 0
    n_units_by_class: dict[str, int] = dataclasses.field(default_factory=dict)
    design: str = ""
    state: str = ""

    @property
    def has_interval(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.value) and not (math.isnan(self.low) or math.isnan(self.high))

    def __str__(self) -> str:
        shown = interval(self.value, self.low, self.high)
        return f"{shown} ({self.state})" if self.state else shown
