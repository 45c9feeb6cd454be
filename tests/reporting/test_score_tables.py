import dataclasses

import pytest

from featkit.core.run_key import RunKey
from featkit.reporting.score_tables import (
    brier_table,
    calibration_tables,
    evaluation_tables,
    metrics_table,
    metrics_tables,
    recalibration_table,
    seeds_tables,
    variance_table,
)
from featkit.reporting.sentences import calibration_sentences
from featkit.reporting.tables import to_csv, to_latex
from featkit.results.by_run import ByRun
from featkit.results.calibration import CalibrationTest
from featkit.results.estimate import Estimate
from featkit.results.evaluation import EvaluationRow
from featkit.results.evaluation_set import EvaluationSet


def test_metrics_have_one_row_per_set_of_patches_and_name_each_model_once(make):
    table = metrics_table(make.evaluated().evaluations, ("auc", "brier"), "c")
    assert table.columns == ("model", "patches", "AUC", "Brier")
    assert [row[0] for row in table.rows if row[0]] == ["baseline head", "grl head", "majority class"]
    assert [row[1] for row in table.rows] == [*["mean of folds", "40X", "100X"] * 2, "mean of folds"]
    calibration = metrics_table(make.evaluated().evaluations, ("brier",), "c")
    assert [row[1] for row in calibration.rows] == [*["pooled", "40X", "100X"] * 2, "pooled"]
    one_fold = metrics_table(make.evaluated(("40X",)).evaluations, ("auc",), "c")
    assert [row[1] for row in one_fold.rows] == ["40X", "40X", "pooled"]


def test_rounding_is_shown_as_zero_for_models_and_the_majority_alike(make):
    tiny = Estimate(3.7e-17, -2e-17, 0.1)
    flat = dataclasses.replace(make.evaluation(), rows=(EvaluationRow("all", "pooled", "ece", tiny, 3.7e-17),))
    rows = metrics_table(ByRun({make.model("grl"): flat}), ("ece",), "c").rows
    assert [row[-1] for row in rows] == ["0.000 [0.000, 0.100]", "0.000"]


def test_several_seeds_are_told_apart_in_tables_latex_and_csv(make):
    found = make.evaluated(keys=[make.model("grl", "head", seed=seed) for seed in (1, 2)])
    table = metrics_table(found.evaluations, ("auc",), "c")
    assert [row[0] for row in table.rows if row[0]] == ["grl head, seed 1", "grl head, seed 2", "majority class"]
    assert "grl head, seed 2" in to_latex(table)
    rows = [line.split(",")[:4] for line in to_csv(found).splitlines()]
    assert rows[0] == ["method", "model", "positive", "seed"]
    assert {row[3] for row in rows[1:]} == {"1", "2"}


def test_scores_per_patient_stand_beside_those_of_patches(make):
    key, one = make.model("grl"), make.evaluation(("40X",))
    rows = tuple(dataclasses.replace(r, scope="patients") for r in one.rows if r.aggregation == "pooled")
    both = ByRun({key: dataclasses.replace(one, rows=(*one.rows, *rows))})
    assert [row[1] for row in metrics_table(both, ("auc",), "c").rows] == ["40X", "per patient, 40X", "pooled"]


def test_a_value_that_is_not_there_says_why(make):
    none = Estimate(float("nan"), state="nothing selected")
    flat = dataclasses.replace(make.evaluation(), rows=(EvaluationRow("all", "pooled", "auc", none, 0.5),))
    assert metrics_table(ByRun({make.model("grl"): flat}), ("auc",), "c").rows[0][-1] == "nothing selected"


def test_a_domain_that_begins_with_seed_or_holds_a_slash_is_a_set_of_patches(make):
    table = metrics_table(make.evaluated(("seedbank", "H/E")).evaluations, ("auc",), "c")
    assert [row[1] for row in table.rows[:3]] == ["mean of folds", "seedbank", "H/E"]
    assert recalibration_table(make.evaluated(("seedbank",)).recalibrations, "brier").rows[0][1] == "seedbank"


def test_an_empty_signature_ranks_nobody_and_gets_no_star(make):
    key = make.model("grl")
    found = make.evaluated(keys=[key])
    empty = {dataclasses.replace(key, fold="40X")}
    table = metrics_table(found.evaluations, ("auc", "brier"), "c", empty)
    assert [row[1] for row in table.rows] == [
        "mean of folds, nothing selected in 1 of 2 folds",
        "40X, nothing selected",
        "100X",
        "mean of folds",
    ]
    assert [row[2] for row in table.rows[1:3]] == ["–", "0.700 [0.500, 0.800]"]
    assert all(row[3] != "–" for row in table.rows)
    both = empty | {dataclasses.replace(key, fold="100X")}
    assert {row[2] for row in metrics_table(found.evaluations, ("auc",), "c", both).rows} == {"–", "0.500"}
    rows = recalibration_table(found.recalibrations, "brier", empty).rows
    assert [row[1:] for row in rows] == [
        ("40X, nothing selected", "0.200", "−0.020"),
        ("100X", "0.200", "−0.020*"),
    ]


def test_brier_terms_show_their_identity(make):
    table = brier_table(make.evaluated(("40X",)))
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["reliability"] == "0.030 (0.020)"
    assert table.is_number == (False, False, *[True] * 7)
    plain = {name: float(cell.split()[0]) for name, cell in row.items() if name not in ("model", "patches")}
    by_bins = plain["uncertainty"] + plain["reliability"] - plain["resolution"] + plain["within bins"]
    assert plain["Brier"] == pytest.approx(by_bins)
    assert plain["Brier"] == pytest.approx(plain["uncertainty"] + plain["MCB"] - plain["DSC"])


def test_recalibration_is_a_change_with_a_star_where_it_is_sure(make):
    found = make.evaluated(("40X",)).recalibrations
    assert recalibration_table(found, "brier").rows[0] == ("baseline head", "40X", "0.200", "−0.020*")
    assert recalibration_table(found, "ece").rows[0][-1] == "0.000"


def with_a_named_class(make, positive="ductal, in situ"):
    plain = make.evaluated(keys=[make.model("grl", "head")])
    named = make.evaluated(keys=[make.model("grl", positive=positive, seed=1)])
    seeds = {key.without("seed"): {"brier": Estimate(0.2, n_units=3)} for e in (plain, named) for key in e.evaluations}
    return EvaluationSet(
        ByRun([*plain.evaluations.items(), *named.evaluations.items()]),
        named.recalibrations,
        over_seeds=ByRun(seeds),
    )


def test_one_class_against_the_rest_has_a_table_of_its_own(make):
    found = with_a_named_class(make)
    tables = metrics_tables(found.evaluations, ("auc",), "Scores.")
    assert {key: table.caption for key, table in tables.items()} == {
        None: "Scores.",
        "ductal, in situ": "Class ductal, in situ against the rest. Scores.",
    }
    assert {row[0] for row in tables["ductal, in situ"].rows} == {"grl signature", "", "majority class"}
    assert {row[0] for row in tables[None].rows} == {"grl head", "", "majority class"}
    assert {key: table.rows[0][0] for key, table in seeds_tables(found).items()} == {
        None: "grl head",
        "ductal, in situ": "grl signature",
    }
    rows = recalibration_table(found.recalibrations, "brier").rows
    assert [row[:2] for row in rows] == [("grl signature", "40X"), ("", "100X")]


def test_every_table_has_a_name_for_latex(make):
    found = make.evaluated()
    assert list(evaluation_tables(found)) == [
        "discrimination",
        "calibration",
        "brier",
        "variance",
        "recalibration-brier",
        "recalibration-ece",
    ]
    named = evaluation_tables(with_a_named_class(make))
    assert {"discrimination", "discrimination-2", "seeds", "seeds-2"} <= set(named)
    assert "ductal, in situ" in named["discrimination-2"].caption
    for name, table in named.items():
        assert to_latex(table, label=f"tab:{name}").count("\\\\\n") == len(table.rows) + 1
    assert evaluation_tables(EvaluationSet(ByRun())) == {}


def test_sources_of_variance_are_one_row_per_model_and_quantity(make):
    table = variance_table(make.evaluated())
    assert table.columns[:2] == ("model", "quantity")
    assert table.rows[0][:3] == ("baseline head", "auc", "0.020 (6%)")


def test_a_long_table_shows_what_is_pooled_and_the_counts_of_the_rest(make):
    folds = tuple(f"{k}X" for k in range(1, 12))
    found = make.evaluated(folds)
    many = make.evaluated(tuple(f"{k}X" for k in range(1, 14)))
    assert len(metrics_table(many.evaluations, ("auc",), "c").rows) == 2 + 1
    assert {row[1] for row in brier_table(make.evaluated(tuple(f"{k}X" for k in range(1, 14)))).rows} == {"pooled"}
    effect = next(iter(found.recalibrations.values()))
    many = ByRun({RunKey("grl", fold, k, "head"): effect for k in range(3) for fold in folds})
    assert recalibration_table(many, "brier").rows == (("grl head", "33", "0.200", "−0.020 (33)"),)


def calibration_of(p_value=0.4):
    return CalibrationTest(0.12, 0.09, 0.05, 0.15, 0.95, 0.03, p_value, "class-one", "width", 15, 999, "patient", 23)


def test_a_calibration_error_stands_beside_that_of_a_calibrated_model(make):
    key = make.model("grl")
    tests = {"ece": dict.fromkeys(("pooled", "40X", "100X"), calibration_of())}
    found = ByRun({key: dataclasses.replace(make.evaluation(), calibration=tests)})
    table = calibration_tables(found)[None]
    assert table.columns == ("model", "patches", "error", "value", "if calibrated", "debiased (RMS)", "p")
    assert [row[1] for row in table.rows] == ["pooled", "40X", "100X"]
    assert table.rows[0][3:] == ("0.120", "0.090 [0.050, 0.150]", "0.030", "0.400")
    assert calibration_sentences(found) == (
        "grl signature: ECE 0.12; a calibrated model would show 0.09 [0.05, 0.15] here; p = 0.400.",
    )
    one = {"ece": dict.fromkeys(("pooled", "40X"), calibration_of(0.001))}
    single = ByRun({key: dataclasses.replace(make.evaluation(("40X",)), calibration=one)})
    assert [row[1] for row in calibration_tables(single)[None].rows] == ["40X"]
    assert calibration_sentences(single)[0].endswith("here; p ≤ 0.001.")


def test_a_gain_over_a_constant_forecast_gets_no_star(make):
    effects = make.evaluated(("40X",)).recalibrations
    constant = ByRun((key, dataclasses.replace(one, state="constant")) for key, one in effects.items())
    assert recalibration_table(constant, "brier").rows[0][1:] == ("40X, constant", "0.200", "−0.020")


def test_a_state_in_the_evaluation_is_shown_without_being_told(make):
    key, one = make.model("grl"), make.evaluation()
    flat = Estimate(0.5, state="nothing selected")
    rows = tuple(
        dataclasses.replace(r, estimate=flat) if (r.metric, r.aggregation) == ("auc", "40X") else r for r in one.rows
    )
    table = metrics_table(ByRun({key: dataclasses.replace(one, rows=rows)}), ("auc",), "c")
    assert [row[1:] for row in table.rows[:2]] == [
        ("mean of folds, nothing selected in 1 of 2 folds", "0.600 [0.500, 0.800]"),
        ("40X, nothing selected", "–"),
    ]


def test_pairs_within_folds_are_shown_where_a_fold_leaves_the_mean_undefined(make):
    one = make.evaluation()
    no = Estimate(float("nan"), state="undefined in 1 of 2 folds")
    rows = [dataclasses.replace(r, estimate=no) if r.aggregation == "mean of folds" else r for r in one.rows]
    rows.append(EvaluationRow("all", "within folds", "auc", Estimate(0.7, 0.6, 0.8), 0.5))
    shown = dataclasses.replace(one, rows=tuple(rows))
    table = metrics_table(ByRun({make.model("grl"): shown}), ("auc",), "c")
    assert [row[1:] for row in table.rows[:2]] == [
        ("mean of folds", "undefined in 1 of 2 folds"),
        ("within folds", "0.700 [0.600, 0.800]"),
    ]


def test_the_unit_of_the_label_and_the_positive_class_are_said(make):
    said = "malignant (the usual name of the positive class)"
    one = dataclasses.replace(make.evaluation(), label_unit="patient", positive=said)
    caption = metrics_table(ByRun({make.model("grl"): one}), ("auc",), "Scores.").caption
    assert caption == (
        "Scores. The label belongs to the patient: scores per patient are means over its patches. "
        f"Positive class: {said}."
    )
