"""``featkit audit``: what is on each side of each split, and what must not be on both."""

from __future__ import annotations

from pathlib import Path

from featkit.core.errors import InputError
from featkit.core.progress import note
from featkit.core.workspace import Workspace
from featkit.results.audit import SplitAudit
from featkit.workflows._split import ensure_split, workspace_folds
from featkit.workflows.steps.manifests import workspace_manifest


def audit(split: str | Path | None = None, *, fold: str | None = None, pixels: bool = False) -> list[SplitAudit]:
    """Return the audits of the workspace's splits, or of one split file.

    Parameters
    ----------
    split : path, optional
        A saved split; the audit saved with it is returned.
    fold : str, optional
        One fold of the workspace; all when not given.
    pixels : bool
        Decode every patch and look for the same picture on two sides, or under two labels; those that cannot be read
        are named as notes.

    Returns
    -------
    list of SplitAudit
        One per split.
    """
    from featkit.data.duplicates import with_pixel_hash
    from featkit.data.split import Split

    if split is not None:
        if pixels:
            raise InputError("a look at the pixels needs a workspace", str(split), "Leave out the file or --pixels")
        return [Split.load(split).audit]
    workspace = Workspace.require()
    manifest = workspace_manifest(workspace)
    folds = [fold] if fold is not None else workspace_folds(workspace, manifest)
    splits = [ensure_split(workspace, name, manifest) for name in folds]
    if not pixels:
        return [made.audit for made in splits]
    hashed, unreadable = with_pixel_hash(manifest)
    for _, reason in unreadable:
        note(reason)
    notes = [f"{len(unreadable)} pictures could not be read and were not compared"] if unreadable else []
    return [made.for_table(hashed, notes).audit for made in splits]
