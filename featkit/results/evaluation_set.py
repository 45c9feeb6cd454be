"""The evaluations of several models, what their Brier scores consist of, and what recalibration does to each."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from featkit.results.base import Result
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
    evaluations : dict of str to Evaluation
        By model ("grl head", "grl signature"; "grl head seed 1" where there are several seeds), over its folds.
    recalibrations : dict of str to RecalibrationEffect
        By model and fold ("grl head, 100X held out"): held-out patches before and after maps fitted on source
        validation patients. Empty where no fold has validation patients of both classes.
    brier_terms : dict of str to dict of str to BrierTerms
        By model, then "pooled" and each fold; models of two classes only.
    over_seeds : dict of str to dict of str to Estimate
        By model without its seed, then metric: the mean of the seeds' pooled values, with the seed as the unit. Empty
        with a single seed.
    variance : dict of str to VarianceComponents
        By model and quantity ("grl head, AUC"): what seeds, folds and patients contribute. Empty with a single seed.
    """

    evaluations: dict[str, Evaluation]
    recalibrations: dict[str, RecalibrationEffect]
    brier_terms: dict[str, dict[str, BrierTerms]] = dataclasses.field(default_factory=dict)
    over_seeds: dict[str, dict[str, Estimate]] = dataclasses.field(default_factory=dict)
    variance: dict[str, VarianceComponents] = dataclasses.field(default_factory=dict)

    def frame(self) -> pl.DataFrame:
        """Return one row a model, set of patches and metric."""
        import polars as pl

        frames = [e.frame().select(pl.lit(name).alias("model"), pl.all()) for name, e in self.evaluations.items()]
        return pl.concat(frames)
