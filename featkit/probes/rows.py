"""The rows a probe is given: embeddings with the column, patient and class of each patch, checked once."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from featkit.core.arrays import as_array, as_matrix, is_missing
from featkit.core.errors import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class ProbeRows:
    """Patches to probe.

    Parameters
    ----------
    X : array of shape (n, d), float or int
        Embeddings; finite. They are neither copied nor written.
    column : array of shape (n,)
        What is read from them (or, for the patient probe, the domain of each patch). Missing values are allowed.
    groups : array of shape (n,)
        Patient of each patch.
    label : array of shape (n,), optional
        Class of each patch: patients are resampled and exchanged within it.
    seen : array of bool, shape (n,), optional
        Whether the encoder was trained on the patient; for the patient probe.
    description : str
        Which patches these are, in words ("patients the encoder was not trained on").

    Raises
    ------
    InputError
        If shapes do not fit, a patient or class is missing, or X is not finite (rows are named by number).

    Examples
    --------
    >>> import numpy as np
    >>> rows = ProbeRows(np.eye(4), ["40X", "100X"] * 2, ["p1", "p1", "p2", "p2"])
    >>> len(rows)
    4
    """

    X: Any
    column: Any
    groups: Any
    label: Any = None
    seen: Any = None
    description: str = ""

    def __post_init__(self) -> None:
        X = as_matrix(self.X)
        object.__setattr__(self, "X", X)
        for name in ("column", "groups", "label"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _as_column(getattr(self, name), len(X), name))
        for name in ("groups", "label"):
            if getattr(self, name) is not None:
                n_missing = int(is_missing(getattr(self, name)).sum())
                if n_missing:
                    raise InputError(f"{name} must not be missing", f"{n_missing} missing values", "Drop those rows")
        if self.seen is not None:
            seen = np.asarray(self.seen)
            if seen.shape != (len(X),) or seen.dtype != bool:
                raise InputError(f"seen must be booleans of shape ({len(X)},)", f"{seen.dtype} {seen.shape}")
            object.__setattr__(self, "seen", seen)

    def __len__(self) -> int:
        return len(self.X)

    def take(self, rows: np.ndarray) -> ProbeRows:
        """Return some rows (a copy of their embeddings)."""
        columns = {name: getattr(self, name) for name in ("X", "column", "groups", "label", "seen")}
        return ProbeRows(
            **{name: None if a is None else a[rows] for name, a in columns.items()}, description=self.description
        )


def distinct(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted distinct values and each row's index among them."""
    names, codes = np.unique(values.astype(str) if values.dtype.kind == "O" else values, return_inverse=True)
    return names, codes


def _as_column(values: Any, n: int, name: str) -> np.ndarray:
    array = as_array(values.to_list() if hasattr(values, "to_list") else values, name)
    if array.shape != (n,):
        raise InputError(f"{name} must have one value per row of X, {n}", array.shape, "Take both from the same rows")
    return array
