"""A trained encoder and its head, with where they came from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import nn

from featkit.core.errors import InputError
from featkit.core.files import read_json, whole_file, write_json
from featkit.core.provenance import file_sha256, json_sha256
from featkit.encoders.encoder import Encoder
from featkit.encoders.saved import restore_encoder, save_encoder
from featkit.encoders.weights import load_weights, read_weights

_VERSION = 2
_RECORD = "checkpoint.json"
_WEIGHTS = ("encoder.safetensors", "head.safetensors")


@dataclasses.dataclass(frozen=True, eq=False)
class Checkpoint:
    """What training leaves: unpacks as ``encoder, head, meta``.

    Parameters
    ----------
    encoder : Encoder
        In eval mode, on the CPU.
    head : nn.Linear
        (b, d) embeddings to (b, c) logits.
    meta : dict
        JSON-ready: method and its options, settings, classes, domains, counts, selection rule with its value and
        epoch, the history of all epochs, data and weights hashes, versions.

    Examples
    --------
    >>> encoder, head, meta = load_checkpoint("runs/grl/100X/seed0/checkpoint")  # doctest: +SKIP
    """

    encoder: Encoder
    head: nn.Linear
    meta: dict[str, Any]

    def __iter__(self) -> Iterator[Any]:
        return iter((self.encoder, self.head, self.meta))

    def save(self, folder: str | Path) -> Path:
        """Write ``encoder.safetensors``, ``head.safetensors`` and, last, ``checkpoint.json`` with their hashes.

        Raises
        ------
        InputError
            If the folder cannot be written.
        """
        from safetensors.torch import save_file

        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            save_encoder(self.encoder, folder / _WEIGHTS[0])
            with whole_file(folder / _WEIGHTS[1]) as partial:
                save_file({k: v.detach().cpu().contiguous() for k, v in self.head.state_dict().items()}, partial)
            files = {name: file_sha256(folder / name) for name in _WEIGHTS}
            record = {"version": _VERSION, "files": files, **self.meta}
            write_json(folder / _RECORD, {**record, "sha256": json_sha256(record)})
        except OSError as error:
            raise InputError("checkpoint folder must be writable", f"{folder}: {error}", "Free or change it") from None
        return folder


def load_checkpoint(folder: str | Path) -> Checkpoint:
    """Return the checkpoint that training or `Checkpoint.save` wrote.

    Record and weights are compared with the hashes that were saved with them. Checkpoints of featkit 0.1 are read too;
    of their heads no hash was kept.

    Parameters
    ----------
    folder : path
        The folder with ``checkpoint.json``.

    Returns
    -------
    Checkpoint
        On the CPU, in eval mode.

    Raises
    ------
    InputError
        If the folder holds no finished checkpoint, one of another version, or a file that is not as it was written.
    """
    folder = Path(folder)
    meta = read_record(folder)
    for name, sha256 in meta.pop("files", {}).items():
        if not (folder / name).is_file() or file_sha256(folder / name) != sha256:
            raise _damaged(folder / name)
    encoder = restore_encoder(folder / _WEIGHTS[0])
    if encoder.weights_sha256 != meta["encoder"]["weights_sha256"]:
        raise InputError("encoder must be the one the checkpoint names", f"other weights in {folder}", _AGAIN)
    head = nn.Linear(encoder.n_dimensions, len(meta["classes"]))
    load_weights(head, read_weights(folder / _WEIGHTS[1]), what="the head of this checkpoint")
    return Checkpoint(encoder, head.eval(), meta)


def read_record(folder: Path) -> dict[str, Any]:
    """Return what a finished checkpoint says of itself: its ``meta`` and the hashes of its ``files``, checked."""
    path = folder / _RECORD
    if not path.is_file():
        state = " (training there is not finished)" if (folder / "state.pt").is_file() else ""
        raise InputError(f"checkpoint must be finished, no {_RECORD} in {folder}{state}", None, "Run the training")
    found = read_json(path, "checkpoint")
    record: dict[str, Any] = found if isinstance(found, dict) else {}
    version = record.pop("version", None)
    if version not in (1, _VERSION):
        raise InputError(f"{path} must be a checkpoint of version 1 or {_VERSION}", f"version {version!r}", _AGAIN)
    if version == _VERSION and record.pop("sha256", None) != json_sha256({"version": version, **record}):
        raise _damaged(path)
    if not {"encoder", "classes"} <= set(record):
        raise _damaged(path)
    return record


def is_finished(folder: str | Path) -> bool:
    """Return whether a finished checkpoint lies in the folder."""
    return (Path(folder) / _RECORD).is_file()


_AGAIN = "Bring the old file back, or move the folder away and train again"


def _damaged(path: Path) -> InputError:
    return InputError(f"{path} must be as it was written", "a changed file", _AGAIN)
