"""The one door to zarr: versions that read shards correctly, checksums on all data, no remarks about its future."""

from __future__ import annotations

import contextlib
import functools
import re
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from featkit.core.errors import InputError

_OLDEST = (3, 0, 9)
_REMARKS = (
    "Consolidated metadata is currently not part",  # stores are sealed: their metadata no longer changes
    "The codec `vlen-utf8` is currently not part",
    "The data type .* does not have a Zarr V3 specification",
)


@functools.cache
def zarr() -> ModuleType:
    """Return the zarr module.

    Raises
    ------
    InputError
        If it is older than 3.0.9: versions 3.0.0 to 3.0.8 can return wrong rows from sharded arrays.
    """
    import zarr as module

    numbers = tuple(int(n) for n in re.findall(r"\d+", module.__version__)[:3])
    if numbers < _OLDEST:
        raise InputError(
            "zarr must be 3.0.9 or newer, because older ones misread sharded arrays",
            module.__version__,
            'Run: pip install --upgrade "zarr>=3.0.9"',
        )
    return module


def compressors() -> list[Any]:
    """Return what every array is packed with: zstd, then a crc32c over the packed bytes that each read checks."""
    from zarr.codecs import Crc32cCodec, ZstdCodec

    return [ZstdCodec(level=0), Crc32cCodec()]


@contextlib.contextmanager
def no_remarks() -> Iterator[None]:
    """Silence zarr's warnings about features that its specification has not yet adopted."""
    with warnings.catch_warnings():
        for message in _REMARKS:
            warnings.filterwarnings("ignore", message=message)
        yield
