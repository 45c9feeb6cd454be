"""The permutation null of a column: whole cells of patients are relabelled, and ridge scores follow linearly."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator

import numpy as np

from featkit.probes.left_out_ridge import left_out_scores
from featkit.probes.permutations import permuted_within

_CELLS = 8_000_000  # numbers of a block of scores
_BATCH = 512  # rows that are scored together


@dataclasses.dataclass(frozen=True, eq=False)
class Cells:
    """Rows grouped by patient and value: what is exchangeable when the column has no effect.

    Patches of one patient with one value share slide, focus and exposure, so that single rows are not exchangeable.

    Parameters
    ----------
    cell : ndarray of int, shape (n,)
        Cell of each row.
    patient, value : ndarray of int, shape (n_cells,)
        Patient and value of each cell.
    """

    cell: np.ndarray
    patient: np.ndarray
    value: np.ndarray

    @classmethod
    def of(cls, y: np.ndarray, patient: np.ndarray) -> Cells:
        """Return the cells of rows with values and patients (n,)."""
        n_values = int(y.max()) + 1
        names, cell = np.unique(patient * n_values + y, return_inverse=True)
        return cls(cell, names // n_values, names % n_values)

    @property
    def n_values_of_patient(self) -> np.ndarray:
        """Number of cells of each patient, shape (n_patients,)."""
        return np.bincount(self.patient)

    @property
    def is_within(self) -> bool:
        """Whether most patients have several values, which are then permuted inside each patient."""
        return bool((self.n_values_of_patient > 1).mean() >= 0.5)


def relabelled_cells(cells: Cells, stratum: np.ndarray | None, n: int, seed: int) -> np.ndarray:
    """Return relabellings of cells.

    Where most patients have several values, each patient's values are permuted among its cells. Elsewhere patients
    with one value exchange it with others of their stratum. Cells that do not take part keep their value.

    Parameters
    ----------
    cells : Cells
        The observed cells.
    stratum : ndarray of int, shape (n_patients,), optional
        Class of each patient; None puts all into one.
    n, seed : int
        How many, and from which stream.

    Returns
    -------
    ndarray of int, shape (n, n_cells)
        Values.
    """
    return permuted_within(cells.value, _blocks(cells, stratum), n, seed)


def n_relabellings(cells: Cells, stratum: np.ndarray | None) -> float:
    """Return how many different relabellings there are, the observed one among them; infinity beyond 1e300."""
    block, total = _blocks(cells, stratum), 0.0
    for b in np.unique(block):
        counts = np.bincount(cells.value[block == b])
        total += math.lgamma(counts.sum() + 1) - sum(math.lgamma(c + 1) for c in counts)
    return float(round(math.exp(total))) if total < 690 else math.inf


def _blocks(cells: Cells, stratum: np.ndarray | None) -> np.ndarray:
    """Return the block of each cell, inside which values are exchanged."""
    if cells.is_within:
        return cells.patient
    alone = cells.n_values_of_patient[cells.patient] == 1
    shared = np.zeros(len(alone), dtype=np.int64) if stratum is None else stratum[cells.patient]
    return np.where(alone, shared, shared.max() + 1 + np.arange(len(alone)))


def ridge_accuracy(
    X: np.ndarray, cells: Cells, labellings: np.ndarray, parts: list[np.ndarray], n_values: int
) -> np.ndarray:
    """Return the balanced accuracy of the leave-one-patient-out ridge regression for each labelling of the cells.

    A row is assigned the value whose score is largest relative to its share of the training cells. Hits are averaged
    over the rows of a cell, over the cells of a value, over values and over parts, so that no large cell decides.

    Parameters
    ----------
    X : ndarray of float, shape (n, d)
        Embeddings.
    cells : Cells
        Cells of the rows.
    labellings : ndarray of int, shape (b, n_cells)
        Value of each cell, 0 to n_values - 1.
    parts : list of ndarray of int
        Rows that are probed on their own.
    n_values : int
        Number of values.

    Returns
    -------
    ndarray of float64, shape (b,)
    """
    found = np.zeros(len(labellings))
    for rows in parts:
        present, cell = np.unique(cells.cell[rows], return_inverse=True)
        patient = np.unique(cells.patient[present], return_inverse=True)[1]
        hits = _hits(X if len(rows) == len(X) else X[rows], cell, patient, labellings[:, present], n_values)
        sizes = (labellings[:, present, None] == np.arange(n_values)).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):  # a relabelling may leave a part without one value
            found += np.nanmean(np.where(sizes > 0, hits / sizes, np.nan), axis=1) / len(parts)
    return found


def _hits(X: np.ndarray, cell: np.ndarray, patient: np.ndarray, labellings: np.ndarray, n_values: int) -> np.ndarray:
    """Return the sum over cells of the share of rows assigned to the cell's value (b, n_values)."""
    hits = np.zeros((len(labellings), n_values))
    size, n_cells = np.bincount(cell), len(patient)
    at_once = max(1, _CELLS // (max(_BATCH, n_cells) * n_values))
    for rows, scores in _batches(left_out_scores(X, cell, patient)):
        owner, owner_of_row = np.unique(patient[cell[rows]], return_inverse=True)
        others = (patient != owner[:, None]).astype(np.float32)
        others /= others.sum(axis=1, keepdims=True)
        for first in range(0, len(labellings), at_once):
            some = slice(first, first + at_once)
            is_value = labellings[some].T[:, :, None] == np.arange(n_values)
            targets = is_value.reshape(n_cells, -1).astype(np.float32)
            relative = (scores @ targets) / np.maximum(others @ targets, 1e-9)[owner_of_row]
            assigned = relative.reshape(len(rows), -1, n_values).argmax(axis=2)
            truth = labellings[some, cell[rows]].T
            right = (assigned == truth) / size[cell[rows], None]
            for k in range(n_values):
                hits[some, k] += (right * (truth == k)).sum(axis=0)
    return hits


def _batches(scored: Iterable[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows and scores of several patients together, at least ``_BATCH`` rows but for the last."""
    rows: list[np.ndarray] = []
    scores: list[np.ndarray] = []
    for some, own in scored:
        rows.append(some)
        scores.append(own.astype(np.float32))
        if sum(map(len, rows)) >= _BATCH:
            yield np.concatenate(rows), np.concatenate(scores)
            rows, scores = [], []
    if rows:
        yield np.concatenate(rows), np.concatenate(scores)
