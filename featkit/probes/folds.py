"""Patient-disjoint folds."""

from __future__ import annotations

import numpy as np

from featkit.core.errors import InputError
from featkit.core.seeds import derive_seed


def patient_folds(y: np.ndarray, patient: np.ndarray, n_folds: int, seed: int, *names: object) -> np.ndarray:
    """Return the fold (n,) of each row: all rows of a patient in one fold, classes spread evenly.

    Parameters
    ----------
    y : np.ndarray of int, shape (n,)
        Classes.
    patient : np.ndarray of int, shape (n,)
        Patients.
    n_folds : int
        Number of folds.
    seed : int
        Same seed, same folds.
    *names : object
        The random stream's name.

    Raises
    ------
    InputError
        If there are fewer patients or patches of a class than folds, or a class lies in one fold only.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    n_patients, n_least = len(np.unique(patient)), int(np.bincount(y).min())
    if n_folds < 2:
        raise InputError("n_folds must be at least 2", n_folds, "Use 5")
    if n_patients < n_folds:
        raise InputError(
            f"there must be at least as many patients as folds, {n_folds}", n_patients, "Use fewer folds or more data"
        )
    if n_least < n_folds:
        raise InputError(
            f"each class must have at least {n_folds} patches", n_least, "Use fewer folds or leave the class out"
        )
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=derive_seed(seed, *names) % 2**32)
    fold = np.empty(len(y), dtype=np.int64)
    for number, (_, test) in enumerate(splitter.split(np.zeros((len(y), 1)), y, patient)):
        fold[test] = number
    for k in range(int(y.max()) + 1):
        if len(np.unique(fold[y == k])) < 2:
            raise InputError(
                "each class must occur in patients of at least two folds",
                f"class {k} in {len(np.unique(patient[y == k]))} patients",
                "Use fewer folds, more patients, or leave the class out",
            )
    return fold
