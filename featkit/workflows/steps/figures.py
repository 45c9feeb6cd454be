"""Figures of results, saved as SVG and PDF beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from featkit.core.progress import track
from featkit.results.comparison import Comparison
from featkit.results.evaluation_set import EvaluationSet
from featkit.results.signature_set import SignatureSet
from featkit.workflows.steps.file_names import file_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_KINDS = ("svg", "pdf")
Drawing = tuple[str, "Figure"]


def draw_signatures(found: SignatureSet, folder: Path) -> list[Path]:
    """Draw each signature's path, frequencies and sizes, what the closer look found, and the overlaps.

    Files of one class against the rest end in its name.
    """
    ending = f"_{file_name(found.positive)}" if found.positive else ""
    return _save(folder, [(name + ending, figure) for name, figure in _signatures(found)])


def draw_evaluation(found: EvaluationSet, folder: Path) -> list[Path]:
    """Draw ROC curves with bands, reliability diagrams and, with several seeds, variance components."""
    return _save(folder, list(_evaluation(found)))


def draw_comparison(found: Comparison, folder: Path, stem: str) -> list[Path]:
    """Draw a forest plot of each metric's differences."""
    from featkit.reporting.figures.comparison import forest_plot
    from featkit.reporting.score_tables import LABELS

    metrics = dict.fromkeys(row.metric for row in found.rows)
    return _save(folder, [(f"{stem}_{m}", forest_plot(found, m, label=LABELS.get(m, m))) for m in metrics])


def _signatures(found: SignatureSet) -> Iterator[Drawing]:
    from featkit.reporting.figure_data import performance_panels
    from featkit.reporting.figures.overlap import overlap_heatmap
    from featkit.reporting.figures.paths import penalty_choice, regularisation_path, selection_frequencies
    from featkit.reporting.figures.signatures import performance_by_size, size_curves, variance_decomposition_figure

    for name, signature in found.signatures.items():
        stem = f"signature_{file_name(name)}"
        detail = found.details.get(name)
        yield f"{stem}_penalty", penalty_choice(signature)
        if signature.selection_frequency.size:
            yield f"{stem}_frequencies", selection_frequencies(signature)
        if detail is not None:
            stable = signature.stable_support if signature.selection_frequency.size else None
            yield f"{stem}_path", regularisation_path(detail.path, chosen=signature.lambda_, highlight=stable)
            yield f"{stem}_sizes", size_curves(detail.sizes)
            if detail.variance is not None:
                yield f"{stem}_variance", variance_decomposition_figure(detail.variance)
    for method, curves in performance_panels(found).items():
        yield f"signatures_performance_by_size_{file_name(method)}", performance_by_size(curves)
    for name, overlap in found.overlaps.items():
        yield f"overlap_{file_name(name)}", overlap_heatmap(overlap)
    for name, overlap in found.stable_overlaps.items():
        yield f"overlap_stable_{file_name(name)}", overlap_heatmap(overlap)


def _evaluation(found: EvaluationSet) -> Iterator[Drawing]:
    from featkit.reporting.figure_data import drawn_by_task, one_seed, reliability_panels, roc_panels
    from featkit.reporting.figures.calibration import reliability_diagram
    from featkit.reporting.figures.comparison import variance_components_figure
    from featkit.reporting.figures.roc import roc_curves

    drawn, _ = one_seed(found.evaluations)
    for positive, models in drawn_by_task(drawn).items():
        ending = f"_{file_name(positive)}" if positive else ""
        panels, areas = roc_panels(models)
        if panels:
            yield "evaluation_roc" + ending, roc_curves(panels, auc=areas)
        curves = reliability_panels(models)
        if curves:
            yield "evaluation_reliability" + ending, reliability_diagram(curves)
    if found.variance:
        yield "evaluation_variance", variance_components_figure(found.variance)


def _save(folder: Path, drawings: list[Drawing]) -> list[Path]:
    from featkit.reporting.figures.style import save_figure

    paths: list[Path] = []
    for name, figure in track(drawings, "Drawing figures"):
        paths += save_figure(figure, folder, name, kinds=_KINDS)
    return paths
