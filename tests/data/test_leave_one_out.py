from collections import defaultdict

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.core.options import SplitOptions
from featkit.data import Split, leave_one_domain_out, make_splits
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
    options = SplitOptions(seed=seed, test_fraction=test_fraction, val_fraction=val_fraction)
    folds = {split.fold: split for split in make_splits(frame, options).splits}
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
    split = leave_one_domain_out(frame, fold, SplitOptions(seed=seed))
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=seed + 1)
    other = leave_one_domain_out(shuffled, fold, SplitOptions(seed=seed))
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
        split = leave_one_domain_out(table(LABELS), "40X", SplitOptions(seed=seed))
        tested = frozenset(split.patients[split.rows("test")])
        seen |= tested
        sets.add(tested)
    assert len(sets) > 25
    assert seen == set(LABELS)


def test_any_column_can_be_the_domain_and_folds_come_in_natural_order(table):
    frame = table(LABELS, domains=("400X", "40X", "100X")).rename({"magnification": "site"})
    folds = make_splits(frame, SplitOptions(domain="site"))
    assert folds.folds == ("40X", "100X", "400X")
    assert folds["40X"].domain == "site"
    assert isinstance(folds["40X"], Split)
    numbers = table(LABELS, domains=(10, 2)).rename({"magnification": "scanner"})
    assert make_splits(numbers, SplitOptions(domain="scanner")).folds == ("2", "10")


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
        ({"fold": "40X", "test_fraction": 1.0}, "test_fraction must be strictly between 0 and 1, got 1.0"),
        ({"fold": "40X", "val_fraction": float("nan")}, "val_fraction must be at least 0 and less than 1, got nan"),
        ({"fold": "40X", "test_fraction": 0.6, "val_fraction": 0.5}, "less than 1 together with val_fraction, got 0.6"),
        ({"fold": "40X", "test_fraction": 0.0}, "test_fraction must be strictly between 0 and 1, got 0.0"),
    ],
)
def test_impossible_wishes_are_refused(table, arguments, said):
    fold, frame = arguments.pop("fold"), table(LABELS)
    with pytest.raises(InputError) as caught:
        leave_one_domain_out(frame, fold, SplitOptions(**arguments))
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
    for split in make_splits(manifest_of_names(real_names)).splits:
        fold = split.fold
        assert split.audit.shared_cases == split.audit.shared_patients == ()
        assert split.audit.fold == fold
        assert [split.audit.n_patients[r] for r in ("train", "val", "test")] == [39, 10, 21]
        counts = split.audit.frame()
        assert counts["n_patches"].sum() == 7909
        assert set(counts.filter(pl.col("role") == "test")["domain"]) == {fold}


@pytest.mark.filterwarnings("ignore::featkit.core.errors.FeatkitWarning")
def test_breakhis_by_id_shares_cases_and_the_audit_says_so(real_names):
    manifest = manifest_of_names(real_names, patient_key="id")
    splits = [leave_one_domain_out(manifest, "40X", SplitOptions(seed=seed)) for seed in range(5)]
    shared = {case for made in splits for case in made.audit.shared_cases}
    assert shared
    assert len(shared) <= 10


SITES = [f"site {i}" for i in range(6)]


def nested(n=6, sites=SITES):
    """Patients who each belong to one site, n of both classes at each."""
    return pl.DataFrame(
        [
            (f"{site}-{label}{i}-{k}", label, f"{site} {label}{i}", site)
            for site in sites
            for label in "ab"
            for i in range(n)
            for k in range(2)
        ],
        schema=["patch_id", "label", "patient", "site"],
        orient="row",
    )


def test_where_patients_belong_to_sites_the_whole_held_out_site_is_tested_and_all_the_rest_is_used():
    for split in make_splits(nested(), SplitOptions(domain="site")).splits:
        assert split.audit.nesting == "nested"
        assert split.audit.n_patients == {"train": 50, "val": 10, "test": 12, "unused": 0}
        assert set(split.domains[split.rows("test")]) == {split.fold}
        assert f"all 12 patients of {split.fold} are tested, the other 60" in split.audit.notes[0]


def test_validation_patients_are_spread_over_sites_and_classes():
    split = leave_one_domain_out(nested(20), "site 2", SplitOptions(domain="site"))
    val = pl.DataFrame([c for c in split.audit.counts if c["role"] == "val"])
    assert val["n_patients"].to_list() == [3] * 10


def test_a_clinical_table_of_many_sites_is_used_whole():
    """Sites of very different size: of 430 patients at 37 sites none is unused in any fold that can be tested."""
    random = np.random.default_rng(0)
    site = np.concatenate([np.arange(37), random.choice(37, 393, p=random.dirichlet(np.ones(37)))])
    label = np.where(random.random(430) < 0.3, "yes", "no")
    frame = pl.DataFrame({"patient": [f"p{i}" for i in range(430)], "site": site, "label": label})
    frame = frame.with_columns(patch_id=pl.col("patient"))
    made = make_splits(frame, SplitOptions(domain="site"))
    assert len(made.splits) + len(made.skipped) == 37
    assert len(made.splits) > 15
    assert made.skipped
    for split in made.splits:
        assert split.audit.n_patients["unused"] == 0
        assert split.audit.n_patients["test"] == (site == int(split.fold)).sum()
    for name, reason in made.skipped:
        assert len(set(label[site == int(name)])) < 2
        assert f"fold {name}" in reason


def test_one_site_that_cannot_be_tested_is_named_and_stops_nothing():
    frame = pl.concat([nested(), pl.DataFrame([("x", "a", "x1", "bad")], schema=nested().schema, orient="row")])
    made = make_splits(frame, SplitOptions(domain="site"))
    assert made.folds == tuple(SITES)
    assert made.skipped == (
        (
            "bad",
            "test of fold bad must hold more than one class, got only a. "
            "Use another seed or fractions, or add patients of the other class.",
        ),
    )
    with pytest.raises(InputError, match=r"fold bad must be one that can be tested\. test of fold bad"):
        made["bad"]
    with pytest.raises(InputError, match="test of fold bad must hold more than one class"):
        make_splits(frame, SplitOptions(domain="site", folds=("bad",)))
    assert make_splits(frame, SplitOptions(domain="site", folds=("site 1", "bad"))).folds == ("site 1",)


def test_a_site_of_too_few_patients_is_not_tested():
    frame = pl.concat([nested(), nested(1, ["small"])])
    made = make_splits(frame, SplitOptions(domain="site", min_test_patients=3))
    assert made.skipped[0][0] == "small"
    assert "fold small must have at least 3 test patients, got 2" in made.skipped[0][1]
    assert "small" in make_splits(frame, SplitOptions(domain="site")).folds


def test_a_study_without_a_testable_fold_is_refused():
    frame = nested(1).filter((pl.col("label") == "a") == pl.col("site").is_in(SITES[:3]))
    with pytest.raises(InputError, match="at least one fold of the study must be testable, got 6 that are not"):
        make_splits(frame, SplitOptions(domain="site"))


def test_patients_of_one_site_and_of_several_are_both_used():
    both = pl.DataFrame(
        [(f"s-{label}{i}-{s}", label, f"s-{label}{i}", s) for label in "ab" for i in range(10) for s in SITES[:2]],
        schema=["patch_id", "label", "patient", "site"],
        orient="row",
    )
    frame = pl.concat([nested(4), both])
    for split in make_splits(frame, SplitOptions(domain="site", test_fraction=0.3)).splits:
        assert split.audit.nesting == "mixed"
        assert "20 of 68 patients have patches in more than one site" in split.audit.notes[0]
        tested = set(split.patients[split.rows("test")])
        spanning = {p for p in tested if p.startswith("s-")}
        assert len(tested - spanning) == 8  # all of those who are of the site alone
        assert len(spanning) == (6 if split.fold in SITES[:2] else 0)
        if not spanning:  # nobody is left out where nobody spans the held-out site
            assert split.audit.n_patients["unused"] == 0
    folds = [leave_one_domain_out(frame, s, SplitOptions(domain="site")) for s in SITES[:2]]
    one, other = ({p for p in f.patients[f.rows("test")] if p.startswith("s-")} for f in folds)
    assert one == other


@given(cohorts(), st.integers(0, 1000), st.sampled_from(["auto", "cross-validation"]))
@settings(max_examples=25, deadline=None)
def test_what_the_classes_are_called_changes_nothing(frame, seed, design):
    options = SplitOptions(seed=seed, design=design, n_folds=2)
    names = sorted(set(frame["label"]))
    swap = pl.col("label").replace_strict(dict(zip(names, names[::-1], strict=True)))
    mirrored = frame.with_columns(label=swap)
    every_fifth = pl.when(pl.int_range(pl.len()) % 5 == 0)
    mixed = mirrored.with_columns(label=every_fifth.then(pl.lit(names[0])).otherwise("label"))
    back = mixed.with_columns(label=swap)
    for one, other in ((frame, mirrored), (mixed, back)):
        try:
            pairs = zip(make_splits(one, options).splits, make_splits(other, options).splits, strict=True)
        except InputError:  # too few patients of a class: refused whatever it is called
            with pytest.raises(InputError):
                make_splits(other, options)
            continue
        assert all(np.array_equal(a.role, b.role) for a, b in pairs)


def test_near_twins_among_the_patients_are_named(table):
    frame = table({**LABELS, "A0": "a", "a0 ": "a"})
    notes = leave_one_domain_out(frame, "40X").audit.notes
    assert (
        "patient: names that differ only in how they are written count as different: 'A0' and 'a0' and 'a0 '" in notes
    )


def test_near_twins_among_the_domains_are_named_by_the_column():
    frame = nested(sites=["Site A", "site A", "B"])
    notes = leave_one_domain_out(frame, "B", SplitOptions(domain="site")).audit.notes
    assert "site: names that differ only in how they are written count as different: 'Site A' and 'site A'" in notes


def test_survival_times_are_no_classes(table):
    days = table({f"p{i}": str(100 + 17 * i) for i in range(20)})
    with pytest.raises(InputError, match=r"'label' must name classes, got 20 different numbers such as .*cut them"):
        leave_one_domain_out(days, "40X")
    with pytest.raises(InputError, match="must name classes, got 4 different numbers"):
        leave_one_domain_out(table({f"p{i}": 0.5 + i % 4 for i in range(20)}), "40X")
    grades = leave_one_domain_out(table({f"p{i}": float(1 + i % 3) for i in range(20)}), "40X")
    assert {c["label"] for c in grades.audit.counts} == {"1", "2", "3"}
