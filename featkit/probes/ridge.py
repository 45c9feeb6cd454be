"""Ridge regression on class indicators in closed form: one factorisation serves any number of relabellings."""

from __future__ import annotations

import numpy as np

_CELLS = 16_000_000  # numbers of a block of targets


class RidgeDesign:
    """Training and test rows, factorised once.

    Columns are standardised with the training rows' means and deviations; constant ones are left out. The penalty is
    d, the number of columns left: the best linear predictor's when half of the variance of a label is spread evenly
    over all dimensions. It does not look at labels, so that the observed labels and every relabelling are met by
    exactly the same linear map.

    Parameters
    ----------
    X_train : np.ndarray of shape (m, d)
        Training rows.
    X_test : np.ndarray of shape (t, d)
        Test rows.
    weights : np.ndarray of shape (m,), optional
        Positive weights of the training rows.
    """

    def __init__(self, X_train: np.ndarray, X_test: np.ndarray, weights: np.ndarray | None = None) -> None:
        from scipy.linalg import cho_factor

        share = np.full(len(X_train), 1 / len(X_train)) if weights is None else weights / weights.sum()
        A, B = X_train.astype(np.float64), X_test.astype(np.float64)
        mean = share @ A
        A -= mean
        deviation = np.sqrt(share @ A**2)
        varies = deviation > 1e-7 * (1 + np.abs(mean))
        A, B = A[:, varies] / deviation[varies], (B[:, varies] - mean[varies]) / deviation[varies]
        self._share, self._root = share, np.sqrt(share * len(share))
        A *= self._root[:, None]
        penalty = max(1, A.shape[1])
        self._is_wide = A.shape[1] > len(A)
        gram = A @ A.T if self._is_wide else A.T @ A
        gram[np.diag_indices_from(gram)] += penalty
        self._factor = cho_factor(gram, lower=True, overwrite_a=True)
        self._A, self._B = A, B
        self._cross = B @ A.T if self._is_wide else None

    def predict(self, Y: np.ndarray) -> np.ndarray:
        """Return predictions (t, q) for targets ``Y`` (m, q)."""
        from scipy.linalg import cho_solve

        mean = self._share @ Y
        R = (Y - mean) * self._root[:, None]
        if self._cross is not None:
            return self._cross @ cho_solve(self._factor, R) + mean
        return self._B @ cho_solve(self._factor, self._A.T @ R) + mean


def ridge_balanced_accuracy(
    X: np.ndarray, labellings: np.ndarray, fold: np.ndarray, parts: list[np.ndarray], n_classes: int
) -> np.ndarray:
    """Return the out-of-fold balanced accuracy of the ridge probe for each labelling of the same rows.

    A row is decided for the class whose prediction is largest relative to the class's share of the training rows.

    Parameters
    ----------
    X : np.ndarray of shape (n, d)
        Embeddings.
    labellings : np.ndarray of int, shape (b, n)
        Classes 0..K-1, the observed ones among them.
    fold : np.ndarray of int, shape (n,)
        Fold of each row.
    parts : list of np.ndarray
        Rows that are probed on their own; the result is the mean over them.
    n_classes : int
        K.

    Returns
    -------
    np.ndarray of shape (b,)
    """
    found = np.zeros(len(labellings))
    for rows in parts:
        hits, sizes = np.zeros((len(labellings), n_classes)), np.zeros((len(labellings), n_classes))
        at_once = max(1, _CELLS // (len(rows) * n_classes))
        for number in np.unique(fold[rows]):
            train, test = rows[fold[rows] != number], rows[fold[rows] == number]
            design = RidgeDesign(X[train], X[test])
            for first in range(0, len(labellings), at_once):
                some = slice(first, first + at_once)
                Y = (labellings[some, train, None] == np.arange(n_classes)).transpose(1, 0, 2).astype(np.float64)
                share = np.maximum(Y.mean(axis=0), 1e-9)
                scores = design.predict(Y.reshape(len(train), -1)).reshape(len(test), -1, n_classes) / share
                decided, truth = scores.argmax(axis=2).T, labellings[some, test]
                for k in range(n_classes):
                    hits[some, k] += ((decided == k) & (truth == k)).sum(axis=1)
                    sizes[some, k] += (truth == k).sum(axis=1)
        found += (hits / sizes).mean(axis=1) / len(parts)
    return found
