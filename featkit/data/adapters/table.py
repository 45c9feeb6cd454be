"""A CSV or Parquet table with one row per image."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.patient_groups import PATCHES_AS_PATIENTS, Groups, with_own_patients
from featkit.core.table_files import read_table_file
from featkit.core.text import first_few
from featkit.data.manifest import Manifest, absolute


def read_table(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    root: str | Path | None = None,
    labels: Sequence[str] | None = None,
    groups: Groups = "patients",
) -> Manifest:
    """Return the manifest in a table with named columns.

    Parameters
    ----------
    path : str or Path
        CSV, TSV or Parquet with ``path``, ``label``, ``patient`` and optionally ``patch_id``, ``magnification``,
        ``mpp`` and any other column. A CSV is read as text, so "007" stays "007".
    columns : mapping of str to str, optional
        featkit's name to the table's name, where they differ: ``{"patient": "case_id"}``.
    root : str or Path, optional
        Where relative image paths start; by default the table's folder.
    labels : sequence of str, optional
        The classes there may be; another label is an error that names it.
    groups : {"patients", "patches"}
        "patches" counts each patch as a patient of its own, where nobody knows the patients; it warns.

    Returns
    -------
    Manifest
        ``patch_id`` is the path as written, without its suffix, where the table gives none.

    Raises
    ------
    InputError
        If the table cannot be read, a column is missing, a label is not among ``labels`` or an image is not there.
    """
    path = Path(path)
    frame = renamed(read_table_file(path), columns, required=("path", "label"), groups=groups)
    if labels is not None:
        check_labels(frame["label"].to_list(), labels)
    frame = with_optional_columns(frame, frame["path"].cast(pl.String), groups)
    files = absolute(frame["path"].to_list(), Path(root) if root is not None else path.parent)
    manifest = Manifest(frame.with_columns(path=pl.Series(files, dtype=pl.String)))
    missing = manifest.missing_files()
    if missing:
        raise InputError(
            "every row of the table must have its image",
            f"no file {first_few(missing)}",
            "Correct the paths, or say where relative ones start with root=...",
        )
    return manifest


def renamed(
    frame: pl.DataFrame, columns: Mapping[str, str] | None, required: Sequence[str], groups: Groups = "patients"
) -> pl.DataFrame:
    """Return the frame under featkit's column names; ``required`` ones and, unless opted out of, "patient" are there.

    Raises
    ------
    InputError
        If a mapped or a required column is not there.
    """
    columns = dict(columns or {})
    absent = [theirs for theirs in columns.values() if theirs not in frame.columns]
    if absent:
        raise InputError(f"the table must have the mapped columns {', '.join(absent)}", ", ".join(frame.columns))
    left_over = [theirs for theirs in columns.values() if theirs not in columns]
    frame = frame.with_columns(**{ours: pl.col(theirs) for ours, theirs in columns.items()}).drop(left_over)
    required = (*required, *(("patient",) if groups == "patients" else ()))
    missing = [c for c in required if c not in frame.columns]
    if missing:
        raise InputError(
            f"the table must have the columns {', '.join(required)}",
            f"no {', '.join(missing)} among {', '.join(frame.columns)}",
            f"Say which of yours it is: columns={{{missing[0]!r}: '...'}}"
            + (", or groups='patches' if nobody knows the patients" if missing == ["patient"] else ""),
        )
    return frame


def check_labels(found: Sequence[str | None], known: Sequence[str]) -> None:
    """Raise `InputError` naming the labels that are not among ``known``."""
    unknown = sorted({str(x) for x in found if x not in set(known)})
    if unknown:
        raise InputError(
            f"labels must be among {', '.join(known)}", first_few(unknown), "Correct them, or list them too"
        )


def with_optional_columns(frame: pl.DataFrame, relative: pl.Series, groups: Groups = "patients") -> pl.DataFrame:
    """Return the frame with the optional standard columns: patch_id from ``relative`` paths, the others null.

    With the groups "patches" each patch becomes a patient of its own, with a warning.
    """
    if "patch_id" not in frame.columns:
        frame = frame.with_columns(patch_id=relative.str.replace(r"\.[^./\\]*$", ""))
    for name, dtype in (("magnification", pl.String), ("mpp", pl.Float64)):
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit(None, dtype=dtype).alias(name))
    if groups == "patches":
        frame = with_own_patients(frame)
        warnings.warn(PATCHES_AS_PATIENTS, FeatkitWarning, stacklevel=3)
    return frame
