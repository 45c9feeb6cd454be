"""The sections of a report, each made of the results it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from featkit.core.results.estimate import Estimate
from featkit.core.results.evaluation import Curve, Evaluation
from featkit.reporting.bundle import StudyResults
from featkit.reporting.html import ReportFigure, Section
from featkit.reporting.tables import Table, table_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_METRICS = {
    "auc": "AUC",
    "f1": "F1",
    "balanced_accuracy": "balanced accuracy",
    "recognition_rate": "recognition rate",
    "brier": "Brier",
    "ece": "ECE",
    "calibration_slope": "calibration slope",
}


def split_section(study: StudyResults) -> Section | None:
    """Who is on which side of each split, and how training went."""
    import polars as pl

    from featkit.reporting.figures.audit import split_matrix

    if not study.audits:
        return None
    figures = tuple(
        ReportFigure(
            split_matrix(audit),
            f"Split with {audit.fold} held out: patches, and patients in brackets, by role, {study.domain} and class.",
            f"Counts of patches by role for the split that holds out {audit.fold}",
        )
        for audit in study.audits
    )
    tables: tuple[Table, ...] = ()
    if study.training:
        frame = pl.DataFrame(list(study.training))
        tables = (table_of(frame, caption="Training; the checkpoint is chosen on source validation patients only."),)
    notes = [f"{audit.fold}: {note}" for audit in study.audits for note in audit.notes]
    notes += [
        f"{audit.fold}: the same picture on two sides: {', '.join(pair['patch_ids'])}"
        for audit in study.audits
        for pair in audit.duplicate_pixels
    ]
    return Section(
        "Who was trained on, who was tested",
        prose=(
            f"Each fold holds out one {study.domain} and, at the same time, a set of patients. No patient is on two "
            "sides, and no patch of the held-out fold is seen in training, selection or recalibration.",
        ),
        how_to_read=(
            "Test patches are the held-out fold's patches of the test patients. Everything that is neither training, "
            "validation nor test is left unused, so that neither patient nor fold can leak."
        ),
        figures=figures,
        tables=tables,
        notes=tuple(notes),
    )


def patches_section(study: StudyResults) -> Section | None:
    """A few patches to look at."""
    from featkit.reporting.figures.embedding import patch_montage

    if study.patches is None:
        return None
    p = study.patches
    figure = patch_montage(p.images, p.titles, n_columns=p.n_columns, rows=p.rows)
    caption = f"Patches by class (rows) and {study.domain} (columns)."
    return Section("The patches", figures=(ReportFigure(figure, caption, "Sample patches of each class"),))


def discrimination_section(study: StudyResults) -> Section | None:
    """ROC curves, metrics by fold."""
    from featkit.reporting.figures.comparison import performance_by_fold
    from featkit.reporting.figures.roc import roc_curves

    if not study.evaluations:
        return None
    panels: dict[str, dict[str, Curve]] = {}
    areas: dict[str, dict[str, Estimate]] = {}
    for name, evaluation in study.evaluations.items():
        for panel, curve in evaluation.roc.items():
            if panel == "pooled" and len(evaluation.roc) == 2:
                continue  # one fold: pooled is the same curve
            title = panel if panel == "pooled" else f"{panel} held out"
            panels.setdefault(title, {})[name] = curve
            areas.setdefault(title, {})[name] = evaluation.get("auc", panel)
    figures = [
        ReportFigure(
            roc_curves(panels, auc=areas),
            "ROC curves on held-out patches; bands are pointwise, from resampled patients.",
            "ROC curves of every model for each held-out fold and pooled",
        )
    ]
    for metric in ("auc", "brier"):
        by_fold = {name: _by_fold(evaluation, metric) for name, evaluation in study.evaluations.items()}
        majority = _majority_by_fold(next(iter(study.evaluations.values())), metric)
        figures.append(
            ReportFigure(
                performance_by_fold(by_fold, label=_METRICS[metric], majority=majority),
                f"{_METRICS[metric]} by fold with intervals; the short line is the majority baseline.",
                f"{_METRICS[metric]} of every model in each fold",
            )
        )
    notes = {f"{name}: {note}" for name, evaluation in study.evaluations.items() for note in evaluation.notes}
    return Section(
        f"Does it work on a {study.domain} it never saw?",
        how_to_read=(
            "AUC is the probability that a patch of class 1 gets the higher score: 0.5 is chance. Intervals come from "
            "resampling patients, not patches: patches of one patient resemble each other. 'Pooled' is one metric over "
            "the patches of all folds; 'mean of folds' averages the folds' values inside each resample. Folds share "
            "patients and training patches, so they are no independent repetitions."
        ),
        figures=tuple(figures),
        tables=(metrics_table(study.evaluations, ("auc", "f1", "balanced_accuracy", "recognition_rate")),),
        notes=tuple(sorted(notes)),
    )


def comparison_section(study: StudyResults) -> Section | None:
    """Differences between methods."""
    from featkit.reporting.figures.comparison import forest_plot

    if not study.comparisons:
        return None
    figures: list[ReportFigure] = []
    prose: list[str] = []
    notes: list[str] = []
    for name, comparison in study.comparisons.items():
        for metric in dict.fromkeys(row.metric for row in comparison.rows):
            if metric in ("auc", "brier"):
                figures.append(
                    ReportFigure(
                        forest_plot(comparison, metric, label=_METRICS[metric]),
                        f"{name}: difference in {_METRICS[metric]} ({' minus '.join(comparison.names)}).",
                        f"Forest plot of differences in {_METRICS[metric]}, {name}",
                    )
                )
        prose += [f"{name}: {row.sentence}" for row in comparison.rows if row.aggregation == "pooled"]
        notes += comparison.notes
    return Section(
        "Is the difference real?",
        prose=tuple(prose),
        how_to_read=(
            "Both methods are scored on the same patches, and patients are resampled for both at once. An interval "
            "that holds 0 means that these patients cannot tell the two apart; it does not mean that they are equal."
        ),
        figures=tuple(figures),
        notes=tuple(dict.fromkeys(notes)),
    )


def calibration_section(study: StudyResults) -> Section | None:
    """Reliability diagrams and what recalibration on source patients does."""
    import polars as pl

    from featkit.reporting.figures.calibration import reliability_diagram

    curves = {name: e.reliability["pooled"] for name, e in study.evaluations.items() if "pooled" in e.reliability}
    if not curves:
        return None
    rows = [
        {"model and fold": name, **row}
        for name, effect in study.recalibrations.items()
        for row in effect.frame().filter(pl.col("metric").is_in(["brier", "ece"])).to_dicts()
    ]
    tables = [metrics_table(study.evaluations, ("brier", "ece", "calibration_slope"))]
    if rows:
        caption = "Held-out patches before ('none') and after maps fitted on source validation patients only."
        tables.append(table_of(pl.DataFrame(rows, infer_schema_length=None), caption=caption))
    return Section(
        "Are the probabilities calibrated?",
        how_to_read=(
            "Patches said to be positive with probability 0.7 should be positive 7 times in 10: points on the "
            "diagonal. Below it the model promises too much. The Brier score mixes calibration with discrimination; it "
            "is not a calibration error by itself."
        ),
        figures=(
            ReportFigure(
                reliability_diagram(curves),
                "Reliability on pooled held-out patches, with patient-resampled bands; below, how often each was said.",
                "Reliability diagrams of every model",
            ),
        ),
        tables=tuple(tables),
    )


def map_section(study: StudyResults) -> Section | None:
    """The embedding in two dimensions."""
    from featkit.reporting.figures.embedding import embedding_map

    if not study.maps:
        return None
    figures = []
    for name, found in study.maps.items():
        note = f"{name}: two principal components, {found.shares.sum():.0%} of the variance"
        figures.append(
            ReportFigure(
                embedding_map(
                    found.points, found.label, found.domain, found.patient, domain_name=study.domain, note=note
                ),
                f"The embedding of {name}, one point a patch.",
                f"Map of the embedding of {name} coloured by label, {study.domain} and patient",
            )
        )
    return Section(
        "A look at the embedding",
        how_to_read="Two components show little of many dimensions: what is not seen here may still be readable.",
        figures=tuple(figures),
    )


def metrics_table(evaluations: Mapping[str, Evaluation], metrics: Sequence[str]) -> Table:
    """Return one row a model and set of patches, one column a metric, and the majority baseline last."""
    import polars as pl

    rows: list[dict[str, str | float]] = []
    majority: dict[str, float] = {}
    for name, evaluation in evaluations.items():
        by = {(r.scope, r.aggregation, r.metric): r for r in evaluation.rows}
        scopes = list(dict.fromkeys(key[:2] for key in by if key[0] in ("fold", "all")))
        if sum(scope == "fold" for scope, _ in scopes) == 1:  # pooled over one fold is that fold
            scopes = [key for key in scopes if key[0] == "fold"]
        for scope, aggregation in scopes:
            row: dict[str, str | float] = {"model": name, "patches": aggregation}
            for metric in metrics:
                estimate = by[scope, aggregation, metric].estimate
                row |= {metric: estimate.value, f"{metric}_low": estimate.low, f"{metric}_high": estimate.high}
            rows.append(row)
        majority = {metric: by["all", "pooled", metric].majority for metric in metrics}
    rows.append({"model": "majority class", "patches": "pooled", **majority})
    columns = {"model": "model", "patches": "patches", **{metric: _METRICS[metric] for metric in metrics}}
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return table_of(frame, columns=columns, caption="With intervals from resampled patients.")


def _by_fold(evaluation: Evaluation, metric: str) -> dict[str, Estimate]:
    wanted = [r for r in evaluation.rows if r.metric == metric and r.scope in ("fold", "all")]
    if sum(r.scope == "fold" for r in wanted) == 1:
        wanted = [r for r in wanted if r.scope == "fold"]
    return {r.aggregation: r.estimate for r in wanted}


def _majority_by_fold(evaluation: Evaluation, metric: str) -> Mapping[str, float]:
    rows = [r for r in evaluation.rows if r.metric == metric and r.scope in ("fold", "all")]
    return {r.aggregation: r.majority for r in rows if r.majority == r.majority}


def figures_of(section: Section) -> dict[str, Figure]:
    """Return the section's drawn figures by a file name made of its title."""
    stem = "".join(ch if ch.isalnum() else "-" for ch in section.title.lower()).strip("-")
    while "--" in stem:
        stem = stem.replace("--", "-")
    drawn = [f.image for f in section.figures if not isinstance(f.image, bytes)]
    return {f"{stem}-{i}" if len(drawn) > 1 else stem: image for i, image in enumerate(drawn, 1)}
