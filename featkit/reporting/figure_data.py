"""Which curves of an evaluation go into which panel of a figure."""

from __future__ import annotations

from collections.abc import Mapping

from featkit.core.run_key import RunKey
from featkit.reporting.run_groups import by_model, first_seed
from featkit.reporting.score_tables import scopes_of
from featkit.results.by_run import ByRun
from featkit.results.calibration import ReliabilityCurve
from featkit.results.estimate import Estimate
from featkit.results.evaluation import Curve, Evaluation, EvaluationRow
from featkit.results.refit import PerformanceCurve
from featkit.results.signature_set import SignatureSet


def roc_panels(
    evaluations: Mapping[RunKey, Evaluation],
) -> tuple[dict[str, dict[RunKey, Curve]], dict[str, dict[RunKey, Estimate]]]:
    """Return ROC curves and areas by panel ("100X held out", "pooled", or a class) and model.

    Where there are curves by fold, the pooled one is left out: models fitted in different folds share no scale, so that
    a ranking over all their scores measures nothing.
    """
    panels: dict[str, dict[RunKey, Curve]] = {}
    areas: dict[str, dict[RunKey, Estimate]] = {}
    for key, evaluation in evaluations.items():
        folds = {r.aggregation for r in evaluation.rows if r.scope == "fold"}
        for panel, curve in evaluation.roc.items():
            if panel == "pooled" and any(fold in evaluation.roc for fold in folds):
                continue
            title = f"{panel} held out" if panel in folds else panel
            known = [r.estimate for r in evaluation.rows if (r.metric, r.aggregation) == ("auc", panel)]
            panels.setdefault(title, {})[key] = curve
            if known:
                areas.setdefault(title, {})[key] = known[0]
    return panels, areas


def reliability_panels(evaluations: Mapping[RunKey, Evaluation]) -> dict[RunKey, ReliabilityCurve]:
    """Return the pooled reliability curve of each model of two classes."""
    return {key: e.reliability["pooled"] for key, e in evaluations.items() if "pooled" in e.reliability}


def performance_panels(found: SignatureSet) -> dict[str, ByRun[PerformanceCurve]]:
    """Return the curves of performance by size by method, those of the first seed where there are several."""
    curves = ByRun((k, d.performance) for k, d in found.details.items() if d.performance is not None)
    drawn, _ = first_seed(curves)
    return {str(key.method): own for key, own in by_model(drawn, "fold", "seed").items()}


def by_fold(evaluation: Evaluation, metric: str) -> dict[str, Estimate]:
    """Return one metric by set of patches, in the order of the tables; ranks are not pooled over folds."""
    return {row.aggregation: row.estimate for row in _rows(evaluation, metric)}


def majority_by_fold(evaluation: Evaluation, metric: str) -> dict[str, float]:
    """Return the majority baseline by set of patches, where it is defined."""
    return {row.aggregation: row.majority for row in _rows(evaluation, metric) if row.majority == row.majority}


def _rows(evaluation: Evaluation, metric: str) -> list[EvaluationRow]:
    wanted = [(scope, name) for scope, name in scopes_of(evaluation, [metric]) if scope in ("all", "fold")]
    return [row for row in evaluation.rows if row.metric == metric and (row.scope, row.aggregation) in wanted]
