"""``featkit split``: patient-disjoint leave-one-domain-out splits, saved with their audit."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from featkit.core.errors import InputError, did_you_mean
from featkit.core.file_names import file_name
from featkit.core.options import DataOptions, SplitOptions
from featkit.core.progress import note
from featkit.core.workspace import Workspace
from featkit.workflows.steps.manifests import read_manifest, workspace_manifest

if TYPE_CHECKING:
    from featkit.data.manifest import Manifest
    from featkit.data.split import Split


def split(
    data: str | Path | None = None,
    *,
    options: SplitOptions | None = None,
    reading: DataOptions | None = None,
    official: str | Path | None = None,
    output: str | Path | None = None,
) -> list[Split]:
    """Make and save the splits of one fold or of all.

    Parameters
    ----------
    data : path, optional
        A folder or table, outside a workspace.
    options : SplitOptions, optional
        The design, and in ``folds`` which folds to make (default: the workspace's ``[split]``).
    reading : DataOptions, optional
        How to read ``data``; its ``path`` is not looked at.
    official : path, optional
        BreaKHis's ``files.csv`` with the five official folds: those instead of leave-one-domain-out.
    output : path, optional
        Folder for the JSON files (default: the workspace's ``splits``, or ``splits`` here).

    Returns
    -------
    list of Split
        One per fold, each with its audit; patients shared between its sides are always zero.

    Raises
    ------
    InputError
        If a fold or column is not there, or a split cannot be made; then none is saved.

    Examples
    --------
    >>> featkit.split("patches.csv", options=SplitOptions(domain="scanner"))  # doctest: +SKIP
    """
    from featkit.data import make_splits

    workspace = None
    if data is None:
        workspace = Workspace.require()
        manifest, design = workspace_manifest(workspace), options or workspace.config.split
    else:
        found = (reading or DataOptions()).with_given(path=str(Path(data).resolve()))
        manifest, design = read_manifest(found, Path.cwd()), options or SplitOptions()
    if official is not None:
        is_chosen = options is not None  # the workspace's own folds are domains
        splits = _official(manifest, Path(official), design if is_chosen else dataclasses.replace(design, folds=()))
    else:
        made = make_splits(manifest, design)
        for fold, reason in made.skipped:
            note(f"Fold {fold} is left out: {reason}")
        splits = list(made.splits)
    for one in splits:
        if workspace is not None and output is None:
            one.save(workspace.split_path(one.fold))
        else:
            one.save(Path(output or "splits") / f"{file_name(one.fold)}.json")
    return splits


def ensure_split(workspace: Workspace, fold: str, manifest: Manifest) -> Split:
    """Return the workspace's split of ``fold``, made and saved when it does not exist yet.

    Raises
    ------
    InputError
        If the saved split is of other patches or patients than the manifest's, or no split can be made.
    """
    from featkit.data import Split, make_splits

    path = workspace.split_path(fold)
    if not path.is_file():
        design = dataclasses.replace(workspace.config.split, folds=(fold,))
        made = make_splits(manifest, design)[fold]
        made.save(path)
        return made
    saved = Split.load(path)
    frame = manifest.frame
    patients = dict(zip(saved.patch_ids.tolist(), saved.patients.tolist(), strict=True))
    if patients != dict(zip(frame["patch_id"], frame[saved.patient], strict=True)):
        raise InputError(
            f"the saved split of fold {fold} must be of the manifest's patches and patients",
            f"others in {path}",
            "Make it again with 'featkit split'; what was trained on the old one belongs to it alone",
        )
    return saved.align(frame["patch_id"].to_list())


def workspace_folds(workspace: Workspace, manifest: Manifest) -> list[str]:
    """Return the folds of the workspace: those configured, else all of the design that can be tested."""
    from featkit.data import make_splits

    if workspace.config.split.folds:
        return list(workspace.config.split.folds)
    made = make_splits(manifest, workspace.config.split)
    for fold, reason in made.skipped:
        note(f"Fold {fold} is left out: {reason}")
    return list(made.folds)


def _official(manifest: Manifest, files: Path, design: SplitOptions) -> list[Split]:
    from featkit.data import official_folds

    made = official_folds(manifest, files, design)
    unknown = [fold for fold in design.folds if fold not in made]
    if unknown:
        raise InputError("the fold must be an official one", repr(unknown[0]), did_you_mean(unknown[0], made))
    return [made[fold] for fold in design.folds or made]
