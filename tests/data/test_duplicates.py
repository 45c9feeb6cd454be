import numpy as np
import polars as pl
import pytest
from PIL import Image

from featkit.data import Manifest, find_duplicates, leave_one_domain_out
from featkit.data.duplicates import with_pixel_hash
from featkit.results.audit import DuplicateAudit


@pytest.fixture
def manifest(tmp_path):
    """Six files: 0 and 1 the same picture in two compressions, 2 and 3 too but of other labels and patients."""
    pictures = np.random.default_rng(1).integers(0, 256, (4, 9, 7, 3), dtype=np.uint8)
    for i, picture in enumerate([0, 0, 1, 1, 2, 3]):
        Image.fromarray(pictures[picture]).save(tmp_path / f"{i}.png", compress_level=i)
    return Manifest(
        pl.DataFrame(
            {
                "patch_id": [f"{i}" for i in range(6)],
                "path": [str(tmp_path / f"{i}.png") for i in range(6)],
                "label": ["a", "a", "a", "b", "b", "b"],
                "patient": ["p", "p", "p", "q", "q", "q"],
                "magnification": ["40X"] * 6,
                "mpp": [0.5] * 6,
            }
        )
    )


def test_equal_pixels_are_found_and_conflicts_listed(manifest):
    audit = find_duplicates(manifest)
    assert (audit.n_patches, audit.n_distinct) == (6, 4)
    found = {g["patch_ids"]: (g["labels"], g["patients"]) for g in audit.groups}
    assert found == {("0", "1"): (("a",), ("p",)), ("2", "3"): (("a", "b"), ("p", "q"))}
    (conflict,) = audit.label_conflicts
    assert audit.patient_conflicts == (conflict,)
    assert {g["pixel_hash"] for g in audit.groups if g["patch_ids"] == ("2", "3")} == {conflict}
    assert audit.unreadable == ()


def test_unreadable_pictures_are_named_and_the_rest_goes_on(manifest, tmp_path):
    (tmp_path / "5.png").write_bytes(b"")
    audit = find_duplicates(manifest)
    assert (audit.n_patches, audit.n_distinct) == (5, 3)
    assert len(audit.unreadable) == 1
    assert str(tmp_path / "5.png") in audit.unreadable[0]


def test_known_hashes_are_not_worked_out_again(manifest):
    hashed, unreadable = with_pixel_hash(manifest)
    assert unreadable == []
    gone = Manifest(hashed.frame.with_columns(path=pl.lit("/gone.png")))
    assert find_duplicates(gone).to_dict() == find_duplicates(manifest).to_dict()


def test_the_audit_survives_a_round_trip_and_has_a_frame(manifest, tmp_path):
    audit = find_duplicates(manifest)
    again = DuplicateAudit.load(audit.save(tmp_path / "audit.json"))
    assert again.to_dict() == audit.to_dict()
    for one in (audit, again):
        assert one.frame()["patch_ids"].to_list() == [list(g["patch_ids"]) for g in audit.groups]
    assert DuplicateAudit(n_patches=0, n_distinct=0).frame().height == 0


def test_a_split_lists_pictures_on_two_sides(table):
    labels = {f"{c}{i}": c for c in "ab" for i in range(4)}
    frame = table(labels).with_columns(pixel_hash=pl.col("patch_id"))
    split = leave_one_domain_out(frame, "40X")
    one = {role: split.patch_ids[split.rows(role)][0] for role in ("train", "test", "unused")}
    twins = frame.with_columns(
        pixel_hash=pl.when(pl.col("patch_id").is_in([one["train"], one["test"], one["unused"]]))
        .then(pl.lit("twin"))
        .otherwise(pl.col("patch_id"))
    )
    audit = leave_one_domain_out(twins, "40X").audit
    assert audit.pixels_compared
    (found,) = audit.duplicate_pixels
    assert found["patch_ids"] == sorted([one["train"], one["test"]])
    assert found["roles"] == ["test", "train"]
    assert split.audit.duplicate_pixels == ()
    assert not leave_one_domain_out(table(labels), "40X").audit.pixels_compared


def test_a_split_lists_equal_pictures_with_other_labels(table):
    labels = {f"{c}{i}": c for c in "ab" for i in range(4)}
    frame = table(labels).with_columns(
        pixel_hash=pl.when(pl.col("patch_id").is_in(["a0-40X-0", "b0-40X-0"]))
        .then(pl.lit("twin"))
        .otherwise(pl.col("patch_id"))
    )
    (conflict,) = leave_one_domain_out(frame, "40X").audit.label_conflicts
    assert conflict == {"pixel_hash": "twin", "patch_ids": ["a0-40X-0", "b0-40X-0"], "labels": ["a", "b"]}
