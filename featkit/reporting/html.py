"""One self-contained HTML file: a report is first summarised to a dict, then rendered."""

from __future__ import annotations

import base64
import dataclasses
import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featkit.core.errors import InputError
from featkit.core.files import write_text
from featkit.reporting.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_REM_WIDE, _REM_PER_INCH = 50.0, 50.0 / 7.0


@dataclasses.dataclass(frozen=True, eq=False)
class ReportFigure:
    """A figure on the page.

    Parameters
    ----------
    image : matplotlib Figure or bytes
        A figure is drawn as SVG; bytes are an SVG or PNG file.
    caption : str
        What it shows, under it.
    alt : str
        Alternative text for screen readers; not empty.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> ReportFigure(b"<svg/>", "Sizes by fold.", "Bars of signature sizes").data
    b'<svg/>'
    """

    image: Figure | bytes
    caption: str
    alt: str

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise InputError("a figure must have an alternative text", None, "Describe in alt what it shows")

    @functools.cached_property
    def data(self) -> bytes:
        """The image as an SVG or PNG file's bytes, drawn when first asked for."""
        if isinstance(self.image, bytes):
            return self.image
        from featkit.reporting.figures.style import figure_bytes

        return figure_bytes(self.image, "svg")


@dataclasses.dataclass(frozen=True, eq=False)
class Section:
    """A part of the report.

    Parameters
    ----------
    title : str
        Heading, also in the table of contents.
    prose : tuple of str
        Paragraphs of plain text.
    how_to_read : str
        What chance is, what the interval means: shown in a box.
    figures : tuple of ReportFigure
        Figures, in order.
    tables : tuple of Table
        Tables, in order, after the figures.
    notes : tuple of str
        What must be read with the numbers, in small print.

    Examples
    --------
    >>> Section("Is the difference real?", prose=("The interval holds 0.",)).figures
    ()
    """

    title: str
    prose: tuple[str, ...] = ()
    how_to_read: str = ""
    figures: tuple[ReportFigure, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Highlight:
    """A number worth a tile.

    Parameters
    ----------
    label : str
        What it is.
    value : str
        The number as text.
    note : str
        What to compare it with.

    Examples
    --------
    >>> Highlight("AUC", "0.91", "chance is 0.5").value
    '0.91'
    """

    label: str
    value: str
    note: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class ReportContent:
    """Everything a report says; plain text throughout, escaped when rendered.

    Parameters
    ----------
    title, subtitle : str
        Heading.
    facts : mapping of str to str
        What was run on what, under the heading.
    highlights : tuple of Highlight
        A few numbers up front.
    findings : tuple of str
        Sentences with numbers, also where nothing was found.
    warnings : tuple of str
        What must be known before anything else (stale or mixed inputs): a banner at the top of the page.
    sections : tuple of Section
        The body.
    methods : tuple of str
        How the numbers were made, paragraphs at the end.
    provenance : mapping of str to (mapping of str to str)
        Tables at the end by heading: versions, stores, seeds, ....

    Examples
    --------
    >>> ReportContent("My study", findings=("Nothing was found.",)).sections
    ()
    """

    title: str
    subtitle: str = ""
    facts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    highlights: tuple[Highlight, ...] = ()
    findings: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    methods: tuple[str, ...] = ()
    provenance: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)


def summarise(report: ReportContent) -> dict[str, Any]:
    """Return the report as the plain dict the template is rendered from.

    Parameters
    ----------
    report : ReportContent
        What it says.

    Returns
    -------
    dict
        Text, lists, and images as data URIs.

    Examples
    --------
    >>> summarise(ReportContent("My study"))["title"]
    'My study'
    """
    used: set[str] = set()
    sections: list[dict[str, Any]] = []
    n_figures = n_tables = 0
    for section in report.sections:
        figures, tables = [], []
        for figure in section.figures:
            n_figures += 1
            figures.append(
                {
                    "number": n_figures,
                    "source": data_uri(figure.data),
                    "caption": figure.caption,
                    "alt": figure.alt,
                    "width": _rem(figure.image),
                }
            )
        for table in section.tables:
            n_tables += 1
            tables.append({"number": n_tables, **dataclasses.asdict(table)})
        sections.append(
            {
                "id": anchor(section.title, used),
                "title": section.title,
                "prose": list(section.prose),
                "how_to_read": section.how_to_read,
                "figures": figures,
                "tables": tables,
                "notes": list(section.notes),
            }
        )
    return {
        "title": report.title,
        "subtitle": report.subtitle,
        "facts": {str(k): str(v) for k, v in report.facts.items()},
        "highlights": [dataclasses.asdict(h) for h in report.highlights],
        "findings": list(report.findings),
        "warnings": list(report.warnings),
        "sections": sections,
        "methods": list(report.methods),
        "provenance": {str(k): {str(a): str(b) for a, b in v.items()} for k, v in report.provenance.items()},
    }


def render_report(report: ReportContent) -> str:
    """Return the report as one HTML page that asks nothing of the network.

    Parameters
    ----------
    report : ReportContent
        What it says.

    Returns
    -------
    str
        HTML5 with its style and its images inside, no script, and a content policy that forbids any request.

    Examples
    --------
    >>> render_report(ReportContent("My study")).splitlines()[0]
    '<!doctype html>'
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("featkit.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(summarise(report))


def write_report(report: ReportContent, path: str | Path) -> Path:
    """Write the report.

    Parameters
    ----------
    report : ReportContent
        What it says.
    path : path
        The HTML file; its folder is made when missing.

    Returns
    -------
    Path
        The file: the whole page, or what was there before.

    Raises
    ------
    InputError
        If the disk is full or read-only.

    Examples
    --------
    >>> write_report(ReportContent("My study"), "report.html")  # doctest: +SKIP
    PosixPath('report.html')
    """
    return write_text(path, render_report(report))


def data_uri(image: bytes) -> str:
    """Return an image as a ``data:`` address.

    Raises
    ------
    InputError
        If the bytes are neither SVG nor PNG.
    """
    if image.startswith(b"\x89PNG"):
        kind = "image/png"
    elif b"<svg" in image[:2000]:
        kind = "image/svg+xml"
    else:
        raise InputError("an image must be an SVG or PNG file", f"{len(image)} bytes of something else")
    return f"data:{kind};base64,{base64.b64encode(image).decode('ascii')}"


def _rem(image: Figure | bytes) -> float:
    """Return the width on the page, the same scale for every drawn figure so that their letters match."""
    return _REM_WIDE if isinstance(image, bytes) else min(_REM_WIDE, round(image.get_figwidth() * _REM_PER_INCH, 2))


def anchor(title: str, used: set[str]) -> str:
    """Return an id made of the title's letters and digits, different from those used."""
    stem = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"
    name, number = stem, 1
    while name in used or name in {"findings", "methods", "provenance", "top"}:
        number += 1
        name = f"{stem}-{number}"
    used.add(name)
    return name
