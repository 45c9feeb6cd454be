"""A training under way: saved after every epoch, so that a killed run goes on where it was."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import torch

from featkit.core.errors import InputError
from featkit.core.files import whole_file, write_text
from featkit.core.fingerprint import Fingerprint

_STATE = "state.pt"
_LOG = "log.jsonl"


@dataclasses.dataclass
class TrainingState:
    """Where a training stands after ``len(history)`` epochs.

    Parameters
    ----------
    made_from : dict
        The fingerprint of everything that decides the weights, as a dict.
    history : list of dict
        One JSON-ready row per finished epoch.
    best_epoch : int
        1-based; 0 before the first epoch.
    best_value : float, optional
        Of the selection rule.
    best_networks : dict
        Encoder and head weights of the best epoch.
    method : dict
        What `Method.state_dict` returned after the last epoch.
    """

    made_from: dict[str, Any]
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    best_epoch: int = 0
    best_value: float | None = None
    best_networks: dict[str, dict[str, torch.Tensor]] = dataclasses.field(default_factory=dict)
    method: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def fingerprint(self) -> Fingerprint:
        """What it was begun with."""
        return Fingerprint.from_dict(self.made_from)

    def save(self, folder: Path) -> None:
        """Write log and state, each whole or not at all, the state last."""
        try:
            write_text(folder / _LOG, "".join(json.dumps(row) + "\n" for row in self.history))
            with whole_file(folder / _STATE) as partial:
                torch.save({f.name: getattr(self, f.name) for f in dataclasses.fields(self)}, partial)
        except InputError:
            raise
        except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
            reason = str(error).splitlines()[0]
            raise InputError(
                "training folder must be writable", f"{folder}: {reason}", "Make room or change it, then train again"
            ) from None

    @classmethod
    def load(cls, folder: Path) -> TrainingState | None:
        """Return the saved state, or None when there is none.

        Raises
        ------
        InputError
            If the state cannot be read, or is of another version of featkit.
        """
        path = folder / _STATE
        if not path.is_file():
            return None
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged archive raises many types
            reason = str(error).splitlines()[0][:160]
            raise InputError(f"{path} must be readable", reason, "It is damaged: delete it to start over") from None
        try:
            return cls(**saved)
        except TypeError:
            raise InputError(
                f"{path} must be of this version of featkit",
                "a training that another one began",
                "Finish it with that version, or move the folder away to start over",
            ) from None

    @staticmethod
    def remove(folder: Path) -> None:
        """Delete the state of a finished training; its log stays."""
        (folder / _STATE).unlink(missing_ok=True)
