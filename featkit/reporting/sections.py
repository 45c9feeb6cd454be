"""The sections of a report on splits, scores, differences, calibration and the embedding itself."""

from __future__ import annotations

from featkit.core.metric_names import metric_name
from featkit.reporting.comparison_tables import comparison_table, comparison_title
from featkit.reporting.figure_data import by_fold, majority_by_fold, reliability_panels, roc_panels
from featkit.reporting.headline import empty_signatures
from featkit.reporting.html import ReportFigure, Section
from featkit.reporting.run_groups import against_the_rest, by_class, first_seed, model_labels
from featkit.reporting.score_tables import (
    CALIBRATION,
    DISCRIMINATION,
    brier_table,
    calibration_tables,
    metrics_tables,
    recalibration_table,
    seeds_tables,
    variance_names,
    variance_table,
)
from featkit.reporting.sentences import calibration_sentences, comparison_sentences, first_notes
from featkit.reporting.study_results import StudyResults
from featkit.reporting.tables import Table, table_of
from featkit.results.audit import SplitAudit

_DRAWN = ("auc", "brier")


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
        f"{audit.fold}: the same image in two roles: {', '.join(pair['patch_ids'])}"
        for audit in study.audits
        for pair in audit.duplicate_pixels
    ]
    return Section(
        "Who is in training, who is in the test",
        prose=tuple(dict.fromkeys(_design(audit) for audit in study.audits)),
        how_to_read=(
            "The checkpoint, the penalty and recalibration see training and validation patients only. Patches in none "
            "of training, validation and test are left unused, so that nothing of the test patients can leak."
        ),
        figures=figures,
        tables=tables,
        notes=tuple(notes),
    )


def _design(audit: SplitAudit) -> str:
    """Return what a fold holds out, in sentences."""
    apart = "No patient is in two of training, validation and test"
    if audit.design == "given roles":
        return f"The roles of patches were given. {apart}."
    if audit.domain is None:
        return f"Each fold holds out a set of patients (cross-validation over patients). {apart}."
    if audit.nesting == "nested":
        held_out = f"Each fold holds out one {audit.domain} with all of its patients"
    else:
        held_out = f"Each fold holds out one {audit.domain} and, at the same time, a set of patients"
    return f"{held_out}. {apart}, and no patch of the held-out {audit.domain} is used in training or validation."


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
    """ROC curves, metrics by fold, and what repeated trainings do to them."""
    from featkit.reporting.figures.comparison import performance_by_fold, variance_components_figure
    from featkit.reporting.figures.roc import roc_curves

    found = study.evaluation
    if found is None or not found.evaluations:
        return None
    figures = []
    for positive, models in by_class(found.evaluations).items():
        drawn, remark = first_seed(models)
        ending = against_the_rest(positive)
        names = model_labels(drawn)
        panels, areas = roc_panels(drawn)
        if panels:
            figures.append(
                ReportFigure(
                    roc_curves(
                        {panel: {names[k]: curve for k, curve in own.items()} for panel, own in panels.items()},
                        auc={panel: {names[k]: area for k, area in own.items()} for panel, own in areas.items()},
                    ),
                    f"ROC curves on held-out patches{ending}; bands are pointwise, patients resampled.{remark}",
                    f"ROC curves of every model for each fold{ending}",
                )
            )
        for metric in _DRAWN:
            label = metric_name(metric).label
            by_name = {names[key]: by_fold(evaluation, metric) for key, evaluation in drawn.items()}
            majority = majority_by_fold(next(iter(drawn.values())), metric)
            figures.append(
                ReportFigure(
                    performance_by_fold(by_name, label=label, majority=majority),
                    f"{label} by fold with intervals{ending}; the short line is the majority baseline.{remark}",
                    f"{label} of every model in each fold{ending}",
                )
            )
    caption = "Discrimination; intervals resample patients."
    empty = empty_signatures(study.signature_sets)
    tables = [
        *metrics_tables(found.evaluations, DISCRIMINATION, caption, empty).values(),
        *seeds_tables(found).values(),
    ]
    names = model_labels(found.evaluations)
    notes = {f"{names[key]}: {note}" for key, e in found.evaluations.items() for note in e.notes}
    if found.variance:
        named = {f"{name}, {quantity}": found.variance[key] for name, quantity, key in variance_names(found)}
        caption = "Where the variance of repeated runs comes from."
        figures.append(ReportFigure(variance_components_figure(named), caption, "Shares of variance by source"))
        tables.append(variance_table(found))
        notes |= {f"{name}: {note}" for name, result in named.items() for note in result.notes}
    several = ""
    if any(len(evaluation.class_names) > 2 for evaluation in found.evaluations.values()):
        several = (
            "With more than two classes it is the mean over classes, each against the rest; the Brier score is summed "
            "over classes. "
        )
    return Section(
        f"Does it work on {study.unseen} never seen in training?",
        how_to_read=(
            f"AUC is the probability that a patch of the positive class gets the higher score: 0.5 is chance. {several}"
            "Intervals come from resampling patients, not patches: patches of one patient resemble each other. "
            "'Mean of folds' averages the folds' values inside each resample: models of different folds share no "
            "scale, so their patches are not ranked against each other. Folds share patients and training patches: "
            "they are no independent repetitions."
        ),
        figures=tuple(figures),
        tables=tuple(tables),
        notes=first_notes(sorted(notes)),
    )


def comparison_section(study: StudyResults) -> Section | None:
    """Differences between methods."""
    from featkit.reporting.figures.comparison import forest_plot

    if not study.comparisons:
        return None
    figures: list[ReportFigure] = []
    prose: list[str] = []
    notes: list[str] = []
    for comparison in study.comparisons.values():
        metrics = dict.fromkeys(row.metric for row in comparison.rows)
        has_several_rows = len(comparison.rows) > len(metrics)
        title = comparison_title(comparison)
        figures += [
            ReportFigure(
                forest_plot(comparison, metric),
                f"Difference in {metric_name(metric).in_text}, {title}.",
                f"Forest plot of differences in {metric_name(metric).in_text}, {title}",
            )
            for metric in metrics
            if metric in _DRAWN and has_several_rows
        ]
        prose += comparison_sentences(comparison, ("auc",)) or comparison_sentences(comparison)
        notes += comparison.notes
    return Section(
        "Is the difference real?",
        prose=tuple(prose),
        how_to_read=(
            "Both methods are scored on the same patches, and patients are resampled for both at once. An interval "
            "that includes 0 means that these patients cannot distinguish the two; it does not mean that they are "
            "equal."
        ),
        figures=tuple(figures),
        tables=tuple(comparison_table(comparison) for comparison in study.comparisons.values()),
        notes=tuple(dict.fromkeys(notes)),
    )


def calibration_section(study: StudyResults) -> Section | None:
    """Reliability diagrams, the parts of the Brier score, and what recalibration on source patients does."""
    from featkit.reporting.figures.calibration import reliability_diagram

    found = study.evaluation
    if found is None or not found.evaluations:
        return None
    figures = []
    for positive, models in by_class(found.evaluations).items():
        drawn, remark = first_seed(models)
        names = model_labels(drawn)
        panels = {names[key]: curve for key, curve in reliability_panels(drawn).items()}
        if panels:
            ending = against_the_rest(positive)
            caption = (
                f"Reliability on held-out patches of all folds{ending}, with patient-resampled bands; bottom: share of "
                f"patches per probability bin.{remark}"
            )
            alt = f"Reliability diagrams of every model{ending}"
            figures.append(ReportFigure(reliability_diagram(panels), caption, alt))
    empty = empty_signatures(study.signature_sets)
    caption = "Calibration; intervals resample patients."
    tables = list(metrics_tables(found.evaluations, CALIBRATION, caption, empty).values())
    tables += calibration_tables(found.evaluations).values()
    if found.brier_terms:
        tables.append(brier_table(found))
    if found.recalibrations:
        tables += [recalibration_table(found.recalibrations, metric, empty) for metric in ("brier", "ece")]
    two_classes = {e.class_names[1] for e in found.evaluations.values() if len(e.class_names) == 2}
    positive_class = next(iter(two_classes)) if len(two_classes) == 1 else "of the positive class"
    return Section(
        "Are the probabilities calibrated?",
        prose=calibration_sentences(found.evaluations),
        how_to_read=(
            f"Of patches given 0.7, 70 % should be {positive_class}. Below the diagonal the model is over-confident. "
            "The Brier score mixes calibration with discrimination: reliability and miscalibration are what better "
            "calibration could save, resolution and discrimination what the forecasts know beyond the prevalence. A "
            "term that is negative after correction is 0 as far as these patches can tell. The expected calibration "
            "error (ECE) of a perfectly calibrated model is not 0 but what few patients make it: read it beside that."
        ),
        figures=tuple(figures),
        tables=tuple(tables),
    )


def map_section(study: StudyResults) -> Section | None:
    """The embedding in two dimensions."""
    from featkit.reporting.figures.embedding import embedding_map

    if not study.maps:
        return None
    figures = []
    for key, name in study.maps.labels().items():
        found = study.maps[key]
        note = f"{name}: two principal components, {found.shares.sum():.0%} of the variance"
        figures.append(
            ReportFigure(
                embedding_map(
                    found.points, found.label, found.domain, found.patient, domain_name=study.domain, note=note
                ),
                f"The embedding of {name}, one point per patch.",
                f"Map of the embedding of {name} coloured by label, {study.domain} and patient",
            )
        )
    return Section(
        "A look at the embedding",
        how_to_read="Two components show little of many dimensions: what is not visible here may still be readable.",
        figures=tuple(figures),
    )
