"""Patient-disjoint folds: patients dealt out class by class."""

from __future__ import annotations

import numpy as np

from featkit.core.errors import InputError
from featkit.core.seeds import rng

STREAM = ("patient folds",)


def patient_folds(
    y: np.ndarray,
    groups: np.ndarray,
    n_folds: int,
    seed: int,
    *,
    stream: tuple[object, ...] = STREAM,
    in_every_fold: bool = True,
) -> np.ndarray:
    """Return the fold of each row: all rows of a patient in one fold, the patients of a class spread evenly.

    A patient counts as of the class of most of its rows; of those that tie, of the first.

    Parameters
    ----------
    y : (n,) int64
        Classes, 0..K-1.
    groups : (n,) array
        Patients.
    n_folds : int
        Number of folds, 2 or more.
    seed : int
        Same seed, same folds.
    stream : tuple
        Name of the random stream, for folds drawn independently of others with the same seed.
    in_every_fold : bool
        Refuse classes with fewer patients than there are folds. Otherwise every class must have rows in two folds.

    Returns
    -------
    (n,) int64
        Folds, 0..n_folds-1.

    Raises
    ------
    InputError
        If there are too few patients, overall or of a class.

    Examples
    --------
    >>> import numpy as np
    >>> fold = patient_folds(np.array([0, 0, 0, 1, 1]), np.array([7, 7, 8, 9, 5]), 2, seed=0)
    >>> bool(fold[0] == fold[1]), np.bincount(fold[1:]).tolist()
    (True, [2, 2])
    """
    _, index = np.unique(groups, return_inverse=True)
    index = index.reshape(-1)
    rows = np.zeros((index.max() + 1, int(y.max()) + 1), np.int64)
    np.add.at(rows, (index, y), 1)
    fold = deal_patients(rows.argmax(axis=1), n_folds, seed, stream=stream, in_every_fold=in_every_fold)[index]
    for k in np.flatnonzero(np.bincount(y)):
        if len(np.unique(fold[y == k])) < 2:
            raise InputError(
                "each class must occur in patients of at least two folds",
                f"class {k} in {np.count_nonzero(rows[:, k])} patients",
                "Use fewer folds, more patients, or leave the class out",
            )
    return fold


def deal_patients(
    label: np.ndarray, n_folds: int, seed: int, *, stream: tuple[object, ...] = STREAM, in_every_fold: bool = True
) -> np.ndarray:
    """Return the fold of each patient, (n_patients,), given their classes ``label``; see `patient_folds`."""
    if n_folds < 2:
        raise InputError("n_folds must be at least 2", n_folds, "Use 5")
    if label.size < n_folds:
        raise InputError(
            f"there must be at least as many patients as folds, {n_folds}", label.size, "Use fewer folds or more data"
        )
    fold = np.empty(label.size, np.int64)
    n_dealt = 0
    for c in np.unique(label):
        members = np.flatnonzero(label == c)
        if in_every_fold and members.size < n_folds:
            raise InputError(
                f"each class needs at least {n_folds} patients for {n_folds} folds",
                f"{members.size} of class {c}",
                "Ask for fewer folds or use more patients",
            )
        order = rng(seed, *stream, int(c)).permutation(members)
        fold[order] = (n_dealt + np.arange(members.size)) % n_folds
        n_dealt += members.size
    return fold
