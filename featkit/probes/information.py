"""How many bits a probe found, in every draw of patients."""

from __future__ import annotations

import numpy as np


def information_bits(
    y: np.ndarray, P: np.ndarray, patient: np.ndarray, part: np.ndarray, counts: np.ndarray
) -> dict[str, np.ndarray]:
    """Return out-of-fold cross-entropy and the bound H(M) - CE of the mutual information, in bits.

    A row's information is what its surprise, -log2 of its class's share among the rows of its part, falls by when its
    embedding is seen. The shares are those of all rows in every draw (they are the design's, not the patients'), so
    both numbers are means over rows, and on the data the second is exactly H(M) - CE. With several parts it is the
    conditional I(Z; M | part).

    Parameters
    ----------
    y : np.ndarray of int, shape (n,)
        Classes 0..K-1.
    P : np.ndarray of shape (n, K)
        Positive probabilities from a model that did not see the row.
    patient, part : np.ndarray of int, shape (n,)
        Patient and part of each row.
    counts : np.ndarray of shape (n_draws, n_patients)
        How often each patient is drawn.

    Returns
    -------
    dict of str to np.ndarray of shape (n_draws,)
        "cross_entropy_bits" and "information_bits", the latter not clipped at zero.
    """
    n_patients, n_classes = counts.shape[1], P.shape[1]
    loss, surprise = -np.log2(P[np.arange(len(y)), y]), np.empty(len(y))
    for i in range(int(part.max()) + 1):
        rows = part == i
        surprise[rows] = -np.log2((np.bincount(y[rows], minlength=n_classes) / rows.sum())[y[rows]])
    sums = [np.bincount(patient, weights=w, minlength=n_patients) for w in (np.ones(len(y)), loss, surprise - loss)]
    n, cross, gained = (counts @ s for s in sums)
    return {"cross_entropy_bits": cross / n, "information_bits": gained / n}
