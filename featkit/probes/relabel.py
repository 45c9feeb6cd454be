"""Relabellings that keep what a patient is and break what is asked."""

from __future__ import annotations

import numpy as np

from featkit.core.seeds import rng


def varies_within(y: np.ndarray, patient: np.ndarray) -> np.ndarray:
    """Return for each patient whether its rows have more than one value."""
    n_patients = int(patient.max()) + 1
    low, high = np.full(n_patients, y.max() + 1), np.full(n_patients, -1)
    np.minimum.at(low, patient, y)
    np.maximum.at(high, patient, y)
    return low < high


def relabel_within(y: np.ndarray, block: np.ndarray, n_permutations: int, seed: int) -> np.ndarray:
    """Permute labels among the rows of each block.

    Parameters
    ----------
    y : np.ndarray of int, shape (n,)
        Labels.
    block : np.ndarray of int, shape (n,)
        Rows that exchange labels: a patient, or a patient and class.
    n_permutations, seed : int
        How many, and from which stream.

    Returns
    -------
    np.ndarray of int, shape (n_permutations, n)
    """
    random, home = rng(seed, "relabel within"), np.argsort(block, kind="stable")
    found = np.empty((n_permutations, len(y)), dtype=y.dtype)
    for b in range(n_permutations):
        found[b, home] = y[np.lexsort((random.random(len(y)), block))]
    return found


def exchanges(stratum: np.ndarray, n_permutations: int, seed: int) -> np.ndarray:
    """Permute patients among those of their stratum.

    Parameters
    ----------
    stratum : np.ndarray of int, shape (n_patients,)
        Patients that may stand for each other.

    Returns
    -------
    np.ndarray of int, shape (n_permutations, n_patients)
        Column p holds the patient that p is taken for.
    """
    return relabel_within(np.arange(len(stratum)), stratum, n_permutations, seed)
