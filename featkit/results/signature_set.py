"""The signatures of several folds, how well each predicts, and how far they agree."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from featkit.results.base import Result
from featkit.results.evaluation import Evaluation
from featkit.results.matching import MatchingResult, ReseedingNull
from featkit.results.overlap import OverlapResult
from featkit.results.signature import Signature
from featkit.results.signature_detail import SignatureDetail

if TYPE_CHECKING:
    import polars as pl

ALL_SIGNATURES = "all signatures"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class SignatureSet(Result):
    """What ``featkit signatures`` finds.

    Parameters
    ----------
    signatures : dict of str to Signature
        By "method/fold" (and "/seedK" where there are several seeds).
    evaluations : dict of str to Evaluation
        Of each signature on the fold's test rows, by the same names.
    overlaps : dict of str to OverlapResult
        How much the supports have in common, next to chance: by method over its folds and seeds ("grl") where there
        are at least two, and over "all signatures" where there are several methods.
    stable_overlaps : dict of str to OverlapResult
        The same for the stable supports; empty without stability selection.
    details : dict of str to SignatureDetail
        The closer look at each signature, by the names of ``signatures``.
    matchings : dict of str to MatchingResult
        By "first | second": how the dimensions of two separately trained encoders correspond, and the overlap of their
        signatures before and after matching. Empty when not asked for.
    reseeding : dict of str to ReseedingNull
        By "method/fold": what trainings that differ in their seed alone have in common. Empty with a single seed.
    notes : tuple of str
        What must be read with it.
    positive : str
        The class that was told from all others; empty when none was named.
    """

    signatures: dict[str, Signature]
    evaluations: dict[str, Evaluation]
    overlaps: dict[str, OverlapResult]
    stable_overlaps: dict[str, OverlapResult]
    details: dict[str, SignatureDetail] = dataclasses.field(default_factory=dict)
    matchings: dict[str, MatchingResult] = dataclasses.field(default_factory=dict)
    reseeding: dict[str, ReseedingNull] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    positive: str = ""

    def frame(self) -> pl.DataFrame:
        """Return one row a signature: size, stable size, lambda, gap, and AUC, F1 and Brier with their intervals."""
        import polars as pl

        rows = []
        for name, signature in self.signatures.items():
            has_stability = signature.selection_frequency.size > 0
            row: dict[str, object] = {
                "name": name,
                "method": signature.method,
                "fold": signature.fold,
                "seed": signature.seed,
                "size": signature.size,
                "n_dimensions": signature.n_dimensions,
                "n_dead": signature.n_dead,
                "n_stable": int(np.size(signature.stable_support)) if has_stability else None,
                "lambda": signature.lambda_,
                "rule": signature.rule,
                "relative_gap": signature.relative_gap,
                "is_converged": signature.is_converged,
            }
            for metric in ("auc", "f1", "brier"):
                found = self.evaluations[name].get(metric)
                row |= {metric: found.value, f"{metric}_low": found.low, f"{metric}_high": found.high}
            rows.append(row)
        return pl.DataFrame(rows, schema_overrides={"n_stable": pl.Int64})
