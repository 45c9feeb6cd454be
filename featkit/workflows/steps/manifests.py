"""From what a user points at (a folder, a table, a workspace) to a manifest."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featkit.core.errors import InputError
from featkit.core.files import write_json
from featkit.core.options import DataOptions
from featkit.core.progress import note
from featkit.core.workspace import CONFIG_NAME, Workspace

if TYPE_CHECKING:
    from featkit.data.manifest import Manifest

_TABLES = (".csv", ".tsv", ".parquet")
_OFFICIAL = ("SOB_", "CNB_")  # how BreaKHis's file names begin
_OPTIONS = {
    "breakhis": ("patient_key", "scale", "complete"),
    "folder": ("metadata", "columns", "labels", "groups"),
    "table": ("columns", "labels", "groups"),
}
_LATER = ("positive",)  # keys of [data] that do not change how the data is read


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


def read_manifest(options: DataOptions, root: Path) -> Manifest:
    """Return the manifest of the data that ``options`` name, paths relative to ``root``.

    Parameters
    ----------
    options : DataOptions
        Where the data is, and how it is read.
    root : Path
        What relative paths start from.

    Returns
    -------
    Manifest
        What was found.

    Raises
    ------
    InputError
        If the adapter is unknown, an option belongs to another adapter, or the data is not as the adapter needs it.
    """
    from featkit.data import ADAPTERS

    path = (root / options.path).resolve()
    adapter = options.adapter or guess_adapter(path)
    read = ADAPTERS[adapter]
    plain = DataOptions()
    given: dict[str, Any] = {}
    for field in dataclasses.fields(DataOptions):
        owners = [name for name, names in _OPTIONS.items() if field.name in names]
        value = getattr(options, field.name)
        if adapter in owners:
            given[field.name] = value if value not in ((), {}) else None
        elif owners and value != getattr(plain, field.name):
            raise InputError(
                f"{field.name} of [data] is for the adapter {' or '.join(owners)}",
                f"{value!r} with the adapter {adapter}",
                "Leave it out, or name the other adapter",
            )
    if given.get("metadata"):
        given["metadata"] = root / given["metadata"]
    manifest: Manifest = read(path, **given)
    return manifest


def keep_manifest(workspace: Workspace, manifest: Manifest) -> Manifest:
    """Write the manifest into the workspace, beside a record of what it was read with."""
    manifest.write(workspace.manifest_path)
    write_json(_record(workspace), _reading(workspace.config.data))
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
        return _set(json.loads(record.read_text(encoding="utf-8")))
    except (ValueError, AttributeError):  # cut short by a full disk, or written by somebody else
        return None


def _reading(options: DataOptions) -> dict[str, Any]:
    """Return the options that decide what is read, JSON-ready."""
    return _set(json.loads(json.dumps(dataclasses.asdict(options))))


def _set(values: dict[str, Any]) -> dict[str, Any]:
    """Return what decides what is read and is not the default; version 0.1 wrote empty values for what was not set."""
    plain = dataclasses.asdict(DataOptions())
    return {k: v for k, v in values.items() if k not in _LATER and v not in (None, "", [], {}) and v != plain.get(k)}
