"""The seal: what makes a store complete, kept in the attributes of its root group.

It is written with the consolidated metadata, after everything else, in a folder that then gets the store's name by
one rename. A hierarchy without a seal is not a store.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from featkit.core.errors import InputError
from featkit.core.files import write_json
from featkit.core.provenance import json_sha256

FORMAT = 1
ATTRIBUTE = "featkit"


@dataclasses.dataclass(frozen=True)
class Seal:
    """What is fixed when a store is sealed.

    Parameters
    ----------
    store_id : str
        SHA-256 over embeddings, table, probabilities and class names; the same numbers give the same id, whatever
        the shards and whoever wrote them.
    n, d : int
        Rows and dimensions.
    dtype : str
        "float32" or "float16", as stored.
    shard_rows, chunk_rows : int
        Rows of a shard and of a chunk of ``X``.
    shards_sha256 : list of str
        Hash of the values of each shard of ``X``, in order.
    obs_sha256 : str
        Hash of the table.
    probabilities_sha256 : str or None
        Hash of the class probabilities.
    provenance : dict
        As given when the store was begun, and how many rows were left out.
    plan : dict
        What the store was begun with.
    files : dict of str to int
        Size in bytes of each file but the root's ``zarr.json``.
    format : int
        The version of the format.
    root_sha256 : str or None
        Hash of all that the root's ``zarr.json`` holds beside it; None in stores of version 0.1.
    """

    store_id: str
    n: int
    d: int
    dtype: str
    shard_rows: int
    chunk_rows: int
    shards_sha256: list[str]
    obs_sha256: str
    probabilities_sha256: str | None
    provenance: dict[str, Any]
    plan: dict[str, Any]
    files: dict[str, int]
    format: int = FORMAT
    root_sha256: str | None = None

    def write(self, folder: Path) -> None:
        """Put the seal into the root's ``zarr.json``, after everything else is written."""
        root = json.loads((folder / "zarr.json").read_text(encoding="utf-8"))
        body = {k: v for k, v in dataclasses.asdict(self).items() if k != "root_sha256"}
        root["attributes"][ATTRIBUTE] = body
        root["attributes"][ATTRIBUTE] = {**body, "root_sha256": json_sha256(root)}
        write_json(folder / "zarr.json", root, indent=2)


def content_id(X_sha256: str, seal_parts: Sequence[str | None], plan: Mapping[str, Any]) -> str:
    """Return the id of a store's content.

    Parameters
    ----------
    X_sha256 : str
        Hash of all embeddings in row order.
    seal_parts : (obs_sha256, probabilities_sha256)
        Hashes of the table and of the class probabilities.
    plan : mapping
        Names of classes and, where there are any, of dimensions.
    """
    names = [] if plan.get("dimensions") is None else [plan["dimensions"]]
    return json_sha256([X_sha256, *seal_parts, plan["classes"], *names])


def read_seal(path: Path) -> Seal:
    """Return the seal of the store at ``path``; only the root's ``zarr.json`` is read.

    Raises
    ------
    InputError
        If there is no store, it is not sealed, a newer featkit wrote it, or files are missing or cut short.
    """
    fix = "Check the path or write the store first, e.g. with featkit extract"
    try:
        text = (path / "zarr.json").read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        if partial_folder(path).is_dir():
            fix = "Run the command that began it again: it resumes"
            raise InputError(f"store {path} must be finished", "an unfinished one", fix) from None
        if path.exists():
            raise InputError(f"{path} must be a store", "a file or folder of another kind", fix) from None
        raise InputError("store must exist", path, fix) from None
    except OSError as error:
        raise InputError(f"store {path} must be readable", error.strerror, "Check the path") from error
    except ValueError as error:
        raise InputError(f"{path}/zarr.json must be readable JSON", str(error), "Write the store again") from error
    seal = _seal(path, text)
    damaged = [name for name, size in seal.files.items() if _size(path / name) != size]
    if damaged:
        raise InputError(
            f"store {path} must be whole",
            f"{len(damaged)} files missing or cut short, first {damaged[0]}",
            "Copy the store again or write it again",
        )
    return seal


def _seal(path: Path, text: str) -> Seal:
    """Return the seal in the text of the root's metadata, checked against the hash that it carries."""
    try:
        root = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}/zarr.json must be readable JSON", str(error), "Write the store again") from error
    attributes = root.get("attributes") if isinstance(root, dict) else None
    body = attributes.get(ATTRIBUTE) if isinstance(attributes, dict) else None
    if not isinstance(body, dict) or not isinstance(body.get("format"), int):
        raise InputError(
            f"{path} must be sealed by featkit",
            "a Zarr hierarchy without a seal",
            "Export its features to parquet or npz and import that table",
        )
    if body["format"] > FORMAT:
        raise InputError(
            f"store {path} must be of format {FORMAT} or older", body["format"], "Upgrade featkit to read it"
        )
    expected = body.pop("root_sha256", None)
    if expected is not None and expected != json_sha256(root):
        raise InputError(
            f"the metadata of {path} must be as they were sealed", "others", "Copy the store again or write it again"
        )
    try:
        seal = Seal(**body, root_sha256=expected)
        if not isinstance(seal.files, dict):
            raise TypeError("no list of files")
        return seal
    except TypeError as error:
        raise InputError(f"the seal of {path} must be whole", str(error), "Write the store again") from error


def partial_folder(path: Path) -> Path:
    """Return where the unfinished store of this path is kept."""
    path = Path(os.path.abspath(path))  # "." and ".." have no name of their own
    return path.with_name(path.name + ".partial") if path.name else path / ".partial"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
