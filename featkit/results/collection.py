"""Results that were found together, by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

from featkit.results.base import Result

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Collection(Result):
    """Named results of one kind; iterating gives the results, ``items`` the names too.

    Parameters
    ----------
    items : dict of str to Result
        The results, in the order in which they should be read.
    """

    items: dict[str, Result]

    def __getitem__(self, name: str) -> Result:
        return self.items[name]

    def __iter__(self) -> Iterator[Result]:
        return iter(self.items.values())

    def __len__(self) -> int:
        return len(self.items)

    def frame(self) -> pl.DataFrame:
        """Return the frames of all results below each other, with a first column ``name``."""
        import polars as pl

        frames = [
            result.frame().select(pl.lit(name).alias("name"), pl.all().exclude("name"))
            for name, result in self.items.items()
        ]
        return pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame({"name": []})
