"""Counting who is on which side of a split."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from featkit.core.identifiers import near_twins
from featkit.core.natural_order import natural_key
from featkit.core.text import first_few
from featkit.data.design import explained, nesting_of, patients_of
from featkit.results.audit import SplitAudit

USED_ROLES = ("train", "val", "test")
PIXEL_HASH = "pixel_hash"


def audit_roles(
    table: pl.DataFrame,
    *,
    fold: str,
    domain: str | None,
    patient: str,
    seed: int | None,
    design: str,
) -> SplitAudit:
    """Return the audit of a table with text columns patch_id, label, patient, domain, role.

    Columns ``case`` and ``pixel_hash`` are compared across roles where they are there.
    """
    per_role = table.group_by("role").agg(n=pl.len(), patients=pl.col("patient").n_unique())
    n_patches = dict(per_role.select("role", "n").iter_rows())
    n_patients = dict(per_role.select("role", "patients").iter_rows())
    order = [*USED_ROLES, "unused"]
    counts = table.group_by("role", "label", "domain").agg(n_patches=pl.len(), n_patients=pl.col("patient").n_unique())
    rows = sorted(
        (r for r in counts.iter_rows(named=True) if r["role"] in order),
        key=lambda r: (order.index(r["role"]), r["label"], natural_key(r["domain"])),
    )
    used = table.filter(pl.col("role").is_in(USED_ROLES))
    patients = patients_of(table)
    called = {"patient": patient, "label": "label", "domain": domain or "domain"}
    notes = [*_look_alikes(table, called), *_notes(table, used)]
    if design == "leave-one-domain-out" and domain is not None:
        notes.insert(0, explained(patients, domain, fold))
    return SplitAudit(
        fold=fold,
        domain=domain,
        patient=patient,
        seed=seed,
        n_patches={r: n_patches.get(r, 0) for r in order},
        n_patients={r: n_patients.get(r, 0) for r in order},
        counts=tuple(rows),
        shared_patients=tuple(_on_two_sides(used, "patient")),
        shared_cases=tuple(_on_two_sides(used, "case")) if "case" in table.columns else (),
        duplicate_pixels=_duplicates_across(used),
        label_conflicts=_label_conflicts(table),
        pixels_compared=PIXEL_HASH in table.columns,
        notes=tuple(notes),
        design=design,
        nesting=None if domain is None else nesting_of(patients),
    )


def _on_two_sides(used: pl.DataFrame, column: str) -> list[str]:
    sides = used.group_by(column).agg(n=pl.col("role").n_unique()).filter(pl.col("n") > 1)
    return sides[column].drop_nulls().sort().to_list()


def _pictures(table: pl.DataFrame) -> pl.DataFrame:
    known = table.drop_nulls(PIXEL_HASH)
    groups = known.group_by(PIXEL_HASH).agg(
        patch_ids=pl.col("patch_id").sort(),
        roles=pl.col("role").unique().sort(),
        labels=pl.col("label").unique().sort(),
    )
    return groups.filter(pl.col("patch_ids").list.len() > 1).sort(PIXEL_HASH)


def _duplicates_across(used: pl.DataFrame) -> tuple[dict[str, object], ...]:
    if PIXEL_HASH not in used.columns:
        return ()
    groups = _pictures(used).filter(pl.col("roles").list.len() > 1)
    return tuple(groups.select(PIXEL_HASH, "patch_ids", "roles").iter_rows(named=True))


def _label_conflicts(table: pl.DataFrame) -> tuple[dict[str, object], ...]:
    if PIXEL_HASH not in table.columns:
        return ()
    groups = _pictures(table).filter(pl.col("labels").list.len() > 1)
    return tuple(groups.select(PIXEL_HASH, "patch_ids", "labels").iter_rows(named=True))


def _look_alikes(table: pl.DataFrame, called: Mapping[str, str]) -> list[str]:
    notes = []
    for column, name in called.items():
        twins = near_twins(table[column].unique().to_list())
        if twins:
            shown = first_few([" and ".join(map(repr, group)) for group in twins])
            notes.append(f"{name}: names that differ only in how they are written count as different: {shown}")
    return notes


def _notes(table: pl.DataFrame, used: pl.DataFrame) -> list[str]:
    notes = []
    mixed = table.group_by("patient").agg(n=pl.col("label").n_unique()).filter(pl.col("n") > 1)["patient"].sort()
    if mixed.len():
        notes.append(f"{mixed.len()} patients have patches of more than one class: {first_few(mixed.to_list())}")
    classes = set(table["label"].to_list())
    for role in USED_ROLES:
        present = set(used.filter(pl.col("role") == role)["label"].to_list())
        if not present:
            notes.append(f"{role} is empty")
        elif present != classes:
            notes.append(f"{role} holds no {', '.join(sorted(classes - present))}")
    return notes
