"""``featkit split``: patient-disjoint leave-one-domain-out splits, saved with their audit."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featkit.core.config import DataConfig, SplitConfig
from featkit.core.errors import InputError, did_you_mean
from featkit.core.natural_order import sort_naturally
from featkit.core.workspace import Workspace
from featkit.workflows.steps.manifests import guess_adapter, read_manifest, workspace_manifest

if TYPE_CHECKING:
    from featkit.data.manifest import Manifest
    from featkit.data.split import Split


def split(
    data: str | Path | None = None,
    *,
    fold: str | None = None,
    domain: str | None = None,
    test_fraction: float | None = None,
    val_fraction: float | None = None,
    seed: int | None = None,
    official: str | Path | None = None,
    output: str | Path | None = None,
) -> list[Split]:
    """Make and save the splits of one fold or of all.

    Parameters
    ----------
    data : path, optional
        A folder or table, outside a workspace.
    fold : str, optional
        The domain to hold out, or one official fold; all of them when not given.
    domain : str, optional
        The column to leave one value of out (default: the workspace's, or "magnification").
    test_fraction, val_fraction : float, optional
        Shares of the patients.
    seed : int, optional
        The patient partition's seed; every fold of one seed has the same test patients.
    official : path, optional
        BreaKHis's ``files.csv`` with the five official folds: those instead of leave-one-domain-out.
    output : path, optional
        Folder for the JSON files (default: the workspace's ``splits``, or ``splits`` here).

    Returns
    -------
    list of Split
        One per fold, each with its audit; patients shared between its parts are always zero.
    """
    from featkit.data import official_folds

    workspace = Workspace.find() if data is None else None
    manifest, settings, column = _inputs(data, workspace, domain)
    given: dict[str, Any] = {"test_fraction": test_fraction, "val_fraction": val_fraction, "seed": seed}
    settings = dataclasses.replace(settings, **{k: v for k, v in given.items() if v is not None})
    if official is not None:
        made = official_folds(manifest, official, val_fraction=settings.val_fraction, seed=settings.seed)
        if fold is not None and fold not in made:
            raise InputError("the fold must be an official one", repr(fold), did_you_mean(fold, made))
        splits = [split for name, split in made.items() if fold in (None, name)]
    else:
        folds = [fold] if fold is not None else list(settings.folds) or _domains(manifest, column)
        splits = [_leave_out(manifest, name, column, settings) for name in folds]
    for one in splits:
        if output is None and workspace is not None:
            one.save(workspace.split_path(one.fold))
        else:
            one.save(Path(output or "splits") / f"{one.fold}.json")
    return splits


def ensure_split(workspace: Workspace, fold: str, manifest: Manifest) -> Split:
    """Return the workspace's split of ``fold``, made and saved when it does not exist yet.

    Raises
    ------
    InputError
        If the saved split is of other patches or patients than the manifest's, or no split can be made.
    """
    from featkit.data import Split

    path = workspace.split_path(fold)
    if not path.is_file():
        made = _leave_out(manifest, fold, workspace.config.data.domain, workspace.config.split)
        made.save(path)
        return made
    saved = Split.load(path)
    frame = manifest.frame
    patients = dict(zip(saved.patch_ids.tolist(), saved.patients.tolist(), strict=True))
    if patients != dict(zip(frame["patch_id"], frame[saved.patient], strict=True)):
        raise InputError(
            f"the saved split of fold {fold} must be of the manifest's patches and patients",
            f"others in {path}",
            "Make it again with 'featkit split'; what was trained on the old one goes with it",
        )
    return saved.align(frame["patch_id"].to_list())


def workspace_folds(workspace: Workspace, manifest: Manifest) -> list[str]:
    """Return the folds of the workspace: those configured, else every domain."""
    return list(workspace.config.split.folds) or _domains(manifest, workspace.config.data.domain)


def _leave_out(manifest: Manifest, fold: str, domain: str, settings: SplitConfig) -> Split:
    from featkit.data import leave_one_domain_out

    return leave_one_domain_out(
        manifest,
        fold,
        domain=domain,
        test_fraction=settings.test_fraction,
        val_fraction=settings.val_fraction,
        seed=settings.seed,
    )


def _inputs(
    data: str | Path | None, workspace: Workspace | None, domain: str | None
) -> tuple[Manifest, SplitConfig, str]:
    if data is None:
        workspace = workspace or Workspace.require()
        return workspace_manifest(workspace), workspace.config.split, domain or workspace.config.data.domain
    path = Path(data).resolve()
    config = DataConfig(path=str(path), adapter=guess_adapter(path))
    return read_manifest(config, path.parent), SplitConfig(), domain or "magnification"


def _domains(manifest: Manifest, domain: str) -> list[str]:
    return sort_naturally(manifest.require([domain]).frame[domain].to_list())
