"""The evaluation as a whole: every row against its own oracle, and what happens at the edges."""

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as sk

from featkit.core.errors import InputError
from featkit.results.evaluation import Evaluation
from featkit.stats import bootstrap_metrics, evaluate
from featkit.stats.evaluation import BINARY_METRICS, MULTICLASS_METRICS

FOLDS = ("40X", "100X", "200X")


def breast(seed=0, n_patients=24, is_disjoint=False):
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), random.integers(8, 20, n_patients))
    y = (np.arange(n_patients) >= 8)[patient].astype(int)
    logit = 2 * y - 1 + random.normal(size=n_patients)[patient] + random.normal(size=len(patient))
    fold = np.array(FOLDS)[patient % 3] if is_disjoint else random.choice(FOLDS, len(patient))
    return y, 1 / (1 + np.exp(-logit)), patient, fold


@pytest.fixture(scope="module")
def evaluation():
    y, p, patient, fold = breast()
    return evaluate(y, p, patient, folds=fold, class_names=["benign", "malignant"], n_draws=300)


def test_every_metric_on_every_set_says_which_it_is(evaluation):
    frame = evaluation.frame()
    sets = frame.select("scope", "aggregation").unique().rows()
    assert set(sets) == {("all", "pooled"), ("all", "mean of folds"), *(("fold", f) for f in FOLDS)}
    assert frame.height == len(sets) * len(BINARY_METRICS)
    assert list(frame["aggregation"].unique(maintain_order=True))[2:] == list(FOLDS)
    assert (frame["low"] <= frame["value"]).all()
    assert (frame["value"] <= frame["high"]).all()
    assert evaluation.notes == ()
    assert evaluation.strata == "class"


def test_values_agree_with_scikit_learn_pooled_and_by_fold(evaluation):
    y, p, _, fold = breast()
    oracles = {
        "auc": sk.roc_auc_score,
        "average_precision": sk.average_precision_score,
        "f1": lambda y, p: sk.f1_score(y, p >= 0.5),
        "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p >= 0.5),
        "mcc": lambda y, p: sk.matthews_corrcoef(y, p >= 0.5),
        "brier": sk.brier_score_loss,
    }
    for name, oracle in oracles.items():
        by_fold = [oracle(y[fold == f], p[fold == f]) for f in FOLDS]
        assert evaluation.get(name).value == pytest.approx(oracle(y, p), abs=1e-12)
        assert [evaluation.get(name, f).value for f in FOLDS] == pytest.approx(by_fold, abs=1e-12)
        assert evaluation.get(name, "mean of folds").value == pytest.approx(np.mean(by_fold), abs=1e-12)


def test_a_folds_interval_is_that_of_the_fold_alone(evaluation):
    y, p, patient, fold = breast()
    here = fold == "100X"
    alone = bootstrap_metrics(y[here], p[here], patient[here], ["auc"], n_draws=300)["auc"]
    assert (evaluation.get("auc", "100X").low, evaluation.get("auc", "100X").high) == (alone.low, alone.high)


def test_the_majority_baseline_is_a_constant_forecast(evaluation):
    y, _, _, _ = breast()
    majority = {
        row["metric"]: row["majority"] for row in evaluation.frame().rows(named=True) if row["aggregation"] == "pooled"
    }
    share = y.mean()
    assert majority["auc"] == 0.5
    assert majority["accuracy"] == pytest.approx(share)
    assert majority["f1"] == pytest.approx(2 * share / (1 + share))
    assert majority["brier"] == pytest.approx(share * (1 - share))
    assert majority["recognition_rate"] == pytest.approx(16 / 24)
    assert majority["balanced_accuracy"] == 0.5
    assert evaluation.majority_from == "evaluated labels"


def test_training_prevalence_makes_the_baseline():
    y, p, patient, fold = breast()
    found = evaluate(y, p, patient, training_prevalence=0.3, metrics=["accuracy", "brier"], n_draws=20)
    by_name = {row.metric: row.majority for row in found.rows}
    assert by_name["accuracy"] == pytest.approx(1 - y.mean())
    assert by_name["brier"] == pytest.approx(np.mean((0.3 - y) ** 2))
    assert found.majority_from == "training labels"
    by_fold = evaluate(
        y,
        p,
        patient,
        folds=fold,
        training_prevalence=dict.fromkeys(FOLDS, 0.3) | {"40X": 0.9},
        metrics=["brier"],
        n_draws=20,
    )
    majority = {row.aggregation: row.majority for row in by_fold.rows}
    assert majority["40X"] == pytest.approx(np.mean((0.9 - y[fold == "40X"]) ** 2))
    assert majority["100X"] == pytest.approx(np.mean((0.3 - y[fold == "100X"]) ** 2))


def test_counts_name_classes_and_patients(evaluation):
    y, _, _, _ = breast()
    pooled = evaluation.counts[0]
    assert (pooled.n_patches, pooled.n_patients) == (len(y), 24)
    assert pooled.n_patients_by_class == {"benign": 8, "malignant": 16}
    assert pooled.n_patches_by_class == {"benign": int((y == 0).sum()), "malignant": int(y.sum())}
    assert pooled.prevalence == pytest.approx(y.mean())
    assert sum(c.n_patches for c in evaluation.counts if c.scope == "fold") == len(y)


def test_curves_are_there_for_the_report(evaluation):
    assert set(evaluation.roc) == set(evaluation.reliability) == {"pooled", *FOLDS}
    assert evaluation.roc["pooled"].y[-1] == 1


def test_round_trip_through_json(evaluation):
    again = Evaluation.from_dict(json.loads(json.dumps(evaluation.to_dict(), allow_nan=False)))
    assert again.frame().equals(evaluation.frame())
    assert again.roc["pooled"].frame().equals(evaluation.roc["pooled"].frame())
    assert again.counts[0].n_patients_by_class == evaluation.counts[0].n_patients_by_class


def test_seed_and_row_order():
    y, p, patient, fold = breast(1)
    order = np.random.default_rng(0).permutation(len(y))
    options = {"metrics": ["auc", "ece", "recognition_rate"], "n_draws": 100}
    one = evaluate(y, p, patient, folds=fold, **options).frame()
    other = evaluate(y[order], p[order], patient[order], folds=fold[order], **options).frame()
    for column in ("value", "low", "high", "majority"):
        np.testing.assert_allclose(one[column], other[column], atol=1e-9)
    assert not one["low"].equals(evaluate(y, p, patient, folds=fold, seed=1, **options).frame()["low"])


def test_a_fold_with_one_class_is_named_and_not_left_out():
    y, p, patient, fold = breast(2)
    kept = ~((fold == "40X") & (y == 0))
    found = evaluate(y[kept], p[kept], patient[kept], folds=fold[kept], class_names=["benign", "malignant"], n_draws=50)
    assert np.isnan(found.get("auc", "40X").value)
    assert np.isfinite(found.get("accuracy", "40X").value)
    assert np.isnan(found.get("auc", "mean of folds").value)
    assert "fold 40X: no patch of benign" in found.notes
    assert any(note.startswith("fold 40X: auc: undefined") for note in found.notes)
    assert "40X" not in found.roc
    assert "40X" in found.reliability
    assert np.isfinite(found.get("auc").low)


def test_a_fold_with_one_patient_of_a_class_has_values_and_a_note():
    y, p, patient, fold = breast(3)
    kept = ~((fold == "40X") & (y == 0) & (patient > 0))
    found = evaluate(y[kept], p[kept], patient[kept], folds=fold[kept], metrics=["auc"], n_draws=50)
    assert np.isfinite(found.get("auc", "40X").value)
    assert np.isnan(found.get("auc", "40X").low)
    assert any("fold 40X: no interval" in note for note in found.notes)


def test_patients_in_one_fold_each_are_drawn_within_folds():
    y, p, patient, fold = breast(4, is_disjoint=True)
    found = evaluate(y, p, patient, folds=fold, metrics=["auc", "accuracy"], n_draws=200)
    assert found.strata == "class and fold"
    assert found.get("auc", "mean of folds").n_draws == 200
    assert found.notes == ()


def test_domains_and_folds_side_by_side():
    y, p, patient, fold = breast(5)
    domain = np.where(patient % 2, "A", "B")
    found = evaluate(y, p, patient, folds=fold, domains=domain, metrics=["auc"], n_draws=50)
    assert found.get("auc", "mean of domains").value == pytest.approx(
        np.mean([sk.roc_auc_score(y[domain == d], p[domain == d]) for d in "AB"]), abs=1e-12
    )
    assert found.get("auc", "A", scope="domain").n_units == 12


def test_three_classes():
    random = np.random.default_rng(6)
    patient = np.repeat(np.arange(30), 10)
    y = patient % 3
    p = np.exp(random.normal(size=(300, 3)) + 1.5 * np.eye(3)[y])
    p /= p.sum(axis=1, keepdims=True)
    found = evaluate(y, p, patient, class_names=["A", "F", "TA"], n_draws=100)
    frame = found.frame().filter(pl.col("scope") == "all")
    assert set(frame["metric"]) == set(MULTICLASS_METRICS)
    assert found.get("auc").value == pytest.approx(sk.roc_auc_score(y, p, multi_class="ovr"), abs=1e-12)
    called = p.argmax(axis=1)
    for k, name in enumerate(found.class_names):
        assert found.get("auc", name).value == pytest.approx(sk.roc_auc_score(y == k, p[:, k]), abs=1e-12)
        assert found.get("f1", name).value == pytest.approx(sk.f1_score(y == k, called == k), abs=1e-12)
        assert found.get("sensitivity", name).value == pytest.approx(np.mean(called[y == k] == k), abs=1e-12)
    assert set(found.roc) == {"A", "F", "TA"}
    share = found.frame().filter(pl.col("metric") == "accuracy")["majority"][0]
    assert share == pytest.approx(1 / 3)


def test_patches_only_when_said():
    y, p, *_ = breast(7)
    found = evaluate(y, p, "patches", metrics=["auc"], n_draws=50)
    assert found.get("auc").unit == "patch"
    with pytest.raises(InputError, match="must name the patient"):
        evaluate(y, p, None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"metrics": ["auk"]}, "Did you mean 'auc'"),
        ({"class_names": ["a"]}, "2 different names"),
        ({"training_prevalence": 1.5}, r"must lie in \[0, 1\]"),
        ({"training_prevalence": {"40X": 0.5}}, "needs folds"),
        ({"folds": ["40X"]}, "folds must have shape"),
    ],
)
def test_bad_options_are_named(options, said):
    y, p, patient, _ = breast(8)
    with pytest.raises(InputError, match=said):
        evaluate(y, p, patient, n_draws=20, **options)


def test_asking_for_what_is_not_there_tells_what_is(evaluation):
    with pytest.raises(InputError, match="auc is there for: 100X"):
        evaluation.get("auc", "800X")


@pytest.mark.skipif("FEATKIT_TEST_DATA" not in os.environ, reason="FEATKIT_TEST_DATA is not set")
def test_the_majority_baseline_on_the_real_breakhis_file_list():
    """What a constant "malignant" scores on the 7,909 images, per magnification and by patient id."""
    names = pl.read_csv(Path(os.environ["FEATKIT_TEST_DATA"]) / "breakhis" / "files.csv")["filename"]
    parts = names.str.extract_groups(r"SOB_([BM])_([A-Z]+)-(\d+-\d+[A-Z]*)-(\d+)-").struct.unnest()
    y = (parts["1"] == "M").to_numpy().astype(int)
    patient, fold = (parts["2"] + "-" + parts["3"]).to_numpy(), (parts["4"] + "X").to_numpy()
    p = np.random.default_rng(0).random(len(y))  # knows nothing
    found = evaluate(y, p, patient, folds=fold, metrics=["auc", "accuracy", "recognition_rate"], n_draws=200)
    majority = {(row.metric, row.aggregation): row.majority for row in found.rows}
    assert majority["recognition_rate", "pooled"] == pytest.approx(58 / 82)
    assert majority["accuracy", "pooled"] == pytest.approx(5429 / 7909)
    shares = {"40X": 1370 / 1995, "100X": 1437 / 2081, "200X": 1390 / 2013, "400X": 1232 / 1820}
    assert {f: majority["accuracy", f] for f in shares} == pytest.approx(shares)
    assert found.counts[0].n_patients_by_class == {"0": 24, "1": 58}
    auc = found.get("auc")
    assert auc.low < 0.5 < auc.high
