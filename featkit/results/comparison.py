"""Differences between two sets of forecasts on the same patches."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from featkit.core.run_key import RunKey, label_of
from featkit.results.base import Result
from featkit.results.estimate import Estimate

if TYPE_CHECKING:
    import polars as pl


_NO_COLUMNS = ("difference", "key", "made_from")


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
    a, b : RunKey or str
        Whose forecasts they are, or their names.
    metric : str
        Name of the metric.
    scope : str
        The fold, or "all folds".
    aggregation : str
        "fold" (one fold alone), "pooled" (all patches as one set) or "mean of folds" (average of the folds' values,
        taken inside each draw).
    value_a, value_b : float
        The metric of each forecast.
    difference : Estimate
        ``value_a - value_b`` with its paired patient-cluster bootstrap interval.
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
    sentence : str
        The row in plain words.
    """

    version: ClassVar[int] = 2

    a: RunKey | str
    b: RunKey | str
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
    sentence: str


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Comparison(Result):
    """Every difference between two or more forecasts on the same patches.

    Parameters
    ----------
    names : tuple of RunKey or str
        Whose forecasts were compared, or their names.
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

    names: tuple[RunKey | str, ...]
    rows: tuple[ComparisonRow, ...]
    n_patches: int
    n_patients: int
    level: float
    adjustment: str
    seed: int
    notes: tuple[str, ...] = ()

    def frame(self) -> pl.DataFrame:
        """Return one row per comparison; the interval in ``low`` and ``high``."""
        import polars as pl

        named = {name: label_of(name, among=self.names) for name in self.names}
        records = []
        for row in self.rows:
            record = {f.name: getattr(row, f.name) for f in dataclasses.fields(row) if f.name not in _NO_COLUMNS}
            record |= {side: named[record[side]] for side in ("a", "b")}
            estimate = row.difference
            record |= {"difference": estimate.value, "low": estimate.low, "high": estimate.high}
            record |= {"level": estimate.level, "method": estimate.method, "n_draws": estimate.n_draws}
            record |= {"unit": estimate.unit, "n_units": estimate.n_units}
            records.append(record)
        first = ["a", "b", "metric", "scope", "aggregation", "value_a", "value_b", "difference", "low", "high"]
        frame = pl.DataFrame(records)
        return frame.select([*first, *[c for c in frame.columns if c not in first]])
