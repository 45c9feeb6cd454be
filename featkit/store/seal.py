"""The seal: what makes a store complete, kept in the attributes of its root group.

It is written with the consolidated metadata, after everything else, in a folder that then gets the store's name by
one rename. A hierarchy without a seal is not a store.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from featkit.core.errors import InputError
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

    def to_dict(self) -> dict[str, Any]:
        """Return the seal JSON-ready."""
        return dataclasses.asdict(self)


def content_id(X_sha256: str, obs_sha256: str, probabilities_sha256: str | None, classes: list[str] | None) -> str:
    """Return the id of a store's content."""
    return json_sha256([X_sha256, obs_sha256, probabilities_sha256, classes])


def read_seal(path: Path) -> Seal:
    """Return the seal of the store at ``path``; only the root's ``zarr.json`` is read.

    Raises
    ------
    InputError
        If there is no store, it is not sealed, a newer featkit wrote it, or files are missing or cut short.
    """
    fix = "Check the path or write the store first, e.g. with featkit extract"
    try:
        root = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
        attributes = root.get("attributes", {})
    except (FileNotFoundError, NotADirectoryError):
        if partial_folder(path).is_dir():
            fix = "Run the command that began it again: it resumes"
            raise InputError(f"store {path} must be finished", "an unfinished one", fix) from None
        if path.exists():
            raise InputError(f"{path} must be a store", "a file or folder of another kind", fix) from None
        raise InputError("store must exist", path, fix) from None
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path}/zarr.json must be readable JSON", str(error), "Write the store again") from error
    body = attributes.get(ATTRIBUTE)
    if not isinstance(body, dict) or "format" not in body:
        raise InputError(
            f"{path} must be sealed by featkit",
            "a Zarr hierarchy without a seal",
            "Export its features to parquet or npz and import that table",
        )
    if body["format"] > FORMAT:
        raise InputError(
            f"store {path} must be of format {FORMAT} or older", body["format"], "Upgrade featkit to read it"
        )
    seal = Seal(**body)
    damaged = [name for name, size in seal.files.items() if _size(path / name) != size]
    if damaged:
        raise InputError(
            f"store {path} must be whole",
            f"{len(damaged)} files missing or cut short, first {damaged[0]}",
            "Copy the store again or write it again",
        )
    return seal


def partial_folder(path: Path) -> Path:
    """Return where the unfinished store of this path is kept."""
    return path.with_name(path.name + ".partial")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
