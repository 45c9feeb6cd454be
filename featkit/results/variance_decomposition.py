"""What a signature is made of: class, patient, domain."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from featkit.results.base import Result

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class VarianceDecomposition(Result):
    """Where the variance of each dimension comes from.

    Parameters
    ----------
    dimension : ndarray of shape (k,)
        The dimensions, as columns of the embedding.
    sources : tuple of str
        Sources of variance in the order they were taken out: "label", "patient", "domain", "domain_by_patient",
        "residual" (without the two domain terms when no domain was given).
    shares : ndarray of shape (k, n_sources)
        Share of the total sum of squares, each row adding to 1; NaN for a constant dimension.
    chance : ndarray of shape (n_sources,)
        Expected share of each source if rows were exchangeable: its degrees of freedom over n - 1.
    degrees_of_freedom : ndarray of shape (n_sources,)
        Of each source.
    domain_alone : ndarray of shape (k,)
        Share of the domain taken out first instead (differs from the above when the design is unbalanced); NaN
        without a domain.
    label_p_value, domain_p_value : ndarray of shape (k,)
        F tests with patients as the unit (label against patients within label, domain against domain by patient);
        exact when the design is balanced, not adjusted for the number of dimensions; NaN where undefined.
    coefficient, selection_frequency : ndarray of shape (k,)
        The signature's, NaN where not given.
    n_patches, n_patients : int
        What the shares were computed on.
    notes : tuple of str
        What to keep in mind when reading the numbers.
    """

    dimension: np.ndarray
    sources: tuple[str, ...]
    shares: np.ndarray
    chance: np.ndarray
    degrees_of_freedom: np.ndarray
    domain_alone: np.ndarray
    label_p_value: np.ndarray
    domain_p_value: np.ndarray
    coefficient: np.ndarray
    selection_frequency: np.ndarray
    n_patches: int
    n_patients: int
    notes: tuple[str, ...] = ()

    def frame(self) -> pl.DataFrame:
        """Return one row per dimension, its variance shares as columns ``share_<source>``."""
        import polars as pl

        k = len(self.dimension)
        shares = np.asarray(self.shares, dtype=np.float64).reshape(k, len(self.sources))
        columns: dict[str, np.ndarray] = {
            "dimension": np.asarray(self.dimension, dtype=np.int64),
            "coefficient": np.asarray(self.coefficient, dtype=np.float64),
            "selection_frequency": np.asarray(self.selection_frequency, dtype=np.float64),
        }
        columns |= {f"share_{source}": shares[:, i] for i, source in enumerate(self.sources)}
        columns["label_p_value"] = np.asarray(self.label_p_value, dtype=np.float64)
        if "domain" in self.sources:
            columns["domain_alone"] = np.asarray(self.domain_alone, dtype=np.float64)
            columns["domain_p_value"] = np.asarray(self.domain_p_value, dtype=np.float64)
        return pl.DataFrame(columns)
