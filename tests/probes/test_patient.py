import numpy as np
import pytest

from featkit.core.errors import InputError


def test_chance_is_what_guessing_reaches(cohort, probed):
    found = probed("patient", cohort(0))
    assert found.chance["top1"] == pytest.approx(1 / 24)
    assert found.chance["top5"] == pytest.approx(5 / 24)
    assert found.chance["retrieval"] == pytest.approx(1 / 24)
    for metric in ("top1", "top5", "retrieval"):
        assert found.chance[f"{metric} within class"] == pytest.approx(2 * found.chance[metric])


def test_the_average_is_that_of_the_held_out_magnifications(cohort, probed):
    found = probed("patient", cohort(1, patient=0.7))
    for metric in ("top1", "top5", "retrieval"):
        each = [found.metrics[f"{metric}@{place}"].value for place in ("40X", "100X", "200X")]
        assert found.metrics[metric].value == pytest.approx(np.mean(each))
    assert found.metrics["top5"].value >= found.metrics["top1"].value
    assert set(found.per_class) == {"40X", "100X", "200X"}


def test_what_the_class_gives_away_is_in_the_null(cohort, probed):
    results = [probed("patient", cohort(seed, label=3.0, n_patients=30), seed=seed) for seed in range(10)]
    for metric in ("top1", "retrieval"):
        p = np.array([r.p_value[metric] for r in results])
        assert np.mean([r.metrics[metric].value for r in results]) > 1.3 * results[0].chance[metric]
        assert 0.25 < p.mean() < 0.75
        assert (p <= 0.05).sum() <= 2
    of_class = results[0].chance["retrieval within class"]
    assert np.mean([r.null["retrieval"].mean() for r in results]) == pytest.approx(of_class, rel=0.1)


def test_a_shift_between_magnifications_hides_nobody(cohort, probed):
    plain = cohort(3, patient=1.0)
    shifted = cohort(3, patient=1.0)
    shifted["X"] = shifted["X"] + 50 * (shifted["column"] == "100X")[:, None].astype(np.float32)
    one, two = (probed("patient", data).metrics for data in (plain, shifted))
    assert one["top1"].value == pytest.approx(two["top1"].value, abs=0.02)
    assert one["top1"].low > 0.2


def test_patients_the_encoder_knew_are_told_apart(cohort, probed):
    data = cohort(4)
    number = np.array([int(g.split()[1]) for g in data["groups"]])
    signal = np.random.default_rng(0).normal(size=(24, 10)) * 2
    data["X"] = data["X"] + np.where((number < 12)[:, None], signal[number], 0).astype(np.float32)
    found = probed("patient", {**data, "seen": number < 12})
    assert found.metrics["top1@seen"].low > found.metrics["top1@unseen"].high
    assert found.metrics["top1@seen"].n_units == found.metrics["top1@unseen"].n_units == 12
    assert found.p_value["top1@seen"] == 1 / 50
    both = (found.metrics["top1@seen"].value + found.metrics["top1@unseen"].value) / 2
    assert found.metrics["top1"].value == pytest.approx(both)


def test_patients_at_one_magnification_are_left_out_and_counted(cohort, probed):
    data = cohort(5, patient=1.0)
    keep = ~np.isin(data["groups"], ["case 3", "case 4"]) | (data["column"] == "40X")
    found = probed("patient", {k: v[keep] for k, v in data.items()})
    assert found.n_patients == 22
    assert found.notes[0] == "2 of 24 patients occur at one magnification only and are left out"
    assert found.chance["top1"] == pytest.approx(1 / 22)


def test_a_patient_who_is_missing_at_a_magnification_is_not_sought_there(cohort, probed):
    data = cohort(6, patient=1.0)
    keep = (data["groups"] != "case 7") | (data["column"] != "40X")
    found = probed("patient", {k: v[keep] for k, v in data.items()})
    assert found.per_class["40X"]["n_patients"] == 23
    assert found.per_class["100X"]["n_patients"] == 24
    assert found.notes == (
        "patients of whom no other has the same class and values of magnification, left as they are: 1",
    )


def test_nobody_seen_is_said(cohort, probed):
    data = cohort(7)
    found = probed("patient", {**data, "seen": np.zeros(len(data["X"]), dtype=bool)})
    assert "no patient is seen" in found.notes
    assert found.metrics["top1@unseen"].value == found.metrics["top1"].value
    assert "top1@seen" not in found.metrics


def test_what_cannot_be_probed_is_named(cohort, probed):
    data = cohort(8)

    def refused(message, **changed):
        with pytest.raises(InputError, match=message):
            probed("patient", {**data, **changed})

    refused("several values of magnification, got 0 of 72", groups=np.char.add(data["groups"], data["column"]))
    refused("seen must be booleans", seen=np.ones(len(data["X"])))
    refused("seen or not, with all patches", seen=data["column"] == "40X")
    with pytest.raises(InputError, match="n_neighbors must be at least 1"):
        probed("patient", data, n_neighbors=0)
