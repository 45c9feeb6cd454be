import numpy as np

from featkit.core.run_key import RunKey
from featkit.reporting.html import render_report
from featkit.reporting.report_content import build_report, figures_of
from featkit.reporting.study_results import EmbeddingMap, StudyResults
from featkit.results.by_run import ByRun


def study(make, **parts):
    columns = (
        np.repeat(["benign", "malignant"], 10),
        np.tile(["40X", "100X"], 10),
        np.repeat([f"p{i}" for i in range(5)], 4),
    )
    points = np.random.default_rng(0).normal(size=(20, 2))
    comparison = make.comparison()
    return StudyResults(
        title="A <study>",
        facts={"patches": "20 of 5 patients"},
        domain="magnification",
        audits=(make.audit(),),
        comparisons=ByRun({comparison.key: comparison}),
        probes=ByRun({RunKey("grl", "100X", variant={"target": "magnification"}): make.probe()}),
        maps=ByRun({RunKey("grl", "100X", 0): EmbeddingMap(points, np.array([0.5, 0.2]), *columns)}),
        **parts,
    )


def test_sections_come_in_the_order_of_the_questions(make):
    assert [s.title for s in build_report(study(make)).sections] == [
        "Who is in training, who is in the test",
        "Is the difference real?",
        "Can the magnification be read from the embedding?",
        "A look at the embedding",
    ]


def test_findings_stand_first_and_are_few(make):
    content = build_report(study(make))
    assert 1 <= len(content.findings) <= 10
    assert content.findings[0].startswith("The data do not decide between grl and baseline")


def test_the_page_escapes_and_is_whole(make):
    page = render_report(build_report(study(make)))
    assert "A &lt;study&gt;" in page
    assert "<study>" not in page
    assert page.rstrip().endswith("</html>")


def test_stale_inputs_are_said_before_anything_else(make):
    page = render_report(build_report(study(make, warnings=("evaluation.json is of other <embeddings>",))))
    body = page[page.index("<header>") :]
    assert body.index("other &lt;embeddings&gt;") < body.index("<h1>")
    assert "Read this before any number" not in render_report(build_report(study(make)))


def test_nothing_at_all_is_still_a_page():
    content = build_report(StudyResults(title="empty", facts={}, domain="magnification"))
    assert content.sections == ()
    assert "empty" in render_report(content)


def test_figures_of_classes_that_look_alike_as_file_names_are_kept_apart(make):
    sets = tuple(make.signatures(is_deep=False, positive=p) for p in (None, "H/E", "h-e"))
    content = build_report(make.study(signature_sets=sets))
    figures = figures_of(content)
    assert len(figures) == sum(len(section.figures) for section in content.sections)
    assert all(name == name.lower() and "/" not in name for name in figures)
