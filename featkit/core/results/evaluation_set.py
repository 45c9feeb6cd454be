"""The evaluations of several models, and what recalibration does to each."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from featkit.core.results.base import Result
from featkit.core.results.calibration import RecalibrationEffect
from featkit.core.results.evaluation import Evaluation

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluationSet(Result):
    """What ``featkit evaluate`` finds.

    Parameters
    ----------
    evaluations : dict of str to Evaluation
        By model ("grl head", "grl signature"), over its folds.
    recalibrations : dict of str to RecalibrationEffect
        By model and fold ("grl head, 100X held out"): held-out patches before and after maps fitted on source
        validation patients. Empty where no fold has validation patients of both classes.
    """

    evaluations: dict[str, Evaluation]
    recalibrations: dict[str, RecalibrationEffect]

    def frame(self) -> pl.DataFrame:
        """Return one row a model, set of patches and metric."""
        import polars as pl

        frames = [e.frame().select(pl.lit(name).alias("model"), pl.all()) for name, e in self.evaluations.items()]
        return pl.concat(frames)
