"""``featkit init``: make the current folder a workspace around some data."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from featkit.core.config import DataConfig
from featkit.core.errors import InputError
from featkit.core.magnification import domain_sort_key
from featkit.core.workspace import CONFIG_NAME
from featkit.workflows._manifests import guess_adapter, read_manifest

if TYPE_CHECKING:
    from featkit.data.manifest import Manifest

_TEMPLATE = """\
# A featkit workspace: commands run in this folder, or below it, need no paths.
# Every key may be left out; docs/workspace.md lists them all with their defaults.

[data]
path = {path}
adapter = {adapter}{extra}

[split]
folds = {folds}          # each held out in turn
test_fraction = 0.3      # of the patients
val_fraction = 0.15      # of the patients; never of the held-out domain
seed = 0

[encoder]
name = {encoder}         # "tiny", any timm model, "hf-hub:owner/name", or a checkpoint file
weights = ""             # a local .safetensors or .pth file instead of the hub's

[train]
methods = ["baseline", "grl"]
seeds = [0]
epochs = 20
"""


def init(
    data: str | Path,
    *,
    adapter: str = "auto",
    metadata: str | Path | None = None,
    patient_key: str = "case",
    domain: str = "magnification",
    encoder: str = "timm:resnet50",
    workspace: str | Path = ".",
    force: bool = False,
) -> Manifest:
    """Make a folder a workspace around some data: write ``featkit.toml`` and the manifest.

    Parameters
    ----------
    data : path
        A BreaKHis folder, a folder of class sub-folders, or a CSV or Parquet table.
    adapter : {"auto", "breakhis", "folder", "table"}
        How to read it; "auto" looks at it.
    metadata : path, optional
        For "folder": the table with patient, magnification and mpp of each patch.
    patient_key : {"case", "id"}
        For "breakhis": 70 case numbers (default) or 82 ids.
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
    root, data = Path(workspace).resolve(), Path(data).resolve()
    target = root / CONFIG_NAME
    if target.exists() and not force:
        raise InputError("the folder must not be a workspace yet", str(target), "Edit that file, or use --force")
    name = guess_adapter(data) if adapter == "auto" else adapter
    relative = os.path.relpath(data, root)
    where = relative if not relative.startswith("..") else str(data)
    table = "" if metadata is None else os.path.relpath(Path(metadata).resolve(), root)
    settings = DataConfig(path=where, adapter=name, metadata=table, patient_key=patient_key, domain=domain)
    manifest = read_manifest(settings, root)
    if domain not in manifest.frame.columns:
        raise InputError(
            "the domain must be a column of the manifest", domain, f"There are: {', '.join(manifest.frame.columns)}"
        )
    folds = sorted({str(v) for v in manifest.frame[domain]}, key=domain_sort_key)
    extra = {
        "patient_key": patient_key if name == "breakhis" else "",
        "metadata": table,
        "domain": domain if domain != "magnification" else "",
    }
    root.mkdir(parents=True, exist_ok=True)
    manifest.write(root / "manifest.parquet")
    text = _TEMPLATE.format(
        path=json.dumps(where),
        adapter=json.dumps(name),
        extra="".join(f"\n{k} = {json.dumps(v)}" for k, v in extra.items() if v),
        folds=json.dumps(folds),
        encoder=json.dumps(encoder),
    )
    target.write_text(text, encoding="utf-8")
    return manifest
