"""A training under way: saved after every epoch, so that a killed run goes on where it was."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import torch

from featkit.core.errors import InputError

_STATE = "state.pt"
_LOG = "log.jsonl"


@dataclasses.dataclass
class TrainingState:
    """Where a training stands after ``len(history)`` epochs.

    Parameters
    ----------
    fingerprint : str
        Of everything that decides the weights; a state of another fingerprint is not resumed.
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

    fingerprint: str
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    best_epoch: int = 0
    best_value: float | None = None
    best_networks: dict[str, dict[str, torch.Tensor]] = dataclasses.field(default_factory=dict)
    method: dict[str, Any] = dataclasses.field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write state and log, the state by rename and last."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            rows = "".join(json.dumps(row) + "\n" for row in self.history)
            _replace(folder / _LOG, rows.encode())
            partial = folder / f"{_STATE}.partial"
            torch.save({f.name: getattr(self, f.name) for f in dataclasses.fields(self)}, partial)
            partial.replace(folder / _STATE)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
            reason = str(error).splitlines()[0]
            raise InputError(
                "training folder must be writable", f"{folder}: {reason}", "Make room or change it, then train again"
            ) from None

    @classmethod
    def load(cls, folder: Path, fingerprint: str) -> TrainingState | None:
        """Return the saved state, or None when there is none.

        Raises
        ------
        InputError
            If the state is of other data, another encoder or other settings, or cannot be read.
        """
        path = folder / _STATE
        if not path.is_file():
            return None
        try:
            state = cls(**torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:  # a damaged archive raises many types
            raise InputError(f"{path} must be readable", error, "Delete it to start over") from None
        if state.fingerprint != fingerprint:
            raise InputError(
                f"training in {folder} must be resumed with its own data, encoder and settings",
                "others",
                "Choose another folder, or delete that one to start over",
            )
        return state

    @staticmethod
    def remove(folder: Path) -> None:
        """Delete the state of a finished training; its log stays."""
        (folder / _STATE).unlink(missing_ok=True)


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)
