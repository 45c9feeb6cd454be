"""The evaluation as a whole: every row against its own oracle, and what happens at the edges."""

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as sk

from featkit.core.errors import InputError
from featkit.core.options import Resampling
from featkit.results.evaluation import Evaluation
from featkit.stats import Forecasts, bootstrap_metrics
from featkit.stats import evaluate as evaluate_forecasts
from featkit.stats.evaluation import BINARY_METRICS, MULTICLASS_METRICS

FOLDS = ("40X", "100X", "200X")


def breast(seed=0, n_patients=24, is_disjoint=False):
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), random.integers(8, 20, n_patients))
    y = (np.arange(n_patients) >= 8)[patient].astype(int)
    logit = 2 * y - 1 + random.normal(size=n_patients)[patient] + random.normal(size=len(patient))
    fold = np.array(FOLDS)[patient % 3] if is_disjoint else random.choice(FOLDS, len(patient))
    return y, 1 / (1 + np.exp(-logit)), patient, fold


def evaluate(y, p, groups, *, metrics=None, training_prevalence=None, n_draws=50, seed=0, **given):
    return evaluate_forecasts(
        Forecasts(y, p, groups, **given),
        metrics=metrics,
        training_prevalence=training_prevalence,
        resampling=Resampling(n_draws=n_draws, seed=seed),
    )


@pytest.fixture(scope="module")
def evaluation():
    y, p, patient, fold = breast()
    return evaluate(y, p, patient, folds=fold, class_names=["benign", "malignant"], n_draws=300)


def test_every_metric_on_every_set_says_which_it_is(evaluation):
    frame = evaluation.frame()
    sets = frame.select("scope", "aggregation").unique().rows()
    over = ("pooled", "mean of folds", "within folds")
    assert set(sets) == {(s, a) for s in ("all", "patients") for a in over} | {("fold", f) for f in FOLDS}
    by_fold = frame.filter(pl.col("scope") == "fold")
    assert by_fold.height == len(FOLDS) * len(BINARY_METRICS)
    assert list(by_fold["aggregation"].unique(maintain_order=True)) == list(FOLDS)
    given = frame.filter((pl.col("state") == "") & ~pl.col("metric").str.starts_with("ece"))
    assert (given["low"] <= given["value"]).all()
    assert (given["value"] <= given["high"]).all()
    assert set(frame.filter(pl.col("scope") != "patients")["state"]) == {""}
    assert (evaluation.design, evaluation.label_unit) == ("cohort", "patient")
    assert evaluation.get("brier").n_units_by_class == {"benign": 8, "malignant": 16}


def test_ranks_are_not_pooled_over_folds_unless_their_scale_is_shared(evaluation):
    pooled = {row.metric for row in evaluation.rows if (row.scope, row.aggregation) == ("all", "pooled")}
    assert not pooled & {"auc", "average_precision"}
    assert {"brier", "f1", "accuracy"} <= pooled
    assert evaluation.headline("auc").aggregation == "mean of folds"
    assert evaluation.headline("brier").aggregation == "pooled"
    y, p, patient, fold = breast()
    shared = evaluate(y, p, patient, folds=fold, is_one_scale=True, metrics=["auc"])
    assert shared.get("auc", "pooled").value == pytest.approx(sk.roc_auc_score(y, p), abs=1e-12)
    assert shared.headline("auc").aggregation == "mean of folds"


def test_noise_over_folds_with_scales_of_their_own_has_an_auc_of_a_half_within_folds():
    """Models fitted fold by fold forecast each fold's training share, which leans against the fold's own share."""
    random = np.random.default_rng(0)
    patient = np.repeat(np.arange(120), 5)
    fold = np.array(["a", "b", "c"])[patient % 3]
    y = (random.random(120) < np.array([0.3, 0.5, 0.7])[np.arange(120) % 3])[patient].astype(int)
    centre = np.select([fold == "a", fold == "b"], [0.6, 0.5], 0.4)
    found = evaluate(y, centre + 0.02 * random.normal(size=120)[patient], patient, folds=fold, metrics=["auc"])
    assert sk.roc_auc_score(y, centre) < 0.4
    for aggregation in ("mean of folds", "within folds"):
        estimate = found.get("auc", aggregation)
        assert estimate.low < 0.5 < estimate.high
        assert found.headline("auc").majority == 0.5


def test_pairs_within_folds_are_those_of_each_fold():
    y, p, patient, fold = breast(6)
    found = evaluate(y, p, patient, folds=fold, metrics=["auc"])
    pairs = np.array([(y[fold == f] == 1).sum() * (y[fold == f] == 0).sum() for f in FOLDS])
    areas = [sk.roc_auc_score(y[fold == f], p[fold == f]) for f in FOLDS]
    assert found.get("auc", "within folds").value == pytest.approx(np.average(areas, weights=pairs))


def test_an_empty_signature_is_a_state_and_no_auc_of_a_half():
    y, p, patient, fold = breast()
    p = np.where(fold == "100X", 0.6, p)
    found = evaluate(y, p, patient, folds=fold, nothing_selected=["100X"], metrics=["auc", "brier"])
    assert found.get("auc", "100X").state == "nothing selected"
    mean = found.headline("auc").estimate
    assert (mean.state, mean.has_interval) == ("nothing selected in 1 of 3 folds", False)
    assert any("nothing selected in 1 of 3 folds" in note for note in found.notes)
    assert found.get("brier").has_interval
    assert found.get("brier", "100X").has_interval
    plain = evaluate(y, p, patient, folds=fold, metrics=["auc"])
    assert plain.headline("auc").estimate.state == "constant in 1 of 3 folds"


def test_scores_of_patients_stand_beside_those_of_patches():
    y, p, patient, _ = breast(7)
    patches = np.repeat(np.arange(len(y)), np.where(patient == 3, 500, 1))  # one slide with thousands of patches
    found = evaluate(y[patches], p[patches], patient[patches], metrics=["auc", "accuracy"])
    means = np.array([p[patches][patient[patches] == i].mean() for i in range(24)])
    label = np.array([y[patient == i][0] for i in range(24)])
    assert found.get("auc", scope="patients").value == pytest.approx(sk.roc_auc_score(label, means))
    assert found.get("accuracy", scope="patients").value == pytest.approx(np.mean((means >= 0.5) == label))
    assert found.get("accuracy").value == pytest.approx(np.mean((p[patches] >= 0.5) == y[patches]))


def test_slides_have_scores_of_their_own_and_mixed_patients_have_none():
    y, p, patient, _ = breast(8)
    slide = np.where(np.arange(len(y)) % 2, "s1", "s2")
    mixed = np.where(slide == "s1", y, 1 - y)
    found = evaluate(mixed, p, patient, slides=slide, metrics=["brier"])
    assert found.label_unit == "slide"
    assert {row.scope for row in found.rows} == {"all", "slides"}
    assert {row.scope for row in evaluate(y, p, patient, slides=slide, metrics=["brier"]).rows} == {
        *("all", "slides", "patients"),
    }
    by_patch = evaluate(np.arange(len(y)) % 2, p, patient, metrics=["brier"])
    assert (by_patch.label_unit, {row.scope for row in by_patch.rows}) == ("patch", {"all"})


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
        if name not in ("auc", "average_precision"):
            assert evaluation.get(name).value == pytest.approx(oracle(y, p), abs=1e-12)
        assert [evaluation.get(name, f).value for f in FOLDS] == pytest.approx(by_fold, abs=1e-12)
        assert evaluation.get(name, "mean of folds").value == pytest.approx(np.mean(by_fold), abs=1e-12)


def test_a_folds_interval_is_that_of_the_fold_alone(evaluation):
    y, p, patient, fold = breast()
    here = fold == "100X"
    alone = bootstrap_metrics(Forecasts(y[here], p[here], patient[here]), ["auc"])["auc"]
    assert (evaluation.get("auc", "100X").low, evaluation.get("auc", "100X").high) == (alone.low, alone.high)


def test_the_majority_baseline_is_a_constant_forecast(evaluation):
    y, _, _, _ = breast()
    majority = {
        row["metric"]: row["majority"]
        for row in evaluation.frame().rows(named=True)
        if (row["scope"], row["aggregation"]) == ("all", "pooled")
    }
    share = y.mean()
    assert evaluation.headline("auc").majority == 0.5
    assert majority["accuracy"] == pytest.approx(share)
    assert majority["f1"] == pytest.approx(2 * share / (1 + share))
    assert majority["brier"] == pytest.approx(share * (1 - share))
    assert majority["recognition_rate"] == pytest.approx(16 / 24)
    assert majority["balanced_accuracy"] == 0.5
    assert evaluation.majority_from == "evaluated labels"


def test_training_prevalence_makes_the_baseline():
    y, p, patient, fold = breast()
    found = evaluate(y, p, patient, training_prevalence=0.3, metrics=["accuracy", "brier"], n_draws=20)
    by_name = {row.metric: row.majority for row in found.rows if row.scope == "all"}
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
    assert set(evaluation.reliability) == {"pooled", *FOLDS}
    assert set(evaluation.roc) == set(FOLDS)  # ranks are not pooled
    assert evaluation.roc["100X"].y[-1] == 1


def test_round_trip_through_json(evaluation):
    again = Evaluation.from_dict(json.loads(json.dumps(evaluation.to_dict(), allow_nan=False)))
    assert again.frame().equals(evaluation.frame())
    assert again.roc["100X"].frame().equals(evaluation.roc["100X"].frame())
    assert again.counts[0].n_patients_by_class == evaluation.counts[0].n_patients_by_class


def test_seed_and_row_order():
    y, p, patient, fold = breast(1)
    order = np.random.default_rng(0).permutation(len(y))
    options = {"metrics": ["auc", "ece", "recognition_rate"], "n_draws": 100}
    one = evaluate(y, p, patient, folds=fold, **options).frame()
    other = evaluate(y[order], p[order], patient[order], folds=fold[order], **options).frame()
    for column in ("value", "low", "high", "majority"):
        np.testing.assert_allclose(one[column], other[column], atol=1e-9)
    curves = [evaluate(y, p, patient, folds=fold, seed=s, **options).roc["100X"].low for s in (0, 1)]
    assert not np.array_equal(*curves)


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
    assert "fold 40X: auc: no interval: too few patients to show how they vary (1 with class 0)" in found.notes


def test_patients_in_one_fold_each_have_an_interval_of_the_mean():
    y, p, patient, fold = breast(4, is_disjoint=True)
    found = evaluate(y, p, patient, folds=fold, metrics=["auc", "accuracy"])
    assert found.get("auc", "mean of folds").has_interval
    assert found.get("accuracy", "mean of folds").has_interval


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
    majority = {(row.metric, row.aggregation): row.majority for row in found.rows if row.scope != "patients"}
    assert majority["recognition_rate", "pooled"] == pytest.approx(58 / 82)
    assert majority["accuracy", "pooled"] == pytest.approx(5429 / 7909)
    shares = {"40X": 1370 / 1995, "100X": 1437 / 2081, "200X": 1390 / 2013, "400X": 1232 / 1820}
    assert {f: majority["accuracy", f] for f in shares} == pytest.approx(shares)
    assert found.counts[0].n_patients_by_class == {"0": 24, "1": 58}
    auc = found.get("auc")
    assert auc.low < 0.5 < auc.high


def test_calibration_errors_have_a_null_and_a_p_value_and_no_interval():
    random = np.random.default_rng(3)
    patient, fold = np.repeat(np.arange(30), 8), np.tile(np.repeat(["40X", "100X"], 4), 30)
    p = random.uniform(size=240)
    given = Forecasts((random.random(240) < p).astype(int), p, patient, folds=fold)
    found = evaluate_forecasts(given, resampling=Resampling(n_draws=200))
    assert not any(row.estimate.has_interval for row in found.rows if row.metric == "ece")
    assert not any("ece" in note for note in found.notes)
    assert list(found.calibration) == ["ece"]
    assert list(found.calibration["ece"]) == ["pooled", "40X", "100X"]
    for name, test in found.calibration["ece"].items():
        assert test.ece == pytest.approx(found.get("ece", name).value)
        assert test.chance_low < test.ece_by_chance < test.chance_high
        assert test.p_value > 0.05
    steep = evaluate_forecasts(given.with_p(p**4), resampling=Resampling(n_draws=200)).calibration["ece"]["pooled"]
    assert steep.p_value < 0.01
    assert steep.summary().startswith("ECE 0.3")
    assert "a calibrated model would show 0.0" in steep.summary()


def test_of_several_classes_the_top_label_and_every_class_are_tested():
    random = np.random.default_rng(5)
    P = random.dirichlet([1, 1, 1], size=120)
    y = np.array([random.choice(3, p=row) for row in P])
    found = evaluate_forecasts(Forecasts(y, P, np.repeat(np.arange(20), 6)), resampling=Resampling(n_draws=100))
    assert {name: list(tests) for name, tests in found.calibration.items()} == {
        "ece_top_label": ["pooled"],
        "ece_classwise": ["pooled"],
    }


def test_forecasts_that_call_every_patch_negative_are_not_blamed_on_few_patients():
    """144 patients of a class are not few; its sensitivity is 0 for each of them, so nothing varies."""
    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [300, 144])
    forecasts = Forecasts(y, random.uniform(0.1, 0.3, y.size), np.arange(y.size))
    found = evaluate_forecasts(forecasts, resampling=Resampling(n_draws=50))
    (why,) = (note for note in found.notes if "no interval" in note)
    assert "balanced_accuracy" in why
    assert "too few" not in why
    assert "the same for all patients of a class" in why
