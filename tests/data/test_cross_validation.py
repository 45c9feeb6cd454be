from collections import Counter

import numpy as np
import polars as pl
import pytest

from featkit.core.errors import InputError
from featkit.core.options import SplitOptions
from featkit.data import Split, leave_patients_out, make_splits

LABELS = {f"{c}{i}": c for c in "ab" for i in range(13)}


def test_every_patient_is_tested_once_and_nobody_is_unused(table):
    made = make_splits(table(LABELS, domains=("40X",)), SplitOptions(n_folds=4))
    assert made.design == "cross-validation"
    assert made.reason == "the column 'magnification' has one value only, 40X"
    assert made.folds == ("fold 1", "fold 2", "fold 3", "fold 4")
    tested = Counter(p for split in made.splits for p in set(split.patients[split.rows("test")]))
    assert tested == dict.fromkeys(LABELS, 1)
    for split in made.splits:
        assert (split.domain, split.audit.nesting, split.audit.design) == (None, None, "cross-validation")
        assert split.audit.n_patients["unused"] == 0


def test_folds_hold_as_many_of_each_class_and_of_each_site(table):
    frame = table(LABELS, domains=("40X",)).with_columns(
        site=pl.when(pl.col("patient").str.slice(1).cast(pl.Int64) < 6).then(pl.lit("x")).otherwise(pl.lit("y"))
    )
    options = SplitOptions(design="cross-validation", domain="site", n_folds=3)
    for split in make_splits(frame, options).splits:
        tested = sorted(set(split.patients[split.rows("test")]))
        assert all(sum(p[0] == c for p in tested) in (4, 5) for c in "ab")
        assert all(sum(p[0] == c and int(p[1:]) < 6 for p in tested) == 2 for c in "ab")


def test_seeds_give_other_folds_and_the_order_of_rows_does_not(table):
    frame = table(LABELS)
    one, other = (leave_patients_out(frame, "fold 1", SplitOptions(seed=s)) for s in (0, 1))
    assert not np.array_equal(one.role, other.role)
    again = leave_patients_out(frame.sample(fraction=1.0, shuffle=True, seed=1), "fold 1", SplitOptions(seed=0))
    assert np.array_equal(again.align(one.patch_ids).role, one.role)


def test_a_bare_table_is_cross_validated_and_a_misspelt_domain_is_not_taken_for_none(table):
    frame = table(LABELS).drop("magnification")
    assert make_splits(frame).reason == "the table has no column 'magnification'"
    assert make_splits(frame.with_columns(magnification=pl.lit(None))).reason == "the column 'magnification' is empty"
    with pytest.raises(InputError, match=r"must be a column of the table, got 'scaner'.*Did you mean 'scanner'"):
        make_splits(frame.with_columns(scanner=pl.lit("x")), SplitOptions(domain="scaner"))
    with pytest.raises(InputError, match="must be a column of the table, got 'magnification'"):
        make_splits(frame, SplitOptions(design="leave-one-domain-out"))


def test_more_folds_than_patients_of_a_class_are_refused(table):
    few = table({**{f"a{i}": "a" for i in range(9)}, "b0": "b", "b1": "b", "b2": "b"})
    with pytest.raises(InputError, match=r"at least 5 patients, one per fold, got 3 of class b\. Use n_folds = 3"):
        leave_patients_out(few, "fold 1")
    assert leave_patients_out(few, "fold 1", SplitOptions(n_folds=3)).audit.n_patients["test"] == 4
    with pytest.raises(InputError, match="the fold must be one of fold 1 to fold 5, got 'fold 6'"):
        leave_patients_out(few, "fold 6")
    with pytest.raises(InputError, match="a fold must be fold 1 to fold 5, got '40X'"):
        make_splits(few, SplitOptions(design="cross-validation", folds=("40X",)))


def test_a_rare_class_costs_only_itself(table):
    labels = {**LABELS, "c0": "c"}
    for split in make_splits(table(labels), SplitOptions(design="cross-validation")).splits:
        assert "val holds no c" in split.audit.notes
        assert {"a", "b"} <= {c["label"] for c in split.audit.counts if c["role"] == "val"}


def test_a_split_of_a_study_is_saved_loaded_and_taken_to_a_store_that_lacks_patches(table, tmp_path):
    frame = table(LABELS)
    split = leave_patients_out(frame, "fold 2")
    again = Split.load(split.save(tmp_path / "fold 2.json"))
    assert again.audit.design == "cross-validation"
    hashed = frame[5:].with_columns(pixel_hash=pl.lit("same"))
    fewer = again.for_table(hashed, notes=["5 could not be read"])
    assert np.array_equal(fewer.role, split.role[5:])
    assert fewer.audit.pixels_compared
    assert (fewer.audit.design, fewer.audit.notes[0]) == ("cross-validation", "5 could not be read")
    with pytest.raises(InputError, match="must be in the split of fold fold 2, got 1 others: new"):
        again.for_table(frame.with_columns(patch_id=pl.col("patch_id").replace("a0-40X-0", "new")))
