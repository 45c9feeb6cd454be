"""From what a user points at (a folder, a table, a workspace) to a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from featkit.core.config import DataConfig
from featkit.core.errors import InputError
from featkit.core.workspace import Workspace

if TYPE_CHECKING:
    from featkit.data.manifest import Manifest

_TABLES = (".csv", ".parquet")
_OFFICIAL = ("SOB_", "CNB_")  # how BreaKHis's file names begin


def guess_adapter(data: Path) -> str:
    """Return the adapter that reads ``data``: a table by its ending, BreaKHis by its file names, else a folder."""
    if not data.exists():
        raise InputError("the data must be a folder of images or a table", f"nothing at {data}", "Check the path")
    if data.is_file():
        if data.suffix.lower() not in _TABLES:
            raise InputError(f"a table must end in {' or '.join(_TABLES)}", data.name, "Convert it, or name a folder")
        return "table"
    is_breakhis = any(path.name.startswith(_OFFICIAL) for path in data.rglob("*.*"))
    return "breakhis" if is_breakhis else "folder"


def read_manifest(config: DataConfig, root: Path) -> Manifest:
    """Return the manifest that ``[data]`` describes, paths relative to ``root``."""
    from featkit.data import ADAPTERS

    data = (root / config.path).resolve()
    adapter = ADAPTERS[config.adapter]
    if config.adapter == "breakhis":
        return adapter(data, patient_key=config.patient_key)
    if config.adapter == "folder":
        metadata = (root / config.metadata) if config.metadata else None
        return adapter(data, metadata=metadata)
    return adapter(data, columns=config.columns)


def workspace_manifest(workspace: Workspace) -> Manifest:
    """Return the manifest that ``featkit init`` wrote."""
    from featkit.data import Manifest

    if not workspace.manifest_path.is_file():
        raise InputError(
            "a workspace must hold its manifest",
            f"no {workspace.manifest_path}",
            "Run 'featkit init' again with --force",
        )
    return Manifest.read(workspace.manifest_path)
