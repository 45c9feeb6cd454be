"""Which patients a subsample or a fold holds: drawn over patients, balanced over classes."""

from __future__ import annotations

import numpy as np

from featkit.core.errors import InputError, did_you_mean
from featkit.core.seeds import rng
from featkit.sparse.solvers.design import Patients
from featkit.stats.patient_folds import deal_patients

SCHEMES = ("complementary_pairs", "subsample")


def patient_subsamples(patients: Patients, scheme: str, n_pairs: int, seed: int) -> list[np.ndarray]:
    """Return the patients of each subsample, sorted.

    Every subsample has ``floor(n / 2)`` of the n patients. Each class is halved; the odd patient of a class with an odd
    number of patients goes to the smaller half, or to neither when no half lacks one. Complementary pairs are disjoint
    and stand next to each other: subsample ``2 b`` with ``2 b + 1``.

    Parameters
    ----------
    patients : Patients
        Of the rows; stratified by ``patients.label``.
    scheme : str
        "complementary_pairs" (Shah and Samworth 2013) or "subsample" (Meinshausen and Buhlmann 2010: independent
        halves).
    n_pairs : int
        Pairs; ``2 * n_pairs`` subsamples under either scheme.
    seed : int
        Draw b depends on the seed and b alone, so the first draws of a longer run are those of a shorter one.

    Raises
    ------
    InputError
        If a class has too few patients for every half to have it.
    """
    if scheme not in SCHEMES:
        raise InputError("scheme must be a known name", repr(scheme), did_you_mean(scheme, SCHEMES))
    if n_pairs < 1:
        raise InputError("n_pairs must be at least 1", n_pairs)
    strata = [np.flatnonzero(patients.label == c) for c in np.unique(patients.label)]
    fewest = int(patients.n_with.min())
    if fewest < 2:
        raise _too_few(patients)
    halves = []
    for b in range(n_pairs):
        if scheme == "complementary_pairs":
            halves += list(_halve(strata, rng(seed, "stability", scheme, b)))
        else:
            halves += [_halve(strata, rng(seed, "stability", scheme, b, side))[0] for side in (0, 1)]
    if not all(patients.has[half].any(axis=0).all() for half in halves):
        raise _too_few(patients)
    return halves


def patient_folds_of(patients: Patients, n_folds: int, seed: int) -> np.ndarray:
    """Return the fold of each row, (n,): whole patients, the rarest class of each spread evenly over the folds.

    Raises
    ------
    InputError
        If a class has fewer patients than there are folds, or lies in one fold only.
    """
    fewest = int(patients.n_with.min())
    if fewest < n_folds:
        raise InputError(
            f"each class needs at least {n_folds} patients for {n_folds} folds",
            f"{fewest} of class {patients.n_with.argmin()}",
            "Ask for fewer folds or use more patients",
        )
    fold = deal_patients(patients.label, n_folds, seed, in_every_fold=False)
    if any(np.unique(fold[patients.has[:, k]]).size < 2 for k in range(patients.n_with.size)):
        raise InputError("each class must occur in patients of at least two folds", "one", "Use more patients")
    return fold[patients.index]


def _too_few(patients: Patients) -> InputError:
    fewest = int(patients.n_with.min())
    return InputError(
        "each class needs at least 2 patients so that both halves have it",
        f"{fewest} in the smallest class of {patients.names.size} patients",
        "Use more patients; a patient's rows are never split between halves",
    )


def _halve(strata: list[np.ndarray], random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    first: list[np.ndarray] = []
    second: list[np.ndarray] = []
    left: list[int] = []
    for stratum in strata:
        order = random.permutation(stratum)
        half = order.size // 2
        first.append(order[:half])
        second.append(order[half : 2 * half])
        left += order[2 * half :].tolist()
    odd = random.permutation(np.array(left, np.int64))
    pairs = odd.size // 2
    first.append(odd[:pairs])
    second.append(odd[pairs : 2 * pairs])
    return np.sort(np.concatenate(first)), np.sort(np.concatenate(second))


def rows_of(patients: Patients, chosen: np.ndarray) -> np.ndarray:
    """Return the sorted rows of the chosen patients."""
    is_in = np.zeros(patients.names.size, np.bool_)
    is_in[chosen] = True
    return np.flatnonzero(is_in[patients.index])
