import dataclasses
import json

import numpy as np
import polars as pl
import pytest

from featkit.core.errors import InputError
from featkit.core.options import SplitOptions
from featkit.data import Manifest, Split, from_roles, leave_one_domain_out
from featkit.results.audit import SplitAudit

LABELS = {f"{c}{i}": c for c in "ab" for i in range(5)}


def by_patient(frame, **roles):
    """Roles by patient; those not named are unused."""
    role = {p: r for r, patients in roles.items() for p in patients}
    return [role.get(p, "unused") for p in frame["patient"]]


def test_given_roles_are_kept(table):
    frame = table(LABELS)
    roles = by_patient(frame, train=["a0", "b0", "a1"], val=["a2", "b2"], test=["a3", "b3"])
    split = from_roles(frame, roles, fold="mine")
    assert len(split) == frame.height
    assert split.role.tolist() == roles
    assert split.domain is None
    assert split.patients.tolist() == frame["patient"].to_list()
    assert split.rows("test").tolist() == [i for i, r in enumerate(roles) if r == "test"]
    assert split.audit.n_patients == {"train": 3, "val": 2, "test": 2, "unused": 3}
    assert split.audit.n_patches == {"train": 18, "val": 12, "test": 12, "unused": 18}
    as_mapping = dict(zip(frame["patch_id"], roles, strict=True))
    assert from_roles(Manifest(frame), as_mapping, fold="mine").role.tolist() == roles


def test_a_shared_patient_is_refused_and_named(table):
    frame = table(LABELS)
    roles = by_patient(frame, train=["a0", "b0"], val=["a2", "b2"], test=["a3", "b3"])
    roles[0] = "test"
    with pytest.raises(InputError, match=r"must not share a patient, got 1 shared in fold mine: a0 \(train/test\)"):
        from_roles(frame, roles, fold="mine")
    unused = list(roles)
    unused[0] = "unused"
    assert from_roles(frame, unused, fold="mine").audit.shared_patients == ()


def test_held_out_patches_outside_test_are_refused_and_named(table):
    frame = table(LABELS)
    roles = by_patient(frame, train=["a0", "b0"], val=["a2", "b2"], test=["a3", "b3"])
    with pytest.raises(InputError, match=r"held-out magnification 40X may be in train or val, got 8: a0-40X-0"):
        from_roles(frame, roles, fold="40X", domain="magnification")


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        ({"train": ["a0", "b0"], "val": ["a1", "b1"]}, "must have patches in test, got 0"),
        ({"test": ["a0", "b0"], "val": ["a1", "b1"]}, "must have patches in train, got 0"),
        ({"train": ["a0", "b0"], "test": ["a1"]}, "test of fold mine must hold more than one class, got only a"),
        ({"train": ["b0"], "test": ["a1", "b1"]}, "train of fold mine must hold more than one class, got only b"),
        ({"train": ["a0", "b0"], "val": ["a2"], "test": ["a1", "b1"]}, "val of fold mine must hold more than one"),
        ({"train": ["a0", "b0"], "tset": ["a1", "b1"]}, "roles must be among train, val, test, unused, got tset"),
    ],
)
def test_roles_that_cannot_be_evaluated_are_refused(table, roles, said):
    frame = table(LABELS)
    with pytest.raises(InputError) as caught:
        from_roles(frame, by_patient(frame, **roles), fold="mine")
    assert said in str(caught.value)


def test_an_empty_val_is_noted(table):
    frame = table(LABELS)
    split = from_roles(frame, by_patient(frame, train=["a0", "b0"], test=["a1", "b1"]), fold="mine")
    assert "val is empty" in split.audit.notes
    assert split.rows("val").tolist() == []


def test_malformed_calls_are_refused(table):
    frame = table(LABELS)
    roles = by_patient(frame, train=["a0", "b0"], test=["a1", "b1"])
    cases = [
        ({"frame": frame, "roles": roles[1:], "fold": "x"}, "roles must be one per patch"),
        ({"frame": frame, "roles": {"a0-40X-0": "train"}, "fold": "x"}, "every patch must have a role"),
        ({"frame": frame.drop("label"), "roles": roles, "fold": "x"}, "got no label"),
        (
            {"frame": frame.to_dicts(), "roles": roles, "fold": "x"},
            "made from a Manifest or a polars.DataFrame, got list",
        ),
        ({"frame": frame, "roles": roles, "fold": "40x", "domain": "magnification"}, "Did you mean '40X'"),
        (
            {"frame": frame.with_columns(label=pl.lit("a")), "roles": roles, "fold": "x"},
            "at least two classes, got only a",
        ),
        (
            {
                "frame": frame.with_columns(patient=pl.when(pl.col("patient") != "a4").then("patient")),
                "roles": roles,
                "fold": "x",
            },
            "'patient' must have a value in every row for a split, got 6 without, first a4-40X-0",
        ),
    ]
    for arguments, said in cases:
        with pytest.raises(InputError) as caught:
            from_roles(**arguments)
        assert said in str(caught.value)


def test_rows_of_an_unknown_role(table):
    split = leave_one_domain_out(table(LABELS), "40X")
    with pytest.raises(InputError, match="Did you mean 'train'"):
        split.rows("trian")


def test_align_follows_another_order(table):
    split = leave_one_domain_out(table(LABELS), "40X")
    order = np.random.default_rng(0).permutation(len(split))
    moved = split.align(split.patch_ids[order])
    for name in ("patch_ids", "role", "patients", "domains"):
        assert np.array_equal(getattr(moved, name), getattr(split, name)[order])
    assert np.array_equal(moved.align(split.patch_ids).role, split.role)


def test_align_refuses_other_patches_and_names_them(table):
    split = leave_one_domain_out(table(LABELS), "40X")
    ids = split.patch_ids.tolist()
    with pytest.raises(InputError, match="1 the split lacks: new; 1 only the split has: a0-40X-0"):
        split.align(["new", *ids[1:]])
    with pytest.raises(InputError, match="1 only the split has: a0-40X-0"):
        split.align(ids[1:])
    with pytest.raises(InputError, match="repeated patch_ids"):
        split.align([*ids, ids[0]])


def test_a_saved_split_loads_as_it_was(table, tmp_path):
    split = leave_one_domain_out(table(LABELS), "40X", SplitOptions(seed=4))
    again = Split.load(split.save(tmp_path / "deep" / "split.json"))
    for name in ("patch_ids", "role", "patients", "domains"):
        assert np.array_equal(getattr(again, name), getattr(split, name))
    assert (again.fold, again.domain, again.patient, again.seed) == ("40X", "magnification", "patient", 4)
    assert again.audit.to_dict() == split.audit.to_dict()
    assert isinstance(again.audit, SplitAudit)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["split.json"]


def test_a_file_edited_to_share_a_patient_is_refused(table, tmp_path):
    path = leave_one_domain_out(table(LABELS), "40X").save(tmp_path / "split.json")
    body = json.loads(path.read_text())
    unused = next(
        i
        for i, r in enumerate(body["role"])
        if r == "unused"
        and body["domains"][i] == "40X"
        and body["patients"][i] in {p for p, q in zip(body["patients"], body["role"], strict=True) if q == "train"}
    )
    body["role"][unused] = "test"
    path.write_text(json.dumps(body))
    with pytest.raises(InputError, match="must not share a patient"):
        Split.load(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "must be a split in JSON"),
        ("[]", "must be a featkit-split file of version 1"),
        ('{"format": "featkit-split", "version": 2}', "must be a featkit-split file of version 1"),
        (
            json.dumps({f.name: 1 for f in dataclasses.fields(Split)} | {"format": "featkit-split", "version": 1}),
            "must be a whole split file",
        ),
        ('{"format": "featkit-split", "version": 1, "fold": "40X"}', "must hold every field of a split, got no domain"),
    ],
)
def test_other_files_are_refused(tmp_path, content, said):
    (tmp_path / "s.json").write_text(content)
    with pytest.raises(InputError, match=said):
        Split.load(tmp_path / "s.json")
    with pytest.raises(InputError, match="the split file must exist"):
        Split.load(tmp_path / "no.json")


def test_arrays_cannot_be_changed_behind_the_checks(table):
    split = leave_one_domain_out(table(LABELS), "40X")
    with pytest.raises(ValueError, match="read-only"):
        split.role[0] = "train"
