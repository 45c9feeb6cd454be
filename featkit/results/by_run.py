"""Values by the run they are of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from featkit.core.errors import InputError
from featkit.core.run_key import RunKey
from featkit.core.text import first_few

T = TypeVar("T")


class ByRun(Mapping[RunKey, T], Generic[T]):
    """A read-only mapping from run keys to values, in the order given.

    Parameters
    ----------
    items : mapping or iterable of (RunKey, value) pairs
        One value per run.

    Examples
    --------
    >>> sizes = ByRun({RunKey("grl", "100X"): 12, RunKey("grl", "200X"): 30})
    >>> sizes.one(fold="200X"), list(sizes.where(method="grl").values())
    (30, [12, 30])
    """

    def __init__(self, items: Mapping[RunKey, T] | Iterable[tuple[RunKey, T]] = ()) -> None:
        self._items: dict[RunKey, T] = dict(items)

    def __getitem__(self, key: RunKey) -> T:
        if key not in self._items:
            shown = key.label() if isinstance(key, RunKey) else repr(key)
            raise InputError("the run must be one of these results", shown, f"There are: {self._known()}")
        return self._items[key]

    def get(self, key: RunKey, default: Any = None) -> Any:
        """Return a run's value, or ``default`` where there is none."""
        return self._items.get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __iter__(self) -> Iterator[RunKey]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._known()})"

    def where(self, **parts: object) -> ByRun[T]:
        """Return the runs whose key has these parts (``method="grl"``)."""
        return ByRun({key: value for key, value in self._items.items() if key.matches(**parts)})

    def one(self, **parts: object) -> T:
        """Return the value of the only run whose key has these parts.

        Raises
        ------
        InputError
            If none or several have them; the message names them.
        """
        found = self.where(**parts)
        if len(found) != 1:
            asked = ", ".join(f"{name} {value}" for name, value in parts.items()) or "these results"
            raise InputError(f"one run must match {asked}", len(found), f"There are: {self._known()}")
        return next(iter(found.values()))

    def sorted(self) -> ByRun[T]:
        """Return the runs in natural order of method, model, class, fold and seed."""
        return ByRun(sorted(self._items.items(), key=lambda item: item[0].sort_key()))

    def labels(self) -> dict[RunKey, str]:
        """Return what to call each run in a table: only what tells it from the others."""
        return {key: key.label(among=self._items) for key in self._items}

    def _known(self) -> str:
        return first_few([key.label() for key in self._items], 8) or "none"
