"""Patient counts: what is drawn, how often, and that it repeats."""

import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.stats import draw_counts, patient_counts

PATIENTS = np.repeat(["p3", "p1", "p2", "p5", "p4", "p6"], [3, 1, 4, 2, 2, 5])
CLASSES = np.isin(PATIENTS, ["p1", "p5", "p6"]).astype(int)


def unit_draws(plan, n_draws, seed=0):
    parts = [units for _, units in plan.blocks(n_draws, seed)]
    return np.concatenate(parts)


def test_every_stratum_keeps_its_size():
    counts = draw_counts(PATIENTS, CLASSES, 500, seed=1)
    assert counts.shape == (500, 6)
    of_class_one = np.isin(np.unique(PATIENTS), ["p1", "p5", "p6"])
    assert (counts[:, of_class_one].sum(axis=1) == 3).all()
    assert (counts[:, ~of_class_one].sum(axis=1) == 3).all()
    assert (draw_counts(PATIENTS, None, 500).sum(axis=1) == 6).all()


def test_counts_are_multinomial():
    counts = draw_counts(np.arange(10), None, 40_000, seed=2)
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=4 * np.sqrt(0.9 / 40_000))
    np.testing.assert_allclose(counts.var(axis=0), 0.9, atol=0.04)
    assert np.corrcoef(counts[:, 0], counts[:, 1])[0, 1] == pytest.approx(-1 / 9, abs=0.02)


def test_same_seed_same_draws_and_more_draws_begin_with_the_fewer():
    long = draw_counts(PATIENTS, CLASSES, 3000, seed=7)
    assert np.array_equal(long, draw_counts(PATIENTS, CLASSES, 3000, seed=7))
    assert np.array_equal(long[:1500], draw_counts(PATIENTS, CLASSES, 1500, seed=7))
    assert not np.array_equal(long, draw_counts(PATIENTS, CLASSES, 3000, seed=8))
    assert not np.array_equal(long[:1024], long[1024:2048])


def test_row_order_does_not_matter():
    order = np.random.default_rng(0).permutation(len(PATIENTS))
    assert np.array_equal(draw_counts(PATIENTS[order], CLASSES[order], 50), draw_counts(PATIENTS, CLASSES, 50))


def test_a_patient_with_both_classes_counts_for_the_rarer_and_carries_both():
    plan = patient_counts(["a", "a", "b", "c", "d"], strata=[0, 1, 0, 0, 1], classes=[0, 1, 0, 0, 1])
    assert plan.stratum_of_patient.tolist() == plan.class_of_patient.tolist() == [1, 0, 0, 1]
    assert plan.n_carriers.tolist() == [3, 2]


def test_only_draws_that_ignore_classes_are_those_of_a_cohort():
    assert patient_counts(PATIENTS, classes=CLASSES).is_cohort
    assert not patient_counts(PATIENTS, strata=CLASSES, classes=CLASSES).is_cohort


def test_nested_levels_keep_sizes_and_patient_draws():
    slides = np.array(["s1", "s1", "s2", "s1", "s1", "s2", "s3", "s3", "s1", "s1", "s2", "s1", "s2"] + ["s1"] * 4)
    flat, nested = patient_counts(PATIENTS, strata=CLASSES), patient_counts(PATIENTS, strata=CLASSES, nested=[slides])
    n_slides = np.bincount(nested.patient_of_unit)
    for (patients, _), (same, units) in zip(flat.blocks(300, 3), nested.blocks(300, 3)):
        assert np.array_equal(patients, same)
        for i in range(flat.n_patients):
            drawn = units[:, nested.patient_of_unit == i].sum(axis=1)
            assert np.array_equal(drawn, patients[:, i] * n_slides[i])
    assert nested.n_units == len({f"{p}/{s}" for p, s in zip(PATIENTS, slides)})


def test_nested_patches_vary_more_than_carried_ones():
    plan = patient_counts(PATIENTS, nested=["patches"])
    assert plan.n_units == len(PATIENTS)
    units = unit_draws(plan, 4000)
    np.testing.assert_allclose(units.mean(axis=0), 1, atol=0.1)
    assert (units.sum(axis=1) != len(PATIENTS)).any()  # patients differ in size
    assert np.array_equal(units, unit_draws(plan, 4000))
    assert np.array_equal(units[:700], unit_draws(plan, 700))


def test_jackknife_leaves_out_one_patient_each():
    plan = patient_counts(PATIENTS, nested=["patches"])
    counts = np.concatenate([p for p, _ in plan.jackknife()])
    units = np.concatenate([u for _, u in plan.jackknife()])
    assert np.array_equal(counts, 1 - np.eye(6, dtype=int))
    assert np.array_equal(units, counts[:, plan.patient_of_unit])


def test_jackknife_of_many_patients_takes_some_of_each_stratum():
    strata = np.repeat([0, 1], [3000, 20])
    plan = patient_counts("patches", strata=strata, classes=strata)
    left_out = plan.left_out
    assert (left_out < 3000).sum() == 1000
    assert (left_out >= 3000).sum() == 20
    assert len(np.unique(left_out)) == 1020
    assert sum(len(p) for p, _ in plan.jackknife()) == 1020


def test_blocks_are_bounded():
    plan = patient_counts("patches", n=300_000)
    first = next(plan.blocks(100))[0]
    assert first.size <= 1 << 22


@pytest.mark.parametrize("groups", [None, "images"])
def test_patches_are_never_units_by_accident(groups):
    with pytest.raises(InputError, match="groups='patches' if patches truly are independent"):
        patient_counts(groups, n=4)


@pytest.mark.parametrize(
    ("groups", "strata", "said"),
    [
        (["a", "b"], [0, 1, 1], "shape"),
        (["a", None], None, "missing"),
        ([1.0, np.nan], None, "1 of 2"),
    ],
)
def test_bad_groups_are_named(groups, strata, said):
    with pytest.raises(InputError, match=said):
        patient_counts(np.array(groups, dtype=object if None in groups else None), strata=strata)


def test_a_number_of_draws_is_a_whole_number_above_zero():
    for wrong in (0, -3, 2.5):
        with pytest.raises(InputError, match="n_draws must be a whole number"):
            draw_counts(PATIENTS, None, wrong)
