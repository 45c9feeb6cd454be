"""Tables on disk: CSV with any usual separator, TSV, gzip and Parquet, identifiers kept as the text they are."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from featkit.core.errors import InputError
from featkit.core.text import first_few

if TYPE_CHECKING:
    import polars as pl

TABLE_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
_SEPARATORS = (",", ";", "\t")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_HEADER_BYTES = 8_000_000


def is_table_file(path: str | Path) -> bool:
    """Return whether the name ends as a table's does: .csv, .tsv, either with .gz, or .parquet."""
    return Path(path).name.lower().endswith(TABLE_SUFFIXES)


def column_names(path: str | Path) -> list[str]:
    """Return the names of a table's columns; little more than the header is read.

    Raises
    ------
    InputError
        As `read_table_file`.
    """
    import polars as pl

    path = _checked(path)
    try:
        if path.name.lower().endswith(".parquet"):
            return list(pl.read_parquet_schema(path))
        with _opened(path) as file:
            return _header(path, file.read(_HEADER_BYTES))[0]
    except (pl.exceptions.PolarsError, OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from error


def read_table_file(path: str | Path, numbers: Sequence[str] = ()) -> pl.DataFrame:
    """Return the table in a file.

    Parameters
    ----------
    path : path
        Parquet, or text in UTF-8 with a header line: ``.csv`` separated by commas, semicolons or tabs (told from the
        header), ``.tsv`` by tabs; gzip is recognised by its first bytes, a byte-order mark is skipped.
    numbers : sequence of str
        Columns of a text table that are read as float64. All others come as text, so that "007" stays "007"; an empty
        cell is missing.

    Returns
    -------
    polars.DataFrame
        Names of columns come without outer spaces; a column without a name is called by its place ("column 1").

    Raises
    ------
    InputError
        If there is no such file, it is of another kind or encoding, a column name is repeated, or a cell of ``numbers``
        is no number.

    Examples
    --------
    >>> read_table_file("visits.csv", numbers=["age"])["patient"].to_list()  # doctest: +SKIP
    ['007']
    """
    import polars as pl

    path = _checked(path)
    try:
        if path.name.lower().endswith(".parquet"):
            return pl.read_parquet(path)
        with _opened(path) as file:
            data = file.read()
        names, separator = _header(path, data)
        kinds = [pl.Float64 if name in set(numbers) else pl.String for name in names]
        return pl.read_csv(
            data, has_header=False, skip_rows=1, separator=separator, schema=dict(zip(names, kinds, strict=True))
        )
    except pl.exceptions.NoDataError:
        raise InputError("a table must have rows below its header", f"none in {path}", "Check the file") from None
    except (pl.exceptions.PolarsError, OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from error


def _checked(path: str | Path) -> Path:
    path = Path(path)
    if not is_table_file(path):
        raise InputError(f"a table's name must end in {', '.join(TABLE_SUFFIXES)}", path.name, "Convert it to one")
    if not path.is_file():
        raise InputError("the table must exist", path, "Check the path")
    return path


def _opened(path: Path) -> IO[bytes]:
    with open(path, "rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    return cast(IO[bytes], gzip.open(path, "rb")) if is_gzip else open(path, "rb")


def _header(path: Path, data: bytes) -> tuple[list[str], str]:
    """Return the names of the columns and the separator of a text table."""
    if data.startswith(_UTF16):
        raise InputError(f"{path} must be text in UTF-8", "UTF-16", "Save it again as CSV in UTF-8")
    line = data.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].rstrip(b"\r")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} must be text in UTF-8", "another encoding", "Save it again as CSV in UTF-8") from None
    if "\0" in text or not text.strip():
        what = "bytes that are no text" if text.strip() else "an empty first line"
        raise InputError(f"{path} must begin with a line of column names", what, "Check the file")
    most = max(_SEPARATORS, key=lambda separator: len(_cells(text, separator)))
    separator = "\t" if ".tsv" in path.name.lower() else most
    names = [name.strip() or f"column {i}" for i, name in enumerate(_cells(text, separator), start=1)]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"the column names of {path} must all differ", f"repeated: {first_few(repeated)}", "Rename")
    return names, separator


def _cells(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator))


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
    if "schema" in reason.lower():  # polars speaks of the schema it was given
        reason = "a row with more or fewer cells than the header"
    return InputError("the table must be readable", f"{path}: {reason}", "Check the file")
