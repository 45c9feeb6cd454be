"""What stability selection found, and how much error it admits."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from featkit.results.base import Result

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class StabilityResult(Result):
    """Selection frequencies over patient subsamples and the set that is selected stably.

    Parameters
    ----------
    scheme : str
        "complementary_pairs" (Shah and Samworth) or "subsample" (Meinshausen and Buhlmann).
    lambdas : (n_lambdas,) float64
        Penalties, the same for every subsample.
    frequency_path : (n_lambdas, n_dimensions) float64
        Share of subsamples that select a dimension at a penalty.
    selection_frequency : (n_dimensions,) float64
        Its largest value over the penalties.
    stable_support : (n_stable,) int64
        Dimensions whose frequency is at least ``threshold``, sorted.
    threshold : float
        Share of subsamples a dimension must be selected in.
    q : float
        Dimensions a subsample may select: the number of entrants each path was stopped at, or, where
        ``is_q_controlled`` is False, the mean number observed.
    is_q_controlled : bool
        Whether paths were stopped at the first ``q`` entrants; the bound on the errors needs it.
    pfer : float
        Bound on the expected number of falsely selected dimensions; infinite when the bound does not apply.
    bound : str
        "worst_case", "unimodal" or "r_concave".
    mean_selected : float
        Mean over subsamples of the dimensions selected anywhere on the path.
    n_subsamples, n_patients, n_patients_per_subsample, n_patches, n_dimensions, n_dead : int
        Counts; dead dimensions are constant and never selected.
    max_relative_gap : float
        Largest duality gap over the null loss among all problems solved.
    n_unconverged : int
        Fitted penalties whose gap is above the tolerance, over all subsamples.
    seed : int
        Seed of the subsamples.
    notes : tuple of str
        What a reader must know.
    """

    version: ClassVar[int] = 2

    scheme: str
    lambdas: np.ndarray
    frequency_path: np.ndarray
    selection_frequency: np.ndarray
    stable_support: np.ndarray
    threshold: float
    q: float
    is_q_controlled: bool
    pfer: float
    bound: str
    mean_selected: float
    n_subsamples: int
    n_patients: int
    n_patients_per_subsample: int
    n_patches: int
    n_dimensions: int
    n_dead: int
    max_relative_gap: float
    n_unconverged: int
    seed: int
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "stable_support", np.asarray(self.stable_support, np.int64))

    @property
    def size(self) -> int:
        """Number of stable dimensions."""
        return int(self.stable_support.size)

    def frame(self) -> pl.DataFrame:
        """Return one row per dimension that was ever selected, the most frequent first."""
        import polars as pl

        seen = np.flatnonzero(self.selection_frequency > 0)
        return pl.DataFrame(
            {
                "dimension": seen,
                "selection_frequency": self.selection_frequency[seen],
                "is_stable": np.isin(seen, self.stable_support),
            }
        ).sort(["selection_frequency", "dimension"], descending=[True, False])
