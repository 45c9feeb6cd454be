"""The image files under a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from featkit.core.errors import InputError

IMAGE_SUFFIXES = (".png", ".webp", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


def image_files(folder: Path, suffixes: Sequence[str] = IMAGE_SUFFIXES) -> list[Path]:
    """Return the image files under ``folder`` at any depth, sorted by path; names that begin with a dot are left out.

    Raises
    ------
    InputError
        If ``folder`` is not a folder or holds no image.
    """
    if not folder.is_dir():
        raise InputError("the image folder must exist", folder, "Check the path")
    found = sorted(
        p for p in folder.rglob("*") if p.suffix.lower() in suffixes and not p.name.startswith(".") and p.is_file()
    )
    if not found:
        raise InputError(
            f"the folder must hold images ({', '.join(suffixes)})", f"none under {folder}", "Check the path"
        )
    return found
