"""Results to the content of a report."""

from __future__ import annotations

import dataclasses

from featkit.reporting import sections, sections_sparse
from featkit.reporting.findings import findings
from featkit.reporting.html import ReportContent
from featkit.reporting.study_results import StudyResults

_METHODS = (
    "Intervals resample patients within their class, with all their patches; the estimate is the value on the data as "
    "they are. Permutation p-values are (1 + number at least as extreme) / (1 + permutations).",
    "Signatures are L1-logistic models on dimensions standardised with the training rows (with more than two classes "
    "multinomial ones whose dimensions are in or out for all classes together); stability selection draws "
    "complementary halves of the training patients, the same ones for every penalty.",
    "Probes are fitted on frozen embeddings; what is below chance is shown below chance.",
)


def tell(study: StudyResults) -> ReportContent:
    """Return the report's content: findings first, then one section a question."""
    of_one_set = [dataclasses.replace(study, signatures=found) for found in study.signature_sets]
    built = [
        sections.patches_section(study),
        sections.split_section(study),
        sections.discrimination_section(study),
        sections.comparison_section(study),
        sections.calibration_section(study),
        *(
            section(one)
            for one in of_one_set
            for section in (
                sections_sparse.signature_section,
                sections_sparse.variance_section,
                sections_sparse.overlap_section,
            )
        ),
        *(sections_sparse.probe_section(study, target) for target in study.probes),
        sections.map_section(study),
        sections_sparse.truth_section(study),
    ]
    return ReportContent(
        title=study.title,
        subtitle="Embedding-first analysis over frozen features",
        facts=study.facts,
        findings=findings(study),
        warnings=study.warnings,
        sections=tuple(section for section in built if section is not None),
        methods=_METHODS,
        provenance=study.provenance,
    )
