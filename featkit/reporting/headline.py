"""Which row of an evaluation or a comparison is its headline, and what empty signatures do to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from featkit.core.metric_names import metric_name
from featkit.core.run_key import RunKey
from featkit.results.comparison import Comparison, ComparisonRow
from featkit.results.evaluation import Evaluation, EvaluationRow
from featkit.results.signature_set import SignatureSet

R = TypeVar("R", EvaluationRow, ComparisonRow)


def headline(evaluation: Evaluation, metric: str) -> EvaluationRow | None:
    """Return the row of a metric to quote, or None.

    Over several folds that is the mean of folds for a metric that ranks patches, since models fitted apart share no
    scale and their pooled ranks measure nothing, and the pooled value for any other. With one fold it is that fold.

    Parameters
    ----------
    evaluation : Evaluation
        Of one model.
    metric : str
        Its name.
    """
    rows = [row for row in evaluation.rows if row.metric == metric]
    folds = [row for row in rows if row.scope == "fold"]
    return _headline(metric, folds, {row.aggregation: row for row in rows if row.scope == "all"})


def headline_difference(comparison: Comparison, metric: str) -> list[ComparisonRow]:
    """Return the row of a metric to quote for each pair that was compared, chosen as by `headline`."""
    rows = [row for row in comparison.rows if row.metric == metric]
    found = []
    for pair in dict.fromkeys((row.a, row.b) for row in rows):
        own = [row for row in rows if (row.a, row.b) == pair]
        folds = [row for row in own if row.aggregation == "fold"]
        chosen = _headline(metric, folds, {row.aggregation: row for row in own if row.aggregation != "fold"})
        found += [] if chosen is None else [chosen]
    return found


def _headline(metric: str, folds: Sequence[R], over_folds: Mapping[str, R]) -> R | None:
    if len(folds) == 1:
        return folds[0]
    if not metric_name(metric).is_rank:
        return over_folds.get("pooled")
    return over_folds.get("mean of folds", None if folds else over_folds.get("pooled"))


def empty_signatures(sets: Iterable[SignatureSet]) -> frozenset[RunKey]:
    """Return the keys of the signatures in which nothing was selected."""
    return frozenset(key for found in sets for key, one in found.signatures.items() if not one.size)


def empty_folds(model: RunKey, empty: Collection[RunKey]) -> set[str]:
    """Return the folds in which a model, whose key leaves the fold open, has an empty signature."""
    return {str(key.fold) for key in empty if key.without("fold") == model.without("fold")}


def nothing_selected(n_empty: int, n: int) -> str:
    """Return "nothing selected in 3 of 5 folds"; "nothing selected" where that is all there is."""
    return f"nothing selected in {n_empty} of {n} folds" if n > 1 else "nothing selected"
