"""Which curves of an evaluation go into which panel of a figure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from featkit.reporting.score_tables import by_task, scopes_of
from featkit.results.calibration import ReliabilityCurve
from featkit.results.estimate import Estimate
from featkit.results.evaluation import Curve, Evaluation
from featkit.results.refit import PerformanceCurve
from featkit.results.signature_set import SignatureSet


def one_seed(evaluations: Mapping[str, Evaluation]) -> tuple[dict[str, Evaluation], str]:
    """Return the evaluations to draw, those of one seed where there are several, and a remark that says so."""
    seeds = {name: re.search(r" seed (\d+)$", name) for name in evaluations}
    if not any(seeds.values()):
        return dict(evaluations), ""
    first = min(int(found[1]) for found in seeds.values() if found)
    ending = f" seed {first}"
    return {n.removesuffix(ending): e for n, e in evaluations.items() if n.endswith(ending)}, f" Drawn: seed {first}."


def drawn_by_task(evaluations: Mapping[str, Evaluation]) -> dict[str, dict[str, Evaluation]]:
    """Return the models of each figure: `by_task`, with names that leave out the class, which the caption says."""
    return {
        positive: {name.removesuffix(f", {positive}"): e for name, e in models.items()}
        for positive, models in by_task(evaluations).items()
    }


def roc_panels(
    evaluations: Mapping[str, Evaluation],
) -> tuple[dict[str, dict[str, Curve]], dict[str, dict[str, Estimate]]]:
    """Return ROC curves and areas by panel ("100X held out", "pooled", or a class) and model.

    A single fold has one panel: pooled over it is the same curve.
    """
    panels: dict[str, dict[str, Curve]] = {}
    areas: dict[str, dict[str, Estimate]] = {}
    for name, evaluation in evaluations.items():
        folds = [a for scope, a in scopes_of(evaluation) if scope == "fold"]
        for panel, curve in evaluation.roc.items():
            if panel == "pooled" and len(folds) == 1:
                continue
            title = f"{panel} held out" if panel in folds else panel
            known = [r.estimate for r in evaluation.rows if (r.metric, r.aggregation) == ("auc", panel)]
            panels.setdefault(title, {})[name] = curve
            if known:
                areas.setdefault(title, {})[name] = known[0]
    return panels, areas


def reliability_panels(evaluations: Mapping[str, Evaluation]) -> dict[str, ReliabilityCurve]:
    """Return the pooled reliability curve of each model of two classes."""
    return {name: e.reliability["pooled"] for name, e in evaluations.items() if "pooled" in e.reliability}


def performance_panels(found: SignatureSet) -> dict[str, dict[str, PerformanceCurve]]:
    """Return the curves of performance by size by method and fold, those of the first seed where there are several."""
    panels: dict[str, dict[str, PerformanceCurve]] = {}
    seeds = {name.partition("/seed")[2] for name in found.details}
    first = min(seeds, key=lambda seed: int(seed or 0), default="")
    for name, detail in found.details.items():
        run, _, seed = name.partition("/seed")
        if detail.performance is not None and seed == first:
            panels.setdefault(found.signatures[name].method, {})[run] = detail.performance
    return panels


def by_fold(evaluation: Evaluation, metric: str) -> dict[str, Estimate]:
    """Return one metric by set of patches, in the order of the tables."""
    wanted = scopes_of(evaluation)
    return {
        r.aggregation: r.estimate for r in evaluation.rows if r.metric == metric and (r.scope, r.aggregation) in wanted
    }


def majority_by_fold(evaluation: Evaluation, metric: str) -> dict[str, float]:
    """Return the majority baseline by set of patches, where it is defined."""
    wanted = scopes_of(evaluation)
    rows = [r for r in evaluation.rows if r.metric == metric and (r.scope, r.aggregation) in wanted]
    return {r.aggregation: r.majority for r in rows if r.majority == r.majority}
