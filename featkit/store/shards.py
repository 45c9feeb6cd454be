"""Unfinished stores: whole shards waiting beside the store until all are there.

Shards are staged under ``<store>.partial/`` and assembled into the final Zarr hierarchy in one pass when the store is
sealed. The reasons: the grain of resuming need not be the grain of reading; rows whose image was bad can be left out
of the final arrays, which moves every later row; a reader never meets a half-written hierarchy, because the final
folder appears by one rename; and writers in any number of processes share nothing but a folder. The price is that the
disk holds the embeddings twice while the store is being sealed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from featkit.core.errors import InputError
from featkit.core.files import write_bytes, write_json
from featkit.core.provenance import json_sha256
from featkit.store.lock import locked

_SHARD_BYTES = 32_000_000
_FEWEST_ROWS = 64


@dataclasses.dataclass(frozen=True)
class Shard:
    """Rows ``first`` to ``stop - 1`` of the planned table, written together or not at all."""

    number: int
    first: int
    stop: int

    @property
    def rows(self) -> slice:
        """The rows as a slice of the planned table."""
        return slice(self.first, self.stop)

    def __len__(self) -> int:
        return self.stop - self.first


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a store will hold; resuming must agree with it in everything.

    Parameters
    ----------
    n : int
        Planned rows.
    d : int
        Dimensions.
    dtype : str
        "float32" or "float16".
    shard_rows : int
        Rows of a shard, the last one excepted.
    classes : list of str or None
        Names of the columns of the class probabilities.
    obs_sha256 : str
        Hash of the planned table.
    provenance : dict
        Where the embeddings come from, JSON-ready.
    dimensions : list of str or None
        The names of the dimensions where they have any.
    """

    n: int
    d: int
    dtype: str
    shard_rows: int
    classes: list[str] | None
    obs_sha256: str
    provenance: dict[str, Any]
    dimensions: list[str] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the plan JSON-ready; names of dimensions only where there are any, as in plans of version 0.1."""
        body = dataclasses.asdict(self)
        return body if body["dimensions"] is not None else {k: v for k, v in body.items() if k != "dimensions"}

    @property
    def sha256(self) -> str:
        """Hash of the whole plan; each shard's marker carries it."""
        return json_sha256(self.to_dict())

    def shards(self) -> Iterator[Shard]:
        """Yield the shards in row order."""
        for number, first in enumerate(range(0, self.n, self.shard_rows)):
            yield Shard(number, first, min(self.n, first + self.shard_rows))

    def require_same(self, other: Plan, path: Path) -> None:
        """Refuse to go on with another plan, naming what differs."""
        mine, theirs = _flat(self.to_dict()), _flat(other.to_dict())
        keys = [k for k in {**mine, **theirs} if mine.get(k, _ABSENT) != theirs.get(k, _ABSENT)]
        if keys:
            shown = ", ".join(f"{k} {theirs.get(k, _ABSENT)} instead of {mine.get(k, _ABSENT)}" for k in keys[:3])
            raise InputError(
                f"{path} was begun with other input and must be resumed with the same",
                shown + (f" and {len(keys) - 3} other differences" if len(keys) > 3 else ""),
                f"Use the same input, choose another path, or delete {path}",
            )


_ABSENT = "(absent)"


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat.update(_flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value})
    return flat


def default_shard_rows(n: int, d: int, itemsize: int) -> int:
    """Return rows for a shard: tens of megabytes, less in a small store so that resuming has a grain."""
    most = max(1, _SHARD_BYTES // (d * itemsize))
    return min(most, max(_FEWEST_ROWS, -(-n // 16)))


@dataclasses.dataclass(frozen=True)
class StagedShard:
    """A finished shard read back: its arrays, its extra columns and the rows that were bad."""

    X: np.ndarray
    probabilities: np.ndarray | None
    columns: dict[str, list[Any]]
    bad: dict[int, str]


class Staging:
    """The folder of an unfinished store.

    Parameters
    ----------
    folder : Path
        ``<store>.partial``.
    plan : Plan
        What the store will hold.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan = folder, plan

    @staticmethod
    def read_plan(folder: Path) -> Plan | None:
        """Return the plan of an unfinished store, None where there is none."""
        try:
            return Plan(**json.loads((folder / "plan.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise InputError(
                f"{folder} must hold a readable plan.json", str(error), f"Delete {folder} and run again"
            ) from error

    def begin(self) -> None:
        """Make the folder and write the plan, unless another process has: its plan must then be the same."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / "plan.lock"):
            begun = self.read_plan(self.folder)
            if begun is None:
                write_json(self.folder / "plan.json", self.plan.to_dict())
            else:
                begun.require_same(self.plan, self.folder)

    def is_done(self, shard: Shard) -> bool:
        """Return whether the shard's marker is there, belongs to this plan and names a file of the right size."""
        marker = self._marker(shard)
        try:
            return marker is not None and self._data(shard).stat().st_size == marker["size"]
        except FileNotFoundError:
            return False

    def write(self, shard: Shard, staged: StagedShard) -> None:
        """Write a shard's data, then the marker that makes it count."""
        buffer = io.BytesIO()
        arrays = {"X": staged.X}
        if staged.probabilities is not None:
            arrays["probabilities"] = staged.probabilities
        np.savez(buffer, allow_pickle=False, **arrays)
        data = buffer.getvalue()
        marker = {
            "plan": self.plan.sha256,
            "first": shard.first,
            "stop": shard.stop,
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "columns": staged.columns,
            "bad": staged.bad,
        }
        write_bytes(self._data(shard), data)
        write_json(self._data(shard).with_suffix(".json"), marker, indent=None)

    def read(self, shard: Shard) -> StagedShard:
        """Return a finished shard.

        Raises
        ------
        InputError
            If the data are not what the marker says; the marker is removed, so that running again writes the shard.
        """
        marker = self._marker(shard)
        data = self._data(shard).read_bytes() if marker is not None else b""
        if marker is None or hashlib.sha256(data).hexdigest() != marker["sha256"]:
            self._data(shard).with_suffix(".json").unlink(missing_ok=True)
            raise InputError(
                f"shard {shard.number} (rows {shard.first} to {shard.stop - 1}) must match its checksum",
                "other bytes",
                "Run the same command again to write it once more",
            )
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            X, probabilities = arrays["X"], arrays.get("probabilities")
        return StagedShard(X, probabilities, *self.notes(shard))

    def notes(self, shard: Shard) -> tuple[dict[str, list[Any]], dict[int, str]]:
        """Return a finished shard's extra columns and bad rows without reading its arrays."""
        marker = self._marker(shard) or {"columns": {}, "bad": {}}
        return marker["columns"], {int(k): v for k, v in marker["bad"].items()}

    def _data(self, shard: Shard) -> Path:
        return self.folder / f"{shard.number:06d}.npz"

    def _marker(self, shard: Shard) -> dict[str, Any] | None:
        try:
            marker = json.loads(self._data(shard).with_suffix(".json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        expected = (self.plan.sha256, shard.first, shard.stop)
        return marker if (marker["plan"], marker["first"], marker["stop"]) == expected else None
