"""Leave one domain out, by patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from featkit.core.errors import InputError
from featkit.core.options import SplitOptions
from featkit.core.text import first_few
from featkit.data.design import Patient, nesting_of, patients_of, patients_per_class
from featkit.data.division import by_class, draw, rounded_share
from featkit.data.manifest import Manifest
from featkit.data.split import Split, check_fold, from_roles, labelled_rows, require_test_patients


def leave_one_domain_out(
    frame: pl.DataFrame | Manifest, fold: str, options: SplitOptions | None = None, *, patient: str = "patient"
) -> Split:
    """Return the split that tests on one domain, on patients that were not trained on.

    A patient of the held-out domain alone is tested, and a patient without patches there is trained on or selects the
    model. Of patients with patches in several domains, ``test_fraction`` are drawn for testing, the same ones in every
    fold of one seed: only their patches of the held-out domain are tested. The others lend their patches outside the
    held-out domain to training; what is left is unused. So where no patient spans domains (sites, scanners) the whole
    held-out domain is tested and all the rest is trained on; where every patient spans all of them (magnifications) the
    test patients of all folds are the same. `SplitAudit.nesting` says which of the two it is.

    Patients are drawn by class and spread over the domains. Which class is called positive, the order of rows and the
    names of classes change nothing.

    Parameters
    ----------
    frame : polars.DataFrame or Manifest
        With ``patch_id``, ``label``, the patient column and the domain column, none of them null.
    fold : str
        The domain to hold out: "100X".
    options : SplitOptions, optional
        ``domain``, ``test_fraction``, ``val_fraction``, ``min_test_patients`` and ``seed`` are used.
    patient : str
        The column that tells patients apart. One with patches of two classes counts for its more frequent class.

    Returns
    -------
    Split

    Raises
    ------
    InputError
        If the fold is no value of the column or the only one, a class has too few patients, fewer than
        ``min_test_patients`` are tested, or as `from_roles`.

    Examples
    --------
    >>> rows = [(f"p{i}-{m}", "ab"[i % 2], f"p{i}", m) for i in range(12) for m in ("40X", "100X")]
    >>> table = pl.DataFrame(rows, schema=["patch_id", "label", "patient", "magnification"], orient="row")
    >>> leave_one_domain_out(table, "100X")
    Split(fold='100X', train 6, val 2, test 4, unused 12 patches)
    """
    options = options or SplitOptions()
    table = labelled_rows(frame, options.domain, patient)
    check_fold(table["domain"].to_list(), fold, options.domain)
    fold = str(fold)
    if table["domain"].n_unique() < 2:
        raise InputError(
            f"leaving one {options.domain} out needs at least two of them",
            f"only {fold}",
            "Use the design cross-validation, which needs no domain",
        )
    patients = patients_of(table)
    tested = {p.name for p in _kept_for_testing(patients, options)}
    test = {p.name for p in patients if fold in p.domains and (p.name in tested or not p.is_spanning)}
    outside = [p for p in patients if p.domains != (fold,)]
    crossed = nesting_of(patients) == "crossed"
    pool = [p for p in outside if p.name not in test and not (crossed and p.name in tested)]
    val = validation_patients(pool, outside, options)
    who, is_held_out = table["patient"].to_list(), (table["domain"] == fold).to_numpy()
    trained = {p.name for p in pool} - val
    sides = [("test", test, is_held_out), ("val", val, ~is_held_out), ("train", trained, ~is_held_out)]
    roles = np.full(table.height, "unused", dtype="<U6")
    for role, names, is_there in sides:
        roles[np.array([name in names for name in who], dtype=bool) & is_there] = role
    split = from_roles(
        frame,
        roles,
        fold=fold,
        domain=options.domain,
        patient=patient,
        seed=options.seed,
        design="leave-one-domain-out",
    )
    require_test_patients(split, options.min_test_patients)
    return split


def validation_patients(pool: Sequence[Patient], outside: Sequence[Patient], options: SplitOptions) -> set[str]:
    """Return the names of those in ``pool`` who select the model.

    Parameters
    ----------
    pool : sequence of Patient
        Those who may be trained on; every class keeps at least one of them for training.
    outside : sequence of Patient
        Those ``val_fraction`` is a share of.
    options : SplitOptions
        The design.
    """
    n_outside = {members[0].label: len(members) for members in by_class(outside)}
    chosen: set[str] = set()
    for members in by_class(pool):
        n_val = min(rounded_share(options.val_fraction, n_outside[members[0].label]), len(members) - 1)
        chosen |= {p.name for p in draw(members, n_val, options.seed, "validation patients")}
    return chosen


def _kept_for_testing(patients: Sequence[Patient], options: SplitOptions) -> list[Patient]:
    """Return the patients with patches in several domains who are tested, whatever the fold."""
    n_parts, n_of_class = 2 + (options.val_fraction > 0), patients_per_class(patients)
    chosen: list[Patient] = []
    for members in by_class(patients):
        spanning = [p for p in members if p.is_spanning]
        if not spanning:
            continue
        if len(spanning) == len(members) and n_of_class[members[0].label] < n_parts:
            raise InputError(
                f"each class needs at least {n_parts} patients, one for each part of the split",
                f"{len(members)} of class {members[0].label}: {first_few([p.name for p in members])}",
                "Add patients, or leave the class out",
            )
        needed_elsewhere = n_parts - 1 if len(spanning) == len(members) else 0
        n_test = min(rounded_share(options.test_fraction, len(spanning)), max(0, len(spanning) - needed_elsewhere))
        chosen += draw(spanning, n_test, options.seed, "test patients")
    return chosen
