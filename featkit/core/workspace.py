"""A folder with a ``featkit.toml``: where everything about one study lives."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

from featkit.core.config import Config, read_config
from featkit.core.errors import InputError
from featkit.core.natural_order import natural_key

CONFIG_NAME = "featkit.toml"
FROZEN = "frozen"
EVERY_FOLD = "all"


@dataclasses.dataclass(frozen=True)
class Run:
    """One encoder: a method trained with one fold held out and one seed, or the frozen encoder.

    Parameters
    ----------
    method : str
        Training method, or "frozen".
    fold : str
        The held-out domain, or "all" for a frozen encoder, whose one store serves every fold.
    seed : int
        Training seed.
    folder : Path
        Where its files are.
    """

    method: str
    fold: str
    seed: int
    folder: Path

    @property
    def name(self) -> str:
        """Short name for tables: method/fold/seed."""
        return f"{self.method}/{self.fold}/seed{self.seed}"

    @property
    def checkpoint(self) -> Path:
        """Folder of the trained weights."""
        return self.folder / "checkpoint"

    @property
    def store(self) -> Path:
        """The embedding store."""
        return self.folder / "embeddings.zarr"

    def serves(self, fold: str | None) -> bool:
        """Whether its embeddings may be analysed with ``fold`` held out."""
        return fold is None or self.fold in (fold, EVERY_FOLD)


@dataclasses.dataclass(frozen=True)
class Workspace:
    """A study's folder and its configuration."""

    root: Path
    config: Config

    @classmethod
    def find(cls, start: str | Path | None = None) -> Workspace | None:
        """Return the workspace that holds ``start`` (default: the current folder), or None."""
        folder = Path(start or Path.cwd()).resolve()
        for candidate in (folder, *folder.parents):
            if (candidate / CONFIG_NAME).is_file():
                return cls(candidate, read_config(candidate / CONFIG_NAME))
        return None

    @classmethod
    def require(cls, start: str | Path | None = None) -> Workspace:
        """Return the workspace that holds ``start``, or say how to make one."""
        found = cls.find(start)
        if found is None:
            raise InputError(
                f"this needs a workspace, a folder with a {CONFIG_NAME}",
                f"none in {Path(start or Path.cwd()).resolve()} or above",
                "Make one with 'featkit init DATA', or pass a store or images",
            )
        return found

    @property
    def manifest_path(self) -> Path:
        """The manifest, written by ``init``."""
        return self.root / "manifest.parquet"

    @property
    def results(self) -> Path:
        """Folder of results that span runs."""
        return self.root / "results"

    def split_path(self, fold: str) -> Path:
        """File of one fold's split."""
        return self.root / "splits" / f"{_file_name(fold)}.json"

    def run(self, method: str, fold: str = EVERY_FOLD, seed: int = 0) -> Run:
        """Return the run of that name, made or not."""
        folder = self.root / "runs" / _file_name(method) / _file_name(fold) / f"seed{seed}"
        return Run(method, fold, seed, folder)

    def runs(self, method: str | None = None, fold: str | None = None, seed: int | None = None) -> Iterator[Run]:
        """Yield the runs on disk that match, in a natural order ("40X" before "100X")."""
        found = []
        for folder in (self.root / "runs").glob("*/*/seed*"):
            number = folder.name.removeprefix("seed")
            if number.isdigit():
                found.append(Run(folder.parent.parent.name, folder.parent.name, int(number), folder))
        for run in sorted(found, key=lambda r: (r.method, natural_key(r.fold), r.seed)):
            if method in (None, run.method) and run.serves(fold) and seed in (None, run.seed):
                yield run


def _file_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._+-]*", name):
        raise InputError(
            "a fold, method or domain must be named in letters, digits, spaces and . _ + -",
            repr(name),
            "Rename it in the manifest",
        )
    return name
