"""``featkit init``: make the current folder a workspace around some data."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from featkit.core.config import Config, DataConfig
from featkit.core.errors import InputError
from featkit.core.natural_order import sort_naturally
from featkit.core.workspace import CONFIG_NAME, Workspace
from featkit.workflows.steps.manifests import guess_adapter, keep_manifest, read_manifest, reread_manifest

if TYPE_CHECKING:
    from featkit.data.manifest import Manifest

_TEMPLATE = """\
# A featkit workspace: commands run in this folder, or below it, need no paths.
# Every key may be left out; docs/workspace.md lists them all with their defaults.

[data]
{data}

[split]
folds = {folds}  # each held out in turn
test_fraction = 0.3  # of the patients
val_fraction = 0.15  # of the patients; never of the held-out domain
seed = 0

[encoder]
name = {encoder}  # "tiny", any timm model, "hf-hub:owner/name", or a checkpoint file
weights = ""  # a local .safetensors or .pth file instead of the hub's

[train]
methods = ["baseline", "grl"]
seeds = [0]
epochs = 20
"""


def init(
    data: str | Path | None = None,
    *,
    adapter: str = "auto",
    metadata: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    patient_key: str = "case",
    scale: float | None = None,
    domain: str = "magnification",
    encoder: str = "timm:resnet50",
    workspace: str | Path = ".",
    force: bool = False,
) -> Manifest:
    """Make a folder a workspace around some data: write ``featkit.toml`` and the manifest.

    Parameters
    ----------
    data : path, optional
        A BreaKHis folder, a folder of class sub-folders, or a CSV or Parquet table. Without it the data of an existing
        workspace is read again as its ``featkit.toml`` says; the other options are not looked at.
    adapter : {"auto", "breakhis", "folder", "table"}
        How to read it; "auto" looks at it.
    metadata : path, optional
        For "folder": the table with patient, magnification and mpp of each patch.
    columns : mapping of str to str, optional
        For "folder" and "table": featkit's column name to the table's, where they differ.
    patient_key : {"case", "id"}
        For "breakhis": 70 case numbers (default) or 82 ids.
    scale : float, optional
        For "breakhis": stored pixels per original pixel, 224/460 for copies resized to 224 rows, 1 for crops.
    domain : str
        The column a method must generalise over.
    encoder : str
        What the methods start from; see ``featkit extract``.
    workspace : path
        The folder to make a workspace.
    force : bool
        Write over an existing ``featkit.toml``.

    Returns
    -------
    Manifest
        What was found.
    """
    root = Path(workspace).absolute()
    target = root / CONFIG_NAME
    if data is None:
        return reread_manifest(Workspace.require(root))
    if target.exists() and not force:
        raise InputError(
            "the folder must not be a workspace yet",
            str(target),
            "Edit that file and run 'featkit init' without data, or use --force to write it anew",
        )
    data = Path(data).absolute()
    settings = DataConfig(
        path=_below(data, root),
        adapter=guess_adapter(data) if adapter == "auto" else adapter,
        metadata="" if metadata is None else _below(Path(metadata).absolute(), root),
        columns=dict(columns or {}),
        patient_key=patient_key,
        scale=scale,
        domain=domain,
    )
    manifest = read_manifest(settings, root)
    if domain not in manifest.frame.columns:
        raise InputError(
            "the domain must be a column of the manifest", domain, f"There are: {', '.join(manifest.frame.columns)}"
        )
    if Path(encoder).exists():
        encoder = _below(Path(encoder).absolute(), root)
    folds = sort_naturally(manifest.require([domain]).frame[domain].to_list())
    text = _TEMPLATE.format(data=_toml(settings), folds=_quoted(folds), encoder=_quoted(encoder))
    root.mkdir(parents=True, exist_ok=True)
    keep_manifest(Workspace(root, Config(data=settings)), manifest)
    partial = target.with_name(target.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(target)  # last, so that an init that failed can be run again
    return manifest


def _below(path: Path, root: Path) -> str:
    """Return the path relative to the workspace where it lies below it, so that both can be moved together."""
    return os.path.relpath(path, root) if path.is_relative_to(root) else str(path)


def _toml(settings: DataConfig) -> str:
    """Return the lines of ``[data]``: path, adapter and whatever is not the default."""
    plain = DataConfig()
    lines = [f"path = {_quoted(settings.path)}", f"adapter = {_quoted(settings.adapter)}"]
    if settings.adapter == "breakhis":
        lines.append(f"patient_key = {_quoted(settings.patient_key)}")
    for name in ("metadata", "scale", "domain"):
        value = getattr(settings, name)
        if value != getattr(plain, name):
            lines.append(f"{name} = {_quoted(value)}")
    if settings.columns:
        pairs = ", ".join(f"{_quoted(ours)} = {_quoted(theirs)}" for ours, theirs in settings.columns.items())
        lines.append(f"columns = {{ {pairs} }}")
    return "\n".join(lines)


def _quoted(value: object) -> str:
    """Return text, numbers and lists as TOML, which writes these as JSON does."""
    return json.dumps(value, ensure_ascii=False)
