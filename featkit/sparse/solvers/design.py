"""What the solvers take in: a checked design, one dimension a row, and labels, weights and patients to go with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from featkit.core.arrays import as_groups, as_weights
from featkit.core.errors import InputError
from featkit.sparse.solvers.kernels import constant_columns

_BLOCK_BYTES = 1 << 26  # of float64 standardised at a time
_OFFSET = 2.0  # standard deviations; solvers need twice as many steps at about 3


@dataclasses.dataclass(frozen=True, eq=False)
class Design:
    """A design matrix ready for the solvers.

    Parameters
    ----------
    columns : (d, n) float32, C order
        One dimension a row; constant dimensions are zero when standardised.
    mean, scale : (d,) float64
        What was taken off and divided by; 0 and 1 without standardisation, and scale 1 for constant dimensions.
    is_dead : (d,) bool
        Constant dimensions.
    """

    columns: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    is_dead: np.ndarray


def make_design(
    X: np.ndarray, *, standardize: bool, sample_weight: np.ndarray | None = None, center: bool = True
) -> Design:
    """Return the design of a checked ``X`` (n, d).

    A float32 array in column order is used as it is, without a copy, unless it is standardised or far from zero.

    Parameters
    ----------
    X : (n, d) array
        Checked by `featkit.core.arrays.as_matrix`.
    standardize : bool
        Take off each dimension's mean and divide by its standard deviation (population, weighted). Without it means are
        taken off where a dimension is far from zero: a free intercept makes that the same model, without the coupling
        of intercept and dimensions that slows solvers down.
    sample_weight : (n,) float64, optional
        Weights with sum 1.
    center : bool
        Whether means may be taken off. A model without an intercept needs them: dimensions are then at most divided by
        their standard deviation, and constant ones stay as they are.
    """
    n, d = X.shape
    mean, scale = np.zeros(d), np.ones(d)
    if not standardize:
        if X.dtype.kind != "f" or X.dtype.itemsize > 4:
            largest = float(np.abs(X).max())
            if largest > float(np.finfo(np.float32).max):
                raise InputError("X must fit in float32", f"values up to {largest:g}", "Rescale the dimensions")
        if not (center and _has_offsets(X)):
            columns = np.ascontiguousarray(X.T, dtype=np.float32)
            return Design(columns, mean, scale, constant_columns(columns))
    columns = np.empty((d, n), np.float32)
    is_dead = np.empty(d, np.bool_)
    for here in _blocks(n, d):
        block = np.array(X[:, here].T, dtype=np.float64, order="C")  # a copy: the caller's array is never written
        is_dead[here] = block.max(axis=1) == block.min(axis=1)
        mean[here] = block @ sample_weight if sample_weight is not None else block.mean(axis=1)
        squares = np.square(block - mean[here, None])
        scale[here] = np.sqrt(squares @ sample_weight if sample_weight is not None else squares.mean(axis=1))
        is_dead[here] |= scale[here] == 0.0
        scale[here][is_dead[here] if standardize else slice(None)] = 1.0
        if center:
            block -= mean[here, None]
            block[is_dead[here]] = 0.0
        else:
            mean[here] = 0.0
        block /= scale[here, None]
        columns[here] = block
    return Design(columns, mean, scale, is_dead)


def _blocks(n: int, d: int) -> Iterator[slice]:
    """Yield blocks of dimensions whose float64 copies stay small."""
    step = max(1, min(256, _BLOCK_BYTES // (8 * n)))
    for start in range(0, d, step):
        yield slice(start, min(start + step, d))


def _has_offsets(X: np.ndarray) -> bool:
    """Return whether the mean of a dimension is more than `_OFFSET` standard deviations from zero."""
    for here in _blocks(*X.shape):
        block = X[:, here].astype(np.float64)
        if np.any(np.abs(block.mean(axis=0)) > _OFFSET * block.std(axis=0)):
            return True
    return False


def share_weights(sample_weight: Any, n: int) -> tuple[np.ndarray, float]:
    """Return sample weights scaled to sum 1, (n,) float64, and their sum; equal weights without any."""
    weight = as_weights(sample_weight, n)
    return weight / weight.sum(), float(weight.sum())


def require_weight(labels: np.ndarray, w: np.ndarray) -> None:
    """Refuse classes (n,) without any weight: their intercept would be infinite."""
    totals = np.bincount(labels.astype(np.int64), w)
    if (totals <= 0).any():
        raise InputError(
            "every class must have rows of positive weight",
            f"weight 0 for all rows of class {int(totals.argmin())}",
            "Leave the class out, or give its rows weight",
        )


def as_penalties(penalty_weights: Any, d: int) -> np.ndarray:
    """Return per-dimension penalty weights, (d,) float64; all 1 without any."""
    if penalty_weights is None:
        return np.ones(d)
    weights = np.array(penalty_weights, dtype=np.float64)
    if weights.shape != (d,):
        raise InputError(f"penalty_weights must have one value for each of the {d} dimensions", f"{weights.shape}")
    if np.isnan(weights).any() or weights.min() < 0:
        raise InputError("penalty weights must be at least 0 (infinity keeps a dimension out)", f"{weights.min()}")
    return weights


@dataclasses.dataclass(frozen=True, eq=False)
class Patients:
    """The patients of the rows.

    Parameters
    ----------
    index : (n,) int64
        Each row's patient, counted from 0 in sorted order of the names.
    names : (n_patients,)
        Sorted.
    has : (n_patients, n_classes) bool
        Which classes a patient has rows of.
    label : (n_patients,) int64
        The class each patient is drawn with where draws are balanced over classes: its own, and of several the one that
        the fewest patients have; of those that tie, the one of most of its rows.
    """

    index: np.ndarray
    names: np.ndarray
    has: np.ndarray
    label: np.ndarray

    @property
    def n_mixed(self) -> int:
        """Patients with rows of more than one class."""
        return int(np.sum(self.has.sum(axis=1) > 1))

    @property
    def n_with(self) -> np.ndarray:
        """Patients with rows of each class, (n_classes,) int64."""
        return np.asarray(self.has.sum(axis=0))


def as_patients(groups: Any, y: np.ndarray) -> Patients:
    """Return the patients of ``groups`` (n,), each with its classes.

    Parameters
    ----------
    groups : (n,) array
        Each row's patient.
    y : (n,) array
        Each row's class, 0..K-1.

    Raises
    ------
    InputError
        If the length is wrong or a patient is missing.
    """
    names, index = np.unique(as_groups(groups, y.size), return_inverse=True)
    index = index.reshape(-1).astype(np.int64)
    rows = np.zeros((names.size, max(2, int(y.max()) + 1)), np.int64)
    np.add.at(rows, (index, y.astype(np.int64)), 1)
    has = rows > 0
    n_with = has.sum(axis=0)
    rarest = np.where(has, n_with, names.size + 1).min(axis=1)
    is_rarest = has & (n_with == rarest[:, None])
    return Patients(index, names, has, np.where(is_rarest, rows, -1).argmax(axis=1))
