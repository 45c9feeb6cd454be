"""The signatures of several runs, how well each predicts, and how far they agree."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from featkit.core.run_key import RunKey
from featkit.results.base import Result
from featkit.results.by_run import ByRun
from featkit.results.copied_dimensions import CopiedDimensions
from featkit.results.evaluation import Evaluation
from featkit.results.matching import MatchingResult, ReseedingNull
from featkit.results.overlap import OverlapResult
from featkit.results.signature import Signature
from featkit.results.signature_detail import SignatureDetail
from featkit.results.sparsity_price import SparsityPrice

if TYPE_CHECKING:
    import polars as pl

_METRICS = ("auc", "f1", "brier")
_PRICED = ("auc", "brier")


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
    dense : ByRun of Evaluation
        Of the model on all dimensions beside each signature, by the signatures' keys; empty where it was not asked for.
    prices : ByRun of SparsityPrice
        Signature minus that model on the same patches, by the same keys.
    copies : ByRun of CopiedDimensions
        Dimensions that are copies of one another on the training patches of each signature, by the same keys.
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
    dense: ByRun[Evaluation] = dataclasses.field(default_factory=ByRun)
    prices: ByRun[SparsityPrice] = dataclasses.field(default_factory=ByRun)
    copies: ByRun[CopiedDimensions] = dataclasses.field(default_factory=ByRun)
    notes: tuple[str, ...] = ()

    def frame(self) -> pl.DataFrame:
        """Return one row per signature: state, size, stable size, lambda, gap, scores with their intervals.

        ``state`` is "selected" or "nothing selected"; ``n_with_copies`` counts selected dimensions that have a copy.
        The scores are AUC, F1 and Brier; ``dense_auc`` and ``dense_brier`` those of the model on all dimensions, and
        ``auc_price`` and ``brier_price`` signature minus that model. What was not asked for is null.
        """
        import polars as pl

        rows = []
        for key, signature in self.signatures.items():
            has_stability = signature.selection_frequency.size > 0
            row: dict[str, object] = {
                "method": key.method,
                "fold": key.fold,
                "seed": key.seed,
                "positive": key.positive,
                "state": signature.state,
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
            copies, dense, price = self.copies.get(key), self.dense.get(key), self.prices.get(key)
            row["n_with_copies"] = None if copies is None else int(np.isin(signature.support, copies.dimension).sum())
            for metric in _PRICED:
                full = None if dense is None else dense.get(metric, str(key.fold), "fold").value
                gap = None if price is None else price.differences[metric]
                row[f"dense_{metric}"] = full
                bounds = ("value", "low", "high")
                names = (f"{metric}_price", f"{metric}_price_low", f"{metric}_price_high")
                row |= {n: None if gap is None else getattr(gap, b) for n, b in zip(names, bounds, strict=True)}
            rows.append(row)
        schema: dict[str, Any] = dict.fromkeys(("method", "fold", "positive", "state"), pl.String)
        schema |= dict.fromkeys(("seed", "n_stable", "n_with_copies"), pl.Int64)
        priced = [name for name in (rows[0] if rows else ()) if "price" in name or name.startswith("dense_")]
        return pl.DataFrame(rows, schema_overrides=schema | dict.fromkeys(priced, pl.Float64))

    def summary(self) -> str:
        """Return how many signatures there are, in how many of them nothing was selected, and their sizes."""
        sizes = "; ".join(f"{self.signatures[key].size} for {text}" for key, text in self.signatures.labels().items())
        n, n_empty = len(self.signatures), sum(one.size == 0 for one in self.signatures.values())
        empty = f", nothing selected in {n_empty} of {n}" if n_empty else ""
        return f"{n} signatures{empty}; dimensions kept: {sizes or 'none'}"[:240]

    def of_method(self, method: str | None) -> list[RunKey]:
        """Return the keys of one method's signatures."""
        return [key for key in self.signatures if key.method == method]
