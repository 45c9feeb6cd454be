"""Rows of embeddings with a label and a patient each: what models are fitted on and scored on."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from featkit.core.arrays import as_array, as_groups, as_numbers, is_missing
from featkit.core.errors import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledRows:
    """Embeddings with the label and the patient of each row, which go together and have no gaps.

    Parameters
    ----------
    X : (n, d) array, or array-like on disk
        Embeddings: anything with ``shape`` and row slices.
    y : (n,) array
        Labels: numbers or names, none missing.
    groups : (n,) array, or "patches"
        Patients, none missing; the literal ``"patches"`` says out loud that rows are independent.

    Raises
    ------
    InputError
        If ``X`` is not a matrix, lengths differ, or a label or patient is missing.

    Examples
    --------
    >>> rows = LabelledRows([[0.5, 1.0], [2.0, 0.1]], [0, 1], ["p1", "p2"])
    >>> rows.n, rows.patients.tolist()
    (2, ['p1', 'p2'])
    """

    X: Any
    y: np.ndarray
    groups: np.ndarray | str

    def __post_init__(self) -> None:
        X = self.X if hasattr(self.X, "shape") and hasattr(self.X, "__getitem__") else as_numbers(self.X, "X")
        if len(X.shape) != 2 or X.shape[0] == 0:
            raise InputError("X must have shape (n, d) with n > 0", f"shape {tuple(X.shape)}")
        n, y, groups = X.shape[0], as_array(self.y, "y"), self.groups
        if y.shape != (n,):
            raise InputError(f"y must have one label for each of the {n} rows of X", f"shape {y.shape}")
        missing = is_missing(y)
        if missing.any():
            raise InputError(
                "every row must have a label",
                f"{missing.sum()} without one, the first in row {missing.argmax()}",
                "Drop these rows or name their class",
            )
        names = as_groups(groups, n)
        object.__setattr__(self, "X", X)
        object.__setattr__(self, "y", y)
        object.__setattr__(self, "groups", groups if isinstance(groups, str) else names)

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.X.shape[0])

    @property
    def n_dimensions(self) -> int:
        """Number of dimensions."""
        return int(self.X.shape[1])

    @property
    def is_by_patch(self) -> bool:
        """Whether rows are independent."""
        return isinstance(self.groups, str)

    @property
    def patients(self) -> np.ndarray:
        """Patient of each row, (n,); each row's own number where rows are independent."""
        return np.arange(self.n) if isinstance(self.groups, str) else self.groups

    def take(self, rows: np.ndarray) -> LabelledRows:
        """Return the given rows (indices or a mask)."""
        return LabelledRows(self.X[rows], self.y[rows], self.groups if self.is_by_patch else self.patients[rows])

    def columns(self, dimensions: np.ndarray) -> LabelledRows:
        """Return the given dimensions of all rows, float64."""
        return dataclasses.replace(self, X=np.asarray(self.X[:, dimensions], dtype=np.float64))
