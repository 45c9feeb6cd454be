"""``featkit split``: patient-disjoint leave-one-domain-out splits, saved with their audit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from featkit.core.config import SplitConfig
from featkit.core.workspace import Workspace
from featkit.workflows._manifests import guess_adapter, read_manifest, workspace_manifest

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
        The domain to hold out; all of them when not given.
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
    from featkit.data import leave_one_domain_out, official_folds

    workspace = Workspace.find() if data is None else None
    manifest, settings, column = _inputs(data, workspace, domain)
    if official is not None:
        splits = list(official_folds(manifest, official).values())
    else:
        folds = [fold] if fold is not None else list(settings.folds) or _domains(manifest, column)
        splits = [
            leave_one_domain_out(
                manifest,
                name,
                domain=column,
                test_fraction=settings.test_fraction if test_fraction is None else test_fraction,
                val_fraction=settings.val_fraction if val_fraction is None else val_fraction,
                seed=settings.seed if seed is None else seed,
            )
            for name in folds
        ]
    for made in splits:
        if output is None and workspace is not None:
            made.save(workspace.split_path(made.fold))
        else:
            made.save(Path(output or "splits") / f"{made.fold}.json")
    return splits


def ensure_split(workspace: Workspace, fold: str, manifest: Manifest) -> Split:
    """Return the workspace's split of ``fold``, made and saved when it does not exist yet."""
    from featkit.data import Split, leave_one_domain_out

    path = workspace.split_path(fold)
    if path.is_file():
        return Split.load(path).align(manifest.frame["patch_id"].to_list())
    settings = workspace.config.split
    made = leave_one_domain_out(
        manifest,
        fold,
        domain=workspace.config.data.domain,
        test_fraction=settings.test_fraction,
        val_fraction=settings.val_fraction,
        seed=settings.seed,
    )
    made.save(path)
    return made


def workspace_folds(workspace: Workspace, manifest: Manifest) -> list[str]:
    """Return the folds of the workspace: those configured, else every domain."""
    return list(workspace.config.split.folds) or _domains(manifest, workspace.config.data.domain)


def _inputs(
    data: str | Path | None, workspace: Workspace | None, domain: str | None
) -> tuple[Manifest, SplitConfig, str]:
    from featkit.core.config import DataConfig

    if data is None:
        workspace = workspace or Workspace.require()
        return workspace_manifest(workspace), workspace.config.split, domain or workspace.config.data.domain
    path = Path(data).resolve()
    config = DataConfig(path=str(path), adapter=guess_adapter(path))
    return read_manifest(config, path.parent), SplitConfig(), domain or "magnification"


def _domains(manifest: Manifest, domain: str) -> list[str]:
    from featkit.core.magnification import sort_domains

    return sort_domains(manifest.require([domain]).frame[domain].to_list())
