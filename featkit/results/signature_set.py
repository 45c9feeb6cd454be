"""The signatures of several runs, how well each predicts, and how far they agree."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from featkit.core.run_key import RunKey
from featkit.results.base import Result
from featkit.results.by_run import ByRun
from featkit.results.evaluation import Evaluation
from featkit.results.matching import MatchingResult, ReseedingNull
from featkit.results.overlap import OverlapResult
from featkit.results.signature import Signature
from featkit.results.signature_detail import SignatureDetail

if TYPE_CHECKING:
    import polars as pl

_METRICS = ("auc", "f1", "brier")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class MatchedRuns(Result):
    """Two separately trained encoders whose dimensions were matched.

    Parameters
    ----------
    first, second : RunKey
        Whose signatures they are.
    matching : MatchingResult
        How their dimensions correspond, and the overlap before and after.
    """

    first: RunKey
    second: RunKey
    matching: MatchingResult


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class SignatureSet(Result):
    """What ``featkit signatures`` finds; ``key.positive`` is the class told from the rest, where one was named.

    Parameters
    ----------
    signatures : ByRun of Signature
        By method, fold and seed.
    evaluations : ByRun of Evaluation
        Of each signature on the fold's test rows, by the same keys.
    overlaps : ByRun of OverlapResult
        How much the supports have in common, next to chance: by method, over its folds and seeds, where there are at
        least two; the empty key spans all methods.
    stable_overlaps : ByRun of OverlapResult
        The same for the stable supports; empty without stability selection.
    details : ByRun of SignatureDetail
        The closer look at each signature; empty where it was not asked for.
    matchings : tuple of MatchedRuns
        How the dimensions of two separately trained encoders correspond, and the overlap of their signatures before and
        after matching; empty where it was not asked for.
    reseeding : ByRun of ReseedingNull
        By method and fold: what trainings that differ in their seed alone have in common. Empty with a single seed.
    notes : tuple of str
        What must be read with it.
    """

    version: ClassVar[int] = 2

    signatures: ByRun[Signature]
    evaluations: ByRun[Evaluation]
    overlaps: ByRun[OverlapResult] = dataclasses.field(default_factory=ByRun)
    stable_overlaps: ByRun[OverlapResult] = dataclasses.field(default_factory=ByRun)
    details: ByRun[SignatureDetail] = dataclasses.field(default_factory=ByRun)
    matchings: tuple[MatchedRuns, ...] = ()
    reseeding: ByRun[ReseedingNull] = dataclasses.field(default_factory=ByRun)
    notes: tuple[str, ...] = ()

    def frame(self) -> pl.DataFrame:
        """Return one row per signature: size, stable size, lambda, gap, and AUC, F1 and Brier with their intervals."""
        import polars as pl

        rows = []
        for key, signature in self.signatures.items():
            has_stability = signature.selection_frequency.size > 0
            row: dict[str, object] = {
                "method": key.method,
                "fold": key.fold,
                "seed": key.seed,
                "positive": key.positive,
                "size": signature.size,
                "n_dimensions": signature.n_dimensions,
                "n_dead": signature.n_dead,
                "n_stable": int(np.size(signature.stable_support)) if has_stability else None,
                "lambda": signature.lambda_,
                "rule": signature.rule,
                "relative_gap": signature.relative_gap,
                "is_converged": signature.is_converged,
            }
            for metric in _METRICS:
                found = self.evaluations[key].get(metric, str(key.fold), "fold")
                row |= {metric: found.value, f"{metric}_low": found.low, f"{metric}_high": found.high}
            rows.append(row)
        texts = dict.fromkeys(("method", "fold", "positive"), pl.String)
        return pl.DataFrame(rows, schema_overrides={**texts, "seed": pl.Int64, "n_stable": pl.Int64})

    def summary(self) -> str:
        """Return how many signatures there are and their sizes."""
        sizes = "; ".join(f"{self.signatures[key].size} for {text}" for key, text in self.signatures.labels().items())
        return f"{len(self.signatures)} signatures; dimensions kept: {sizes or 'none'}"[:240]

    def of_method(self, method: str | None) -> list[RunKey]:
        """Return the keys of one method's signatures."""
        return [key for key in self.signatures if key.method == method]
