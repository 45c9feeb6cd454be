"""A trained encoder and its head, with where they came from."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import nn

from featkit.core.errors import InputError
from featkit.encoders.encoder import Encoder
from featkit.encoders.saved import restore_encoder, save_encoder
from featkit.encoders.weights import load_weights, read_weights

_VERSION = 1
_RECORD = "checkpoint.json"


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
    """

    encoder: Encoder
    head: nn.Linear
    meta: dict[str, Any]

    def __iter__(self) -> Iterator[Any]:
        return iter((self.encoder, self.head, self.meta))

    def save(self, folder: str | Path) -> Path:
        """Write ``encoder.safetensors``, ``head.safetensors`` and, last, ``checkpoint.json``.

        Raises
        ------
        InputError
            If the folder cannot be written.
        """
        from safetensors.torch import save_file

        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            save_encoder(self.encoder, folder / "encoder.safetensors")
            partial = folder / "head.safetensors.partial"
            save_file({k: v.detach().cpu().contiguous() for k, v in self.head.state_dict().items()}, partial)
            partial.replace(folder / "head.safetensors")
            partial = folder / f"{_RECORD}.partial"
            partial.write_text(json.dumps({"version": _VERSION, **self.meta}, indent=1), encoding="utf-8")
            partial.replace(folder / _RECORD)
        except OSError as error:
            raise InputError("checkpoint folder must be writable", f"{folder}: {error}", "Free or change it") from None
        return folder


def load_checkpoint(folder: str | Path) -> Checkpoint:
    """Return the checkpoint that training or `Checkpoint.save` wrote.

    Raises
    ------
    InputError
        If the folder holds no finished checkpoint, one of another version, or weights that are not those it names.
    """
    folder = Path(folder)
    record = folder / _RECORD
    if not record.is_file():
        state = " (training there is not finished)" if (folder / "state.pt").is_file() else ""
        raise InputError(f"checkpoint must be finished, no {_RECORD} in {folder}{state}", None, "Run the training")
    try:
        meta = json.loads(record.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{record} must be valid JSON", error, "Train again into a new folder") from None
    if meta.pop("version", None) != _VERSION:
        raise InputError(f"checkpoint must be of version {_VERSION}", f"another in {folder}", "Train again")
    encoder = restore_encoder(folder / "encoder.safetensors")
    if encoder.weights_sha256 != meta["encoder"]["weights_sha256"]:
        raise InputError("encoder must be the one the checkpoint names", f"other weights in {folder}", "Train again")
    head = nn.Linear(encoder.n_dimensions, len(meta["classes"]))
    load_weights(head, read_weights(folder / "head.safetensors"), what="the head of this checkpoint")
    return Checkpoint(encoder, head.eval(), meta)


def is_finished(folder: str | Path) -> bool:
    """Return whether a finished checkpoint lies in the folder."""
    return (Path(folder) / _RECORD).is_file()
