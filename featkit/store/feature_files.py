"""Readers of feature files, by the ending of the file (see `featkit.store.feature_table` for what they promise)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import polars as pl

from featkit.core.errors import InputError, did_you_mean
from featkit.core.options import ImportOptions
from featkit.core.registry import Registry
from featkit.core.table_files import column_names, read_table_file
from featkit.core.text import first_few
from featkit.store.feature_table import FeatureTable

READERS = Registry(
    "feature file",
    {
        ".npz": "featkit.store.feature_files:read_npz",
        ".npy": "featkit.store.feature_files:read_npy",
        ".parquet": "featkit.store.feature_files:read_feature_columns",
        ".csv": "featkit.store.feature_files:read_feature_columns",
        ".tsv": "featkit.store.feature_files:read_feature_columns",
        ".csv.gz": "featkit.store.feature_files:read_feature_columns",
        ".tsv.gz": "featkit.store.feature_files:read_feature_columns",
    },
)
_DIMENSION = re.compile(r"d(\d+)")
_NAMES_OF_DIMENSIONS = ("names", "dimensions", "feature_names", "columns")


def read_features(path: str | Path, options: ImportOptions) -> FeatureTable:
    """Return what a feature file holds, by the reader of its ending.

    Raises
    ------
    InputError
        If there is no such file, no reader for it, or it cannot be read.
    """
    path = Path(path)
    endings = [ending for ending in READERS if path.name.lower().endswith(ending)]
    if not endings:
        known = ", ".join(READERS)
        raise InputError(f"the name of a feature file must end in one of {known}", path.name, "Convert it to one")
    if not path.is_file():
        raise InputError("table must exist", path, "Check the path")
    with _named(path):
        read: Callable[[Path, ImportOptions], FeatureTable] = READERS[max(endings, key=len)]
        return read(path, options)


def read_npz(path: Path, options: ImportOptions) -> FeatureTable:
    """Return the one matrix of an ``.npz``; arrays with a value per row are columns, texts of length d name dimensions.

    Dimensions are named by an array called names, dimensions, feature_names or columns.
    """
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    matrices = [name for name, a in arrays.items() if a.ndim == 2 and a.dtype.kind in "fiu"]
    X = arrays[_the_one(matrices, options.array, "matrix")]
    names: tuple[str, ...] = ()
    for name in _NAMES_OF_DIMENSIONS:
        given = arrays.get(name)
        if given is not None and given.shape == X.shape[1:] and given.dtype.kind in "US" and not names:
            names = tuple(_texts(arrays.pop(name)))
    columns = {name: a for name, a in arrays.items() if a.ndim == 1 and len(a) == len(X)}
    rows = pl.DataFrame({name: _texts(a) if a.dtype.kind in "US" else a for name, a in columns.items()})
    if not options.dimensions:
        return FeatureTable(X, rows, names)
    chosen = _chosen(options.dimensions, names)
    return FeatureTable(X[:, [names.index(name) for name in chosen]], rows, chosen)


def read_npy(path: Path, options: ImportOptions) -> FeatureTable:
    """Return the matrix of an ``.npy``, which must come with metadata."""
    if options.metadata is None:
        raise InputError("a .npy matrix must come with metadata", "none", "Name a CSV with one row per embedding")
    if options.dimensions:
        raise InputError("dimensions can be chosen by name in a table or .npz", path.name, "Leave them out")
    return FeatureTable(np.load(path, allow_pickle=False, mmap_mode="r"), pl.DataFrame())


def read_feature_columns(path: Path, options: ImportOptions) -> FeatureTable:
    """Return the embeddings in a table: the columns asked for, else d0, d1, ..., else the one column of lists."""
    every = column_names(path)
    numbered = sorted((int(m[1]), name) for name in every if (m := _DIMENSION.fullmatch(name)))
    if options.dimensions:
        chosen = _chosen(options.dimensions, every)
        return FeatureTable(*_numbers(path, chosen), chosen)
    if numbered and options.array is None:
        if [j for j, _ in numbered] != list(range(len(numbered))):
            gap = next(i for i, (j, _) in enumerate(numbered) if i != j)
            raise InputError(f"dimensions must be d0 to d{numbered[-1][0]}", f"no d{gap}", "Rename the columns")
        return FeatureTable(*_numbers(path, [name for _, name in numbered]))
    return _read_lists(path, options.array)


def _numbers(path: Path, names: Sequence[str]) -> tuple[np.ndarray, pl.DataFrame]:
    """Return some columns as a float32 matrix, and the others."""
    table = read_table_file(path, numbers=names)
    strange = [name for name in names if not (table[name].dtype.is_numeric() or table[name].dtype == pl.Boolean)]
    if strange:
        raise InputError("dimensions must be columns of numbers", first_few(strange), "Name other columns")
    return table.select(pl.col(list(names)).cast(pl.Float32)).to_numpy(), table.drop(list(names))


def _read_lists(path: Path, array: str | None) -> FeatureTable:
    table = read_table_file(path)
    lists = [name for name, kind in table.schema.items() if isinstance(kind, pl.List | pl.Array)]
    if not lists and array is None:
        raise InputError(
            "a table of embeddings must have columns d0, d1, ... or one column of lists",
            f"{table.width} columns: {first_few(table.columns)}",
            "Say which columns are the embedding: dimensions=['name', 'feature_*']",
        )
    name = _the_one(lists, array, "list column")
    lengths = table[name].cast(pl.List(pl.Float32)).list.len()
    if lengths.n_unique() != 1 or lengths[0] in (None, 0):
        got = f"{lengths.min()!r} to {lengths.max()!r} values, {table[name].null_count()} missing"
        raise InputError(f"lists in {name} must be equally long", got, "Remove the incomplete rows")
    flat = table[name].cast(pl.List(pl.Float32)).explode().to_numpy()
    return FeatureTable(flat.reshape(len(table), int(lengths[0])), table.drop(lists))


def _chosen(patterns: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Return the names that the patterns match, in the file's order."""
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) or name == pattern for name in names):
            raise InputError("dimensions must be columns of the file", repr(pattern), did_you_mean(pattern, names[:50]))
    return tuple(name for name in names if any(fnmatchcase(name, p) or name == p for p in patterns))


def _the_one(candidates: list[str], wanted: str | None, what: str) -> str:
    if wanted is not None:
        if wanted in candidates:
            return wanted
        raise InputError(f"{what} must be in the file", wanted, did_you_mean(wanted, candidates))
    if len(candidates) != 1:
        got = ", ".join(candidates) or "none"
        raise InputError(f"file must hold one {what}", got, "Name it" if candidates else "Check the file")
    return candidates[0]


def _texts(values: np.ndarray) -> list[str]:
    return [v.decode("utf-8") if isinstance(v, bytes) else str(v) for v in values.tolist()]


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file that cannot be parsed, and say why."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # numpy and polars raise many kinds for files they cannot parse
        # numpy would advise to trust the file: its pickles are never loaded
        is_pickled = path.suffix in (".npy", ".npz") and "pickle" in str(error)
        reason = "not an array of numbers" if is_pickled else str(error)
        raise InputError("table must be readable", f"{path}: {reason}", "Check the file") from error
