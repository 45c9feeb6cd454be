"""A split: the role of every patch in one fold, with no patient on two sides."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from featkit.core.errors import InputError, did_you_mean
from featkit.core.files import read_json, write_json
from featkit.core.identifiers import identifier_column
from featkit.core.text import first_few
from featkit.data.classes import require_classes
from featkit.data.manifest import Manifest
from featkit.data.split_audit import PIXEL_HASH, USED_ROLES, audit_roles
from featkit.results.audit import SplitAudit

ROLES = (*USED_ROLES, "unused")
_AGAIN = "Make it again with featkit split"


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """The role of every patch in one fold; refused where it is made if a patient is on two sides.

    Parameters
    ----------
    fold : str
        The held-out part, by its name: a value of the column ``domain`` ("100X"), or any name where that is None.
    domain : str or None
        The column a method must generalise over.
    patch_ids : (n,) array of str
        In the order of the table the split was made from.
    role : (n,) array of str
        "train", "val", "test" or "unused", one per patch, so no patch has two.
    patients : (n,) array of str
        Each patch's patient: the groups of every resample and permutation.
    domains : (n,) array of str
        Each patch's value of the column ``domain``; empty texts where that is None.
    patient : str
        The column ``patients`` was taken from.
    seed : int or None
        The seed of the patient partition; None where the roles were given.
    audit : SplitAudit
        Counts and everything else to be read with the split.

    Raises
    ------
    InputError
        If a role is unknown, train or test is empty, patients are shared between train, val and test (they are
        named), or a patch of the held-out domain is in train or val.
    """

    format: ClassVar[str] = "featkit-split"
    version: ClassVar[int] = 1

    fold: str
    domain: str | None
    patch_ids: np.ndarray
    role: np.ndarray
    patients: np.ndarray
    domains: np.ndarray
    patient: str
    seed: int | None
    audit: SplitAudit

    def __post_init__(self) -> None:
        n = len(self.patch_ids)
        for name in ("patch_ids", "role", "patients", "domains"):
            values = np.array([str(v) for v in getattr(self, name)], dtype=np.str_)
            if len(values) != n:
                raise InputError(f"a split's {name} must be one per patch ({n})", len(values))
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        self._check()

    def __len__(self) -> int:
        return len(self.patch_ids)

    def __repr__(self) -> str:
        parts = ", ".join(f"{r} {(self.role == r).sum()}" for r in ROLES)
        return f"Split(fold={self.fold!r}, {parts} patches)"

    def rows(self, role: str) -> np.ndarray:
        """Return the (k,) int64 rows of ``role``, ascending.

        Raises
        ------
        InputError
            If ``role`` is not "train", "val", "test" or "unused".
        """
        if role not in ROLES:
            raise InputError(f"a role must be one of {', '.join(ROLES)}", repr(role), did_you_mean(str(role), ROLES))
        return np.flatnonzero(self.role == role)

    def align(self, patch_ids: Sequence[str] | np.ndarray) -> Split:
        """Return the same split with its rows in the order of ``patch_ids``.

        Raises
        ------
        InputError
            If ``patch_ids`` are not exactly the split's; the first that differ are named.
        """
        wanted = [str(p) for p in patch_ids]
        position = {p: i for i, p in enumerate(self.patch_ids.tolist())}
        strange = [p for p in wanted if p not in position]
        missing = sorted(set(position) - set(wanted))
        if strange or missing or len(wanted) != len(position):
            found = "; ".join(
                text
                for text, some in (
                    (f"{len(strange)} the split lacks: {first_few(strange)}", strange),
                    (f"{len(missing)} only the split has: {first_few(missing)}", missing),
                    ("repeated patch_ids", len(wanted) != len(set(wanted))),
                )
                if some
            )
            raise InputError(
                f"the patches must be those of the split of fold {self.fold}", found, "Make the split from this table"
            )
        order = np.array([position[p] for p in wanted], dtype=np.int64)
        moved = {name: getattr(self, name)[order] for name in ("patch_ids", "role", "patients", "domains")}
        return dataclasses.replace(self, **moved)

    def for_table(self, frame: pl.DataFrame | Manifest, notes: Sequence[str] = ()) -> Split:
        """Return the same split for another table of its patches, audited with what that table knows.

        Parameters
        ----------
        frame : polars.DataFrame or Manifest
            Patches of this split, in any order; some may be missing (they could not be read). A column ``pixel_hash``
            lets the audit find equal pictures.
        notes : sequence of str
            Kept in the audit.

        Returns
        -------
        Split
            In the order of ``frame``.

        Raises
        ------
        InputError
            If the table has patches that the split lacks, or as `from_roles`.
        """
        table = frame.frame if isinstance(frame, Manifest) else frame
        role = dict(zip(self.patch_ids.tolist(), self.role.tolist(), strict=True))
        ids = [str(p) for p in table["patch_id"].to_list()]
        strange = [p for p in ids if p not in role]
        if strange:
            raise InputError(
                f"the patches must be in the split of fold {self.fold}",
                f"{len(strange)} others: {first_few(strange)}",
                "Make the split again from this table",
            )
        made = from_roles(
            frame,
            [role[p] for p in ids],
            fold=self.fold,
            domain=self.domain,
            patient=self.patient,
            seed=self.seed,
            design=self.audit.design or "given roles",
        )
        return dataclasses.replace(made, audit=dataclasses.replace(made.audit, notes=(*notes, *made.audit.notes)))

    def save(self, path: str | Path) -> Path:
        """Write the split as JSON; a reader never sees half a file."""
        arrays = {name: getattr(self, name).tolist() for name in ("patch_ids", "role", "patients", "domains")}
        body = {
            "format": self.format,
            "version": self.version,
            "fold": self.fold,
            "domain": self.domain,
            "patient": self.patient,
            "seed": self.seed,
            "audit": self.audit.to_dict(),
            **arrays,
        }
        return write_json(path, body, indent=0)

    @classmethod
    def load(cls, path: str | Path) -> Split:
        """Return the split that `save` wrote, checked again.

        Raises
        ------
        InputError
            If the file is not there, is no split, or its roles break what a split promises.
        """
        if not Path(path).is_file():
            raise InputError("the split file must exist", path, _AGAIN)
        body = read_json(path, "split")
        if not isinstance(body, dict) or body.get("format") != cls.format or body.get("version") != cls.version:
            raise InputError(f"{path} must be a {cls.format} file of version {cls.version}", "another file", _AGAIN)
        names = [f.name for f in dataclasses.fields(cls)]
        missing = [n for n in names if n not in body]
        if missing:
            raise InputError(f"{path} must hold every field of a split", f"no {', '.join(missing)}", _AGAIN)
        try:
            return cls(**{**{n: body[n] for n in names}, "audit": SplitAudit.from_dict(body["audit"])})
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        except (TypeError, AttributeError) as error:
            raise InputError(f"{path} must be a whole split file", error, _AGAIN) from None

    def _check(self) -> None:
        unknown = sorted(set(self.role.tolist()) - set(ROLES))
        if unknown:
            raise InputError(f"roles must be among {', '.join(ROLES)}", first_few(unknown))
        ids, counts = np.unique(self.patch_ids, return_counts=True)
        if (counts > 1).any():
            raise InputError("every patch_id of a split must be unique", first_few(ids[counts > 1].tolist()))
        sides: dict[str, set[str]] = {}
        for patient, role in zip(self.patients.tolist(), self.role.tolist(), strict=True):
            if role != "unused":
                sides.setdefault(patient, set()).add(role)
        shared = [f"{p} ({'/'.join(r for r in ROLES if r in s)})" for p, s in sorted(sides.items()) if len(s) > 1]
        if shared:
            raise InputError(
                "train, val and test must not share a patient",
                f"{len(shared)} shared in fold {self.fold}: {first_few(shared)}",
                "Give all patches of a patient one role, or 'unused'",
            )
        if self.domain is not None:
            held_out = (self.domains == self.fold) & np.isin(self.role, ("train", "val"))
            if held_out.any():
                raise InputError(
                    f"no patch of the held-out {self.domain} {self.fold} may be in train or val",
                    f"{held_out.sum()}: {first_few(self.patch_ids[held_out].tolist())}",
                )
        for role in ("train", "test"):
            if not (self.role == role).any():
                raise InputError(
                    f"fold {self.fold} must have patches in {role}",
                    0,
                    "Use another seed or fractions, add patients, or leave the fold out",
                )


def from_roles(
    frame: pl.DataFrame | Manifest,
    roles: Sequence[str] | np.ndarray | Mapping[str, str],
    *,
    fold: str,
    domain: str | None = None,
    patient: str = "patient",
    seed: int | None = None,
    design: str = "given roles",
) -> Split:
    """Return the split in which each patch has the given role.

    Parameters
    ----------
    frame : polars.DataFrame or Manifest
        With ``patch_id``, ``label``, the patient column and, where it is named, the domain column. A column ``case``
        and a column ``pixel_hash`` are used by the audit where they are there.
    roles : (n,) sequence of str, or mapping of patch_id to str
        "train", "val", "test" or "unused"; a mapping must name every patch.
    fold : str
        The held-out part's name.
    domain : str, optional
        Where given, ``fold`` is one of its values and none of its patches may be in train or val.
    patient : str
        The column that tells patients apart.
    seed : int, optional
        Kept with the split.
    design : str
        Where the roles come from; kept in the audit.

    Returns
    -------
    Split

    Raises
    ------
    InputError
        As `Split`; also for missing columns, null values, and train or test rows of a single class.
    """
    table = labelled_rows(frame, domain, patient)
    if isinstance(roles, Mapping):
        absent = [p for p in table["patch_id"].to_list() if p not in roles]
        if absent:
            raise InputError("every patch must have a role", f"none for {first_few(absent)}", "Give it 'unused'")
        roles = [roles[p] for p in table["patch_id"].to_list()]
    if len(roles) != table.height:
        raise InputError(f"roles must be one per patch ({table.height})", len(roles))
    if domain is not None:
        check_fold(table["domain"].to_list(), fold, domain)
    table = table.with_columns(role=pl.Series([str(r) for r in roles], dtype=pl.String))
    audit = audit_roles(table, fold=str(fold), domain=domain, patient=patient, seed=seed, design=design)
    split = Split(
        fold=str(fold),
        domain=domain,
        patch_ids=table["patch_id"].to_numpy(),
        role=table["role"].to_numpy(),
        patients=table["patient"].to_numpy(),
        domains=table["domain"].to_numpy(),
        patient=patient,
        seed=seed,
        audit=audit,
    )
    _check_classes(table, split.fold)
    return split


def labelled_rows(frame: pl.DataFrame | Manifest, domain: str | None, patient: str) -> pl.DataFrame:
    """Return text columns patch_id, label, patient, domain (and case, pixel_hash where there).

    Refused are missing columns and values, and labels that are measurements and no classes.
    """
    table = frame.frame if isinstance(frame, Manifest) else frame
    if not isinstance(table, pl.DataFrame):
        raise InputError("a split is made from a Manifest or a polars.DataFrame", type(table).__name__)
    wanted = {"patch_id": "patch_id", "label": "label", "patient": patient}
    if domain is not None:
        wanted["domain"] = domain
    missing = [c for c in wanted.values() if c not in table.columns]
    if missing:
        raise InputError(f"a split needs the columns {', '.join(wanted.values())}", f"no {', '.join(missing)}")
    optional = {c: c for c in ("case", PIXEL_HASH) if c in table.columns}
    taken = {**wanted, **optional}
    table = pl.DataFrame([_as_text(table[theirs]).alias(ours) for ours, theirs in taken.items()])
    for ours, theirs in wanted.items():
        n_null = table[ours].null_count()
        if n_null:
            who = table.filter(pl.col(ours).is_null())["patch_id"].to_list()
            raise InputError(
                f"column '{theirs}' must have a value in every row for a split",
                f"{n_null} without, first {first_few(who)}",
                "Fill them in, or leave these patches out",
            )
    require_classes(table["label"].unique().to_list())
    return table if domain is not None else table.with_columns(domain=pl.lit(""))


def _as_text(column: pl.Series) -> pl.Series:
    return identifier_column(column) if column.dtype.is_float() else column.cast(pl.String)


def check_fold(domains: Sequence[str], fold: str, domain: str) -> None:
    """Raise `InputError` if ``fold`` is not one of the values of the domain column."""
    known = set(domains)
    if str(fold) not in known:
        raise InputError(f"fold must be a value of '{domain}'", repr(str(fold)), did_you_mean(str(fold), known))


def require_test_patients(split: Split, least: int) -> None:
    """Raise `InputError` if fewer than ``least`` patients are tested."""
    n = split.audit.n_patients["test"]
    if n < least:
        raise InputError(
            f"fold {split.fold} must have at least {least} test patients",
            n,
            "Leave the fold out, or lower min_test_patients",
        )


def _check_classes(table: pl.DataFrame, fold: str) -> None:
    if table["label"].n_unique() < 2:
        raise InputError("a split needs at least two classes", f"only {table['label'][0]}")
    for role in USED_ROLES:
        labels = table.filter(pl.col("role") == role)["label"].unique().to_list()
        if len(labels) == 1:
            raise InputError(
                f"{role} of fold {fold} must hold more than one class",
                f"only {labels[0]}",
                "Use another seed or fractions, or add patients of the other class",
            )
