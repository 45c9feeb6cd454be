"""Whose patches they are, where nobody knows the patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from featkit.core.errors import InputError

if TYPE_CHECKING:
    import polars as pl

Groups = Literal["patients", "patches"]

PATCHES_AS_PATIENTS = (
    "patients are not known and every patch counts as a patient of its own: one patient may be on both sides of a "
    "split, and intervals are too narrow"
)


def has_unknown_patients(rows: pl.DataFrame) -> bool:
    """Return whether every patch is its own patient, as `with_own_patients` makes it."""
    return bool((rows["patient"] == rows["patch_id"]).all())


def with_own_patients(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with each ``patch_id`` as the patient of its own patch.

    Raises
    ------
    InputError
        If there are patients: what is known is not to be forgotten.
    """
    import polars as pl

    if "patient" in rows.columns:
        raise InputError("groups must be 'patients' where the table has patients", "'patches'", "Leave the option out")
    return rows.with_columns(patient=pl.col("patch_id"))
