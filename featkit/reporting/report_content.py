"""Results to the content of a report."""

from __future__ import annotations

from collections.abc import Iterator

from featkit.reporting import sections
from featkit.reporting.findings import findings
from featkit.reporting.html import ReportContent, ReportFigure, Section, anchor
from featkit.reporting.sections_probe import probe_sections
from featkit.reporting.sections_sparse import overlap_section, signature_section, variance_section
from featkit.reporting.sections_truth import truth_section
from featkit.reporting.study_results import StudyResults

_METHODS = (
    "Intervals resample patients with all their patches; the estimate is the value on the data as they are. "
    "Permutation p-values are (1 + number at least as extreme) / (1 + permutations); one that no permutation can fall "
    "below is printed as a bound.",
    "Signatures are L1-logistic models on dimensions standardised with the training rows (with more than two classes "
    "multinomial ones whose dimensions are in or out for all classes together); stability selection draws "
    "complementary halves of the training patients, the same ones for every penalty.",
    "Probes are fitted on frozen embeddings; what is below chance is shown below chance.",
)


def build_report(study: StudyResults) -> ReportContent:
    """Return the report's content: findings first, then one section per question.

    Parameters
    ----------
    study : StudyResults
        What was found; there is no section for what is missing.
    """
    return ReportContent(
        title=study.title,
        subtitle="Embedding-first analysis over frozen features",
        facts=study.facts,
        findings=findings(study),
        warnings=study.warnings,
        sections=tuple(section for section in _sections(study) if section is not None),
        methods=_METHODS,
        provenance=study.provenance,
    )


def _sections(study: StudyResults) -> Iterator[Section | None]:
    yield sections.patches_section(study)
    yield sections.split_section(study)
    yield sections.discrimination_section(study)
    yield sections.comparison_section(study)
    yield sections.calibration_section(study)
    for found in study.signature_sets:
        yield signature_section(found)
        yield variance_section(study, found)
        yield overlap_section(found)
    yield from probe_sections(study)
    yield sections.map_section(study)
    yield truth_section(study)


def figures_of(content: ReportContent) -> dict[str, ReportFigure]:
    """Return every figure of a report by a file name of its own, made of its section's title."""
    used: set[str] = set()
    found: dict[str, ReportFigure] = {}
    for section in content.sections:
        stem = anchor(section.title, used)
        for place, figure in enumerate(section.figures, 1):
            found[f"{stem}-figure-{place}"] = figure
    return found
