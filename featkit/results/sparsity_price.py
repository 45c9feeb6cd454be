"""What a signature gives up on held-out patches by being sparse."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from featkit.results.base import Result
from featkit.results.estimate import Estimate

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class SparsityPrice(Result):
    """Differences between a signature and a ridge-logistic model on all dimensions, on the same held-out patches.

    Parameters
    ----------
    differences : dict of str to Estimate
        By metric ("auc", "brier"): signature minus the model on all dimensions, with a paired interval over patients.
        Below 0 in AUC, or above 0 in Brier, the signature pays for being sparse.

    Examples
    --------
    >>> SparsityPrice({"auc": Estimate(-0.09, -0.15, -0.03)}).summary()
    'signature minus all dimensions: auc -0.090 [-0.150, -0.030]'
    """

    differences: dict[str, Estimate]

    def summary(self) -> str:
        """Return each difference with its interval."""
        return "signature minus all dimensions: " + ", ".join(f"{name} {one}" for name, one in self.differences.items())

    def frame(self) -> pl.DataFrame:
        """Return one row per metric: metric, difference, low, high, level, method, n_patients."""
        import polars as pl

        return pl.DataFrame(
            [
                {
                    "metric": name,
                    "difference": one.value,
                    "low": one.low,
                    "high": one.high,
                    "level": one.level,
                    "method": one.method,
                    "n_patients": one.n_units,
                }
                for name, one in self.differences.items()
            ]
        )
