"""How much sets of selected dimensions have in common, next to what chance would give."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.run_key import RunKey, label_of
from featkit.core.text import number
from featkit.results.base import Result

if TYPE_CHECKING:
    import polars as pl

DEFINED, EMPTY, UNDEFINED = "defined", "empty", "undefined"
_MEANS = ("observed", "chance", "corrected")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class StabilityIndex(Result):
    """Nogueira's stability of M supports, with its interval and its tests.

    Parameters
    ----------
    value : float
        Phi, at most 1; NaN when no support holds a dimension or all hold every one.
    low, high : float
        Normal-theory interval; NaN when the variance is zero or ``value`` is NaN.
    level : float
        Nominal coverage.
    variance : float
        Estimated variance of ``value``.
    null : float
        Phi0 of the one-sided test Phi > Phi0.
    statistic, p_value : float
        ``(value - null) / sqrt(variance)`` and its upper normal tail; NaN when the variance is zero.
    chance : float
        Exact expectation of Phi for independent uniform supports of these sizes (0 when the sizes are equal).
    permutation_p_value : float
        Share of draws of independent uniform supports of these sizes that reach ``value``, ``(1 + #) / (1 + draws)``.
    n_draws : int
        Draws behind ``permutation_p_value``.
    n_supports, n_dimensions : int
        M and d.
    mean_size : float
        Mean number of dimensions a support holds.
    notes : tuple of str
        What to keep in mind when reading the numbers.
    """

    value: float
    low: float
    high: float
    level: float
    variance: float
    null: float
    statistic: float
    p_value: float
    chance: float
    permutation_p_value: float
    n_draws: int
    n_supports: int
    n_dimensions: int
    mean_size: float
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class StabilityDifference(Result):
    """Difference between the stabilities of two procedures.

    Parameters
    ----------
    difference : float
        Phi of the second minus Phi of the first.
    low, high : float
        Normal-theory interval of the difference.
    level : float
        Nominal coverage.
    statistic, p_value : float
        ``difference / sqrt(v1 + v2)`` and its two-sided normal p-value; NaN when both variances are zero.
    """

    difference: float
    low: float
    high: float
    level: float
    statistic: float
    p_value: float


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class OverlapResult(Result):
    """Overlap between all named supports: observed, expected by chance, corrected and tested.

    Parameters
    ----------
    names : tuple of RunKey or str
        The k supports, in the order of every array below.
    measure : str
        Name of the overlap measure.
    sizes : ndarray of shape (k,)
        Number of dimensions each support holds.
    n_dimensions : int
        Dimensions of the embedding.
    n_candidates : ndarray of shape (k,)
        Dimensions each support was free to choose from (all, or the alive ones).
    intersection : ndarray of shape (k, k)
        Number of dimensions two supports share.
    observed, chance : ndarray of shape (k, k)
        The measure, and its expectation for independent uniform supports of the same sizes.
    corrected : ndarray of shape (k, k)
        ``(observed - chance) / (largest possible - chance)``: 0 is chance, 1 is the most two sets of these sizes can
        share; NaN where the two coincide.
    p_value : ndarray of shape (k, k)
        One-sided probability of an overlap at least as large by chance, not adjusted for the number of pairs.
    p_method : str
        ``"exact"`` (hypergeometric) or ``"permutation"``.
    n_draws : int
        Random pairs of supports behind ``chance`` and ``p_value``; 0 when they are exact.
    stability : StabilityIndex or None
        Nogueira's index over all supports at once; None with fewer than two of them.
    notes : tuple of str
        What to keep in mind when reading the numbers.
    """

    names: tuple[RunKey | str, ...]
    measure: str
    sizes: np.ndarray
    n_dimensions: int
    n_candidates: np.ndarray
    intersection: np.ndarray
    observed: np.ndarray
    chance: np.ndarray
    corrected: np.ndarray
    p_value: np.ndarray
    p_method: str
    n_draws: int
    stability: StabilityIndex | None = None
    notes: tuple[str, ...] = ()

    @property
    def n_pairs(self) -> int:
        """Number of pairs of supports."""
        return len(self.names) * (len(self.names) - 1) // 2

    @property
    def n_undefined(self) -> int:
        """Number of pairs of which chance-corrected overlap is undefined; means are over the others alone."""
        return self.states.count(UNDEFINED) + self.states.count(EMPTY)

    @property
    def empty(self) -> tuple[str | RunKey, ...]:
        """Names of the supports that hold no dimension."""
        return tuple(name for name, size in zip(self.names, self.sizes, strict=True) if size == 0)

    @property
    def states(self) -> tuple[str, ...]:
        """Return for each pair, in the order of `frame`: "defined", "empty" (a support holds nothing), "undefined"."""
        first, second = np.triu_indices(len(self.names), k=1)
        sizes, corrected = np.asarray(self.sizes), np.asarray(self.corrected)
        return tuple(
            EMPTY if min(sizes[i], sizes[j]) == 0 else DEFINED if np.isfinite(corrected[i, j]) else UNDEFINED
            for i, j in zip(first, second, strict=True)
        )

    def mean_of_pairs(self) -> dict[str, float]:
        """Return the means of observed, chance and corrected over the pairs that are defined; NaN if none is."""
        first, second = np.triu_indices(len(self.names), k=1)
        used = np.array([state == DEFINED for state in self.states], dtype=bool)
        values = {name: np.asarray(getattr(self, name))[first, second][used] for name in _MEANS}
        return {name: float(v.mean()) if len(v) else float("nan") for name, v in values.items()}

    def summary(self) -> str:
        """Return how far pairs agree, and how many pairs that is said of."""
        mean = self.mean_of_pairs()
        n_defined = self.n_pairs - self.n_undefined
        said = f"{self.measure} corrected for chance {number(mean['corrected'], 2)}" if n_defined else "undefined"
        empty = f", {len(self.empty)} of {len(self.names)} supports empty" if self.empty else ""
        return f"{said}, over {n_defined} of {self.n_pairs} pairs{empty}"

    def frame(self) -> pl.DataFrame:
        """Return one row per pair of supports; ``state`` is one of `states`."""
        import polars as pl

        first, second = np.triu_indices(len(self.names), k=1)
        names = [label_of(name, among=self.names) for name in self.names]
        columns = {
            "first": [names[i] for i in first],
            "second": [names[j] for j in second],
            "size_first": np.asarray(self.sizes)[first],
            "size_second": np.asarray(self.sizes)[second],
            "intersection": np.asarray(self.intersection)[first, second],
            "measure": [self.measure] * len(first),
            "observed": np.asarray(self.observed)[first, second],
            "chance": np.asarray(self.chance)[first, second],
            "corrected": np.asarray(self.corrected)[first, second],
            "p_value": np.asarray(self.p_value)[first, second],
            "p_method": [self.p_method] * len(first),
            "state": list(self.states),
        }
        texts = {"first", "second", "measure", "p_method", "state"}
        whole = {"size_first", "size_second", "intersection"}
        schema = {c: pl.String if c in texts else pl.Int64 if c in whole else pl.Float64 for c in columns}
        return pl.DataFrame(columns, schema=schema)
