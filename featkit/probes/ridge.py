"""Weighted ridge regression on the indicators of cells, in blocks of rows: one factorisation for any relabelling.

Columns are standardised with the weighted means and deviations of the training rows; constant ones are left out. The
penalty is d, the number of columns left: that of the best linear predictor when half of the variance of a label is
spread evenly over all dimensions. The intercept is not penalised. None of this looks at labels, so that the observed
labels and every relabelling meet exactly the same linear map.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

ROWS = 1024
"""Rows of a block: what is in memory as float64 at a time."""

Rows = Callable[[np.ndarray], np.ndarray]


def blocks_of(rows: np.ndarray) -> list[np.ndarray]:
    """Return rows in blocks of at most ``ROWS``."""
    return [rows[first : first + ROWS] for first in range(0, len(rows), ROWS)]


class CellRidge:
    """The regression of every cell's indicator on the embeddings at once.

    Parameters
    ----------
    values : callable
        ``rows -> (t, d)``: the embeddings of training rows, by number.
    cell : ndarray of int, shape (m,)
        Cell of each training row, 0 to n_cells - 1, none empty. Cells have equal weights; rows weigh 1 on average.
    """

    def __init__(self, values: Rows, cell: np.ndarray) -> None:
        self.cell, self.n_cells = cell, int(cell.max()) + 1
        self.weight = weight = len(cell) / self.n_cells / np.bincount(cell)[cell]
        self.share = 1 / self.n_cells
        blocks = blocks_of(np.arange(len(cell)))
        mean = sum(weight[rows] @ values(rows).astype(np.float64) for rows in blocks) / len(cell)
        variance = sum(weight[rows] @ np.square(values(rows) - mean) for rows in blocks) / len(cell)
        deviation = np.sqrt(variance)
        self._used = np.flatnonzero(deviation > 1e-7 * (1 + np.abs(mean)))
        self._mean, self._deviation, self._values = mean[self._used], deviation[self._used], values
        self._is_all = len(self._used) == len(mean)
        self.is_wide = len(self._used) > len(cell)
        (self._by_rows if self.is_wide else self._by_columns)(max(1, len(self._used)), blocks)

    def standardised(self, values: np.ndarray) -> np.ndarray:
        """Return values (t, d) standardised, without the constant columns, as float64."""
        return ((values if self._is_all else values[:, self._used]) - self._mean) / self._deviation

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Return predictions (t, n_cells) for embeddings (t, d)."""
        Z = self.standardised(values)
        return Z @ self._coefficients + self.share

    def fitted(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the predictions (t, n_cells) of training rows and their block (t, t) of the weighted smoother."""
        from scipy.linalg import solve_triangular

        Z, root = self.standardised(self._values(rows)), np.sqrt(self.weight[rows])
        if self.is_wide:
            block = self._smoother[np.ix_(rows, rows)]
        else:
            half = solve_triangular(self._factor[0], (Z * root[:, None]).T, lower=True)
            block = half.T @ half
        return Z @ self._coefficients + self.share, block + np.outer(root, root) / len(self.weight)

    def without(self, rows: np.ndarray, cells: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """Return the predictor fitted without these training rows, which are all rows of ``cells``."""
        from scipy.linalg import cho_factor, cho_solve

        normal = np.zeros((len(self._gram) + 1, len(self._gram) + 1))
        normal[0, 0], normal[1:, 1:] = len(self.weight), self._gram
        for some in blocks_of(rows):
            A = np.column_stack([np.ones(len(some)), self.standardised(self._values(some))])
            A *= np.sqrt(self.weight[some])[:, None]
            normal -= A.T @ A
        targets = np.vstack([np.full(self.n_cells, self.share * len(self.weight)), self._sums])
        targets[:, cells] = 0.0
        coefficients = cho_solve(cho_factor(normal, lower=True), targets)
        return lambda values: self.standardised(values) @ coefficients[1:] + coefficients[0]

    def _by_columns(self, penalty: float, blocks: list[np.ndarray]) -> None:
        from scipy.linalg import cho_factor, cho_solve

        d = len(self._used)
        self._gram, self._sums = np.diag(np.full(d, float(penalty))), np.zeros((d, self.n_cells))
        for rows in blocks:
            Z = self.standardised(self._values(rows))
            present, place = np.unique(self.cell[rows], return_inverse=True)
            self._sums[:, present] += Z.T @ _indicator(place, self.weight[rows], len(present))
            Z *= np.sqrt(self.weight[rows])[:, None]
            self._gram += Z.T @ Z
        self._factor: Any = cho_factor(self._gram, lower=True)
        self._coefficients = cho_solve(self._factor, self._sums)

    def _by_rows(self, penalty: float, blocks: list[np.ndarray]) -> None:
        from scipy.linalg import cho_factor, cho_solve

        root = np.sqrt(self.weight)
        Z = np.concatenate([self.standardised(self._values(rows)) for rows in blocks]) * root[:, None]
        kernel = Z @ Z.T
        kernel[np.diag_indices_from(kernel)] += penalty
        inverse = cho_solve(cho_factor(kernel, lower=True), np.eye(len(root)))
        self._smoother = np.eye(len(root)) - penalty * inverse
        centred = _indicator(self.cell, root, self.n_cells) - root[:, None] * self.share
        self._coefficients = Z.T @ (inverse @ centred)


def _indicator(cell: np.ndarray, weight: np.ndarray, n_cells: int) -> np.ndarray:
    """Return (t, n_cells): the weight of each row in the column of its cell."""
    indicator = np.zeros((len(cell), n_cells))
    indicator[np.arange(len(cell)), cell] = weight
    return indicator
