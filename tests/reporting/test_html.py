import doctest
import errno
import html.parser
import os
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.reporting import html as html_module
from featkit.reporting.figures.comparison import forest_plot
from featkit.reporting.figures.style import figure_bytes, new_figure
from featkit.reporting.html import (
    Highlight,
    ReportContent,
    ReportFigure,
    Section,
    data_uri,
    render_report,
    summarise,
    write_report,
)
from featkit.reporting.tables import Table, table_of

NASTY = "<script>alert(1)</script>\"'&</style>"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(html.parser.HTMLParser):
    """Collects tags, attributes and text, and checks that tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.open = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def picture():
    figure = new_figure(3, 2)
    figure.subplots().plot([0, 1], [0, 1])
    return figure


def full_report(make, text="plain"):
    image = ReportFigure(picture(), f"caption {text}", f"alt {text}")
    section = Section(
        title=f"Discrimination {text}",
        prose=(f"prose {text}",),
        how_to_read=f"how {text}",
        figures=(image, ReportFigure(figure_bytes(picture(), "png"), "second", "second alt")),
        tables=(
            table_of(make.evaluation(), caption=f"table {text}"),
            Table((f"head {text}",), ((f"cell {text}",),), (False,)),
        ),
        notes=(f"note {text}",),
    )
    return ReportContent(
        title=f"title {text}",
        subtitle=f"subtitle {text}",
        facts={f"fact {text}": f"value {text}"},
        highlights=(Highlight(f"label {text}", f"0.5 {text}", f"hint {text}"),),
        findings=(f"finding {text}",),
        warnings=(f"warning {text}",),
        sections=(section, section),
        methods=(f"method {text}",),
        provenance={f"versions {text}": {f"numpy {text}": f"2 {text}"}},
    )


def test_everything_said_is_on_the_page(make):
    report = full_report(make)
    page = Page(render_report(report))
    text = " ".join(page.text)
    for word in (
        "title",
        "subtitle",
        "fact",
        "value",
        "label",
        "hint",
        "finding",
        "warning",
        "prose",
        "how",
        "caption",
    ):
        assert f"{word} plain" in text
    for word in ("table", "head", "cell", "note", "method", "versions", "numpy"):
        assert f"{word} plain" in text


def test_every_text_is_escaped(make):
    rendered = render_report(full_report(make, NASTY))
    page = Page(rendered)
    assert NASTY not in rendered
    assert "<script" not in rendered
    assert page.all("script") == []
    assert len(page.all("style")) == 1
    assert sum(NASTY in text for text in page.text) >= 15
    assert next(a["alt"] for a in page.all("img")) == f"alt {NASTY}"


def test_nothing_is_asked_of_the_network(make):
    rendered = render_report(full_report(make))
    page = Page(rendered)
    for _, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            address = attributes.get(name)
            assert address is None or address.startswith(("data:image/", "#"))
    assert page.all("link") == []
    assert "url(" not in rendered
    assert "@import" not in rendered
    assert not re.search(r"https?://", rendered)
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")


def test_each_image_has_alt_text_a_number_and_a_caption(make):
    page = Page(render_report(full_report(make)))
    images = page.all("img")
    assert len(images) == 4
    assert all(a["alt"].strip() for a in images)
    text = " ".join(page.text)
    assert [f"Figure {k}." in text for k in (1, 2, 3, 4, 5)] == [True] * 4 + [False]
    assert "Table 4." not in text  # the second table of a section has no caption
    assert "Table 3." in text


def test_contents_point_at_the_sections(make):
    page = Page(render_report(full_report(make)))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    targets = [a["href"][1:] for a in page.all("a")]
    assert set(targets) <= set(ids)
    assert {"findings", "methods", "provenance", "discrimination-plain", "discrimination-plain-2"} <= set(targets)


def test_titles_that_would_clash_get_their_own_anchor():
    titles = ("Methods", "Findings", "!!!", "<b>", "Étude", "Methods")
    summary = summarise(ReportContent("t", sections=tuple(Section(t) for t in titles)))
    anchors = [s["id"] for s in summary["sections"]]
    assert len(set(anchors)) == len(titles)
    assert not {"methods", "findings"} & set(anchors)
    assert all(re.fullmatch(r"[a-z0-9-]+", a) for a in anchors)


def test_warnings_come_before_the_title(make):
    rendered = render_report(full_report(make))
    assert rendered.index("warning plain") < rendered.index("<h1>")


def test_a_full_disk_leaves_the_page_as_it_was(make, tmp_path, monkeypatch):
    path = write_report(ReportContent("old"), tmp_path / "report.html")
    before = path.read_bytes()

    def full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="free space"):
        write_report(ReportContent("new"), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_examples_run():
    assert doctest.testmod(html_module).failed == 0


def test_an_empty_report_is_still_a_page():
    page = Page(render_report(ReportContent("Nothing yet")))
    assert page.all("h1")
    assert page.all("h2") == []
    empty = Section("Empty", tables=(Table(("a", "b"), (), (True, False)),))
    assert "nothing to show" in render_report(ReportContent("t", sections=(empty,)))


def test_same_report_same_bytes(make, tmp_path):
    first = write_report(full_report(make), tmp_path / "deep" / "one.html")
    second = write_report(full_report(make), tmp_path / "two.html")
    assert first.read_bytes() == second.read_bytes()
    assert [p.name for p in first.parent.iterdir()] == ["one.html"]


def test_figures_keep_one_scale(make):
    wide, narrow = forest_plot(make.comparison(), "auc"), picture()
    section = Section("s", figures=(ReportFigure(wide, "", "a"), ReportFigure(narrow, "", "b")))
    widths = [f["width"] for f in summarise(ReportContent("t", sections=(section,)))["sections"][0]["figures"]]
    assert widths[0] / widths[1] == pytest.approx(wide.get_figwidth() / narrow.get_figwidth(), rel=1e-3)


def test_images_become_data(make):
    import base64

    drawn = ReportFigure(picture(), "caption", "text")
    assert drawn.data is drawn.data  # drawn once
    svg = base64.b64decode(data_uri(drawn.data).split(",", 1)[1])
    assert ET.fromstring(svg).tag.endswith("svg")
    assert data_uri(figure_bytes(picture(), "png")).startswith("data:image/png;base64,")
    with pytest.raises(InputError, match="SVG or PNG"):
        data_uri(b"GIF89a")


def test_a_figure_needs_an_alternative_text():
    with pytest.raises(InputError, match="alternative text"):
        ReportFigure(b"", "caption", "  ")


def test_numbers_stand_to_the_right(make):
    section = Section("s", tables=(table_of(make.evaluation(), columns=["metric", "value"]),))
    page = Page(render_report(ReportContent("t", sections=(section,))))
    assert [a.get("class") for a in page.all("th")] == [None, "n"]
    cells = [a.get("class") for a in page.all("td")]
    assert cells == [None, "n"] * (len(cells) // 2)
    assert np.unique(cells[1::2]).tolist() == ["n"]
