"""The evaluations of several models, what their Brier scores consist of, and what recalibration does to each."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from featkit.results.base import Result
from featkit.results.by_run import ByRun
from featkit.results.calibration import BrierParts, RecalibrationEffect
from featkit.results.estimate import Estimate
from featkit.results.evaluation import Evaluation
from featkit.results.variance_components import VarianceComponents

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class BrierTerms(Result):
    """A Brier score taken apart twice: over bins, and by isotonic regression (CORP).

    Parameters
    ----------
    binned : BrierParts
        Murphy's terms, Stephenson's terms within bins, and the bias-corrected ones.
    miscalibration, discrimination : float
        CORP's terms: ``brier = miscalibration - discrimination + uncertainty``, with the uncertainty of ``binned``.
    """

    binned: BrierParts
    miscalibration: float
    discrimination: float

    def frame(self) -> pl.DataFrame:
        """Return one row: the binned terms, then CORP's."""
        import polars as pl

        return self.binned.frame().with_columns(
            pl.lit(self.miscalibration).alias("miscalibration"), pl.lit(self.discrimination).alias("discrimination")
        )


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class EvaluationSet(Result):
    """What ``featkit evaluate`` finds.

    Parameters
    ----------
    evaluations : ByRun of Evaluation
        By method, seed and model ("head", "signature"; with a class where one was told from the rest), over its folds.
    recalibrations : ByRun of RecalibrationEffect
        By the same and the fold: held-out patches before and after maps fitted on source validation patients. Empty
        where no fold has validation patients of both classes.
    brier_terms : ByRun of BrierTerms
        By model and fold; without a fold, pooled. Models of two classes only.
    over_seeds : ByRun of dict of str to Estimate
        By model without its seed: by metric the mean of the seeds' values, with the seed as the unit. Empty with a
        single seed.
    variance : ByRun of VarianceComponents
        By model without its seed and the quantity: what seeds, folds and patients contribute. Empty with a single seed.
    """

    version: ClassVar[int] = 2

    evaluations: ByRun[Evaluation]
    recalibrations: ByRun[RecalibrationEffect] = dataclasses.field(default_factory=ByRun)
    brier_terms: ByRun[BrierTerms] = dataclasses.field(default_factory=ByRun)
    over_seeds: ByRun[dict[str, Estimate]] = dataclasses.field(default_factory=ByRun)
    variance: ByRun[VarianceComponents] = dataclasses.field(default_factory=ByRun)

    def frame(self) -> pl.DataFrame:
        """Return one row per model, set of patches and metric."""
        import polars as pl

        frames = []
        for key, evaluation in self.evaluations.items():
            parts = {"method": key.method, "model": key.model, "positive": key.positive}
            named = [pl.lit(value, dtype=pl.String).alias(name) for name, value in parts.items()]
            frames.append(
                evaluation.frame()
                .rename({"method": "interval"})
                .select(*named, pl.lit(key.seed, dtype=pl.Int64).alias("seed"), pl.all())
            )
        return pl.concat(frames) if frames else pl.DataFrame()

    def summary(self) -> str:
        """Return which models were evaluated."""
        return "; ".join(self.evaluations.labels().values())[:240]
