"""From what a user points at (a folder, a table, a workspace) to a manifest."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featkit.core.config import DataConfig
from featkit.core.errors import InputError
from featkit.core.progress import note
from featkit.core.workspace import CONFIG_NAME, Workspace

if TYPE_CHECKING:
    from featkit.data.manifest import Manifest

_TABLES = (".csv", ".parquet")
_OFFICIAL = ("SOB_", "CNB_")  # how BreaKHis's file names begin
_OPTIONS = {
    "breakhis": ("patient_key", "scale", "complete"),
    "folder": ("metadata", "columns", "labels"),
    "table": ("columns", "labels"),
}
_LATER = ("domain", "positive")  # keys of [data] that do not change how the data is read


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
    """Return the manifest that ``[data]`` describes, paths relative to ``root``.

    Raises
    ------
    InputError
        If the adapter is unknown, a key belongs to another adapter, or the data is not as the adapter needs it.
    """
    from featkit.data import ADAPTERS

    read = ADAPTERS[config.adapter]
    options: dict[str, Any] = {}
    for field in dataclasses.fields(DataConfig):
        owners = [adapter for adapter, names in _OPTIONS.items() if field.name in names]
        value = getattr(config, field.name)
        if config.adapter in owners:
            options[field.name] = value or None
        elif owners and value not in (None, "", (), {}, "case"):
            raise InputError(
                f"{field.name} of [data] is for the adapter {' or '.join(owners)}",
                f"{value!r} with the adapter {config.adapter}",
                "Leave it out, or name the other adapter",
            )
    if config.metadata and "metadata" in options:
        options["metadata"] = root / config.metadata
    if "complete" in options:
        options["complete"] = config.complete
    return read((root / config.path).resolve(), **options)


def keep_manifest(workspace: Workspace, manifest: Manifest) -> Manifest:
    """Write the manifest into the workspace, beside a record of what it was read with."""
    manifest.write(workspace.manifest_path)
    _record(workspace).write_text(json.dumps(_reading(workspace.config.data), indent=1), encoding="utf-8")
    return manifest


def reread_manifest(workspace: Workspace) -> Manifest:
    """Read the data as ``[data]`` says now, and keep the manifest."""
    return keep_manifest(workspace, read_manifest(workspace.config.data, workspace.root))


def workspace_manifest(workspace: Workspace) -> Manifest:
    """Return the workspace's manifest; the data is read where that was not done yet or ``[data]`` has changed."""
    from featkit.data import Manifest

    path, record = workspace.manifest_path, _record(workspace)
    if path.is_file():
        if not record.is_file() or _reading_of(record) == _reading(workspace.config.data):
            return Manifest.read(path)
        note(f"[data] of {CONFIG_NAME} has changed: reading the data again")
    return reread_manifest(workspace)


def _record(workspace: Workspace) -> Path:
    return workspace.manifest_path.with_suffix(".json")


def _reading_of(record: Path) -> Any:
    try:
        return json.loads(record.read_text(encoding="utf-8"))
    except ValueError:  # cut short by a full disk
        return None


def _reading(config: DataConfig) -> dict[str, Any]:
    """Return the JSON-ready keys that decide what is read."""
    values = {k: v for k, v in dataclasses.asdict(config).items() if k not in _LATER}
    return json.loads(json.dumps(values))
