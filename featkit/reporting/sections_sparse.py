"""The sections on signatures and their overlap."""

from __future__ import annotations

from featkit.core.metric_names import metric_name
from featkit.core.run_key import RunKey
from featkit.reporting import overlap_tables, signature_tables
from featkit.reporting.figure_data import performance_panels
from featkit.reporting.html import ReportFigure, Section
from featkit.reporting.sentences import first_notes
from featkit.reporting.study_results import StudyResults
from featkit.results.signature_detail import SignatureDetail
from featkit.results.signature_set import SignatureSet

_MOST_SMALL = 3
"""The overlap of up to so many signatures is told by its table; that of more is drawn, too."""

_GROUPED = (
    "A signature is the support of one multinomial logistic model whose dimensions are in or out for all classes "
    "together,"
)


def signature_section(found: SignatureSet) -> Section:
    """How few dimensions the answer needs."""
    from featkit.reporting.figures.signatures import performance_by_size, signature_sizes

    names = found.signatures.labels()
    examples: dict[str | None, RunKey] = {}
    for key in found.signatures:
        examples.setdefault(key.method, key)
    figures = [ReportFigure(signature_sizes(found.signatures), "Signature sizes by fold.", "Bars of signature sizes")]
    for key in examples.values():
        figures += _figures_of_one(found, key, names[key])
    tables = [signature_tables.signature_table(found)]
    if any(signature.dimension_names for signature in found.signatures.values()):
        tables.append(signature_tables.dimension_table(found))
    if found.details:
        tables.append(signature_tables.size_table(found))
    refits = {key: detail.refit for key, detail in found.details.items() if detail.refit is not None}
    if refits:
        tables.append(signature_tables.refit_table(found))
    is_grouped = any(s.is_multinomial for s in found.signatures.values())
    auc = metric_name("auc").label + (", the mean over classes," if is_grouped else "")
    for method, curves in performance_panels(found).items():
        caption = (
            f"{method}: {auc} on test patients of ridge fits on the first dimensions of each ranking, with intervals."
        )
        alt = f"AUC against the number of dimensions, {method}"
        figures.append(ReportFigure(performance_by_size(curves), caption, alt))
    notes = [f"{names[key]}: {text}" for key, s in found.signatures.items() for text in s.notes]
    if len(examples) < len(found.signatures):
        notes.append("Path, frequencies and size curves are drawn for the first run of each method")
    notes += [f"{names[key]}, refitted: {note}" for key, refit in refits.items() for note in refit.notes]
    model = _GROUPED if is_grouped else "A signature is the support of an L1-logistic model"
    return Section(
        f"How few dimensions does the answer need{_class(found)}?",
        how_to_read=(
            f"{model} fitted on the training patients; the penalty is chosen by cross-validation over patients. The "
            "duality gap bounds how far each fit is from its optimum. A dimension is stable when at least the "
            "threshold's share of half-samples of patients selects it; the bound is on the expected number of stable "
            "dimensions selected by accident. A size depends on the penalty: look at the whole curve before comparing "
            "two sizes."
        ),
        figures=tuple(figures),
        tables=tuple(tables),
        notes=first_notes(notes),
    )


def _class(found: SignatureSet) -> str:
    return f" to tell {found.key.positive} from the rest" if found.key.positive else ""


def _figures_of_one(found: SignatureSet, key: RunKey, name: str) -> list[ReportFigure]:
    from featkit.reporting.figures.paths import penalty_choice, regularisation_path, selection_frequencies
    from featkit.reporting.figures.signatures import size_curves

    signature = found.signatures[key]
    detail: SignatureDetail | None = found.details.get(key)
    caption = f"{name}: cross-validated loss over patient folds of the training patients, and size."
    figures = [ReportFigure(penalty_choice(signature), caption, f"Choice of the penalty, {name}")]
    has_stability = signature.selection_frequency.size > 0
    if detail is not None:
        stable = signature.stable_support if has_stability else None
        drawn = regularisation_path(detail.path, chosen=signature.lambda_, highlight=stable)
        what = "norms over classes of the coefficients" if signature.is_multinomial else "coefficients"
        ending = "; stable ones in colour." if has_stability else "."
        caption = f"{name}: {what} of standardised dimensions along the penalties{ending}"
        figures.append(ReportFigure(drawn, caption, f"Regularisation path, {name}"))
    if has_stability:
        caption = f"{name}: how often half of the patients select each dimension."
        figures.append(ReportFigure(selection_frequencies(signature), caption, f"Selection frequencies, {name}"))
    if detail is not None:
        caption = f"{name}: size against the penalty at several tolerances of the solver"
        caption += ", and against the threshold." if has_stability else "."
        figures.append(ReportFigure(size_curves(detail.sizes), caption, f"Size curves, {name}"))
    return figures


def variance_section(study: StudyResults, found: SignatureSet) -> Section | None:
    """What the dimensions of a signature vary with, and what each adds."""
    from featkit.reporting.figures.signatures import variance_decomposition_figure

    names = found.details.labels()
    variances = {key: detail.variance for key, detail in found.details.items() if detail.variance is not None}
    if not variances:
        return None
    examples: dict[str | None, RunKey] = {}
    for key in variances:
        examples.setdefault(key.method, key)
    figures = [
        ReportFigure(
            variance_decomposition_figure(variances[key], names=found.signatures[key].dimension_names),
            f"{names[key]}: sources of variance of each dimension, the most often selected first.",
            f"Variance shares, {names[key]}",
        )
        for key in examples.values()
    ]
    tables = [signature_tables.variance_decomposition_table(found)]
    if any(detail.contributions is not None for detail in found.details.values()):
        tables.append(signature_tables.contribution_table(found))
    notes = {note for d in found.details.values() for r in (d.variance, d.contributions) if r for note in r.notes}
    return Section(
        f"What do the dimensions of a signature vary with{_class(found)}?",
        how_to_read=(
            "The variance of a dimension over the training patches is split into what the class explains, what "
            f"patients explain within their class, what the {study.domain} adds to that, and the rest. A share is "
            "never zero by chance alone: compare with the share that patches without any structure would give."
        ),
        figures=tuple(figures),
        tables=tuple(tables),
        notes=first_notes(sorted(notes)),
    )


def overlap_section(found: SignatureSet) -> Section | None:
    """Whether the same dimensions come back in another fold or method."""
    from featkit.reporting.figures.overlap import overlap_heatmap

    if not found.overlaps:
        return None
    figures, notes = [], list(found.notes)
    widest = max(found.overlaps, key=lambda key: len(found.overlaps[key].names))
    drawn = (widest, *(key for key, o in found.overlaps.items() if len(o.names) > _MOST_SMALL))
    for key in dict.fromkeys(drawn):
        overlap, name = found.overlaps[key], key.method or "all signatures"
        measure = overlap.measure.replace("_", " ").capitalize()
        caption = f"{measure} overlap, {name}: observed, by chance, corrected for chance."
        figures.append(ReportFigure(overlap_heatmap(overlap), caption, f"Overlap matrices, {name}"))
    tables = list(overlap_tables.overlap_tables(found))
    if found.matchings:
        tables.append(overlap_tables.matching_table(found))
    if found.reseeding:
        tables.append(overlap_tables.reseeding_table(found))
    notes += [f"{key.method or 'all signatures'}: {note}" for key, o in found.overlaps.items() for note in o.notes]
    notes += [
        f"{match.first.label()} and {match.second.label()}: {note}"
        for match in found.matchings
        for note in match.matching.notes
    ]
    notes += [f"{key.label()}: {note}" for key, null in found.reseeding.items() for note in null.notes]
    return Section(
        f"Do the same dimensions come back{_class(found)}?",
        how_to_read=(
            "Two large sets overlap by accident: the middle panel shows what independent sets of the same sizes would "
            "share. Corrected overlap is 0 at chance and 1 at the most two sets of these sizes can share; with an "
            "empty set it is undefined. Separately trained encoders need not use dimension 17 for the same thing: "
            "where dimensions were matched first, read the overlap after matching, against what two seeds of one "
            "training share."
        ),
        figures=tuple(figures),
        tables=tuple(tables),
        notes=first_notes(notes),
    )
