import numpy as np
import pytest

from featkit.reporting.html import render_report
from featkit.reporting.report_content import tell
from featkit.reporting.study_results import EmbeddingMap, StudyResults

TRUTH = {
    "patients": {
        "a": {"label": "benign", "size": 1.0},
        "b": {"label": "malignant", "size": 2.0},
        "c": {"label": "malignant", "size": 3.0},
    },
    "carries": {"class": ["size"], "class_weakly": [], "patient": ["stain_tone"], "magnification": ["blur"]},
    "magnifications": {"40X": {"mpp": 0.49, "blur": 1.0}, "100X": {"mpp": 0.2, "blur": 0.5}},
}


def study(make, **parts):
    rng = np.random.default_rng(0)
    columns = (
        np.repeat(["benign", "malignant"], 10),
        np.tile(["40X", "100X"], 10),
        np.repeat([f"p{i}" for i in range(5)], 4),
    )
    return StudyResults(
        title="A <study>",
        facts={"patches": "20 of 5 patients"},
        domain="magnification",
        audits=(make.audit(),),
        comparisons={"x": make.comparison()},
        probes={"magnification": {"grl/100X": make.probe()}},
        maps={"grl/100X": EmbeddingMap(rng.normal(size=(20, 2)), np.array([0.5, 0.2]), *columns)},
        truth=TRUTH,
        **parts,
    )


def test_sections_come_in_the_order_of_the_questions(make):
    told = tell(study(make))
    assert [s.title for s in told.sections] == [
        "Who was trained on, who was tested",
        "Is the difference real?",
        "Can the magnification still be read?",
        "A look at the embedding",
        "What was planted",
    ]


def test_findings_stand_first_and_are_few(make):
    told = tell(study(make))
    assert 1 <= len(told.findings) <= 10
    assert told.findings[0].startswith("grl does not beat baseline here")


def test_what_was_planted_is_told_with_what_it_alone_would_reach(make):
    planted = tell(study(make)).sections[-1].tables[0]
    assert planted.rows[0] == ("size", "1 (0)", "2.5 (0.71)", "1.000")


def test_the_page_escapes_and_is_whole(make):
    page = render_report(tell(study(make)))
    assert "A &lt;study&gt;" in page
    assert "<study>" not in page
    assert page.rstrip().endswith("</html>")


def test_nothing_at_all_is_still_a_page():
    told = tell(StudyResults(title="empty", facts={}, domain="magnification"))
    assert told.sections == ()
    assert "empty" in render_report(told)


@pytest.mark.parametrize("target", ["magnification", "patient"])
def test_each_probe_has_its_section(make, target):
    told = tell(StudyResults(title="t", facts={}, domain="magnification", probes={target: {"run": make.probe(target)}}))
    assert told.sections[0].title == f"Can the {target} still be read?"
