"""The sections of a report on splits, scores, differences, calibration and the embedding itself."""

from __future__ import annotations

from featkit.reporting.figure_data import (
    by_fold,
    drawn_by_task,
    majority_by_fold,
    one_seed,
    reliability_panels,
    roc_panels,
)
from featkit.reporting.html import ReportFigure, Section
from featkit.reporting.score_tables import (
    CALIBRATION,
    DISCRIMINATION,
    LABELS,
    against_the_rest,
    brier_table,
    comparison_table,
    metrics_tables,
    recalibration_table,
    seeds_tables,
    variance_table,
)
from featkit.reporting.sentences import comparison_sentences, few
from featkit.reporting.study_results import StudyResults
from featkit.reporting.tables import Table, table_of

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
    """ROC curves, metrics by fold, and what repeated trainings do to them."""
    from featkit.reporting.figures.comparison import performance_by_fold, variance_components_figure
    from featkit.reporting.figures.roc import roc_curves

    found = study.evaluation
    if found is None or not found.evaluations:
        return None
    drawn, remark = one_seed(found.evaluations)
    figures = []
    for positive, models in drawn_by_task(drawn).items():
        told = against_the_rest(positive)
        panels, areas = roc_panels(models)
        if panels:
            figures.append(
                ReportFigure(
                    roc_curves(panels, auc=areas),
                    f"ROC curves on held-out patches{told}; bands are pointwise, from resampled patients.{remark}",
                    f"ROC curves of every model for each held-out fold and pooled{told}",
                )
            )
        for metric in _DRAWN:
            methods = {name: by_fold(evaluation, metric) for name, evaluation in models.items()}
            majority = majority_by_fold(next(iter(models.values())), metric)
            figures.append(
                ReportFigure(
                    performance_by_fold(methods, label=LABELS[metric], majority=majority),
                    f"{LABELS[metric]} by fold with intervals{told}; the short line is the majority baseline.{remark}",
                    f"{LABELS[metric]} of every model in each fold{told}",
                )
            )
    caption = "Discrimination; intervals resample patients."
    tables = [*metrics_tables(found.evaluations, DISCRIMINATION, caption).values(), *seeds_tables(found).values()]
    notes = {f"{name}: {note}" for name, evaluation in found.evaluations.items() for note in evaluation.notes}
    if found.variance:
        caption = "Where the variance of repeated runs comes from."
        figures.append(
            ReportFigure(variance_components_figure(found.variance), caption, "Shares of variance by source")
        )
        tables.append(variance_table(found))
        notes |= {f"{name}: {note}" for name, result in found.variance.items() for note in result.notes}
    several = ""
    if any(len(evaluation.class_names) > 2 for evaluation in found.evaluations.values()):
        several = (
            "With more than two classes it is the mean over classes, each against the rest; the Brier score is summed "
            "over classes. "
        )
    return Section(
        f"Does it work on a {study.domain} it never saw?",
        how_to_read=(
            f"AUC is the probability that a patch of the positive class gets the higher score: 0.5 is chance. {several}"
            "Intervals come from resampling patients, not patches: patches of one patient resemble each other. "
            "'Pooled' is one metric over the patches of all folds; 'mean of folds' averages the folds' values inside "
            "each resample. Folds share patients and training patches, so they are no independent repetitions."
        ),
        figures=tuple(figures),
        tables=tuple(tables),
        notes=few(sorted(notes)),
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
        several_rows = len(comparison.rows) > len(metrics)
        what = " minus ".join(comparison.names)
        figures += [
            ReportFigure(
                forest_plot(comparison, metric, label=LABELS[metric]),
                f"Difference in {LABELS[metric]}, {what}.",
                f"Forest plot of differences in {LABELS[metric]}, {what}",
            )
            for metric in metrics
            if metric in _DRAWN and several_rows
        ]
        prose += comparison_sentences(comparison, ("auc",)) or comparison_sentences(comparison)
        notes += comparison.notes
    return Section(
        "Is the difference real?",
        prose=tuple(prose),
        how_to_read=(
            "Both methods are scored on the same patches, and patients are resampled for both at once. An interval "
            "that holds 0 means that these patients cannot tell the two apart; it does not mean that they are equal."
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
    drawn, remark = one_seed(found.evaluations)
    figures = []
    for positive, models in drawn_by_task(drawn).items():
        panels = reliability_panels(models)
        if panels:
            told = against_the_rest(positive)
            caption = (
                f"Reliability on pooled held-out patches{told}, with patient-resampled bands; below, how often each "
                f"was said.{remark}"
            )
            alt = f"Reliability diagrams of every model{told}"
            figures.append(ReportFigure(reliability_diagram(panels), caption, alt))
    tables = list(metrics_tables(found.evaluations, CALIBRATION, "Calibration; intervals resample patients.").values())
    if found.brier_terms:
        tables.append(brier_table(found))
    if found.recalibrations:
        tables += [recalibration_table(found.recalibrations, metric) for metric in ("brier", "ece")]
    return Section(
        "Are the probabilities calibrated?",
        how_to_read=(
            "Patches said to be positive with probability 0.7 should be positive 7 times in 10: points on the "
            "diagonal. Below it the model promises too much. The Brier score mixes calibration with discrimination: "
            "reliability and miscalibration are the part that calibration could save, resolution and discrimination "
            "what the forecasts know beyond the prevalence. A part that is negative after correction is 0 as far as "
            "these patches can tell."
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


def figures_of(section: Section) -> dict[str, ReportFigure]:
    """Return the section's figures by a file name made of its title."""
    stem = "".join(ch if ch.isalnum() else "-" for ch in section.title.lower()).strip("-")
    while "--" in stem:
        stem = stem.replace("--", "-")
    many = len(section.figures) > 1
    return {f"{stem}-{i}" if many else stem: figure for i, figure in enumerate(section.figures, 1)}
