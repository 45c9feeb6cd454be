import os
from pathlib import Path

import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.probes import column as column_module


def test_information_approaches_the_entropy_when_the_column_is_plain(cohort, probed):
    found = probed("magnification", cohort(0, n_domains=4, domain=6.0))
    assert found.chance["cross_entropy_bits"] == pytest.approx(2.0)
    assert found.metrics["information_bits"].value > 1.9
    assert found.metrics["accuracy"].value > 0.99
    assert found.metrics["auc"].value > 0.999
    assert found.metrics["selectivity"].low > 0.5
    total = found.metrics["information_bits"].value + found.metrics["cross_entropy_bits"].value
    assert total == pytest.approx(2.0)


def test_what_is_below_chance_stays_below(cohort, monkeypatch, probed):
    data = cohort(1, n_patients=20, n_domains=2, d=4)
    is_first = np.array([int(g.split()[1]) < 10 for g in data["groups"]])
    sign = np.where(data["column"] == "40X", 1, -1) * np.where(is_first, 1, -1)
    data["X"][:, 0] = 3 * sign  # one half of the patients teaches the opposite of the other
    real = column_module.patient_folds
    monkeypatch.setattr(
        column_module,
        "patient_folds",
        lambda y, patient, n_folds, *rest, **named: (
            is_first.astype(int) if n_folds == 2 else real(y, patient, n_folds, *rest, **named)
        ),
    )
    found = probed("magnification", data, n_folds=2)
    assert found.metrics["auc"].value < 0.1
    assert found.metrics["balanced_accuracy"].value < 0.1
    assert found.metrics["information_bits"].value < 0
    assert found.metrics["selectivity"].high < 0
    assert found.p_value["ridge_balanced_accuracy"] > 0.5


def test_a_label_that_stands_in_for_the_column_is_taken_out_within_it(probed):
    """The column follows the label, the embedding shows the label only."""
    random = np.random.default_rng(1)
    who = np.repeat(np.arange(40), 10)
    label = who % 2
    y = (random.random(400) < np.where(label, 0.85, 0.15)).astype(int)
    X = random.normal(size=(400, 6))
    X[:, 0] += 4 * label
    over_all = probed("kind", {"X": X, "column": y, "groups": who, "label": label})
    inside = probed("kind", {"X": X, "column": y, "groups": who, "label": label}, within="label")
    assert over_all.metrics["balanced_accuracy"].low > 0.7
    assert over_all.metrics["information_bits"].low > 0.1
    shown = inside.metrics["balanced_accuracy"]
    assert shown.low < 0.5 < shown.high
    assert inside.metrics["information_bits"].value < 0.02
    assert inside.p_value["ridge_balanced_accuracy"] > 0.05
    entropy = -np.mean([np.mean([np.log2(np.mean(y[label == k] == v)) for v in y[label == k]]) for k in (0, 1)])
    assert inside.chance["cross_entropy_bits"] == pytest.approx(entropy)


def test_signal_inside_the_label_is_still_found(cohort, probed):
    found = probed("magnification", cohort(2, domain=1.5, label=2.0), within="label")
    assert found.metrics["balanced_accuracy"].low > 1 / 3
    assert found.p_value["ridge_balanced_accuracy"] == 1 / 50
    assert "one probe inside each of benign and malignant" in found.design


def test_a_column_of_patients_is_exchanged_among_patients(probed):
    random = np.random.default_rng(3)
    who = np.repeat(np.arange(60), 4)
    centre = np.where(random.permutation(60) < 25, "north", "south")[who]
    shift = random.normal(size=(60, 5))[who]
    absent = probed("centre", {"X": shift + random.normal(size=(240, 5)), "column": centre, "groups": who})
    assert absent.notes == ("centre is a property of patients: they exchanged it for the null",)
    assert "among patients" in absent.design
    assert absent.p_value["ridge_balanced_accuracy"] > 0.05
    present = probed("centre", {"X": shift + 2 * (centre == "north")[:, None], "column": centre, "groups": who})
    assert present.p_value["ridge_balanced_accuracy"] == 1 / 50


def test_the_style_of_real_pictures_is_plain_to_see(probed):
    folder = os.environ.get("FEATKIT_TEST_DATA")
    if not folder:
        pytest.skip("FEATKIT_TEST_DATA is not set")
    with np.load(Path(folder) / "pacs" / "embeddings_mobilenetv1.npz") as file:
        X, style = file["X"].astype(np.float32), file["domain"]
    chosen = np.arange(400) * len(X) // 400
    found = probed("style", {"X": X[chosen], "column": style[chosen], "groups": chosen // 4})
    assert found.metrics["balanced_accuracy"].low > 0.8
    assert found.p_value["ridge_balanced_accuracy"] == 1 / 50


def test_only_curved_signal_needs_the_perceptron(probed):
    random = np.random.default_rng(4)
    X = random.normal(size=(600, 3))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    who = np.repeat(np.arange(30), 20)
    linear = probed("kind", {"X": X, "column": y, "groups": who})
    curved = probed("kind", {"X": X, "column": y, "groups": who}, model="mlp")
    assert linear.metrics["balanced_accuracy"].value < 0.6
    assert curved.metrics["balanced_accuracy"].low > 0.75
    assert curved.metrics["control_balanced_accuracy"].value < 0.6
    assert curved.metrics["selectivity"].low > 0.15


def test_rare_values_are_judged_as_if_they_were_frequent(cohort, probed):
    data = cohort(5, n_patients=30, n_domains=4, domain=1.2)
    is_held_out = np.where(data["column"] == "400X", "held out", "seen")
    found = probed("magnification", {**data, "column": is_held_out})
    assert found.chance["accuracy"] == 0.75
    assert found.chance["balanced_accuracy"] == 0.5
    recalls = [row["recall"] for row in found.per_class.values()]
    assert found.metrics["balanced_accuracy"].value == pytest.approx(np.mean(recalls))
    assert min(recalls) > 0.5


def test_patients_with_one_value_are_counted(cohort, probed):
    data = cohort(6)
    keep = (data["groups"] != "case 3") | (data["column"] == "40X")
    found = probed("magnification", {k: v[keep] for k, v in data.items()})
    assert found.notes == ("patients with one value of magnification, left as they are by the null: 1",)


def test_a_few_patients_with_several_values_do_not_decide_the_null(probed):
    random = np.random.default_rng(7)
    who = np.repeat(np.arange(40), 5)
    kind = (random.permutation(40) % 2)[who]
    kind[:2] = 1 - kind[2]  # one case number with two kinds
    X = random.normal(size=(200, 4))
    X[:, 0] += 3 * kind
    found = probed("kind", {"X": X, "column": kind, "groups": who})
    assert found.p_value["ridge_balanced_accuracy"] == 1 / 50
    assert "patients with several values of kind, left as they are by the null: 1" in found.notes


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_folds": 25}, "as many patients as folds, 25, got 24"),
        ({"n_folds": 1}, "n_folds must be at least 2"),
        ({"model": "forest"}, "model must be"),
        ({"within": "patient"}, "within must be"),
        ({"within": "label", "label": None}, "label must be given"),
    ],
)
def test_wrong_options_are_named(cohort, changed, message, probed):
    with pytest.raises(InputError, match=message):
        probed(
            "magnification",
            cohort(0) | {k: v for k, v in changed.items() if k == "label"},
            **{k: v for k, v in changed.items() if k != "label"},
        )


def test_a_label_without_one_of_the_values_is_named(cohort, probed):
    data = cohort(0)
    data["label"] = np.where(data["column"] == "40X", "benign", data["label"])
    with pytest.raises(InputError, match="no 40X in malignant"):
        probed("magnification", data, within="label")


def test_embeddings_that_never_vary_are_refused(cohort, probed):
    data = cohort(0)
    with pytest.raises(InputError, match="X must vary"):
        probed("magnification", {**data, "X": np.ones_like(data["X"])})
