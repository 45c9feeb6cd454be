"""Explicit tables of named parts, imported on demand."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from featkit.core.errors import InputError, did_you_mean


class Registry(Mapping[str, Any]):
    """A table ``name -> "module:attribute"`` whose entries are imported when first asked for.

    Parameters
    ----------
    kind : str
        What the entries are ("method"), used in error messages.
    table : mapping of str to str
        Name to ``"package.module:attribute"``.
    """

    def __init__(self, kind: str, table: Mapping[str, str]) -> None:
        self.kind = kind
        self._table = dict(table)

    def __getitem__(self, name: str) -> Any:
        if name not in self._table:
            raise InputError(f"{self.kind} must be a known name", repr(name), did_you_mean(str(name), self._table))
        module, _, attribute = self._table[name].partition(":")
        return getattr(importlib.import_module(module), attribute)

    def __contains__(self, name: object) -> bool:
        return name in self._table

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)
