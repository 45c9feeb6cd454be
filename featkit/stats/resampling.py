"""Which patients a resample draws, and how often: seeded counts that every metric and every model shares."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from featkit.core.arrays import as_groups, check_count
from featkit.core.errors import InputError
from featkit.core.seeds import rng

_BLOCK_CELLS = 1 << 22
_MOST_LEFT_OUT = 1000


@dataclasses.dataclass(frozen=True, eq=False)
class PatientCounts:
    """A resampling plan: patients drawn with replacement within strata, and what lies in them carried along.

    Made by `patient_counts`. The draws depend on the patients, their strata, the levels and the seed only, so two
    models scored on the same patches see the same draws, and the first draws of a longer run are those of a shorter.

    Parameters
    ----------
    unit_of_row : ndarray of int, shape (n,)
        The unit each patch belongs to: its patient, or, when levels are nested, the innermost thing resampled.
    patient_of_unit : ndarray of int, shape (n_units,)
        The patient each unit belongs to; the identity when nothing is nested.
    patients : ndarray, shape (n_patients,)
        Names, sorted.
    stratum_of_patient : ndarray of int, shape (n_patients,)
        Patients are drawn within these, each stratum keeping its size.
    levels : tuple of ndarray
        For each nested level, the parent (in the level above) of each of its members; empty when nothing is nested.
    class_of_patient : ndarray of int, shape (n_patients,), optional
        Class of each patient, the rarest among its patches; None where classes play no part.
    n_carriers : ndarray of int, shape (n_classes,), optional
        Patients with patches of each class; one with patches of two counts in both.
    n_cohort : int, optional
        Patients of the whole cohort, where these are a part of it drawn in its class shares.
    """

    unit_of_row: np.ndarray
    patient_of_unit: np.ndarray
    patients: np.ndarray
    stratum_of_patient: np.ndarray
    levels: tuple[np.ndarray, ...] = ()
    class_of_patient: np.ndarray | None = None
    n_carriers: np.ndarray | None = None
    n_cohort: int | None = None

    @property
    def n_units(self) -> int:
        """Number of units, the width of the counts."""
        return len(self.patient_of_unit)

    @property
    def n_patients(self) -> int:
        """Number of patients, the independent units."""
        return len(self.patients)

    @property
    def patient_of_row(self) -> np.ndarray:
        """Patient index of each patch, shape (n,)."""
        return self.patient_of_unit[self.unit_of_row]

    def blocks(self, n_draws: int, seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield ``(patient_counts, unit_counts)`` for consecutive draws, in blocks of bounded memory.

        Parameters
        ----------
        n_draws : int
            Resamples in all.
        seed : int
            Same seed, same draws, whatever the block in which they are asked for.

        Yields
        ------
        tuple of ndarray of int32, shapes (b, n_patients) and (b, n_units)
            How often each was drawn; the same array twice when nothing is nested.
        """
        for number, start in enumerate(range(0, check_count(n_draws, "n_draws"), self._block)):
            counts = self._draw_patients(min(self._block, n_draws - start), seed, number)
            inner = counts
            for depth, parent in enumerate(self.levels):
                inner = _draw_members(inner, parent, rng(seed, "bootstrap", "nested", depth, number))
            yield counts, inner

    @property
    def cells(self) -> np.ndarray:
        """Class of each patient where classes are known, else its stratum; shape (n_patients,)."""
        return self.stratum_of_patient if self.class_of_patient is None else self.class_of_patient

    @property
    def is_cohort(self) -> bool:
        """Whether draws let the numbers of each class vary."""
        if self.class_of_patient is None:
            return False
        pairs = np.unique(np.stack([self.stratum_of_patient, self.class_of_patient]), axis=1)
        return len(np.unique(pairs[0])) < pairs.shape[1]

    @property
    def left_out(self) -> np.ndarray:
        """Patients that `jackknife` leaves out, one by one: all, or 1,000 evenly spaced ones of a larger class."""
        chosen, cells = [], self.cells
        for cell in np.unique(cells):
            members = np.flatnonzero(cells == cell)
            spread = np.linspace(0, len(members) - 1, min(len(members), _MOST_LEFT_OUT))
            chosen.append(members[spread.astype(np.int64)])
        return np.sort(np.concatenate(chosen))

    def jackknife(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield counts as `blocks` does for the samples without one patient each, in the order of ``left_out``."""
        left_out = self.left_out
        for start in range(0, len(left_out), self._block):
            here = left_out[start : start + self._block]
            counts = np.ones((len(here), self.n_patients), dtype=np.int32)
            counts[np.arange(len(here)), here] = 0
            yield counts, (counts[:, self.patient_of_unit] if self.levels else counts)

    def once(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the counts of the data as they are: everything once."""
        return np.ones((1, self.n_patients), dtype=np.int32), np.ones((1, self.n_units), dtype=np.int32)

    @property
    def _block(self) -> int:
        return max(1, min(1024, _BLOCK_CELLS // max(self.n_units, self.n_patients)))

    def _draw_patients(self, n_draws: int, seed: int, number: int) -> np.ndarray:
        counts = np.zeros((n_draws, self.n_patients), dtype=np.int32)
        for stratum in range(int(self.stratum_of_patient.max()) + 1):
            members = np.flatnonzero(self.stratum_of_patient == stratum)
            size = len(members)
            picks = rng(seed, "bootstrap", stratum, number).integers(0, size, size=(n_draws, size))
            picks += size * np.arange(n_draws)[:, None]
            counts[:, members] = np.bincount(picks.ravel(), minlength=n_draws * size).reshape(n_draws, size)
        return counts


def patient_counts(
    groups: Any,
    *,
    strata: Any = None,
    classes: Any = None,
    nested: Sequence[Any] = (),
    n: int | None = None,
) -> PatientCounts:
    """Return the plan for resampling patients.

    Parameters
    ----------
    groups : array, shape (n,), or "patches"
        Patient of each patch. The literal ``"patches"`` treats every patch as its own patient; then give ``n`` or
        ``strata``.
    strata : array, shape (n,), optional
        Draw within these, so that each keeps its number of patients. One value per patch, usually its fold, or its
        class in a case-control study: a patient with several belongs to the one that the fewest patients have. None
        draws from all patients, as a cohort is drawn.
    classes : array of int, shape (n,), optional
        Class of each patch, 0..K-1: whose spread is whose when an interval is made.
    nested : sequence of (array of shape (n,) or "patches")
        Levels resampled inside each drawn patient, outermost first: ``nested=[slides, "patches"]`` draws patients,
        then slides within each drawn patient, then patches within each drawn slide. A name counts within its parent,
        so slide "A" of two patients is two slides. Empty (the default) carries everything a patient has.
    n : int, optional
        Number of patches, needed only when it cannot be seen from the arrays.

    Returns
    -------
    PatientCounts

    Raises
    ------
    InputError
        If ``groups`` is not given, or arrays differ in length.
    """
    if n is None:
        sized = next((a for a in (groups, strata, classes, *nested) if a is not None and not isinstance(a, str)), None)
        if sized is None:
            raise InputError("groups must name the patient of each patch", repr(groups))
        n = len(sized)
    patients, patient_of_row = np.unique(as_groups(groups, n), return_inverse=True)
    stratum_of_patient = np.zeros(len(patients), dtype=np.int64)
    if strata is not None:
        _, value = np.unique(as_groups(strata, n, "strata"), return_inverse=True)
        stratum_of_patient, _ = _rarest(value, patient_of_row, len(patients))
        stratum_of_patient = np.unique(stratum_of_patient, return_inverse=True)[1]
    class_of_patient = n_carriers = None
    if classes is not None:
        class_of_patient, n_carriers = _rarest(np.asarray(classes).astype(np.int64), patient_of_row, len(patients))
    unit_of_row, patient_of_unit = patient_of_row, np.arange(len(patients))
    levels = []
    for position, level in enumerate(nested):
        _, member_of_row = np.unique(as_groups(level, n, f"nested[{position}]"), return_inverse=True)
        pairs = unit_of_row.astype(np.int64) * (int(member_of_row.max()) + 1) + member_of_row
        _, first_row, inner = np.unique(pairs, return_index=True, return_inverse=True)
        parent = unit_of_row[first_row]
        levels.append(parent)
        unit_of_row, patient_of_unit = inner, patient_of_unit[parent]
    return PatientCounts(
        unit_of_row, patient_of_unit, patients, stratum_of_patient, tuple(levels), class_of_patient, n_carriers
    )


def draw_counts(groups: Any, strata: Any = None, n_draws: int = 2000, seed: int = 0) -> np.ndarray:
    """Return how often each patient is drawn in each resample.

    Parameters
    ----------
    groups : array, shape (n,)
        Patient of each patch.
    strata : array, shape (n,), optional
        Patients are drawn within these (see `patient_counts`).
    n_draws : int
        Resamples.
    seed : int
        Same seed, same draws.

    Returns
    -------
    ndarray of int32, shape (n_draws, n_patients)
        Columns in the order of ``np.unique(groups)``; each row sums to n_patients.
    """
    plan = patient_counts(groups, strata=strata)
    return np.concatenate([counts for counts, _ in plan.blocks(n_draws, seed)])


def _rarest(value: np.ndarray, patient_of_row: np.ndarray, n_patients: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for each patient the one of its values that the fewest patients have, and how many have each value."""
    has = np.zeros((n_patients, int(value.max()) + 1), dtype=bool)
    has[patient_of_row, value] = True
    n_carriers = has.sum(axis=0)
    return np.argmin(np.where(has, n_carriers, n_patients + 1), axis=1), n_carriers


def _draw_members(counts: np.ndarray, parent: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw, for each time a parent was drawn, as many of its members as it has; members are sorted by parent."""
    n_draws, n_parents = counts.shape
    size = np.bincount(parent, minlength=n_parents)
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    picks = (counts * size).ravel()
    which = np.repeat(np.arange(n_draws * n_parents), picks)
    draw, owner = np.divmod(which, n_parents)
    member = first[owner] + np.floor(random.random(len(which)) * size[owner]).astype(np.int64)
    cells = draw * len(parent) + member
    return np.bincount(cells, minlength=n_draws * len(parent)).reshape(n_draws, len(parent)).astype(np.int32)
