"""Which row of an evaluation or a comparison is its headline, and what empty signatures do to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from featkit.core.run_key import RunKey
from featkit.results.comparison import Comparison, ComparisonRow
from featkit.results.evaluation import Evaluation, EvaluationRow
from featkit.results.signature_set import SignatureSet


def headline(evaluation: Evaluation, metric: str) -> EvaluationRow | None:
    """Return the row of a metric to quote, or None where the metric is not there.

    Over several folds that is the mean of folds for a metric that ranks patches, since models fitted apart share no
    scale and their pooled ranks measure nothing, and the pooled value for any other (see `Evaluation.headline`).

    Parameters
    ----------
    evaluation : Evaluation
        Of one model.
    metric : str
        Its name.
    """
    rows = [row for row in evaluation.rows if row.metric == metric and row.scope in ("all", "fold")]
    if any(row.scope == "all" for row in rows):
        return evaluation.headline(metric)
    return rows[0] if len(rows) == 1 else None


def headline_differences(comparison: Comparison, metric: str) -> list[ComparisonRow]:
    """Return the row of a metric to quote for each pair that was compared, chosen as by `headline`."""
    return [row for row in comparison.headlines() if row.metric == metric]


def empty_signatures(sets: Iterable[SignatureSet]) -> frozenset[RunKey]:
    """Return the keys of the signatures in which nothing was selected."""
    return frozenset(key for found in sets for key, one in found.signatures.items() if not one.size)


def empty_folds(model: RunKey, empty: Collection[RunKey]) -> set[str]:
    """Return the folds in which a model, whose key leaves the fold open, has an empty signature."""
    return {str(key.fold) for key in empty if key.without("fold") == model.without("fold")}


def nothing_selected(n_empty: int, n: int) -> str:
    """Return "nothing selected in 3 of 5 folds"; "nothing selected" where that is all there is."""
    return f"nothing selected in {n_empty} of {n} folds" if n > 1 else "nothing selected"
