"""Dimensions of an embedding that are copies of one another."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from featkit.results.base import Result

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class CopiedDimensions(Result):
    """Exact and near copies among the dimensions, over the training rows.

    A copy may be shifted, scaled or turned in sign: on standardised dimensions no model can tell it from the original.
    Which of them a signature keeps is arbitrary, so size and overlap of signatures are then not unique.

    Parameters
    ----------
    threshold : float
        Absolute correlation from which two dimensions are near copies.
    dimension : (m,) int64
        Dimensions that have a copy, sorted.
    group : (m,) int64
        The group of each: dimensions linked by copies, numbered from 0 by their first dimension.
    nearest : (m,) int64
        The other dimension it correlates with most.
    correlation : (m,) float64
        Their correlation, in [-1, 1].
    is_exact : (m,) bool
        Whether the two agree to the precision of float32.
    n_dimensions, n_dead : int
        Dimensions of the embedding, and those constant on the training rows, which are no copies.
    n_patches : int
        Training patches.

    Examples
    --------
    >>> two = CopiedDimensions(0.99, [1, 4], [0, 0], [4, 1], [-1.0, -1.0], [True, True], 6, 0, 50)
    >>> two.n_exact, two.groups()[0].tolist(), two.of([4]).tolist()
    (2, [1, 4], [1])
    """

    threshold: float
    dimension: np.ndarray
    group: np.ndarray
    nearest: np.ndarray
    correlation: np.ndarray
    is_exact: np.ndarray
    n_dimensions: int
    n_dead: int
    n_patches: int

    def __post_init__(self) -> None:
        for name in ("dimension", "group", "nearest"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.int64))
        object.__setattr__(self, "correlation", np.asarray(self.correlation, np.float64))
        object.__setattr__(self, "is_exact", np.asarray(self.is_exact, np.bool_))

    @property
    def n_exact(self) -> int:
        """Number of dimensions that have an exact copy."""
        return int(self.is_exact.sum())

    @property
    def n_near(self) -> int:
        """Number of dimensions that have a near copy but no exact one."""
        return int((~self.is_exact).sum())

    def groups(self) -> tuple[np.ndarray, ...]:
        """Return the sorted dimensions of each group."""
        return tuple(self.dimension[self.group == g] for g in np.unique(self.group))

    def of(self, support: np.ndarray) -> np.ndarray:
        """Return the sorted dimensions outside a support that share a group with a dimension inside it."""
        shared = np.unique(self.group[np.isin(self.dimension, support)])
        return np.setdiff1d(self.dimension[np.isin(self.group, shared)], support)

    def summary(self) -> str:
        """Return the counts in one line."""
        if not self.dimension.size:
            return f"no two of {self.n_dimensions} dimensions correlate at {self.threshold:g} or more"
        return (
            f"{self.n_exact} of {self.n_dimensions} dimensions have an exact copy and {self.n_near} a near one "
            f"(|correlation| >= {self.threshold:g}), in {len(self.groups())} groups"
        )

    def frame(self) -> pl.DataFrame:
        """Return one row per dimension that has a copy."""
        import polars as pl

        names = ("dimension", "group", "nearest", "correlation", "is_exact")
        return pl.DataFrame({name: getattr(self, name) for name in names})
