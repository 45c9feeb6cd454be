"""The signatures of several folds, how well each predicts, and how far they agree."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.results.base import Result
from featkit.core.results.evaluation import Evaluation
from featkit.core.results.overlap import OverlapResult
from featkit.core.results.signature import Signature

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False)
class SignatureSet(Result):
    """What ``featkit signatures`` finds.

    Parameters
    ----------
    signatures : dict of str to Signature
        By "method/fold" (and "/seedK" where there are several seeds).
    evaluations : dict of str to Evaluation
        Of each signature on the fold's test rows, by the same names.
    overlaps : dict of str to OverlapResult
        By method, where at least two signatures exist: how much the supports have in common, next to chance.
    stable_overlaps : dict of str to OverlapResult
        The same for the stable supports.
    """

    signatures: dict[str, Signature]
    evaluations: dict[str, Evaluation]
    overlaps: dict[str, OverlapResult]
    stable_overlaps: dict[str, OverlapResult]

    def frame(self) -> pl.DataFrame:
        """Return one row a signature: size, stable size, lambda, gap, and AUC, F1 and Brier with their intervals."""
        import polars as pl

        rows = []
        for name, signature in self.signatures.items():
            row: dict[str, object] = {
                "name": name,
                "method": signature.method,
                "fold": signature.fold,
                "seed": signature.seed,
                "size": signature.size,
                "n_dimensions": signature.n_dimensions,
                "n_dead": signature.n_dead,
                "n_stable": int(np.size(signature.stable_support)),
                "lambda": signature.lambda_,
                "rule": signature.rule,
                "relative_gap": signature.relative_gap,
                "is_converged": signature.is_converged,
            }
            for metric in ("auc", "f1", "brier"):
                found = self.evaluations[name].get(metric)
                row |= {metric: found.value, f"{metric}_low": found.low, f"{metric}_high": found.high}
            rows.append(row)
        return pl.DataFrame(rows)
