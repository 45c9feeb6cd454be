"""``featkit init``: make the current folder a workspace around some data."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from featkit.core.config import Config
from featkit.core.errors import InputError
from featkit.core.files import write_text
from featkit.core.options import DataOptions, EncoderOptions, Options, SplitOptions
from featkit.core.progress import note
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
{split}

[encoder]
{encoder}

[train]
methods = ["baseline", "grl"]
seeds = [0]
n_epochs = 20
"""
_SHOWN = {
    "split": ("folds", "test_fraction", "val_fraction", "seed"),
    "encoder": ("name",),
}
"""Keys that are written whatever their value, so that a reader finds them."""
_REMARKS = {
    "folds": "each held out in turn",
    "test_fraction": "of the patients",
    "val_fraction": "of the patients; never of the held-out domain",
    "name": '"tiny", any timm model, "hf-hub:owner/name", or a file that featkit saved',
}


def init(
    data: str | Path | None = None,
    *,
    options: DataOptions | None = None,
    split: SplitOptions | None = None,
    encoder: EncoderOptions | None = None,
    workspace: str | Path = ".",
    force: bool = False,
) -> Manifest:
    """Make a folder a workspace around some data: write ``featkit.toml`` and the manifest.

    Parameters
    ----------
    data : path, optional
        A BreaKHis folder, a folder of class sub-folders, or a table. Without it the data of an existing workspace is
        read again as its ``featkit.toml`` says; the options are not looked at.
    options : DataOptions, optional
        How to read it; paths are relative to the current folder, and ``path`` is not looked at.
    split : SplitOptions, optional
        The design of the study; without one it is seen from the data.
    encoder : EncoderOptions, optional
        What the methods start from.
    workspace : path
        The folder to make a workspace.
    force : bool
        Write over an existing ``featkit.toml``.

    Returns
    -------
    Manifest
        What was found.

    Raises
    ------
    InputError
        If the folder is a workspace already, or the data, a column or the encoder is not as it must be.

    Examples
    --------
    >>> featkit.init("patches.csv", split=SplitOptions(domain="scanner"))  # doctest: +SKIP
    """
    from featkit.data import study_design

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
    if encoder is not None:
        _check_encoder(encoder)
    settings = _placed(options or DataOptions(), Path(data), root)
    design, start = split or SplitOptions(), encoder or EncoderOptions()
    manifest = read_manifest(settings, root)
    kind, reason, folds = study_design(manifest, design)
    if kind == "leave-one-domain-out":
        manifest.require([design.domain])
    else:
        note(f"Patients are divided by {kind}, since {reason}")
    design = dataclasses.replace(design, folds=folds)
    name, weights = (text and _below(text, root) for text in (start.name, start.weights))
    start = start.with_given(name=name, weights=weights)
    tables = {"data": _toml(settings, "data"), "split": _toml(design, "split"), "encoder": _toml(start, "encoder")}
    keep_manifest(Workspace(root, Config(data=settings, split=design, encoder=start)), manifest)
    write_text(target, _TEMPLATE.format(**tables))  # last, so that an init that failed can be run again
    return manifest


def _check_encoder(encoder: EncoderOptions) -> None:
    """Refuse a name that no encoder has, where torch is there to know them."""
    from importlib.util import find_spec

    if find_spec("torch") is not None and find_spec("timm") is not None:
        from featkit.encoders import check_encoder

        check_encoder(encoder.name)


def _placed(options: DataOptions, data: Path, root: Path) -> DataOptions:
    """Return the options with the data's place, its adapter, and paths that move with the workspace."""
    path = data.absolute()
    metadata = None if options.metadata is None else _below(str(Path(options.metadata).absolute()), root)
    return options.with_given(
        path=_below(str(path), root), adapter=options.adapter or guess_adapter(path), metadata=metadata
    )


def _below(name: str, root: Path) -> str:
    """Return a path relative to the workspace where it lies below it, so that both can be moved together."""
    if not Path(name).exists():
        return name  # no file, as an encoder's name
    path = Path(name).absolute()
    return os.path.relpath(path, root) if path.is_relative_to(root) else str(path)


def _toml(options: Options, section: str) -> str:
    """Return the lines of a table: the keys that are always shown, and whatever is not the default."""
    plain = type(options)()
    lines = []
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if value is None or (value == getattr(plain, field.name) and field.name not in _SHOWN.get(section, ())):
            continue
        remark = _REMARKS.get(field.name)
        lines.append(f"{field.name} = {_written(value)}" + (f"  # {remark}" if remark else ""))
    return "\n".join(lines)


def _written(value: object) -> str:
    """Return a value as TOML, which writes text, numbers and lists as JSON does."""
    if isinstance(value, dict):
        pairs = ", ".join(f"{json.dumps(k, ensure_ascii=False)} = {_written(v)}" for k, v in value.items())
        return f"{{ {pairs} }}"
    return json.dumps(value, ensure_ascii=False)
