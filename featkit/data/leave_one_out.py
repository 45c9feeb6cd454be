"""Leave one domain out, by patients."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from featkit.core.errors import InputError
from featkit.core.natural_order import sort_naturally
from featkit.core.seeds import rng
from featkit.data.manifest import Manifest
from featkit.data.split import Split, check_fold, from_roles, labelled_rows


def leave_one_domain_out(
    frame: pl.DataFrame | Manifest,
    fold: str,
    *,
    domain: str = "magnification",
    test_fraction: float = 0.3,
    val_fraction: float = 0.15,
    patient: str = "patient",
    seed: int = 0,
) -> Split:
    """Return the split that holds out one domain and, at the same time, a set of patients.

    Patients are parted into train, val and test, stratified by class and seeded; the parting does not depend on
    ``fold``, so that the test patients of every fold of one seed are the same. Test are the held-out domain's patches
    of the test patients; train and val are the other domains' patches of the train and val patients; every other patch
    is unused.

    Parameters
    ----------
    frame : polars.DataFrame or Manifest
        With ``patch_id``, ``label``, the patient column and the domain column, none of them null.
    fold : str
        The domain to hold out: "100X".
    domain : str
        The column a method must generalise over.
    test_fraction, val_fraction : float
        Of each class's patients, in (0, 1) and [0, 1), rounded, at least one patient each (none for val when 0).
    patient : str
        The column that tells patients apart. One with patches of two classes counts for its more frequent class.
    seed : int
        Of the patient partition.

    Returns
    -------
    Split

    Raises
    ------
    InputError
        If the fold is no value of the column, a class has fewer patients than there are parts, or as `from_roles`.
    """
    table = labelled_rows(frame, domain, patient)
    check_fold(table["domain"].to_list(), fold, domain)
    if table["domain"].n_unique() < 2:
        raise InputError(f"leaving one {domain} out needs at least two of them", f"only {fold}")
    part = partition_patients(table, test_fraction=test_fraction, val_fraction=val_fraction, seed=seed)
    is_held_out = (table["domain"] == str(fold)).to_numpy()
    of_patient = np.array([part[p] for p in table["patient"].to_list()], dtype=np.str_)
    belongs = np.where(of_patient == "test", is_held_out, ~is_held_out)
    roles = np.where(belongs, of_patient, "unused")
    return from_roles(frame, roles, fold=fold, domain=domain, patient=patient, seed=seed)


def all_folds(
    frame: pl.DataFrame | Manifest,
    domain: str = "magnification",
    *,
    test_fraction: float = 0.3,
    val_fraction: float = 0.15,
    patient: str = "patient",
    seed: int = 0,
) -> dict[str, Split]:
    """Return `leave_one_domain_out` for every domain, by its name in natural order (40X before 100X)."""
    names = sort_naturally(labelled_rows(frame, domain, patient)["domain"].to_list())
    return {
        name: leave_one_domain_out(
            frame,
            name,
            domain=domain,
            test_fraction=test_fraction,
            val_fraction=val_fraction,
            patient=patient,
            seed=seed,
        )
        for name in names
    }


def partition_patients(table: pl.DataFrame, *, test_fraction: float, val_fraction: float, seed: int) -> dict[str, str]:
    """Return each patient's part ("train", "val", "test"), stratified by class.

    Parameters
    ----------
    table : polars.DataFrame
        With text columns ``patient`` and ``label``, one row per patch.
    test_fraction, val_fraction : float
        As in `leave_one_domain_out`; a test fraction of 0 makes no test patients.
    seed : int
        The same patients and seed give the same parts, whatever the order of the rows.

    Raises
    ------
    InputError
        If the fractions leave nobody to train on, or a class has fewer patients than parts.
    """
    for name, fraction in (("test_fraction", test_fraction), ("val_fraction", val_fraction)):
        if not (0.0 <= fraction < 1.0):
            raise InputError(f"{name} must lie in [0, 1)", fraction)
    if test_fraction + val_fraction >= 1.0:
        raise InputError("test_fraction + val_fraction must be below 1", test_fraction + val_fraction)
    counts = table.group_by("patient", "label").agg(n=pl.len()).sort(["n", "label"], descending=[True, False])
    majority = counts.unique("patient", keep="first", maintain_order=True)
    part: dict[str, str] = {}
    for label in sorted(majority["label"].unique().to_list()):
        patients = majority.filter(pl.col("label") == label)["patient"].sort().to_list()
        n_test, n_val = (max(1, math.floor(f * len(patients) + 0.5)) if f else 0 for f in (test_fraction, val_fraction))
        n_parts = 1 + (n_test > 0) + (n_val > 0)
        if len(patients) < n_parts:
            raise InputError(
                f"each class needs at least {n_parts} patients, one for each part of the split",
                f"{len(patients)} of class {label}: {', '.join(patients)}",
                "Add patients, or leave the class out",
            )
        n_test = min(n_test, len(patients) - 1 - (n_val > 0))
        n_val = min(n_val, len(patients) - 1 - n_test)
        shuffled = rng(seed, "patient partition", label).permutation(np.array(patients, dtype=np.str_)).tolist()
        for i, name in enumerate(shuffled):
            part[name] = "test" if i < n_test else "val" if i < n_test + n_val else "train"
    return part
