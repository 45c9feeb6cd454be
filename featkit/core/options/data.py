"""Where patches are, how they are read, and the design of the study."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from featkit.core.options.base import Options
from featkit.core.patient_groups import Groups
from featkit.core.seeds import check_seeds


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataOptions(Options):
    """Where the patches are and how to read them.

    Parameters
    ----------
    path : str
        A folder or a table, relative to the workspace.
    adapter : str, optional
        How it is read; see `featkit.data.ADAPTERS`. Seen from the data when not set.
    metadata : str, optional
        For "folder": the table with patient, magnification and mpp.
    columns : dict of str to str
        For "folder" and "table": featkit's column name to the table's.
    labels : tuple of str
        For "folder" and "table": the classes to keep; empty for all.
    patient_key : str
        For "breakhis": "case" (70 case numbers) or "id" (82 ids).
    scale : float, optional
        For "breakhis": stored pixels per original pixel.
    complete : bool, optional
        For "breakhis": whether all 7,909 images must be there.
    groups : {"patients", "patches"}
        For "folder" and "table": "patches" counts each patch as a patient of its own, where nobody knows the patients.
    positive : str, optional
        The class that counts as positive of two.
    """

    path: str = "."
    adapter: str | None = None
    metadata: str | None = None
    columns: dict[str, str] = dataclasses.field(default_factory=dict)
    labels: tuple[str, ...] = ()
    patient_key: str = "case"
    scale: float | None = None
    complete: bool | None = None
    groups: Groups = "patients"
    positive: str | None = None

    def check(self) -> None:
        """Refuse values out of range."""
        self.require("scale", "positive and finite", self.scale is None or 0 < self.scale < math.inf)


Design = Literal["auto", "leave-one-domain-out", "cross-validation"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitOptions(Options):
    """The design of the study: what is held out, and how patients are divided.

    Parameters
    ----------
    design : {"auto", "leave-one-domain-out", "cross-validation"}
        "leave-one-domain-out" tests on one value of ``domain`` at a time, on patients that were not trained on.
        "cross-validation" tests on one group of patients at a time, named "fold 1", "fold 2", ... "auto" is the first
        where the table has at least two domains, else the second.
    domain : str
        The column a method must generalise over.
    folds : tuple of str
        The folds to make, by name; empty for all of them.
    n_folds : int
        Number of folds of a cross-validation, at least 2.
    test_fraction : float
        In leave-one-domain-out, the share of the patients with patches in several domains who are kept for testing, in
        (0, 1). Patients of the held-out domain alone are always tested.
    val_fraction : float
        Share of the patients with patches outside the held-out part who select the model, in [0, 1); 0 for none.
    min_test_patients : int
        A fold with fewer test patients is left out, and said to be, at least 1.
    seed : int
        Seed of the division of patients, 0 or more.
    """

    design: Design = "auto"
    domain: str = "magnification"
    folds: tuple[str, ...] = ()
    n_folds: int = 5
    test_fraction: float = 0.3
    val_fraction: float = 0.15
    min_test_patients: int = 2
    seed: int = 0

    def check(self) -> None:
        """Refuse values out of range."""
        self.require("test_fraction", "strictly between 0 and 1", 0 < self.test_fraction < 1, "Use 0.3")
        self.require("val_fraction", "at least 0 and less than 1", 0 <= self.val_fraction < 1, "Use 0.15")
        check_seeds((self.seed,))
        both = self.test_fraction + self.val_fraction
        self.require("test_fraction", "less than 1 together with val_fraction", both < 1, "Leave patients to train on")
        self.require("n_folds", "at least 2", self.n_folds >= 2, "Use 5")
        self.require("min_test_patients", "at least 1", self.min_test_patients >= 1, "Use 2")
