"""Cross-validation over patients: the design where no domain is held out."""

from __future__ import annotations

import numpy as np
import polars as pl

from featkit.core.errors import InputError
from featkit.core.options import SplitOptions
from featkit.data.design import patients_of, patients_per_class
from featkit.data.division import by_class, shuffled
from featkit.data.leave_one_out import validation_patients
from featkit.data.manifest import Manifest
from featkit.data.split import Split, from_roles, labelled_rows, require_test_patients


def fold_names(n_folds: int) -> list[str]:
    """Return "fold 1", "fold 2", ..."""
    return [f"fold {k}" for k in range(1, n_folds + 1)]


def leave_patients_out(
    frame: pl.DataFrame | Manifest, fold: str, options: SplitOptions | None = None, *, patient: str = "patient"
) -> Split:
    """Return one fold of a cross-validation over patients: every patient is tested in exactly one fold.

    Each class is dealt out over the folds in equal numbers, up to one patient, and so are the values of the domain
    column within a class where the table has it. Validation patients are drawn from those not tested.

    Parameters
    ----------
    frame : polars.DataFrame or Manifest
        With ``patch_id``, ``label`` and the patient column, none of them null.
    fold : str
        "fold 1" to "fold <n_folds>".
    options : SplitOptions, optional
        ``n_folds``, ``val_fraction``, ``min_test_patients``, ``seed`` and ``domain`` are used.
    patient : str
        The column that tells patients apart. One with patches of two classes counts for its more frequent class.

    Returns
    -------
    Split
        ``domain`` is None: nothing but patients is held out.

    Raises
    ------
    InputError
        If there is no such fold, fewer than two classes have a patient for every fold, or as `from_roles`.

    Examples
    --------
    >>> rows = [(f"p{i}-{k}", "ab"[i % 2], f"p{i}") for i in range(20) for k in range(3)]
    >>> table = pl.DataFrame(rows, schema=["patch_id", "label", "patient"], orient="row")
    >>> leave_patients_out(table, "fold 1", SplitOptions(n_folds=5))
    Split(fold='fold 1', train 42, val 6, test 12, unused 0 patches)
    """
    options = options or SplitOptions()
    names = fold_names(options.n_folds)
    if fold not in names:
        raise InputError(f"the fold must be one of {names[0]} to {names[-1]}", repr(fold), "Or change n_folds")
    table = labelled_rows(frame, None, patient)
    source = frame.frame if isinstance(frame, Manifest) else frame
    if options.domain in source.columns:  # only to spread its values over the folds
        table = table.with_columns(domain=source[options.domain].cast(pl.String).fill_null(""))
    patients = patients_of(table)
    n_of_class = patients_per_class(patients).most_common(2)
    if len(n_of_class) == 2 and n_of_class[1][1] < options.n_folds:
        label, most = n_of_class[1]
        fix = f"Use n_folds = {most}" if most > 1 else "Add patients of that class"
        raise InputError(
            f"two classes must have at least {options.n_folds} patients, one per fold", f"{most} of class {label}", fix
        )
    dealt = [p for members in by_class(patients) for p in shuffled(members, options.seed, "fold of a patient")]
    test = {p.name for i, p in enumerate(dealt) if names[i % options.n_folds] == fold}
    rest = [p for p in patients if p.name not in test]
    val = validation_patients(rest, rest, options)
    roles = ["test" if who in test else "val" if who in val else "train" for who in table["patient"].to_list()]
    split = from_roles(frame, np.array(roles), fold=fold, patient=patient, seed=options.seed, design="cross-validation")
    require_test_patients(split, options.min_test_patients)
    return split
