"""Scores of each patient's rows by the ridge regression on all other patients, in closed form."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from featkit.probes.ridge import CellRidge, blocks_of


def left_out_scores(
    X: np.ndarray, cell: np.ndarray, patient_of_cell: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows and their scores by the ridge regression on all other patients, linear in the labels of cells.

    Every cell (the patches of one patient with one value) has the same weight. Means, deviations and the penalty are
    those of all rows. With the smoother ``H`` of all rows, symmetric in weighted coordinates, ``y_i - f_i = (I -
    H_ii)^-1 (y_i - (H y)_i)`` is what the regression without patient i leaves of the patient's rows, whatever the
    labels. A patient with more rows than dimensions is subtracted from the normal equations instead. X is read in
    blocks and never copied whole.

    Parameters
    ----------
    X : ndarray of float, shape (n, d)
        Embeddings.
    cell : ndarray of int, shape (n,)
        Cell of each row, 0 to n_cells - 1; none is empty.
    patient_of_cell : ndarray of int, shape (n_cells,)
        Patient of each cell, 0 to n_patients - 1; at least two patients.

    Yields
    ------
    rows : ndarray of int, shape (t,)
        Rows of one patient; a large patient comes in several blocks.
    scores : ndarray of float64, shape (t, n_cells)
        Prediction for a target that is 1 in one cell and 0 in the others; 0 for the patient's own cells.

    References
    ----------
    Cook and Weisberg, Residuals and Influence in Regression, 1982, section 3.6 (several rows left out at once); Hastie,
    Tibshirani and Friedman, The Elements of Statistical Learning, 2009, section 7.10.
    """
    from scipy.linalg import cho_factor, cho_solve

    patient = patient_of_cell[cell]
    ridge = CellRidge(X.__getitem__, cell)
    order = np.argsort(patient, kind="stable")
    ends = np.cumsum(np.bincount(patient))
    for first, last in zip(np.concatenate([[0], ends[:-1]]), ends, strict=True):
        rows = order[first:last]
        own = np.unique(cell[rows])
        if len(rows) > X.shape[1] and not ridge.is_wide:
            predict = ridge.without(rows, own)
            for some in blocks_of(rows):
                yield some, predict(X[some])
            continue
        fitted, block = ridge.fitted(rows)
        root = np.sqrt(ridge.weight[rows])[:, None]
        scores = cho_solve(cho_factor(np.eye(len(rows)) - block, lower=True), fitted * root) / root
        scores[:, own] = 0.0  # no other patient has a row in them
        yield rows, scores
