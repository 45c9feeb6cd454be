"""The section on what was planted in generated tissue."""

from __future__ import annotations

from featkit.core.text import number
from featkit.reporting.html import Section
from featkit.reporting.study_results import StudyResults
from featkit.reporting.tables import Table


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
        rows.append((trait.replace("_", " "), *cells, number(_separation(values, labels)) if len(labels) == 2 else ""))
    planted = Table(
        columns=("planted per patient", *labels, f"AUC for {labels[-1]}"),
        rows=tuple(rows),
        is_number=(False, *(True for _ in labels), True),
        caption="Mean (standard deviation) over virtual patients; AUC of the planted value alone.",
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
            "The class can therefore be learnt, though not perfectly, and both magnification and patient can be read "
            "from the pixels; the probes ask how much of that is left in the embedding.",
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
