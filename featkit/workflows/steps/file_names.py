"""Names of folds, classes and models as they stand in names of files."""

from __future__ import annotations


def file_name(name: str) -> str:
    """Return a name with every character that is no letter, digit, ``-`` or ``.`` as ``_``."""
    return "".join(ch if ch.isalnum() or ch in "-." else "_" for ch in name)
