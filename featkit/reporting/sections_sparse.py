"""The sections on signatures, on probes, and on what was planted."""

from __future__ import annotations

from featkit.reporting import signature_tables as tables_of
from featkit.reporting.figure_data import performance_panels
from featkit.reporting.html import ReportFigure, Section
from featkit.reporting.sentences import few
from featkit.reporting.study_results import StudyResults
from featkit.reporting.tables import Table
from featkit.results.signature_set import SignatureSet


def signature_section(study: StudyResults) -> Section | None:
    """How few dimensions the answer needs."""
    from featkit.reporting.figures.signatures import performance_by_size, signature_sizes

    found = study.signatures
    if found is None:
        return None
    sizes: dict[str, dict[str, int]] = {}
    examples: dict[str, str] = {}
    for name, signature in found.signatures.items():
        sizes.setdefault(signature.method, {})[name.removeprefix(f"{signature.method}/")] = signature.size
        examples.setdefault(signature.method, name)
    d = max(s.n_dimensions for s in found.signatures.values())
    figures = [ReportFigure(signature_sizes(sizes, d), "Signature sizes by fold.", "Bars of signature sizes")]
    for name in examples.values():
        figures += _figures_of_one(found, name)
    tables = [tables_of.signature_table(found)]
    if found.details:
        tables.append(tables_of.size_table(found))
    refits = {name: detail.refit for name, detail in found.details.items() if detail.refit is not None}
    if refits:
        tables.append(tables_of.refit_table(found))
    is_grouped = any(s.is_multinomial for s in found.signatures.values())
    for method, curves in performance_panels(found).items():
        auc = "AUC, the mean over classes," if is_grouped else "AUC"
        caption = (
            f"{method}: {auc} on test patients of ridge fits on the first dimensions of each ranking, with intervals."
        )
        alt = f"AUC against the number of dimensions, {method}"
        figures.append(ReportFigure(performance_by_size(curves), caption, alt))
    notes = [f"{name}: {text}" for name, s in found.signatures.items() for text in s.warnings]
    if len(examples) < len(found.signatures):
        notes.append("Path, frequencies and size curves are drawn for the first fold of each method")
    notes += [f"{name}, refitted: {note}" for name, refit in refits.items() for note in refit.notes]
    model = _GROUPED if is_grouped else "A signature is the support of an L1-logistic model"
    return Section(
        f"How few dimensions does the answer need{_told(found)}?",
        how_to_read=(
            f"{model} fitted on the training patients; the penalty is chosen by cross-validation over patients. The "
            "duality gap proves how far each fit is from its optimum. A dimension is stable when at least the "
            "threshold's share of half-samples of patients selects it; the bound says how many of those are expected "
            "to be there by accident. A size depends on the penalty: look at the whole curve before comparing two "
            "sizes."
        ),
        figures=tuple(figures),
        tables=tuple(tables),
        notes=few(notes),
    )


_GROUPED = (
    "A signature is the support of one multinomial logistic model whose dimensions are in or out for all classes "
    "together,"
)


def _told(found: SignatureSet) -> str:
    return f" to tell {found.positive} from the rest" if found.positive else ""


def variance_section(study: StudyResults) -> Section | None:
    """What the dimensions of a signature vary with, and what each adds."""
    from featkit.reporting.figures.signatures import variance_decomposition_figure

    found = study.signatures
    if found is None or not any(detail.variance is not None for detail in found.details.values()):
        return None
    figures, shown = [], set()
    for name, detail in found.details.items():
        method = found.signatures[name].method
        if detail.variance is not None and method not in shown:
            shown.add(method)
            caption = f"{name}: where the variance of each dimension comes from, the most often selected first."
            figures.append(
                ReportFigure(variance_decomposition_figure(detail.variance), caption, f"Variance shares, {name}")
            )
    tables = [tables_of.variance_decomposition_table(found)]
    if any(detail.contributions is not None for detail in found.details.values()):
        tables.append(tables_of.contribution_table(found))
    notes = {note for d in found.details.values() for r in (d.variance, d.contributions) if r for note in r.notes}
    return Section(
        f"What is a signature made of{_told(found)}?",
        how_to_read=(
            "The variance of a dimension over the training patches is split into what the class explains, what "
            f"patients explain within their class, what the {study.domain} adds to that, and the rest. A share is "
            "never zero by chance alone: compare with the share that patches without any structure would give."
        ),
        figures=tuple(figures),
        tables=tuple(tables),
        notes=few(sorted(notes)),
    )


def _figures_of_one(found: SignatureSet, name: str) -> list[ReportFigure]:
    from featkit.reporting.figures.paths import penalty_choice, regularisation_path, selection_frequencies
    from featkit.reporting.figures.signatures import size_curves

    signature, detail = found.signatures[name], found.details.get(name)
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
        caption = f"{name}: size against the penalty for solvers of several exactness"
        caption += ", and against the threshold." if has_stability else "."
        figures.append(ReportFigure(size_curves(detail.sizes), caption, f"Size curves, {name}"))
    return figures


def overlap_section(study: StudyResults) -> Section | None:
    """Whether the same dimensions come back in another fold or method."""
    from featkit.reporting.figures.overlap import overlap_heatmap

    found = study.signatures
    if found is None or not found.overlaps:
        return None
    figures, notes = [], list(found.notes)
    widest = max(found.overlaps, key=lambda name: len(found.overlaps[name].names))
    for name in dict.fromkeys((widest, *(n for n, o in found.overlaps.items() if len(o.names) > _FEW))):
        overlap = found.overlaps[name]
        measure = overlap.measure.replace("_", " ").capitalize()
        caption = f"{measure} overlap, {name}: observed, by chance, corrected for chance."
        figures.append(ReportFigure(overlap_heatmap(overlap), caption, f"Overlap matrices, {name}"))
    tables = list(tables_of.overlap_tables(found))
    if found.matchings:
        tables.append(tables_of.matching_table(found))
    if found.reseeding:
        tables.append(tables_of.reseeding_table(found))
    for results in (found.overlaps, found.matchings, found.reseeding):
        for name, result in results.items():
            notes += [f"{name.replace(' | ', ' and ')}: {note}" for note in result.notes]
    return Section(
        f"Do the same dimensions come back{_told(found)}?",
        how_to_read=(
            "Two large sets overlap by accident: the middle panel shows what independent sets of the same sizes would "
            "share. Corrected overlap is 0 at chance and 1 at the most two sets of these sizes can share. Encoders "
            "that are trained apart need not use dimension 17 for the same thing: where dimensions were matched first, "
            "read the overlap after matching, and against what two seeds of one training share."
        ),
        figures=tuple(figures),
        tables=tuple(tables),
        notes=few(notes),
    )


_FEW = 3


def probe_section(study: StudyResults, target: str) -> Section | None:
    """Whether something can be read that should not be."""
    from featkit.reporting.figures.probes import probe_bars
    from featkit.reporting.probe_tables import how_they_were_probed, probe_table

    runs = study.probes.get(target)
    if not runs:
        return None
    caption = f"{target.capitalize()} probe: value and interval against chance; grey is what relabelling gives."
    figure = ReportFigure(probe_bars(runs), caption, f"Bars of the {target} probe against chance")
    return Section(
        f"Can the {target} still be read?",
        prose=how_they_were_probed(runs),
        how_to_read=(
            "A probe above chance says that the embedding still carries the information. A linear probe at chance does "
            "not say that it is gone. The null relabels whole patients (or patches inside them) and shows what "
            "accident gives with these patients."
        ),
        figures=(figure,),
        tables=(probe_table(runs),),
        notes=few(note for r in runs.values() for note in r.notes),
    )


def truth_section(study: StudyResults) -> Section | None:
    """What was planted in generated tissue, for comparison with what was found."""
    truth = study.truth
    if not truth:
        return None
    patients = list(truth["patients"].values())
    labels = sorted({p["label"] for p in patients})
    traits = [*truth["carries"]["class"], *truth["carries"]["class_weakly"]]
    traits = [t for t in traits if all(isinstance(p.get(t), int | float) for p in patients)]
    rows = []
    for trait in traits:
        values = {label: [float(p[trait]) for p in patients if p["label"] == label] for label in labels}
        cells = [_mean_sd(values[label]) for label in labels]
        rows.append((trait.replace("_", " "), *cells, f"{_separation(values, labels):.3f}" if len(labels) == 2 else ""))
    planted = Table(
        columns=("planted per patient", *labels, f"AUC for {labels[-1]}"),
        rows=tuple(rows),
        is_number=(False, *(True for _ in labels), True),
        caption="Mean (standard deviation) over virtual patients; how well the planted value alone tells the class.",
    )
    optics = truth["magnifications"]
    keys = [k for k in next(iter(optics.values())) if isinstance(next(iter(optics.values()))[k], int | float)]
    camera = Table(
        columns=("magnification", *keys),
        rows=tuple((name, *(f"{values[k]:.3g}" for k in keys)) for name, values in optics.items()),
        is_number=(False, *(True for _ in keys)),
        caption="Planted optics: microns per pixel, exposure, blur and the rest differ by magnification.",
    )
    carried = ", ".join(truth["carries"]["patient"]).replace("_", " ")
    return Section(
        "What was planted",
        prose=(
            "The tissue is generated, so the truth is known. The class is planted in "
            f"{', '.join(truth['carries']['class']).replace('_', ' ')}; each patient has its own {carried}; "
            f"magnification changes {', '.join(truth['carries']['magnification']).replace('_', ' ')}.",
            "So the class can be learnt but not perfectly, and both magnification and patient can be read from the "
            "pixels: what the probes ask is how much of that is left in the embedding.",
        ),
        tables=(planted, camera),
    )


def _mean_sd(values: list[float]) -> str:
    mean = sum(values) / len(values)
    sd = (sum((v - mean) ** 2 for v in values) / max(1, len(values) - 1)) ** 0.5
    return f"{mean:.3g} ({sd:.2g})"


def _separation(values: dict[str, list[float]], labels: list[str]) -> float:
    low, high = values[labels[0]], values[labels[-1]]
    wins = sum((h > v) + 0.5 * (h == v) for h in high for v in low)
    return wins / (len(low) * len(high))
