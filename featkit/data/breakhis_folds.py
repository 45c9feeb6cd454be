"""The five official train/test folds of BreaKHis."""

from __future__ import annotations

from pathlib import Path, PurePath

import numpy as np
import polars as pl

from featkit.core.errors import InputError
from featkit.core.options import SplitOptions
from featkit.core.table_files import read_table_file
from featkit.core.text import first_few
from featkit.data.design import patients_of
from featkit.data.leave_one_out import validation_patients
from featkit.data.manifest import Manifest
from featkit.data.split import Split, from_roles, labelled_rows

FOLDS = tuple(f"dsfold{k}" for k in range(1, 6))


def official_folds(
    manifest: Manifest, files: str | Path, options: SplitOptions | None = None, *, patient: str = "patient"
) -> dict[str, Split]:
    """Return the five official splits of BreaKHis, over all magnifications, by name ("dsfold1" to "dsfold5").

    The official lists know train and test only; validation patients are taken out of each fold's training patients,
    drawn by class and seeded.

    Parameters
    ----------
    manifest : Manifest
        Of BreaKHis, complete or not; its ``patch_id`` are the official file names without suffix.
    files : str or Path
        CSV or Parquet with columns ``filename`` and ``dsfold1`` to ``dsfold5``, whose values are "train" and "test".
    options : SplitOptions, optional
        ``val_fraction``, a share of each class's training patients, and ``seed`` are used.
    patient : str
        The column that tells patients apart.

    Returns
    -------
    dict of str to Split

    Raises
    ------
    InputError
        If a patch is not in the list, or a fold would share a patient. The official folds keep the 82 identifiers
        apart but not the 70 cases: in every one of them some case has sections, or types (14-13412 as DC and as LC in
        fold 1), on both sides. So they pass only where patients are told apart by identifier, and the audit then lists
        those cases under ``shared_cases``.
    """
    options = options or SplitOptions()
    listed = read_table_file(files)
    missing = [c for c in ("filename", *FOLDS) if c not in listed.columns]
    if missing:
        raise InputError(
            "the list of official folds must have columns filename, dsfold1 to dsfold5", f"no {', '.join(missing)}"
        )
    names = [PurePath(n).stem for n in listed["filename"].to_list()]
    table = labelled_rows(manifest, None, patient)
    ids = table["patch_id"].to_list()
    absent = sorted(set(ids) - set(names))
    if absent:
        raise InputError("every patch must be in the list of official folds", f"not {first_few(absent)}")
    splits = {}
    for fold in FOLDS:
        side = dict(zip(names, listed[fold].to_list(), strict=True))
        roles = np.array([str(side[p]) for p in ids], dtype=np.str_)
        strange = sorted(set(roles.tolist()) - {"train", "test"})
        if strange:
            raise InputError(f"column {fold} must say train or test", first_few(strange))
        shared = set(table["patient"].to_numpy()[roles == "train"]) & set(table["patient"].to_numpy()[roles == "test"])
        if shared:
            raise InputError(
                "train and test must not share a patient",
                f"{fold} with {first_few(sorted(shared))} in both",
                "Read BreaKHis with patient_key='id' to use the official folds as they are",
            )
        training = patients_of(table.filter(pl.Series(roles == "train")))
        val = validation_patients(training, training, options)
        roles[np.isin(table["patient"].to_numpy(), sorted(val)) & (roles == "train")] = "val"
        splits[fold] = from_roles(manifest, roles, fold=fold, patient=patient, seed=options.seed)
    return splits
