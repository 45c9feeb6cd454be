"""Bringing in embeddings that somebody else computed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featkit.core.errors import InputError, did_you_mean
from featkit.core.provenance import file_sha256
from featkit.store.store import EmbeddingStore
from featkit.core.options import StoreOptions
from featkit.store.in_memory import write_store

if TYPE_CHECKING:
    import polars as pl

_DIMENSION = re.compile(r"d(\d+)")


def import_table(
    source: str | Path,
    path: str | Path,
    *,
    metadata: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    required: Sequence[str] = (),
    array: str | None = None,
    provenance: Mapping[str, Any] | None = None,
    dtype: str = "float32",
) -> EmbeddingStore:
    """Write a store from a table of embeddings.

    Parameters
    ----------
    source : str or Path
        One of

        * ``.npz`` with one matrix (n, d), and arrays of length n that become columns;
        * ``.npy`` with a matrix (n, d); ``metadata`` is then required;
        * ``.parquet`` or ``.csv`` with columns ``d0`` ... ``d<d-1>``, or (parquet) one column of equally long lists;
          the other columns describe the patches.
    path : str or Path
        The store to write.
    metadata : str or Path, optional
        CSV or Parquet with one row per patch, in the order of the embeddings; joins the columns found in ``source``.
    columns : mapping of str to str, optional
        featkit's name to the table's, e.g. ``{"patient": "case_id", "patch_id": "file"}``.
    required : sequence of str
        Columns that must be there, by featkit's names.
    array : str, optional
        The name of the matrix or of the list column where there are several.
    provenance : mapping, optional
        What is known about the encoder.
    dtype : {"float32", "float16"}
        How embeddings are stored.

    Returns
    -------
    EmbeddingStore
        Patches without a ``patch_id`` are numbered.

    Raises
    ------
    InputError
        If the file cannot be read, holds no or several candidate matrices, lengths differ, or a column is missing.
    """
    import polars as pl

    source = Path(source)
    if not source.is_file():
        raise InputError("table must exist", source, "Check the path")
    readers = {".npz": _read_npz, ".npy": _read_npy, ".parquet": _read_table, ".csv": _read_table}
    if source.suffix not in readers:
        raise InputError("table must be .npz, .npy, .parquet or .csv", source.name, "Convert it to one of them")
    with _named(source):
        X, obs = readers[source.suffix](source, array)
    described = pl.DataFrame()
    if metadata is not None:
        with _named(Path(metadata)):
            described = _frame(Path(metadata))
    if metadata is not None and len(described) != len(X):
        raise InputError(f"metadata must have one row per embedding, {len(X)}", len(described), "Check both files")
    if metadata is None and source.suffix == ".npy":
        raise InputError("a .npy matrix must come with metadata", "none", "Name a CSV with one row per embedding")
    both = set(obs.columns) & set(described.columns)
    obs = pl.concat([obs.drop(both), described], how="horizontal")
    for name, theirs in (columns or {}).items():
        if theirs not in obs.columns:
            raise InputError("column must be in the table", theirs, did_you_mean(theirs, obs.columns))
        obs = obs.drop(name, strict=False) if name != theirs else obs
        obs = obs.rename({theirs: name})
    missing = [name for name in required if name not in obs.columns]
    if missing:
        raise InputError(f"table must have the column {missing[0]}", ", ".join(obs.columns) or "no columns", "Name it")
    if "patch_id" not in obs.columns:
        width = len(str(len(X) - 1))
        numbers = pl.DataFrame({"patch_id": [f"patch-{i:0{width}d}" for i in range(len(X))]})
        obs = pl.concat([numbers, obs], how="horizontal")
    origin = {"encoder": "unknown", "imported_from": source.name, "imported_sha256": file_sha256(source)}
    return write_store(path, X, obs, {**origin, **(provenance or {})}, options=StoreOptions(dtype=dtype))


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


def _read_npz(source: Path, array: str | None) -> tuple[np.ndarray, pl.DataFrame]:
    import polars as pl

    with np.load(source, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    matrices = [name for name, a in arrays.items() if a.ndim == 2 and a.dtype.kind in "fiu"]
    X = arrays[_the_one(matrices, array, "matrix")]
    obs = {name: a for name, a in arrays.items() if a.ndim == 1 and len(a) == len(X)}
    texts = {name: a.tolist() if a.dtype.kind == "U" else a for name, a in obs.items()}
    return X, pl.DataFrame(texts) if texts else pl.DataFrame()


def _read_npy(source: Path, array: str | None) -> tuple[np.ndarray, pl.DataFrame]:
    import polars as pl

    X = np.load(source, allow_pickle=False, mmap_mode="r")
    if X.ndim != 2 or X.dtype.kind not in "fiu":
        raise InputError("matrix must be numbers of shape (n, d)", f"{X.dtype} {X.shape}", "Check the file")
    return X, pl.DataFrame()


def _read_table(source: Path, array: str | None) -> tuple[np.ndarray, pl.DataFrame]:
    import polars as pl

    table = _frame(source)
    numbered = sorted((int(m[1]), name) for name in table.columns if (m := _DIMENSION.fullmatch(name)))
    if numbered and array is None:
        names = [name for _, name in numbered]
        if [j for j, _ in numbered] != list(range(len(numbered))):
            gap = next(i for i, (j, _) in enumerate(numbered) if i != j)
            raise InputError(f"dimensions must be d0 to d{numbered[-1][0]}", f"no d{gap}", "Rename the columns")
        return table.select(pl.col(names).cast(pl.Float32)).to_numpy(), table.drop(names)
    lists = [name for name, kind in table.schema.items() if isinstance(kind, pl.List | pl.Array)]
    name = _the_one(lists, array, "columns d0, d1, ... or list column")
    lengths = table[name].cast(pl.List(pl.Float32)).list.len()
    if lengths.n_unique() != 1 or lengths[0] in (None, 0):
        got = f"{lengths.min()} to {lengths.max()} values, {table[name].null_count()} missing"
        raise InputError(f"lists in {name} must be equally long", got, "Remove the incomplete rows")
    flat = table[name].cast(pl.List(pl.Float32)).explode().to_numpy()
    return flat.reshape(len(table), int(lengths[0])), table.drop(lists)


def _frame(source: Path) -> pl.DataFrame:
    import polars as pl

    if not source.is_file():
        raise InputError("table must exist", source, "Check the path")
    return pl.read_parquet(source) if source.suffix == ".parquet" else pl.read_csv(source, infer_schema_length=None)


def _the_one(candidates: list[str], wanted: str | None, what: str) -> str:
    if wanted is not None:
        if wanted in candidates:
            return wanted
        raise InputError(f"{what} must be in the file", wanted, did_you_mean(wanted, candidates))
    if len(candidates) != 1:
        got = ", ".join(candidates) or "none"
        raise InputError(f"file must hold one {what}", got, "Name it" if candidates else "Check the file")
    return candidates[0]
