from collections import defaultdict

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.data import Split, all_folds, leave_one_domain_out
from featkit.data.adapters.breakhis import manifest_of_names

LABELS = {f"{c}{i}": c for c in "ab" for i in range(10)}


@st.composite
def cohorts(draw):
    """Random cohorts: uneven classes, domains and numbers of patches, rows in random order."""
    domains = draw(st.lists(st.sampled_from(["40X", "100X", "200X", "400X"]), min_size=2, max_size=4, unique=True))
    rows = []
    for label in draw(st.sampled_from([("b", "m"), ("x", "y", "z")])):
        for i in range(draw(st.integers(3, 9))):
            for domain in domains:
                rows += [(f"{label}{i}", label, domain)] * draw(st.integers(1, 3))
    order = draw(st.randoms(use_true_random=False))
    order.shuffle(rows)
    return pl.DataFrame(
        {
            "patch_id": [f"patch{i}" for i in range(len(rows))],
            "patient": [r[0] for r in rows],
            "label": [r[1] for r in rows],
            "magnification": [r[2] for r in rows],
        }
    )


@given(cohorts(), st.integers(0, 2**32), st.floats(0.05, 0.6), st.floats(0.0, 0.35))
@settings(max_examples=60, deadline=None)
def test_what_a_split_promises_holds_for_any_cohort(frame, seed, test_fraction, val_fraction):
    folds = all_folds(frame, seed=seed, test_fraction=test_fraction, val_fraction=val_fraction)
    assert set(folds) == set(frame["magnification"])
    test_patients = set()
    for fold, split in folds.items():
        sides = defaultdict(set)
        for patient, role in zip(split.patients, split.role, strict=True):
            if role != "unused":
                sides[patient].add(role)
        assert all(len(s) == 1 for s in sides.values())
        held_out = frame["magnification"].to_numpy() == fold
        assert set(split.role[held_out]) <= {"test", "unused"}
        assert set(split.role[~held_out]) <= {"train", "val", "unused"}
        for role in ("train", "test") if val_fraction == 0.0 else ("train", "val", "test"):
            assert set(frame["label"].to_numpy()[split.rows(role)]) == set(frame["label"])
        parts = [split.rows(r) for r in ("train", "val", "test", "unused")]
        assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(frame.height))
        test_patients.add(frozenset(split.patients[split.rows("test")]))
        assert sum(split.audit.n_patches.values()) == frame.height
        assert sum(c["n_patches"] for c in split.audit.counts) == frame.height
    assert len(test_patients) == 1


@given(cohorts(), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_the_parting_depends_on_patients_and_seed_not_on_the_order_of_rows(frame, seed):
    fold = frame["magnification"][0]
    split = leave_one_domain_out(frame, fold, seed=seed)
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=seed + 1)
    other = leave_one_domain_out(shuffled, fold, seed=seed)
    assert np.array_equal(other.align(split.patch_ids).role, split.role)


def test_fractions_are_of_each_class_and_rounded(table):
    split = leave_one_domain_out(table({**LABELS, "c0": "c", "c1": "c", "c2": "c"}), "40X")
    parts = defaultdict(set)
    for patient, role in zip(split.patients, split.role, strict=True):
        parts[patient[0], role].add(patient)
    assert {k: len(v) for k, v in parts.items() if k[1] != "unused"} == {
        ("a", "train"): 5,
        ("a", "val"): 2,
        ("a", "test"): 3,
        ("b", "train"): 5,
        ("b", "val"): 2,
        ("b", "test"): 3,
        ("c", "train"): 1,
        ("c", "val"): 1,
        ("c", "test"): 1,
    }


def test_seeds_give_different_patients_and_every_patient_is_tested_sometimes(table):
    seen, sets = set(), set()
    for seed in range(30):
        split = leave_one_domain_out(table(LABELS), "40X", seed=seed)
        tested = frozenset(split.patients[split.rows("test")])
        seen |= tested
        sets.add(tested)
    assert len(sets) > 25
    assert seen == set(LABELS)


def test_any_column_can_be_the_domain_and_folds_come_in_natural_order(table):
    frame = table(LABELS, domains=("400X", "40X", "100X")).rename({"magnification": "site"})
    folds = all_folds(frame, domain="site")
    assert list(folds) == ["40X", "100X", "400X"]
    assert folds["40X"].domain == "site"
    assert isinstance(folds["40X"], Split)
    numbers = table(LABELS, domains=(10, 2)).rename({"magnification": "scanner"})
    assert list(all_folds(numbers, domain="scanner")) == ["2", "10"]


def test_a_patient_of_two_classes_counts_for_the_more_frequent_and_is_noted(table):
    frame = table(LABELS).with_columns(
        label=pl.when(pl.col("patch_id") == "a0-40X-0").then(pl.lit("b")).otherwise(pl.col("label"))
    )
    split = leave_one_domain_out(frame, "200X")
    assert "1 patients have patches of more than one class: a0" in split.audit.notes
    plain = leave_one_domain_out(table(LABELS), "200X")
    assert np.array_equal(split.role, plain.role)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"fold": "100x"}, "fold must be a value of 'magnification', got '100x'. Did you mean '100X'"),
        (
            {"fold": "40X", "domain": "scanner"},
            "a split needs the columns patch_id, label, patient, scanner, got no sc",
        ),
        ({"fold": "40X", "test_fraction": 1.0}, "test_fraction must lie in [0, 1), got 1.0"),
        ({"fold": "40X", "val_fraction": float("nan")}, "val_fraction must lie in [0, 1), got nan"),
        ({"fold": "40X", "test_fraction": 0.6, "val_fraction": 0.5}, "must be below 1, got 1.1"),
        ({"fold": "40X", "test_fraction": 0.0}, "fold 40X must have patches in test, got 0"),
    ],
)
def test_impossible_wishes_are_refused(table, arguments, said):
    with pytest.raises(InputError) as caught:
        leave_one_domain_out(table(LABELS), **arguments)
    assert said in str(caught.value)


def test_too_few_patients_of_a_class_are_named(table):
    with pytest.raises(InputError, match=r"at least 3 patients, .* got 2 of class b: b0, b1"):
        leave_one_domain_out(table({**{f"a{i}": "a" for i in range(5)}, "b0": "b", "b1": "b"}), "40X")


def test_one_domain_only_and_one_class_in_the_held_out_domain(table):
    with pytest.raises(InputError, match="at least two of them, got only 40X"):
        leave_one_domain_out(table(LABELS, domains=("40X",)), "40X")
    one_sided = table(LABELS).filter((pl.col("magnification") != "40X") | (pl.col("label") == "a"))
    with pytest.raises(InputError, match="test of fold 40X must hold more than one class, got only a"):
        leave_one_domain_out(one_sided, "40X")


def test_a_missing_domain_value_is_refused(table):
    frame = table(LABELS).with_columns(magnification=pl.when(pl.col("patient") != "a0").then("magnification"))
    with pytest.raises(InputError, match="'magnification' must have a value in every row for a split, got 6 without"):
        leave_one_domain_out(frame, "40X")


def test_breakhis_by_case_shares_nothing(real_names):
    for fold, split in all_folds(manifest_of_names(real_names)).items():
        assert split.audit.shared_cases == split.audit.shared_patients == ()
        assert split.audit.fold == fold
        assert [split.audit.n_patients[r] for r in ("train", "val", "test")] == [39, 10, 21]
        counts = split.audit.frame()
        assert counts["n_patches"].sum() == 7909
        assert set(counts.filter(pl.col("role") == "test")["domain"]) == {fold}


@pytest.mark.filterwarnings("ignore::featkit.core.errors.FeatkitWarning")
def test_breakhis_by_id_shares_cases_and_the_audit_says_so(real_names):
    manifest = manifest_of_names(real_names, patient_key="id")
    shared = {case for seed in range(5) for case in leave_one_domain_out(manifest, "40X", seed=seed).audit.shared_cases}
    assert shared
    assert len(shared) <= 10
