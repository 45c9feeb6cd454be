"""The sections on signatures, on probes, and on what was planted."""

from __future__ import annotations

from typing import Any

from featkit.reporting.bundle import StudyResults
from featkit.reporting.html import ReportFigure, Section
from featkit.reporting.tables import Table, table_of


def signature_section(study: StudyResults) -> Section | None:
    """How few dimensions the answer needs."""
    from featkit.reporting.figures.paths import penalty_choice, selection_frequencies
    from featkit.reporting.figures.signatures import signature_sizes

    if study.signatures is None:
        return None
    found = study.signatures
    sizes: dict[str, dict[str, int]] = {}
    for signature in found.signatures.values():
        sizes.setdefault(signature.method, {})[signature.fold] = signature.size
    d = max(s.n_dimensions for s in found.signatures.values())
    figures = [ReportFigure(signature_sizes(sizes, d), "Signature sizes by fold.", "Bars of signature sizes")]
    for name, signature in found.signatures.items():
        caption = f"{name}: cross-validated loss over patient folds of the training patients, and size."
        figures.append(ReportFigure(penalty_choice(signature), caption, f"Choice of the penalty, {name}"))
        if signature.selection_frequency.size:
            caption = f"{name}: how often half of the patients select each dimension."
            figures.append(ReportFigure(selection_frequencies(signature), caption, f"Selection frequencies, {name}"))
    columns = {
        "name": "signature",
        "size": "size",
        "n_stable": "stable",
        "n_dead": "dead dimensions",
        "lambda": "λ",
        "relative_gap": "relative gap",
        "auc": "AUC",
        "f1": "F1",
        "brier": "Brier",
    }
    frame = found.frame()
    warnings = [f"{name}: {text}" for name, s in found.signatures.items() for text in s.warnings]
    return Section(
        "How few dimensions does the answer need?",
        how_to_read=(
            "A signature is the support of an L1-logistic model fitted on the training patients; the penalty is chosen "
            "by cross-validation over patients. The duality gap proves how far each fit is from its optimum. A "
            "dimension is stable when at least the threshold's share of half-samples of patients selects it; the bound "
            "says how many of those are expected to be there by accident. A size depends on the penalty: look at the "
            "whole curve before comparing two sizes."
        ),
        figures=tuple(figures),
        tables=(table_of(frame, columns=columns, caption="Signatures, scored on held-out patches."),),
        notes=tuple(warnings),
    )


def overlap_section(study: StudyResults) -> Section | None:
    """Whether the same dimensions come back in another fold."""
    from featkit.reporting.figures.overlap import overlap_heatmap

    if study.signatures is None or not study.signatures.overlaps:
        return None
    figures, tables, notes = [], [], []
    for method, overlap in study.signatures.overlaps.items():
        caption = f"{method}: {overlap.measure} overlap of the signatures: observed, by chance, corrected for chance."
        figures.append(ReportFigure(overlap_heatmap(overlap), caption, f"Overlap matrices of {method}"))
        tables.append(_pairs(overlap.frame(), f"{method}: signatures"))
        if method in study.signatures.stable_overlaps:
            tables.append(_pairs(study.signatures.stable_overlaps[method].frame(), f"{method}: stable dimensions"))
        notes += [f"{method}: {note}" for note in overlap.notes]
    return Section(
        "Do the same dimensions come back?",
        how_to_read=(
            "Two large sets overlap by accident: the middle panel shows what independent sets of the same sizes would "
            "share. Corrected overlap is 0 at chance and 1 at the most two sets of these sizes can share. The folds' "
            "encoders are trained apart: dimension 17 of one is dimension 17 of another only as far as a common start "
            "keeps it so."
        ),
        figures=tuple(figures),
        tables=tuple(tables),
        notes=tuple(notes),
    )


def probe_section(study: StudyResults, target: str) -> Section | None:
    """Whether something can be read that should not be."""
    from featkit.reporting.figures.probes import probe_bars

    runs = study.probes.get(target)
    if not runs:
        return None
    caption = f"{target.capitalize()} probe: value and interval against chance; the grey band is the null's centre."
    figure = ReportFigure(probe_bars(runs), caption, f"Bars of the {target} probe against chance")
    import polars as pl

    frame = pl.concat(
        [r.frame().select(pl.lit(name).alias("run"), pl.all()) for name, r in runs.items()], how="diagonal_relaxed"
    ).filter(~pl.col("metric").str.contains("@"))
    columns = {
        "run": "run",
        "metric": "metric",
        "value": "value",
        "chance": "chance",
        "null_mean": "null",
        "p_value": "p",
    }
    first = next(iter(runs.values()))
    return Section(
        f"Can the {target} still be read?",
        prose=(f"{first.design} {first.regime}".strip().capitalize() + ".",),
        how_to_read=(
            "A probe above chance says that the embedding still carries the information. A linear probe at chance does "
            "not say that it is gone. The null relabels whole patients (or patches inside them) and shows what "
            "accident gives with these patients."
        ),
        figures=(figure,),
        tables=(table_of(frame, columns=columns, caption=f"The {target} probe's metrics."),),
        notes=tuple(dict.fromkeys(note for r in runs.values() for note in r.notes)),
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


def _pairs(frame: Any, caption: str) -> Table:
    columns = {
        "first": "fold",
        "second": "fold ",
        "size_first": "size",
        "size_second": "size ",
        "intersection": "in common",
        "observed": "observed",
        "chance": "by chance",
        "corrected": "corrected",
        "p_value": "p",
    }
    return table_of(frame, columns=columns, caption=caption)


def _mean_sd(values: list[float]) -> str:
    mean = sum(values) / len(values)
    sd = (sum((v - mean) ** 2 for v in values) / max(1, len(values) - 1)) ** 0.5
    return f"{mean:.3g} ({sd:.2g})"


def _separation(values: dict[str, list[float]], labels: list[str]) -> float:
    low, high = values[labels[0]], values[labels[-1]]
    wins = sum((h > v) + 0.5 * (h == v) for h in high for v in low)
    return wins / (len(low) * len(high))
