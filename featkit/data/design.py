"""How patients lie in domains: nested in them, spanning all of them, or some of each."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import polars as pl

from featkit.core.natural_order import natural_key

Nesting = Literal["nested", "crossed", "mixed"]


@dataclasses.dataclass(frozen=True)
class Patient:
    """A patient as a split sees it.

    Parameters
    ----------
    name : str
        The identifier.
    label : str
        The class of most of the patches.
    labels : tuple of str
        The classes of all the patches.
    domains : tuple of str
        The domains with patches, in natural order.
    """

    name: str
    label: str
    labels: tuple[str, ...]
    domains: tuple[str, ...]

    @property
    def is_spanning(self) -> bool:
        """Whether there are patches in more than one domain."""
        return len(self.domains) > 1


def patients_of(table: pl.DataFrame) -> list[Patient]:
    """Return the patients of a table with text columns patch_id, label, patient, domain; sorted by name.

    Where two classes of a patient tie, the one with the first patch_id counts, so that nothing depends on what the
    classes are called.
    """
    per_class = table.group_by("patient", "label").agg(n=pl.len(), first=pl.col("patch_id").min())
    majority = per_class.sort("n", "first", descending=[True, False]).unique("patient", keep="first")
    found = table.group_by("patient").agg(labels=pl.col("label").unique(), domains=pl.col("domain").unique())
    rows = majority.join(found, on="patient").sort("patient").select("patient", "label", "labels", "domains")
    return [
        Patient(name, label, tuple(sorted(labels)), tuple(sorted(domains, key=natural_key)))
        for name, label, labels, domains in rows.iter_rows()
    ]


def patients_per_class(patients: Sequence[Patient]) -> Counter[str]:
    """Return how many patients have patches of each class."""
    return Counter(label for patient in patients for label in patient.labels)


def nesting_of(patients: Sequence[Patient]) -> Nesting:
    """Return whether no patient has patches in more than one domain ("nested"), all do ("crossed"), or some ("mixed").

    Examples
    --------
    >>> nesting_of([Patient("p1", "a", ("a",), ("site 1",)), Patient("p2", "b", ("b",), ("site 2",))])
    'nested'
    """
    n_spanning = sum(patient.is_spanning for patient in patients)
    return "nested" if n_spanning == 0 else "crossed" if n_spanning == len(patients) else "mixed"


def explained(patients: Sequence[Patient], domain: str, fold: str) -> str:
    """Return in a sentence or two who is tested and who is trained on when ``fold`` is held out."""
    n, n_spanning = len(patients), sum(patient.is_spanning for patient in patients)
    n_only = sum(patient.domains == (fold,) for patient in patients)
    if n_spanning == 0:
        return (
            f"no patient has patches in more than one {domain}: all {n_only} patients of {fold} are tested, "
            f"the other {n - n_only} are trained on or select the model"
        )
    if n_spanning == n:
        return (
            f"all {n} patients have patches in more than one {domain}: some of them are kept for testing, and only "
            f"their patches of {fold} are tested"
        )
    return (
        f"{n_spanning} of {n} patients have patches in more than one {domain}, the others in one: the {n_only} "
        f"patients of {fold} alone are all tested, of those of {fold} and another {domain} some are kept for testing"
    )
