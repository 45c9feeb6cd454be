"""How far the dimensions of two separately trained encoders correspond."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from featkit.results.base import Result
from featkit.results.overlap import OverlapResult

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class MatchingResult(Result):
    """Two encoders on the same patches, dimension by dimension.

    Parameters
    ----------
    n_patches : int
        Patches both encoders saw.
    n_dimensions : tuple of int
        Dimensions of the first and of the second encoder.
    n_dead : tuple of int
        Dimensions that are constant on these patches, in the first and in the second.
    effective_rank : tuple of float
        RankMe of the two embeddings.
    cka : float
        Debiased linear centred kernel alignment; at most 1, about 0 for unrelated embeddings.
    same_index_correlation : ndarray of shape (d_first,)
        Correlation of dimension j of the first with dimension j of the second; NaN where either is constant or the
        second has no dimension j.
    matched : ndarray of shape (d_first,)
        The second encoder's dimension matched to each of the first; -1 where there is none.
    matched_correlation : ndarray of shape (d_first,)
        Correlation of the matched pairs; NaN where there is none.
    overlap_before, overlap_after : OverlapResult or None
        Overlap of the two supports by index, and after the first was carried over by the matching; None when no
        supports were given (``overlap_before`` also when the encoders differ in dimensions).
    notes : tuple of str
        What to keep in mind when reading the numbers.
    """

    n_patches: int
    n_dimensions: tuple[int, ...]
    n_dead: tuple[int, ...]
    effective_rank: tuple[float, ...]
    cka: float
    same_index_correlation: np.ndarray
    matched: np.ndarray
    matched_correlation: np.ndarray
    overlap_before: OverlapResult | None = None
    overlap_after: OverlapResult | None = None
    notes: tuple[str, ...] = ()

    def frame(self) -> pl.DataFrame:
        """Return one row per dimension of the first encoder."""
        import polars as pl

        return pl.DataFrame(
            {
                "dimension": np.arange(len(self.matched), dtype=np.int64),
                "same_index_correlation": np.asarray(self.same_index_correlation, dtype=np.float64),
                "matched": np.asarray(self.matched, dtype=np.int64),
                "matched_correlation": np.asarray(self.matched_correlation, dtype=np.float64),
            }
        )


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ReseedingNull(Result):
    """What two trainings that differ in their seed alone have in common: the ceiling for any other comparison.

    Parameters
    ----------
    measure : str
        Name of the overlap measure.
    first, second : ndarray of shape (n_pairs,)
        Which seeds (by position) each pair joins; pairs share seeds and are not independent.
    overlap_before, overlap_after, corrected_before, corrected_after : ndarray of shape (n_pairs,)
        Overlap of the supports by index and after matching, raw and corrected for chance.
    cka, matched_correlation : ndarray of shape (n_pairs,)
        Debiased linear CKA, and the median absolute correlation of matched dimensions.
    n_seeds : int
        Trainings compared.
    notes : tuple of str
        What to keep in mind when reading the numbers.
    """

    measure: str
    first: np.ndarray
    second: np.ndarray
    overlap_before: np.ndarray
    overlap_after: np.ndarray
    corrected_before: np.ndarray
    corrected_after: np.ndarray
    cka: np.ndarray
    matched_correlation: np.ndarray
    n_seeds: int
    notes: tuple[str, ...] = ()

    def frame(self) -> pl.DataFrame:
        """Return one row per pair of seeds."""
        import polars as pl

        whole = {"first", "second"}
        skipped = {"measure", "n_seeds", "notes", "key", "made_from"}
        columns = [f.name for f in dataclasses.fields(self) if f.name not in skipped]
        schema = {c: pl.Int64 if c in whole else pl.Float64 for c in columns}
        return pl.DataFrame({c: np.asarray(getattr(self, c)) for c in columns}, schema=schema)
