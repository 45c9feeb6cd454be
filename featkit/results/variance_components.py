"""Where the variance of repeated runs comes from, and how many patients a difference needs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from featkit.results.base import Result
from featkit.results.estimate import Estimate

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class VarianceComponents(Result):
    """Variance of one quantity over seeds, splits and patients.

    Parameters
    ----------
    quantity : str
        What was measured ("auc").
    mean : Estimate
        Generalised least-squares mean with its interval from the mixed model (unit: the source with fewest levels).
    mean_over_seeds : Estimate
        Mean of the seeds' means with its t interval; value only when there is one seed.
    components : dict of str to float
        Variance of each source, in the squared unit of the quantity, at least 0; "residual" is the rest.
    shares : dict of str to float
        Each component over their sum; NaN when all are zero.
    n_levels : dict of str to int
        Levels of each source that were seen.
    n_values : int
        Values that went in.
    method : str
        "reml".
    is_converged : bool
        Whether the optimiser says so.
    notes : tuple of str
        What must be read with it.
    """

    quantity: str
    mean: Estimate
    mean_over_seeds: Estimate
    components: dict[str, float]
    shares: dict[str, float]
    n_levels: dict[str, int]
    n_values: int
    method: str
    is_converged: bool
    notes: tuple[str, ...] = ()

    def frame(self) -> pl.DataFrame:
        """Return one row per source: source, variance, sd, share, n_levels (null for the residual)."""
        import polars as pl

        rows = [
            {
                "quantity": self.quantity,
                "source": source,
                "variance": variance,
                "sd": variance**0.5,
                "share": self.shares[source],
                "n_levels": self.n_levels.get(source),
            }
            for source, variance in self.components.items()
        ]
        return pl.DataFrame(rows, schema_overrides={"n_levels": pl.Int64})


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class SampleSize(Result):
    """How many patients a difference needs.

    Parameters
    ----------
    difference : float
        The difference to be found.
    n_patients : int
        The smallest number of patients whose power is at least ``power``.
    power : float
        Probability of finding it, in (0, 1).
    level : float
        ``1 - level`` is the two-sided size of the test.
    sd : float
        Standard deviation of one patient's contribution to the difference.
    n_pilot : int
        Patients that ``sd`` was estimated from.
    low, high : float
        ``n_patients`` at the ends of the 95 % interval of ``sd`` (chi-squared, normal contributions).
    """

    difference: float
    n_patients: int
    power: float
    level: float
    sd: float
    n_pilot: int
    low: float
    high: float
