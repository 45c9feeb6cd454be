"""A folder with one sub-folder per class, and a table that says whose patches they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from featkit.core.errors import InputError
from featkit.core.patient_groups import Groups
from featkit.core.table_files import read_table_file
from featkit.core.text import first_few
from featkit.data.adapters.files import image_files
from featkit.data.adapters.table import check_labels, renamed, with_optional_columns
from featkit.data.manifest import Manifest

_TABLES = ("metadata.csv", "metadata.parquet")


def read_folder(
    folder: str | Path,
    *,
    metadata: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    labels: Sequence[str] | None = None,
    groups: Groups = "patients",
) -> Manifest:
    """Return the manifest of ``folder/<class>/.../<image>`` joined with a metadata table.

    Parameters
    ----------
    folder : str or Path
        Its sub-folders are the classes; images may lie deeper.
    metadata : str or Path, optional
        CSV, TSV or Parquet with ``path`` (relative to ``folder``), ``patient`` and optionally ``magnification``,
        ``mpp``, ``patch_id`` and any other column; by default ``metadata.csv`` or ``metadata.parquet`` in the folder.
    columns : mapping of str to str, optional
        featkit's name to the table's name, where they differ: ``{"patient": "case_id"}``.
    labels : sequence of str, optional
        The classes there may be; another sub-folder with images is an error.
    groups : {"patients", "patches"}
        "patches" counts each patch as a patient of its own, where nobody knows the patients; it warns.

    Returns
    -------
    Manifest
        ``patch_id`` is the path relative to ``folder`` without its suffix where the table gives none.

    Raises
    ------
    InputError
        If there is no table, an image has no row, a row has no image, an image lies in no class folder, or a class is
        not among ``labels``.
    """
    root = Path(folder).resolve()
    files = image_files(root)
    loose = [p.name for p in files if p.parent == root]
    if loose:
        raise InputError("every image must lie in its class's sub-folder", f"{first_few(loose)} in {root} itself")
    found = pl.DataFrame(
        {
            "relative": [p.relative_to(root).as_posix() for p in files],
            "label": [p.relative_to(root).parts[0] for p in files],
        }
    )
    if labels is not None:
        check_labels(found["label"].to_list(), labels)
    table = renamed(read_table_file(_metadata(root, metadata)), columns, ("path",), groups)
    table = table.with_columns(relative=pl.col("path").str.replace_all(r"\\", "/").str.strip_prefix("./"))
    twice = table.filter(pl.col("relative").is_duplicated())["relative"].unique(maintain_order=True).to_list()
    if twice:
        raise InputError("the metadata table must have one row per image", f"more for {first_few(twice)}")
    without_row = found.join(table, on="relative", how="anti")["relative"].to_list()
    if without_row:
        raise InputError("every image must have a row in the metadata table", f"none for {first_few(without_row)}")
    without_image = table.join(found, on="relative", how="anti")["relative"].to_list()
    if without_image:
        raise InputError("every row of the metadata table must have its image", f"no file {first_few(without_image)}")
    extra = [c for c in table.columns if c not in ("path", "label")]
    frame = found.join(table.select(extra), on="relative", how="left", maintain_order="left")
    frame = frame.with_columns(path=pl.lit(f"{root}/") + pl.col("relative"))
    return Manifest(with_optional_columns(frame, frame["relative"], groups).drop("relative"))


def _metadata(root: Path, given: str | Path | None) -> Path:
    if given is not None:
        return Path(given)
    for name in _TABLES:
        if (root / name).is_file():
            return root / name
    raise InputError(
        "a folder of images needs a table that names each patch's patient",
        f"neither {' nor '.join(_TABLES)} in {root}",
        "Write one with columns path, patient, magnification, mpp, or name it with metadata=...",
    )
