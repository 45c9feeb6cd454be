"""The sections on what probes read from the embedding."""

from __future__ import annotations

from collections.abc import Iterator

from featkit.reporting.html import ReportFigure, Section
from featkit.reporting.probe_tables import by_target, probe_descriptions, probe_table
from featkit.reporting.sentences import first_notes
from featkit.reporting.study_results import StudyResults


def probe_sections(study: StudyResults) -> Iterator[Section]:
    """Yield one section per column that was read."""
    from featkit.reporting.figures.probes import probe_bars

    for target, probes in by_target(study.probes).items():
        caption = f"Probe of the {target}: value and interval against chance; grey: 95 % of relabelled runs."
        figure = ReportFigure(probe_bars(probes), caption, f"Bars of the {target} probe against chance")
        yield Section(
            f"Can the {target} be read from the embedding?",
            prose=probe_descriptions(probes),
            how_to_read=(
                "A probe above chance shows that the embedding still carries the information. A linear probe at chance "
                "does not show that it is gone. The null relabels whole patients (or patches inside them) and shows "
                "what accident alone reaches with these patients."
            ),
            figures=(figure,),
            tables=(probe_table(probes),),
            notes=first_notes(note for result in probes.values() for note in result.notes),
        )
