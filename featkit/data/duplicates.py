"""The same picture twice: found by its decoded pixels, since the files' bytes may differ."""

from __future__ import annotations

from collections import defaultdict

import polars as pl

from featkit.data.images import pixel_hashes
from featkit.data.manifest import Manifest
from featkit.data.split_audit import PIXEL_HASH
from featkit.results.audit import DuplicateAudit


def with_pixel_hash(manifest: Manifest, n_jobs: int = 2) -> tuple[Manifest, list[tuple[str, str]]]:
    """Return the manifest with a column ``pixel_hash``, and (path, reason) of the pictures that cannot be read.

    Parameters
    ----------
    manifest : Manifest
        Its images are read.
    n_jobs : int
        Threads that decode.

    Returns
    -------
    manifest : Manifest
        ``pixel_hash`` is null where the picture cannot be read. Splits made from it list duplicates across sides.
    unreadable : list of (str, str)
        Path and reason.
    """
    paths = manifest.frame["path"].to_list()
    found = pixel_hashes(paths, n_jobs)
    column = pl.Series(PIXEL_HASH, [digest for digest, _ in found], dtype=pl.String)
    unreadable = [(path, reason) for path, (digest, reason) in zip(paths, found, strict=True) if digest is None]
    return Manifest(manifest.frame.with_columns(column)), unreadable


def find_duplicates(manifest: Manifest, n_jobs: int = 2) -> DuplicateAudit:
    """Return the pictures that appear more than once, with conflicts of label and of patient listed.

    Parameters
    ----------
    manifest : Manifest
        Where it has a column ``pixel_hash`` the images are not read again.
    n_jobs : int
        Threads that decode.

    Returns
    -------
    DuplicateAudit
    """
    unreadable: list[tuple[str, str]] = []
    if PIXEL_HASH not in manifest.frame.columns:
        manifest, unreadable = with_pixel_hash(manifest, n_jobs)
    known = manifest.frame.drop_nulls(PIXEL_HASH)
    by_picture: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for digest, *row in known.select(PIXEL_HASH, "patch_id", "label", "patient").iter_rows():
        by_picture[digest].append((row[0], row[1], row[2]))
    groups = []
    for digest, rows in sorted(by_picture.items()):
        if len(rows) > 1:
            ids, labels, patients = (tuple(sorted(set(column))) for column in zip(*rows, strict=True))
            groups.append({"pixel_hash": digest, "patch_ids": ids, "labels": labels, "patients": patients})
    return DuplicateAudit(
        n_patches=known.height,
        n_distinct=len(by_picture),
        groups=tuple(groups),
        label_conflicts=tuple(str(g["pixel_hash"]) for g in groups if len(g["labels"]) > 1),
        patient_conflicts=tuple(str(g["pixel_hash"]) for g in groups if len(g["patients"]) > 1),
        unreadable=tuple(reason for _, reason in unreadable),
    )
