"""Differences between two sets of forecasts on the same patches."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from featkit.core.metric_names import metric_name
from featkit.core.run_key import RunKey
from featkit.results.base import Result
from featkit.results.comparison_words import shown_names
from featkit.results.estimate import Estimate

if TYPE_CHECKING:
    import polars as pl

_NOT_COLUMNS = ("difference", "key", "made_from")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class PermutationTest(Result):
    """A statistic, its permutation distribution and the p-value.

    Parameters
    ----------
    statistic : float
        The statistic on the data as they are.
    p_value : float
        ``(1 + #{as extreme}) / (1 + n_permutations)``, in (0, 1].
    n_permutations : int
        Rearrangements looked at, the observed one not counted.
    is_exact : bool
        Whether they are all the rearrangements there are.
    alternative : str
        "two-sided", "greater" or "less".
    unit : str
        What was exchanged ("patient").
    n_units : int
        How many of them there were.
    null : ndarray of shape (n_permutations,)
        The statistic under each rearrangement.
    """

    statistic: float
    p_value: float
    n_permutations: int
    is_exact: bool
    alternative: str
    unit: str
    n_units: int
    null: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ComparisonRow(Result):
    """One metric of two forecasts ``a`` and ``b`` on one set of patches.

    Parameters
    ----------
    a, b : str or RunKey
        The two forecasts.
    metric : str
        Name of the metric.
    scope : str
        The fold, or "all folds".
    aggregation : str
        "fold" (one fold alone), "pooled" (all patches as one set), "mean of folds" (average of the folds' values) or
        "within folds" (AUC over pairs of patches of the same fold).
    value_a, value_b : float
        The metric of each forecast.
    difference : Estimate
        ``value_a - value_b`` with its paired interval over patients.
    p_value : float
        Permutation p-value: the two forecasts exchanged for whole patients.
    p_adjusted : float
        The same after the correction for ``n_family`` tests.
    n_family : int
        Tests corrected together.
    n_permutations : int
        Rearrangements behind ``p_value``.
    is_exact : bool
        Whether they are all the rearrangements there are.
    p_naive : float
        DeLong's p-value, which takes patches for independent: a reference only. NaN where it does not apply.
    margin : float
        Differences within plus or minus this count as none; NaN when no margin was given.
    p_equivalence : float
        Two one-sided tests against the margin; NaN without one.
    margin_needed : float
        The smallest margin within which the two would be shown equivalent.
    n_patients_needed : float
        Patients at which the observed difference would be found with 80 % power; NaN for a difference of zero.
    verdict : str
        "a better", "b better", "different" (neither way is better), "not distinguishable", "equivalent", "identical"
        or "undefined".
    state_a, state_b : str
        Where a forecast ranks nothing ("constant", "nothing selected in 2 of 4 folds"); empty otherwise.
    """

    version: ClassVar[int] = 2

    a: str | RunKey
    b: str | RunKey
    metric: str
    scope: str
    aggregation: str
    value_a: float
    value_b: float
    difference: Estimate
    p_value: float
    p_adjusted: float
    n_family: int
    n_permutations: int
    is_exact: bool
    p_naive: float
    margin: float
    p_equivalence: float
    margin_needed: float
    n_patients_needed: float
    verdict: str
    state_a: str = ""
    state_b: str = ""

    @property
    def sentence(self) -> str:
        """The row in plain words, made now."""
        from featkit.results.comparison_words import sentence

        return sentence(self)

    @property
    def is_agreed(self) -> bool:
        """Whether interval and p-value point the same way; where they do not, the sentence says so."""
        from featkit.results.comparison_words import at_most, leaves_out_zero

        return leaves_out_zero(self) == at_most(self.p_adjusted, self.difference.level)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Comparison(Result):
    """Every difference between two or more forecasts on the same patches.

    Parameters
    ----------
    names : tuple of (str or RunKey)
        The forecasts compared.
    rows : tuple of ComparisonRow
        One for each pair, metric and scope.
    n_patches, n_patients : int
        What they were compared on.
    level : float
        Coverage of the intervals; ``1 - level`` is the size of the tests.
    adjustment : str
        "holm", "bh" or "none".
    seed : int
        Seed of the draws and of the permutations.
    notes : tuple of str
        What must be read with it.
    """

    version: ClassVar[int] = 2

    names: tuple[str | RunKey, ...]
    rows: tuple[ComparisonRow, ...]
    n_patches: int
    n_patients: int
    level: float
    adjustment: str
    seed: int
    notes: tuple[str, ...] = ()

    def headlines(self) -> tuple[ComparisonRow, ...]:
        """Return the rows to quote, one per pair and metric: pooled, or for metrics of ranks over folds their mean.

        Where a fold leaves the mean undefined, pairs within folds take its place.
        """
        found: dict[tuple[object, ...], dict[str, ComparisonRow]] = {}
        for row in self.rows:
            if row.aggregation != "fold":
                found.setdefault((row.a, row.b, row.metric), {})[row.aggregation] = row
        chosen = []
        for (_, _, metric), rows in found.items():
            is_rank = metric_name(str(metric)).is_rank
            order = ("mean of folds", "within folds", "pooled") if is_rank else ("pooled",)
            there = [rows[name] for name in order if name in rows]
            chosen.append(next((r for r in there if math.isfinite(r.difference.value)), there[0]))
        return tuple(chosen)

    def frame(self) -> pl.DataFrame:
        """Return one row per comparison; the interval in ``low`` and ``high``."""
        import polars as pl

        records = []
        for row in self.rows:
            record = {f.name: getattr(row, f.name) for f in dataclasses.fields(row) if f.name not in _NOT_COLUMNS}
            record["a"], record["b"] = shown_names(row.a, row.b)
            record["sentence"] = row.sentence
            estimate = row.difference
            record |= {"difference": estimate.value, "low": estimate.low, "high": estimate.high}
            record |= {"level": estimate.level, "method": estimate.method, "n_draws": estimate.n_draws}
            record |= {"unit": estimate.unit, "n_units": estimate.n_units, "design": estimate.design}
            record["n_smallest_class"] = min(estimate.n_units_by_class.values(), default=None)
            records.append(record)
        first = ["a", "b", "metric", "scope", "aggregation", "value_a", "value_b", "difference", "low", "high"]
        frame = pl.DataFrame(records)
        return frame.select([*first, *[c for c in frame.columns if c not in first]])
