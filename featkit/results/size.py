"""How many dimensions a signature has, as the penalty, the solver's tolerance and the threshold vary."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from featkit.results.base import Result

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class SizeCurve(Result):
    """Signature size against the penalty, solved at several tolerances.

    Parameters
    ----------
    lambdas : ndarray of shape (L,)
        Penalties, falling.
    tolerances : ndarray of shape (T,)
        Duality-gap tolerances the path was solved to, falling; the last is the reference.
    sizes : ndarray of shape (T, L)
        Non-zero coefficients at each.
    gaps : ndarray of shape (T, L)
        Duality gaps reached, on the scale of ``tolerances``.
    is_converged : ndarray of shape (T, L)
        Whether the gap reached its tolerance.
    agreement : ndarray of shape (T, L)
        Jaccard overlap of each support with the one at the tightest tolerance; 1 where both are empty.
    settled_tolerance : ndarray of shape (L,)
        The loosest tolerance from which the support no longer changes; NaN when only the last gives it.
    chosen : dict of str to float
        Named penalties ("min", "1se", "C=1", ...).
    chosen_sizes : dict of str to ndarray of shape (T,)
        Size at each named penalty, by tolerance.
    thresholds : ndarray of shape (H,)
        Stability-selection thresholds; empty when no selection frequencies were given.
    threshold_sizes : ndarray of shape (H,)
        Dimensions whose selection frequency reaches each threshold.
    n_dimensions : int
        Dimensions of the embedding.
    n_patches : int
        Patches the path was fitted on.
    notes : tuple of str
        What to keep in mind when reading the numbers.
    """

    lambdas: np.ndarray
    tolerances: np.ndarray
    sizes: np.ndarray
    gaps: np.ndarray
    is_converged: np.ndarray
    agreement: np.ndarray
    settled_tolerance: np.ndarray
    chosen: dict[str, float]
    chosen_sizes: dict[str, np.ndarray]
    thresholds: np.ndarray
    threshold_sizes: np.ndarray
    n_dimensions: int
    n_patches: int
    notes: tuple[str, ...] = ()

    def frame(self) -> pl.DataFrame:
        """Return one row per tolerance and penalty."""
        import polars as pl

        n_lambdas = len(self.lambdas)
        return pl.DataFrame(
            {
                "tolerance": np.repeat(np.asarray(self.tolerances, dtype=np.float64), n_lambdas),
                "lambda": np.tile(np.asarray(self.lambdas, dtype=np.float64), len(self.tolerances)),
                "size": np.asarray(self.sizes, dtype=np.int64).ravel(),
                "gap": np.asarray(self.gaps, dtype=np.float64).ravel(),
                "is_converged": np.asarray(self.is_converged, dtype=bool).ravel(),
                "agreement": np.asarray(self.agreement, dtype=np.float64).ravel(),
            }
        )
