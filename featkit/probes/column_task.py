"""What is asked of a column: its values, patients, classes and parts, and whether it can be probed at all."""

from __future__ import annotations

import dataclasses

import numpy as np

from featkit.core.arrays import is_missing
from featkit.core.errors import InputError
from featkit.core.text import first_few, listed
from featkit.probes.rows import ProbeRows, distinct


@dataclasses.dataclass(frozen=True, eq=False)
class ColumnTask:
    """Rows of a column that can be probed.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Embeddings.
    y, patient : ndarray of int, shape (n,)
        Value and patient of each row.
    classes : ndarray
        The values by name.
    label : ndarray of int, shape (n,), or None
        Class of each row.
    part : ndarray of int, shape (n,)
        Which part each row is in; parts are probed on their own (one, or one per label).
    part_names : tuple of str
        Their names.
    notes : tuple of str
        Which rows were left out.
    """

    X: np.ndarray
    y: np.ndarray
    patient: np.ndarray
    classes: np.ndarray
    label: np.ndarray | None
    part: np.ndarray
    part_names: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def n_classes(self) -> int:
        """Number of values."""
        return len(self.classes)

    @property
    def n_patients_of_rarest(self) -> int:
        """Patients that have the value fewest of them have."""
        return min(len(np.unique(self.patient[self.y == k])) for k in range(self.n_classes))

    def parts(self) -> list[np.ndarray]:
        """Return the rows of each part."""
        return [np.flatnonzero(self.part == i) for i in range(len(self.part_names))]

    def class_of_patient(self) -> np.ndarray | None:
        """Return the class of each patient (n_patients,), those with several in a class of their own kind."""
        if self.label is None:
            return None
        has = np.zeros((int(self.patient.max()) + 1, int(self.label.max()) + 1), dtype=bool)
        has[self.patient, self.label] = True
        return np.unique(has, axis=0, return_inverse=True)[1].ravel()


def column_task(rows: ProbeRows, column: str, within: str | None) -> ColumnTask:
    """Return the task of reading a column, or say why it cannot be read.

    Parameters
    ----------
    rows : ProbeRows
        The patches.
    column : str
        The column's name, for messages.
    within : {None, "label"}
        Whether each label is a part of its own.

    Raises
    ------
    InputError
        If the column is missing in half of the rows or more, constant, different for each patient, or equal to the
        class; or, with ``within``, if a label lacks one of the values.
    """
    rows, notes = _known(rows, column)
    classes, y = distinct(rows.column)
    patients, patient = distinct(rows.groups)
    _refuse_constant(classes, column)
    n_patients = np.array([len(np.unique(patient[y == k])) for k in range(len(classes))])
    if n_patients.max() < 2 and len(patients) > 1:
        raise InputError(
            f"{column} must have values that several patients share",
            f"another value for each of {len(patients)} patients",
            "It names patients: run the patient probe instead",
        )
    if rows.label is not None and _is_same(rows.column, rows.label):
        raise InputError(
            f"{column} must not be the class itself",
            listed([f"{k} in {rows.label[np.argmax(y == i)]} only" for i, k in enumerate(classes[:3])]),
            "Nothing can tell them apart; probe another column",
        )
    rare = n_patients < 2
    if rare.any():
        shown = first_few(classes[rare].tolist(), 3)
        notes.append(f"values of {column} with a single patient were left out: {shown}")
        rows = rows.take(np.flatnonzero(~rare[y]))
        (classes, y), (_, patient) = distinct(rows.column), distinct(rows.groups)
        _refuse_constant(classes, column)
    names, label = (None, None) if rows.label is None else distinct(rows.label)
    if within is None:
        part: np.ndarray = np.zeros(len(rows), dtype=np.int64)
        part_names: tuple[str, ...] = ("all",)
    else:
        if names is None or label is None:
            raise InputError("label must be given to probe within it", "none", "Pass the class of each patch")
        _refuse_incomplete(y, classes, label, names, column)
        part, part_names = label, tuple(str(name) for name in names)
    return ColumnTask(rows.X, y, patient, classes, label, part, part_names, tuple(notes))


def _known(rows: ProbeRows, column: str) -> tuple[ProbeRows, list[str]]:
    missing = is_missing(rows.column)
    if not missing.any():
        return rows, []
    if missing.mean() >= 0.5:
        raise InputError(
            f"{column} must be known for more than half of the rows",
            f"{missing.sum()} of {len(rows)} missing",
            "Fill it in or probe another column",
        )
    return rows.take(np.flatnonzero(~missing)), [f"{missing.sum()} patches without {column} were left out"]


def _refuse_constant(classes: np.ndarray, column: str) -> None:
    if len(classes) < 2:
        raise InputError(f"{column} must have at least two values", f"{classes[0]} only", "Add rows of another value")


def _is_same(values: np.ndarray, label: np.ndarray) -> bool:
    """Return whether each value goes with one label and each label with one value."""
    n_pairs = len(set(zip(values.tolist(), label.tolist(), strict=True)))
    return n_pairs == len(set(values.tolist())) == len(set(label.tolist()))


def _refuse_incomplete(y: np.ndarray, classes: np.ndarray, label: np.ndarray, names: np.ndarray, column: str) -> None:
    for i, name in enumerate(names):
        absent = set(range(len(classes))) - set(y[label == i].tolist())
        if absent:
            raise InputError(
                f"every value of {column} must occur in every label",
                f"no {classes[min(absent)]} in {name}",
                "Leave out that label or probe without within",
            )
