"""Files that sum up what was found in several runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from featkit.core.files import whole_file
from featkit.core.run_key import RunKey
from featkit.results.folder import ResultFolder

if TYPE_CHECKING:
    import polars as pl


def summary_path(folder: ResultFolder, name: str, positive: str | None = None) -> Path:
    """Return the JSON file of a summary; of one class against the rest where it is named."""
    stem = name if positive is None else f"{name},{RunKey(positive=positive).file_name()}"
    return folder.root / f"{stem}.json"


def save_table(frame: pl.DataFrame, path: Path) -> None:
    """Write a table as Parquet or CSV, by the ending; the file is whole or as it was."""
    with whole_file(path) as partial:
        if path.suffix == ".csv":
            frame.write_csv(partial)
        else:
            frame.write_parquet(partial)
