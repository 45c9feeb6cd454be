"""A folder with a ``featkit.toml``: where everything about one study lives."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from featkit.core.config import Config, read_config
from featkit.core.errors import InputError
from featkit.core.file_names import file_name, original_name
from featkit.core.run_key import RunFilter, RunKey

CONFIG_NAME = "featkit.toml"
_ALL_FOLDS = "all"
"""The folder of an encoder that serves every fold."""


@dataclasses.dataclass(frozen=True)
class Run:
    """One encoder in a workspace: a method trained with one fold held out and one seed, or a frozen encoder.

    Parameters
    ----------
    key : RunKey
        Its method, fold and seed; the fold is None for an encoder that serves every fold.
    folder : Path
        Where its files are.
    """

    key: RunKey
    folder: Path

    @property
    def checkpoint(self) -> Path:
        """Folder of the trained weights."""
        return self.folder / "checkpoint"

    @property
    def store(self) -> Path:
        """The embedding store."""
        return self.folder / "embeddings.zarr"


@dataclasses.dataclass(frozen=True)
class Workspace:
    """A study's folder and its configuration.

    Parameters
    ----------
    root : Path
        The folder.
    config : Config
        What its ``featkit.toml`` says.
    """

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
        """Folder of everything that was found."""
        return self.root / "results"

    def split_path(self, fold: str) -> Path:
        """Return the file of one fold's split."""
        return _known_or_new(self.root / "splits", fold, ".json")

    def run(self, method: str, fold: str | None = None, seed: int = 0) -> Run:
        """Return the run of that name, made or not."""
        of_method = _known_or_new(self.root / "runs", method)
        of_fold = of_method / _ALL_FOLDS if fold is None else _known_or_new(of_method, fold)
        return Run(RunKey(method, fold, seed), of_fold / f"seed{seed}")

    def runs(self, wanted: RunFilter | None = None) -> Iterator[Run]:
        """Yield the runs on disk that match, in a natural order ("40X" before "100X")."""
        asked = wanted or RunFilter()
        found = []
        for folder in (self.root / "runs").glob("*/*/seed*"):
            number, fold = folder.name.removeprefix("seed"), folder.parent.name
            if number.isdecimal():
                serves = None if fold == _ALL_FOLDS else _name_of(folder.parent)
                found.append(Run(RunKey(_name_of(folder.parent.parent), serves, int(number)), folder))
        return (run for run in sorted(found, key=lambda run: run.key.sort_key()) if asked.matches(run.key))


def _known_or_new(folder: Path, name: str, ending: str = "") -> Path:
    """Return the path for a name: as version 0.1 wrote it where that is there, else reversibly escaped."""
    escaped = "%61ll" if name == _ALL_FOLDS else file_name(name)
    plain = name + ending
    if plain != escaped + ending and plain in _entries(folder):
        return folder / plain
    return folder / f"{escaped}{ending}"


def _entries(folder: Path) -> set[str]:
    """Return the names in a folder as they are spelt, which a look-up does not tell where case is ignored."""
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _name_of(folder: Path) -> str:
    """Return the name a folder stands for; version 0.1 wrote names as they are."""
    if folder.name == "%61ll":
        return _ALL_FOLDS
    try:
        return original_name(folder.name)
    except InputError:
        return folder.name
