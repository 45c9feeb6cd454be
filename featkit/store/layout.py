"""Tables and mappings inside a Zarr group, encoded as AnnData's on-disk specification says.

Source: https://anndata.readthedocs.io/en/stable/fileformat-prose.html (dataframe 0.2.0, categorical 0.2.0,
nullable-integer and nullable-boolean 0.1.0, string-array, array, string, numeric-scalar and dict).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from featkit.core.errors import InputError
from featkit.store.zarr_io import compressors

if TYPE_CHECKING:
    import polars as pl

_CHUNK_ROWS = 262_144
_JSON = "featkit-json"  # marks text that stands for a value the specification has no encoding for


def encoding(kind: str, version: str, **more: Any) -> dict[str, Any]:
    """Return the attributes that tell a reader how an element is encoded."""
    return {"encoding-type": kind, "encoding-version": version, **more}


def write_array(parent: Any, name: str, values: np.ndarray, attributes: dict[str, Any] | None = None) -> None:
    """Write a dense array; rows are chunked, texts are stored with variable length."""
    is_text = values.dtype.kind in "UOT"
    array = parent.create_array(
        name,
        shape=values.shape,
        dtype=str if is_text else values.dtype,
        chunks=tuple(max(1, min(s, _CHUNK_ROWS)) for s in values.shape),
        compressors=compressors(),
        attributes=attributes or encoding("string-array" if is_text else "array", "0.2.0"),
    )
    if values.size:
        array[...] = values


def write_frame(parent: Any, name: str, frame: pl.DataFrame, index: str) -> None:
    """Write a table as a ``dataframe`` group.

    Texts that repeat or are missing somewhere become categoricals (as AnnData itself does), missing integers and
    booleans become nullable arrays, and missing floats become NaN, which AnnData has no other word for.

    Parameters
    ----------
    parent : zarr.Group
        Where to write.
    name : str
        The group's name ("obs").
    frame : polars.DataFrame
        Columns of numbers, booleans or text.
    index : str
        The column that names the rows.
    """
    order = [c for c in frame.columns if c != index]
    attributes = encoding("dataframe", "0.2.0", _index=index, **{"column-order": order})
    group = parent.create_group(name, attributes=attributes)
    write_array(group, index, np.array(frame[index].to_list(), dtype=np.dtypes.StringDType()))
    for column in order:
        _write_column(group, column, frame[column])


def _write_column(group: Any, name: str, column: pl.Series) -> None:
    import polars as pl

    n_missing = column.null_count()
    if column.dtype == pl.String:
        if n_missing or column.n_unique() < len(column):
            categories = column.drop_nulls().unique().sort().to_list()
            code = {value: i for i, value in enumerate(categories)}
            codes = np.array([-1 if v is None else code[v] for v in column.to_list()])
            code_kind = np.min_scalar_type(-max(1, len(categories)))
            inner = group.create_group(name, attributes=encoding("categorical", "0.2.0", ordered=False))
            write_array(inner, "codes", codes.astype(code_kind))
            write_array(inner, "categories", np.array(categories, dtype=np.dtypes.StringDType()))
        else:
            write_array(group, name, np.array(column.to_list(), dtype=np.dtypes.StringDType()))
    elif column.dtype.is_float():
        write_array(group, name, column.fill_null(float("nan")).to_numpy())
    elif n_missing:
        is_boolean = column.dtype == pl.Boolean
        kind = "nullable-boolean" if is_boolean else "nullable-integer"
        inner = group.create_group(name, attributes=encoding(kind, "0.1.0"))
        write_array(inner, "values", column.fill_null(False if is_boolean else 0).to_numpy())
        write_array(inner, "mask", column.is_null().to_numpy())
    else:
        write_array(group, name, column.to_numpy())


def read_frame(group: Any) -> pl.DataFrame:
    """Return what `write_frame` wrote, the index first; NaN becomes null."""
    import polars as pl

    index = group.attrs["_index"]
    columns = [_read_column(name, group[name]) for name in (index, *group.attrs["column-order"])]
    return pl.DataFrame(columns)


def _read_column(name: str, element: Any) -> pl.Series:
    import polars as pl

    kind = element.attrs["encoding-type"]
    if kind == "categorical":
        categories = [str(v) for v in element["categories"][...]]
        return pl.Series(name, [categories[c] if c >= 0 else None for c in element["codes"][...]], dtype=pl.String)
    if kind == "string-array":
        return pl.Series(name, [str(v) for v in element[...]], dtype=pl.String)
    if kind in ("nullable-integer", "nullable-boolean"):
        values = pl.Series(name, element["values"][...])
        return values.set(pl.Series(element["mask"][...]), None)
    values = pl.Series(name, element[...])
    return values.fill_nan(None) if values.dtype.is_float() else values


def write_mapping(parent: Any, name: str, values: Mapping[str, Any]) -> None:
    """Write a JSON-ready mapping as nested ``dict`` groups.

    What the specification cannot say (lists of mappings, mixed lists, keys with a slash) is written as JSON text in
    a ``string`` element with the attribute ``featkit-json``, so that `read_mapping` gives back the same mapping.
    """
    group = parent.create_group(name, attributes=encoding("dict", "0.1.0"))
    for key, value in values.items():
        _write_value(group, key, value)


def _write_value(group: Any, key: str, value: Any) -> None:
    if isinstance(value, Mapping) and all(is_element_name(k) for k in value):
        write_mapping(group, key, value)
    elif value is None:
        write_array(group, key, np.array(False), encoding("null", "0.1.0"))
    elif isinstance(value, str):
        write_array(group, key, np.array(value, dtype=np.dtypes.StringDType()), encoding("string", "0.2.0"))
    elif isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63):
        write_array(group, key, np.array(value), encoding("numeric-scalar", "0.2.0"))
    elif isinstance(value, list) and value and {type(v) for v in value} in ({str}, {float}, {bool}):
        is_text = isinstance(value[0], str)
        write_array(group, key, np.array(value, dtype=np.dtypes.StringDType() if is_text else None))
    elif isinstance(value, list) and value and all(type(v) is int and abs(v) < 2**63 for v in value):
        write_array(group, key, np.array(value, dtype=np.int64))
    else:
        text = np.array(json.dumps(value), dtype=np.dtypes.StringDType())
        write_array(group, key, text, encoding("string", "0.2.0", **{_JSON: True}))


def read_mapping(group: Any) -> dict[str, Any]:
    """Return what `write_mapping` wrote."""
    return {name: _read_value(group[name]) for name in group}


def _read_value(element: Any) -> Any:
    kind = element.attrs["encoding-type"]
    if kind == "dict":
        return read_mapping(element)
    if kind == "null":
        return None
    value = element[...]
    if kind == "string":
        text = str(value.item() if isinstance(value, np.ndarray) else value)
        return json.loads(text) if element.attrs.get(_JSON) else text
    if kind == "string-array":
        return [str(v) for v in value]
    return np.asarray(value).tolist()


def is_element_name(name: object) -> bool:
    """Return whether a Zarr group can hold an element of this name."""
    return isinstance(name, str) and name not in ("", ".", "..", "zarr.json") and "/" not in name and name[:2] != "__"


def json_ready(value: Any, where: str = "provenance") -> Any:
    """Return ``value`` made of JSON's own types, so that it reads back as it was written.

    Raises
    ------
    InputError
        If a part of it is neither a number, text, boolean, None, nor a list or mapping of those.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(k): json_ready(v, f"{where}.{k}") for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [json_ready(v, f"{where}[{i}]") for i, v in enumerate(value)]
    if isinstance(value, float) and not np.isfinite(value):
        raise InputError(f"{where} must be finite", value, "Leave the entry out or write it as text")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "__fspath__"):
        return str(value)
    raise InputError(
        f"{where} must be a number, text, boolean, list or mapping", type(value).__name__, "Write it as text"
    )
