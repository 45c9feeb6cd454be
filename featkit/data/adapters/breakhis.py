"""BreaKHis v1: everything a patch needs to be known is in its official file name."""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Literal

import polars as pl

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.magnification import breakhis_mpp
from featkit.core.text import first_few
from featkit.data.adapters.files import image_files
from featkit.data.images import image_sizes
from featkit.data.manifest import Manifest

N_PATCHES = 7909
EXPECTED = {
    ("40X", "benign"): 625,
    ("40X", "malignant"): 1370,
    ("100X", "benign"): 644,
    ("100X", "malignant"): 1437,
    ("200X", "benign"): 623,
    ("200X", "malignant"): 1390,
    ("400X", "benign"): 588,
    ("400X", "malignant"): 1232,
}
"""Images of the complete data set, by magnification and class."""
SUBTYPES = {
    "A": ("benign", "adenosis"),
    "F": ("benign", "fibroadenoma"),
    "PT": ("benign", "phyllodes_tumor"),
    "TA": ("benign", "tubular_adenoma"),
    "DC": ("malignant", "ductal_carcinoma"),
    "LC": ("malignant", "lobular_carcinoma"),
    "MC": ("malignant", "mucinous_carcinoma"),
    "PC": ("malignant", "papillary_carcinoma"),
}
"""Tumour type codes: class and the folder's name."""
_NAME = re.compile(
    r"(?P<procedure>SOB|CNB)_(?P<side>[BM])_(?P<subtype>[A-Z]+)-(?P<year>\d+)-(?P<number>\d+)(?P<section>[A-Z]*)"
    r"-(?P<magnification>40|100|200|400)-(?P<sequence>\d+)"
)
_NATIVE_HEIGHT = 460


def read_breakhis(
    folder: str | Path,
    *,
    patient_key: Literal["case", "id"] = "case",
    complete: bool | None = None,
    scale: float | None = None,
) -> Manifest:
    """Return the manifest of a BreaKHis folder: the official tree, or any folder of official file names.

    Parameters
    ----------
    folder : str or Path
        Searched at any depth for images; the suffix need not be ``.png`` but the stem must be the official one.
    patient_key : {"case", "id"}
        See `manifest_of_names`.
    complete : bool, optional
        Check the published counts; by default done when there are at least 7,909 images.
    scale : float, optional
        Stored pixels per pixel of the 460-row original: 224/460 for copies resized to 224 rows, 1 for crops. By default
        1 for images of 460 rows; ``mpp`` is left empty for any others, with a warning, for nothing says whether they
        were resized or cropped.

    Returns
    -------
    Manifest
        As `manifest_of_names`, with absolute paths.

    Raises
    ------
    InputError
        If the folder holds no image, or as `manifest_of_names`.
    """
    files = image_files(Path(folder).resolve())
    manifest = manifest_of_names(
        files, patient_key=patient_key, complete=complete, scale=1.0 if scale is None else scale
    )
    if scale is not None:
        return manifest
    is_native = [size is None or size[1] == _NATIVE_HEIGHT for size in image_sizes(files)]
    if not all(is_native):
        warnings.warn(
            f"mpp is left empty for {is_native.count(False)} images that are not {_NATIVE_HEIGHT} rows high; "
            "say scale=0.487 if they were resized from 460 to 224 rows, scale=1 if they were cropped",
            FeatkitWarning,
            stacklevel=2,
        )
    known = pl.Series(is_native)
    return Manifest(manifest.frame.with_columns(pl.when(known).then(pl.col("mpp", "mpp_y"))))


def manifest_of_names(
    paths: Iterable[str | PurePath],
    *,
    patient_key: Literal["case", "id"] = "case",
    complete: bool | None = None,
    scale: float = 1.0,
) -> Manifest:
    """Return the manifest that official file names spell, without opening the files.

    Parameters
    ----------
    paths : iterable of str or PurePath
        ``SOB_<B|M>_<type>-<year>-<number><section>-<magnification>-<sequence>`` with any suffix, in any folder.
    patient_key : {"case", "id"}
        "case": year and number ("14-22549"), 70 groups in the complete set: the letters after the number are sections
        of one case, and ten case numbers carry more than one identifier. "id": tumour type, year, number and section,
        the 82 identifiers the curators count as patients; it warns, since a split by it can put one case on both
        sides.
    complete : bool, optional
        Check the number of images per magnification and class against the published ones; by default done when there
        are at least 7,909 names.
    scale : float
        Stored pixels per pixel of the original.

    Returns
    -------
    Manifest
        Columns beyond the standard ones: ``subtype`` ("DC"), ``slide`` (the official folder's name), ``case``
        ("14-22549"), ``mpp_y``. ``mpp`` and ``mpp_y`` are those of the 700x460 original divided by ``scale``.

    Raises
    ------
    InputError
        If a name does not follow the pattern, appears twice, or the counts of a complete set are off.
    """
    if patient_key not in ("case", "id"):
        raise InputError("patient_key must be 'case' or 'id'", repr(patient_key))
    if not (math.isfinite(scale) and scale > 0):
        raise InputError("scale must be positive and finite", scale)
    rows = [_row(path, patient_key, scale) for path in paths]
    unread = [path for path, row in rows if row is None]
    if unread:
        raise InputError(
            "BreaKHis file names must read SOB_<B|M>_<type>-<year>-<slide id>-<magnification>-<number>",
            f"{len(unread)} that do not: {first_few([PurePath(p).name for p in unread])}",
            "Move other files away, or use the adapter 'folder' or 'table'",
        )
    if not rows:
        raise InputError("BreaKHis needs at least one image", 0)
    frame = pl.DataFrame([row for _, row in rows])
    if complete or (complete is None and frame.height >= N_PATCHES):
        _check_counts(frame)
    if patient_key == "id":
        warnings.warn(
            "patients are told apart by the 82 identifiers, so sections of one case may count as different patients; "
            "patient_key='case' groups them",
            FeatkitWarning,
            stacklevel=2,
        )
    return Manifest(frame)


def _row(path: str | PurePath, patient_key: str, scale: float) -> tuple[str, dict[str, object] | None]:
    stem = PurePath(path).stem
    match = _NAME.fullmatch(stem)
    if match is None or match["subtype"] not in SUBTYPES:
        return str(path), None
    label = SUBTYPES[match["subtype"]][0]
    if label[0].upper() != match["side"]:
        return str(path), None
    case = f"{match['year']}-{match['number']}"
    identifier = f"{match['subtype']}-{case}{match['section']}"
    mpp, mpp_y = breakhis_mpp(match["magnification"])
    return str(path), {
        "patch_id": stem,
        "path": str(path),
        "label": label,
        "patient": case if patient_key == "case" else identifier,
        "magnification": match["magnification"],
        "mpp": mpp / scale,
        "mpp_y": mpp_y / scale,
        "subtype": match["subtype"],
        "slide": f"{match['procedure']}_{match['side']}_{match['subtype']}_{case}{match['section']}",
        "case": case,
    }


def _check_counts(frame: pl.DataFrame) -> None:
    found = Counter((f"{m}X", label) for m, label in frame.select("magnification", "label").iter_rows())
    off = [f"{m} {label} {found[m, label]} for {n}" for (m, label), n in EXPECTED.items() if found[m, label] != n]
    if off:
        raise InputError(
            "a complete BreaKHis v1 has 7,909 images in the published numbers per magnification and class",
            ", ".join(off),
            "Fetch it again, remove what does not belong, or pass complete=False",
        )
