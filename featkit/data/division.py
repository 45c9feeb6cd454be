"""Drawing patients: the same share of every class, spread over the domains, whatever the classes are called."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from featkit.core.natural_order import natural_key
from featkit.core.seeds import derive_seed
from featkit.data.design import Patient


def by_class(patients: Iterable[Patient]) -> list[list[Patient]]:
    """Return the patients of each class, larger classes first; the order does not depend on the classes' names."""
    classes: dict[str, list[Patient]] = {}
    for patient in patients:
        classes.setdefault(patient.label, []).append(patient)
    return sorted(classes.values(), key=lambda members: (-len(members), min(p.name for p in members)))


def shuffled(patients: Iterable[Patient], seed: int, purpose: str) -> list[Patient]:
    """Return the patients grouped by domains, in random order within them.

    A patient's place is a hash of seed and name, so it depends neither on the order of rows nor on who else is there.
    """

    def place(patient: Patient) -> tuple[object, ...]:
        return [natural_key(d) for d in patient.domains], derive_seed(seed, purpose, patient.name), patient.name

    return sorted(patients, key=place)


def draw(patients: Sequence[Patient], n: int, seed: int, purpose: str) -> list[Patient]:
    """Return ``n`` of the patients at random, as many of each domain as its share, up to rounding.

    Every k-th of the shuffled patients is taken from a random start (systematic sampling with implicit stratification).

    Parameters
    ----------
    patients : sequence of Patient
        Those to draw from.
    n : int
        How many, from 0 to all.
    seed : int
        The seed.
    purpose : str
        What they are drawn for; draws for different purposes are independent.
    """
    start = derive_seed(seed, purpose) / 2**63
    ordered = shuffled(patients, seed, purpose)
    return [ordered[math.floor((i + start) * len(ordered) / n)] for i in range(n)]


def rounded_share(fraction: float, n: int) -> int:
    """Return ``fraction`` of ``n``, rounded half up, at least 1 unless the fraction is 0."""
    return max(1, math.floor(fraction * n + 0.5)) if fraction else 0
