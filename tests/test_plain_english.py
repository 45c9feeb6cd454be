"""Documents, help and messages are in plain English: phrases that read like a translation do not come back."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "changes").glob("*.md")])
CODE = sorted([*(ROOT / "featkit").rglob("*.py"), *(ROOT / "cli").rglob("*.py")])
FORBIDDEN = {
    r"\bone (?:row|line|file|value|column|curve|role|entry|panel|test|number|page|note) an? \w+": "one row per ...",
    r"\b(?:is|are|be|been) parted\b|\bparts? the patients\b": "split",
    r"\bmend(?:s|ed|ing)?\b": "fix, repair",
    r"\b(?:first|five first|first five) guess(?:es)?\b": "top-1, top-5",
    r"\bat hand when\b|\bmust be at hand\b": "cached, available",
    r"\bthat is no matter\b": "that you would call negligible",
    r"\bby its head alone\b": "only for the trained head",
    r"\bthe model promises too much\b": "over-confident",
    r"\bhow often each was said\b": "share of patches per probability bin",
    r"\bhas not met (?:them|it)\b": "was not trained on",
    r"\bcalled together that a named one\b": "rest class in one-versus-rest",
    r"\bstill moving\b": "not converged",
    r"\bdevice must be there\b": "unknown device",
}


def texts_of(path):
    """Return the strings of a module, docstrings too: what help and messages are made of."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return "\n".join(n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))


def found_in(text):
    plain = " ".join(text.split())
    return {m[0]: better for pattern, better in FORBIDDEN.items() for m in re.finditer(pattern, plain, re.IGNORECASE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_documents_are_in_plain_english(page):
    assert not found_in(page.read_text(encoding="utf-8"))


def test_help_and_messages_are_in_plain_english():
    found = {path.relative_to(ROOT).as_posix(): found_in(texts_of(path)) for path in CODE}
    assert not {path: phrases for path, phrases in found.items() if phrases}
