"""What a signature is made of, and how far its size and its performance depend on how it was chosen."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from featkit.results.base import Result
from featkit.results.path import PathResult
from featkit.results.refit import ContributionResult, PerformanceCurve, RefitResult
from featkit.results.size import SizeCurve
from featkit.results.variance_decomposition import VarianceDecomposition

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class SignatureDetail(Result):
    """The closer look at one signature.

    Parameters
    ----------
    path : PathResult
        The whole path on the training rows, for standardised dimensions.
    sizes : SizeCurve
        Size against the penalty, the solver's tolerance and the selection threshold, and at named penalties.
    refit : RefitResult or None
        The support fitted again without shrinkage and with a ridge, scored on the test rows; None when not asked for,
        and for an empty support.
    performance : PerformanceCurve or None
        Test performance of the first 1, 2, 4, ... dimensions; None when not asked for.
    contributions : ContributionResult or None
        What is lost without each dimension; None when not asked for, and with fewer than two dimensions.
    variance : VarianceDecomposition or None
        Variance shares of the kept and the stable dimensions on the training rows; None when not asked for.
    """

    version: ClassVar[int] = 2

    path: PathResult
    sizes: SizeCurve
    refit: RefitResult | None = None
    performance: PerformanceCurve | None = None
    contributions: ContributionResult | None = None
    variance: VarianceDecomposition | None = None

    def frame(self) -> pl.DataFrame:
        """Return one row per named penalty: its name, the penalty, and the size at the tightest tolerance."""
        import polars as pl

        names = list(self.sizes.chosen)
        return pl.DataFrame(
            {
                "choice": names,
                "lambda": [float(self.sizes.chosen[name]) for name in names],
                "size": [int(self.sizes.chosen_sizes[name][-1]) for name in names],
            },
            schema={"choice": pl.String, "lambda": pl.Float64, "size": pl.Int64},
        )
