"""What a split and a set of pictures look like, to be read before any number is believed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from featkit.results.base import Result

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class SplitAudit(Result):
    """Who is on which side of a split.

    Parameters
    ----------
    fold : str
        The held-out part, by its name.
    domain : str or None
        The column ``fold`` is a value of; None where the split holds out no domain.
    patient : str
        The column that tells patients apart.
    seed : int or None
        The seed of the patient partition; None where the roles were given.
    n_patches, n_patients : dict of str to int
        Per role.
    counts : tuple of dict
        One per role, label and domain: keys ``role``, ``label``, ``domain``, ``n_patches``, ``n_patients``.
    shared_patients : tuple of str
        Patients in more than one of train, val and test: always empty, a split that shares one is refused.
    shared_cases : tuple of str
        Values of the column ``case`` in more than one of train, val and test: what splitting by finer identifiers
        leaves possible. Empty where there is no such column.
    duplicate_pixels : tuple of dict
        Pictures with equal pixels in more than one of train, val and test: keys ``pixel_hash``, ``patch_ids``,
        ``roles``.
    label_conflicts : tuple of dict
        Pictures with equal pixels and different labels, in any role: keys ``pixel_hash``, ``patch_ids``, ``labels``.
    pixels_compared : bool
        Whether pixel hashes were there; where not, the two fields above are empty for want of them.
    notes : tuple of str
        Anything else to be read with the split, how patients lie in domains first.
    design : {"leave-one-domain-out", "cross-validation", "given roles"} or None
        Where the roles come from; None in audits of version 0.1.
    nesting : {"nested", "crossed", "mixed"} or None
        Whether no patient has patches in more than one domain, all patients do, or some do; None where ``domain`` is.
    """

    fold: str
    domain: str | None
    patient: str
    seed: int | None
    n_patches: dict[str, int]
    n_patients: dict[str, int]
    counts: tuple[dict[str, Any], ...]
    shared_patients: tuple[str, ...] = ()
    shared_cases: tuple[str, ...] = ()
    duplicate_pixels: tuple[dict[str, Any], ...] = ()
    label_conflicts: tuple[dict[str, Any], ...] = ()
    pixels_compared: bool = False
    notes: tuple[str, ...] = ()
    design: str | None = None
    nesting: str | None = None

    def frame(self) -> pl.DataFrame:
        """Return ``counts`` with the fold's name: one row per role, label and domain."""
        import polars as pl

        schema = {"role": pl.String, "label": pl.String, "domain": pl.String, "n_patches": pl.Int64}
        frame = pl.DataFrame(list(self.counts), schema={**schema, "n_patients": pl.Int64})
        return frame.select(pl.lit(self.fold).alias("fold"), pl.all())


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class DuplicateAudit(Result):
    """Pictures that appear more than once, compared by their decoded pixels.

    Parameters
    ----------
    n_patches : int
        Pictures that could be read.
    n_distinct : int
        Different pictures among them.
    groups : tuple of dict
        One per repeated picture: keys ``pixel_hash``, ``patch_ids``, ``labels`` and ``patients`` (each sorted; the
        distinct ones).
    label_conflicts : tuple of str
        Pixel hashes of the groups with more than one label.
    patient_conflicts : tuple of str
        Pixel hashes of the groups with more than one patient.
    unreadable : tuple of str
        One line per picture that could not be read, naming file and reason.
    """

    n_patches: int
    n_distinct: int
    groups: tuple[dict[str, Any], ...] = ()
    label_conflicts: tuple[str, ...] = ()
    patient_conflicts: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    def frame(self) -> pl.DataFrame:
        """Return one row per repeated picture: pixel_hash, patch_ids, labels, patients (the last three lists)."""
        import polars as pl

        texts = pl.List(pl.String)
        schema: dict[str, Any] = {"pixel_hash": pl.String, "patch_ids": texts, "labels": texts, "patients": texts}
        return pl.DataFrame([{**g, **{k: list(g[k]) for k in texts_of(g)}} for g in self.groups], schema=schema)


def texts_of(group: dict[str, Any]) -> list[str]:
    """Return the keys of a group that hold several texts."""
    return [k for k, v in group.items() if isinstance(v, list | tuple)]
