"""Explicit tables of named parts, imported on demand, to which other packages add theirs."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from featkit.core.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class Registry(Mapping[str, Any]):
    """A table ``name -> "module:attribute"`` whose entries are imported when first asked for.

    Another package adds entries by declaring entry points of the registry's group; installed packages are searched
    only when a name is not in the table, or when names are listed. A name of the table always wins.

    Parameters
    ----------
    kind : str
        What the entries are ("method"), used in error messages.
    table : mapping of str to str
        Name to ``"package.module:attribute"``.
    entry_points : str, optional
        Group of entry points that add to the table ("featkit.methods"); None for a closed table.

    Examples
    --------
    >>> registry = Registry("function", {"sqrt": "math:sqrt"})
    >>> registry["sqrt"](4.0), list(registry)
    (2.0, ['sqrt'])
    """

    def __init__(self, kind: str, table: Mapping[str, str], *, entry_points: str | None = None) -> None:
        self.kind = kind
        self.group = entry_points
        self._table = dict(table)

    def __getitem__(self, name: str) -> Any:
        if not isinstance(name, str):
            raise InputError(f"{self.kind} must be a name", repr(name), did_you_mean("", list(self)))
        if name in self._table:
            module, _, attribute = self._table[name].partition(":")
            return getattr(importlib.import_module(module), attribute)
        if name in self._added:
            return self._load(name)
        raise InputError(f"{self.kind} must be a known name", repr(name), did_you_mean(str(name), list(self)))

    def __contains__(self, name: object) -> bool:
        return name in self._table or name in self._added

    def __iter__(self) -> Iterator[str]:
        yield from self._table
        yield from (name for name in self._added if name not in self._table)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @functools.cached_property
    def _added(self) -> dict[str, EntryPoint]:
        """Entry points of installed packages by name, sorted."""
        if self.group is None:
            return {}
        from importlib.metadata import entry_points

        return {point.name: point for point in sorted(entry_points(group=self.group), key=lambda point: point.name)}

    def _load(self, name: str) -> Any:
        point = self._added[name]
        try:
            return point.load()
        except (ImportError, AttributeError) as error:
            package = "another package" if point.dist is None else point.dist.name
            raise InputError(
                f"the {self.kind} {name} of {package} must be importable", str(error), f"Repair or remove {package}"
            ) from error
