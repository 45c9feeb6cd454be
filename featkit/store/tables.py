"""Bringing in embeddings that somebody else computed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from featkit.core.options import ImportOptions, StoreOptions
from featkit.core.progress import note
from featkit.core.provenance import file_sha256
from featkit.store.in_memory import write_store
from featkit.store.store import EmbeddingStore


def import_table(
    source: str | Path,
    path: str | Path,
    options: ImportOptions | None = None,
    *,
    provenance: Mapping[str, Any] | None = None,
) -> EmbeddingStore:
    """Write a store from a file of embeddings.

    Rows and vectors are joined and checked as `featkit.store.feature_table` says. What was joined how, and what was
    left out, is in the store's provenance (``joined_by``, ``import_notes``).

    Parameters
    ----------
    source : str or Path
        One of

        * ``.npz`` with one matrix (n, d), and arrays of length n that become columns;
        * ``.npy`` with a matrix (n, d); metadata are then required;
        * ``.parquet``, ``.csv`` or ``.tsv`` (the last two also gzipped) whose columns d0, d1, ..., or those named in
          ``options.dimensions``, are the embedding, or (parquet) one column of equally long lists; the other columns
          describe the patches.
    path : str or Path
        The store to write.
    options : ImportOptions, optional
        Metadata, names of columns, the domain, which columns are the embedding, and what may be missing.
    provenance : mapping, optional
        What is known about the encoder, JSON-ready.

    Returns
    -------
    EmbeddingStore
        Patches without a ``patch_id`` are numbered. Names of dimensions are kept in `EmbeddingStore.dimension_names`.

    Raises
    ------
    InputError
        If a file cannot be read, holds no or several candidate matrices, rows cannot be joined, a column is missing, or
        the table has no label or no patient and the options do not say that this is meant.

    Examples
    --------
    >>> options = ImportOptions(metadata="slides.csv", columns={"patient": "case_id"}, dimensions=("radiomic_*",))
    >>> store = import_table("features.parquet", "features.zarr", options)  # doctest: +SKIP
    """
    from featkit.core.table_files import read_table_file
    from featkit.store.feature_files import read_features
    from featkit.store.feature_table import describe

    options = options or ImportOptions()
    source = Path(source)
    features = read_features(source, options)
    metadata = None if options.metadata is None else read_table_file(options.metadata)
    described = describe(features, metadata, options)
    for line in described.notes:
        note(line)
    origin: dict[str, Any] = {
        "encoder": "unknown",
        "imported_from": source.name,
        "imported_sha256": file_sha256(source),
        **({} if options.metadata is None else {"metadata_sha256": file_sha256(options.metadata)}),
        **({} if options.domain is None else {"domain": options.domain}),
        **({} if options.groups == "patients" else {"groups": options.groups}),
        "joined_by": described.joined_by,
        "import_notes": list(described.notes),
        **features.facts,
        **(provenance or {}),
    }
    layout = StoreOptions(dtype=options.dtype, dimensions=features.dimensions)
    return write_store(path, described.X, described.rows, origin, options=layout)
