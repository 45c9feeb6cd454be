import dataclasses

import numpy as np
import pytest

from featkit.reporting import sections, sections_sparse
from featkit.reporting.figure_data import drawn_by_task, one_seed, performance_panels, roc_panels
from featkit.reporting.probe_tables import how_they_were_probed, probe_metrics_table, probe_table
from featkit.reporting.report_content import tell
from featkit.reporting.score_tables import (
    brier_table,
    comparison_table,
    metrics_table,
    metrics_tables,
    recalibration_table,
    seeds_tables,
)
from featkit.reporting.sentences import comparison_sentences, few, power_sentence, without_class
from featkit.reporting.signature_tables import (
    contribution_table,
    matching_table,
    overlap_tables,
    refit_table,
    signature_table,
    size_table,
)
from featkit.reporting.study_results import StudyResults
from featkit.reporting.tables import to_latex
from featkit.results.calibration import BrierParts, RecalibrationEffect
from featkit.results.estimate import Estimate
from featkit.results.evaluation import Evaluation, EvaluationRow
from featkit.results.evaluation_set import BrierTerms, EvaluationSet
from featkit.results.matching import MatchingResult
from featkit.results.overlap import OverlapResult
from featkit.results.refit import ContributionResult, RefitResult
from featkit.results.signature_detail import SignatureDetail
from featkit.results.signature_set import ALL_SIGNATURES, SignatureSet

METRICS = ("auc", "f1", "balanced_accuracy", "recognition_rate", "brier", "ece", "calibration_slope")


def evaluation(make, folds=("40X", "100X"), shift=0.0):
    scopes = [("all", "pooled"), *([("all", "mean of folds")] if len(folds) > 1 else []), *(("fold", f) for f in folds)]
    rows = tuple(
        EvaluationRow(scope, aggregation, metric, Estimate(0.6 + shift, 0.5, 0.8, n_units=23), 0.5)
        for scope, aggregation in scopes
        for metric in METRICS
    )
    names = ("pooled", *folds)
    roc, reliability = dict.fromkeys(names, make.roc()), dict.fromkeys(names, make.reliability())
    return Evaluation(rows, (), roc, reliability, ("benign", "malignant"), 0.5, 15, "training labels", "class", 0)


def evaluated(make, folds=("40X", "100X")):
    models = {f"{m} head": evaluation(make, folds, shift) for m, shift in (("baseline", 0.0), ("grl", 0.1))}
    parts = BrierParts(0.2, 0.03, 0.08, 0.25, 0.01, 0.01, 0.02, 0.07, 0.25, 10, 100)
    terms = {name: dict.fromkeys(("pooled", *folds), BrierTerms(parts, 0.03, 0.08)) for name in models}
    before = {"brier": Estimate(0.2, 0.1, 0.3), "ece": Estimate(0.1, 0.05, 0.2)}
    change = {"brier": Estimate(-0.02, -0.03, -0.01), "ece": Estimate(-0.0, -0.1, 0.1)}
    effect = RecalibrationEffect({"none": before, "platt": before}, {"platt": change}, {"platt": {}}, 9, 90)
    effects = {f"{name}, {fold} held out": effect for name in models for fold in folds}
    return EvaluationSet(models, effects, terms, {}, {"grl head, Brier": make.variance()})


def signatures(make, folds=("40X", "100X"), methods=("baseline", "grl"), is_deep=True):
    rng = np.random.default_rng(0)
    found, details = {}, {}
    for method in methods:
        for fold in folds:
            signature = dataclasses.replace(make.signature(), method=method, fold=fold)
            k = signature.support
            scores = {m: Estimate(0.8, 0.7, 0.9) for m in ("auc", "f1", "brier")}
            missing = {m: Estimate(float("nan")) for m in scores}
            refit = RefitResult(k, missing, scores, True, False, 1.0, k * np.nan, k * 1.0, 90, 40, 9, 8, ("separable",))
            drops = {f"{m}{e}": rng.random(k.size) for m in ("auc_drop", "brier_rise") for e in ("", "_low", "_high")}
            out = ContributionResult(
                k, auc=0.8, brier=0.2, level=0.95, ridge_c=1.0, n_test_patients=8, n_draws=9, **drops
            )
            name = f"{method}/{fold}"
            found[name] = signature
            extra = {"refit": refit, "performance": make.performance_curve(), "contributions": out} if is_deep else {}
            extra |= {"variance": make.decomposition()} if is_deep else {}
            details[name] = SignatureDetail(make.path(), make.size_curve(), **extra)
    scored = {name: evaluation(make, (s.fold,)) for name, s in found.items()}
    overlaps = {m: make.overlap(tuple(folds)) for m in methods} | {ALL_SIGNATURES: make.overlap(tuple(found))}
    return SignatureSet(found, scored, overlaps, {}, details)


def study(**parts):
    return StudyResults(title="t", facts={}, domain="magnification", **parts)


@pytest.mark.parametrize(
    "section",
    [
        sections.split_section,
        sections.patches_section,
        sections.discrimination_section,
        sections.comparison_section,
        sections.calibration_section,
        sections.map_section,
        sections_sparse.signature_section,
        sections_sparse.variance_section,
        sections_sparse.overlap_section,
        sections_sparse.truth_section,
    ],
)
def test_without_results_there_is_no_section(section):
    assert section(study()) is None


def test_metrics_have_one_row_a_set_of_patches_and_name_each_model_once(make):
    table = metrics_table(evaluated(make).evaluations, ("auc", "brier"), "c")
    assert table.columns == ("model", "patches", "AUC", "Brier")
    assert [row[0] for row in table.rows if row[0]] == ["baseline head", "grl head", "majority class"]
    assert len(table.rows) == 2 * 4 + 1
    one_fold = metrics_table(evaluated(make, ("40X",)).evaluations, ("auc",), "c")
    assert [row[1] for row in one_fold.rows] == ["40X", "40X", "pooled"]


def test_rounding_is_shown_as_zero_for_models_and_the_majority_alike(make):
    tiny = Estimate(3.7e-17, -2e-17, 0.1)
    flat = dataclasses.replace(evaluation(make), rows=(EvaluationRow("all", "pooled", "ece", tiny, 3.7e-17),))
    rows = metrics_table({"grl signature": flat}, ("ece",), "c").rows
    assert [row[-1] for row in rows] == ["0.000 [0.000, 0.100]", "0.000"]


def test_brier_terms_show_their_identity(make):
    table = brier_table(evaluated(make, ("40X",)))
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["reliability"] == "0.030 (0.020)"
    plain = {name: float(cell.split()[0]) for name, cell in row.items() if name not in ("model", "patches")}
    by_bins = plain["uncertainty"] + plain["reliability"] - plain["resolution"] + plain["within bins"]
    assert plain["Brier"] == pytest.approx(by_bins)
    assert plain["Brier"] == pytest.approx(plain["uncertainty"] + plain["MCB"] - plain["DSC"])


def test_recalibration_is_a_change_with_a_star_where_it_is_sure(make):
    found = evaluated(make, ("40X",)).recalibrations
    assert recalibration_table(found, "brier").rows[0] == ("baseline head", "40X", "0.200", "−0.020*")
    assert recalibration_table(found, "ece").rows[0][-1] == "0.000"


NAMED = "grl head, ductal, in situ"


def with_a_named_class(make):
    found = evaluated(make)
    named = dataclasses.replace(found.evaluations["grl head"], class_names=("rest", "ductal, in situ"))
    seeds = {name: {"brier": Estimate(0.2, n_units=3)} for name in ("grl head", NAMED)}
    effects = {
        f"{NAMED}, 40X held out{seed}": found.recalibrations["grl head, 40X held out"] for seed in ("", ", seed 1")
    }
    return EvaluationSet(found.evaluations | {NAMED: named}, effects, {}, seeds)


def test_one_class_against_the_rest_has_a_table_of_its_own(make):
    found = with_a_named_class(make)
    tables = metrics_tables(found.evaluations, ("auc",), "Scores.")
    assert {key: table.caption for key, table in tables.items()} == {
        "": "Scores.",
        "ductal, in situ": "Class ductal, in situ against the rest. Scores.",
    }
    assert {row[0] for row in tables["ductal, in situ"].rows} == {NAMED, "", "majority class"}
    assert NAMED not in {row[0] for row in tables[""].rows}
    assert {key: table.rows[0][0] for key, table in seeds_tables(found).items()} == {
        "": "grl head",
        "ductal, in situ": NAMED,
    }
    assert [row[:2] for row in recalibration_table(found.recalibrations, "brier").rows] == [
        (NAMED, "40X"),
        ("", "40X, seed 1"),
    ]
    assert list(drawn_by_task(found.evaluations)["ductal, in situ"]) == ["grl head"]
    told = sections.discrimination_section(study(evaluation=found))
    assert any("held-out patches, ductal, in situ against the rest" in figure.caption for figure in told.figures)


def test_a_class_both_models_share_is_said_once():
    assert without_class("grl signature, a, b", "baseline signature, a, b") == ("grl signature", "baseline signature")
    for pair in (("grl signature, a", "grl signature, b"), ("grl head", "baseline head"), ("x signature, a", "y head")):
        assert without_class(*pair) == pair


def test_signatures_of_a_named_class_have_sections_that_say_so(make):
    found = dataclasses.replace(signatures(make), positive="lobular")
    told = tell(study(signatures=signatures(make), named_signatures=(found,)))
    titles = [section.title for section in told.sections]
    for question in ("How few dimensions does the answer need", "Do the same dimensions come back"):
        assert {f"{question}?", f"{question} to tell lobular from the rest?"} <= set(titles)
    assert signature_table(found).caption.startswith("Signatures, lobular against the rest, scored")


def test_a_comparison_of_one_pair_names_it_in_the_heading(make):
    table = comparison_table(make.comparison())
    assert {"grl", "baseline", "verdict"} <= set(table.columns)
    several = comparison_table(make.comparison(pairs=(("grl", "baseline"), ("gan", "baseline"))))
    assert several.columns[:2] == ("first", "second")
    pairs = tuple((f"grl signature, {name}", f"baseline signature, {name}") for name in ("ductal", "lobular"))
    named = comparison_table(make.comparison(pairs=pairs))
    assert list(dict.fromkeys(row[:2] for row in named.rows)) == list(pairs)
    assert to_latex(table, label="tab:x").count("\\\\") == len(table.rows) + 1


def test_power_is_told_where_nothing_was_found(make):
    row = next(r for r in make.comparison().rows if r.aggregation == "pooled")
    assert power_sentence(row) == "A difference of this size would need about 480 patients to be found (80 % power)."
    assert power_sentence(dataclasses.replace(row, verdict="a better")) == ""
    assert power_sentence(dataclasses.replace(row, n_patients_needed=float("nan"))) == ""
    assert "1,300 patients" in power_sentence(dataclasses.replace(row, n_patients_needed=1234.0))
    assert "any number of patients" in power_sentence(dataclasses.replace(row, n_patients_needed=float("inf")))


def test_sentences_may_be_of_some_metrics_only(make):
    comparison = make.comparison()
    assert len(comparison_sentences(comparison)) == 2
    (only,) = comparison_sentences(comparison, ("auc",))
    assert only.startswith("auc, grl minus baseline")
    assert "equivalent within ±" in only


def test_signature_table_says_what_did_not_converge_or_was_not_run(make):
    found = signatures(make)
    bad = dataclasses.replace(make.signature(has_stability=False), method="grl", fold="40X", is_converged=False)
    table = signature_table(dataclasses.replace(found, signatures={**found.signatures, "grl/40X": bad}))
    row = next(r for r in table.rows if r[0] == "grl/40X")
    assert row[2] == "–"
    assert row[-1].endswith("NOT CONVERGED")


def test_sizes_that_move_with_exactness_are_named(make):
    found = signatures(make, ("40X",), ("grl",))
    curve = found.details["grl/40X"].sizes
    name = next(iter(curve.chosen))
    moving = dict(curve.chosen_sizes) | {name: np.array([9, 8, 7, 6, 5, 4, 3][: len(curve.tolerances)])}
    settled = {key: np.full(len(curve.tolerances), 5) for key in curve.chosen}
    for sizes, expected in ((moving, name), (settled, "none")):
        detail = dataclasses.replace(found.details["grl/40X"], sizes=dataclasses.replace(curve, chosen_sizes=sizes))
        table = size_table(dataclasses.replace(found, details={"grl/40X": detail}))
        assert expected in table.rows[0][-1]


def test_overlap_of_many_signatures_is_summed_up(make):
    names = tuple(f"{fold}/seed{k}" for fold in ("40X", "100X") for k in range(4))
    found = dataclasses.replace(signatures(make), overlaps={"grl": make.overlap(names)})
    (table,) = overlap_tables(found)
    counts = {row[0]: int(row[1]) for row in table.rows}
    assert counts == {"seeds of one fold": 12, "folds of one seed": 4, "other folds and seeds": 12}


def test_methods_are_compared_in_their_own_fold(make):
    tables = list(overlap_tables(signatures(make)))
    between = next(t for t in tables if t.caption == "Overlap of signatures between methods.")
    assert [row[:2] for row in between.rows] == [("baseline/40X", "grl/40X"), ("baseline/100X", "grl/100X")]


def test_deep_results_are_shown_and_plain_ones_are_enough(make):
    deep = study(signatures=signatures(make))
    plain = study(signatures=signatures(make, is_deep=False))
    assert sections_sparse.variance_section(plain) is None
    made_of = sections_sparse.variance_section(deep)
    assert len(made_of.figures) == 2  # one a method
    assert len(made_of.tables) == 2
    assert len(sections_sparse.signature_section(deep).tables) == 3
    assert len(sections_sparse.signature_section(plain).tables) == 2
    assert sections_sparse.overlap_section(deep).figures[0].caption.startswith("Jaccard overlap, all signatures")


def test_probes_are_one_row_a_run_with_all_metrics_on_request(make):
    runs = {"baseline/100X": make.probe(), "grl/100X": make.probe(value=0.3)}
    table = probe_table(runs)
    assert [row[0] for row in table.rows] == list(runs)
    assert "balanced accuracy" in table.columns
    assert len(probe_metrics_table("grl/100X", runs["grl/100X"]).rows) == len(runs["grl/100X"].metrics)
    assert not any("@" in column for column in table.columns)


def test_a_design_is_told_once_and_patches_by_run(make):
    one = dataclasses.replace(make.probe(), design="magnification by ridge", regime="all")
    other = dataclasses.replace(one, regime="all but 100X")
    assert how_they_were_probed({"a": one, "b": one}) == ("Magnification by ridge.", "Patches: all.")
    assert how_they_were_probed({"a": one, "b": other})[-1] == "Patches: all (a); all but 100X (b)."


def test_figures_are_named_after_their_section(make):
    section = sections.calibration_section(study(evaluation=evaluated(make)))
    assert list(sections.figures_of(section)) == ["are-the-probabilities-calibrated"]
    assert len(section.tables) == 4


def test_a_long_table_shows_what_is_pooled_and_the_counts_of_the_rest(make):
    folds = tuple(f"{k}X" for k in range(1, 12))
    found = evaluated(make, folds)
    assert len(metrics_table(found.evaluations, ("auc",), "c").rows) == 2 * 2 + 1
    effect = next(iter(found.recalibrations.values()))
    many = {f"grl head, {fold} held out, seed {k}": effect for k in range(3) for fold in folds}
    assert recalibration_table(many, "brier").rows == (("grl head", "33", "0.200", "−0.020 (33)"),)


def test_figures_of_several_seeds_draw_one_of_them(make):
    found = {f"grl head seed {k}": evaluation(make) for k in (1, 2)}
    drawn, remark = one_seed(found)
    assert list(drawn) == ["grl head"]
    assert drawn["grl head"] is found["grl head seed 1"]
    assert remark == " Drawn: seed 1."
    assert one_seed({"grl head": found["grl head seed 1"]})[1] == ""


def test_a_panel_for_each_fold_and_none_for_pooled_over_one(make):
    several, areas = roc_panels({"grl head": evaluation(make)})
    assert list(several) == list(areas) == ["pooled", "40X held out", "100X held out"]
    assert list(roc_panels({"grl head": evaluation(make, ("40X",))})[0]) == ["40X held out"]


def test_notes_beyond_a_few_are_counted():
    notes = [f"note {k}" for k in range(9)]
    assert few([*notes[:3], *notes[:3]]) == tuple(notes[:3])
    assert few(notes)[-1] == "4 more notes of this kind are in the JSON file"
    assert len(few(notes)) == 6


def matching(after, n=4):
    values = (np.full((2, 2), v) for v in (2, 0.5, 0.1, after, 0.01))
    pair = OverlapResult(("a", "b"), "jaccard", np.array([3, 3]), 10, np.array([10, 10]), *values, "exact", 0)
    r = np.full(n, 0.5)
    return MatchingResult(90, (n, n), (0, 1), (3.0, 3.0), 0.7, r, np.arange(n), r, pair, pair)


def test_matched_encoders_are_one_row_a_pair_or_means_where_they_are_many(make):
    few_pairs = {"grl/40X | grl/100X": matching(0.2), "grl/40X | baseline/40X": matching(0.4)}
    found = dataclasses.replace(signatures(make), matchings=few_pairs)
    table = matching_table(found)
    assert [row[0] for row in table.rows] == ["grl/40X and grl/100X", "grl/40X and baseline/40X"]
    assert table.rows[0][-1] == "0.200"
    many = {f"grl/{a}X | grl/{b}X": matching(a / 10) for a in range(4) for b in range(10, 15)}
    summed = matching_table(dataclasses.replace(found, matchings=many | {"grl/1X | baseline/1X": matching(0.4)}))
    assert [row[:2] for row in summed.rows] == [("folds of grl", "20"), ("grl and baseline", "1")]
    assert [row[-1] for row in summed.rows] == ["0.150", "0.400"]


def test_performance_by_size_is_drawn_by_method_for_one_seed(make):
    found = signatures(make)
    assert {m: list(c) for m, c in performance_panels(found).items()} == {
        "baseline": ["baseline/40X", "baseline/100X"],
        "grl": ["grl/40X", "grl/100X"],
    }
    seeded = dataclasses.replace(
        found,
        signatures={f"{n}/seed{k}": s for n, s in found.signatures.items() for k in (3, 2)},
        details={f"{n}/seed{k}": d for n, d in found.details.items() for k in (3, 2)},
    )
    assert performance_panels(seeded)["grl"]["grl/40X"] is seeded.details["grl/40X/seed2"].performance


def of_several_classes(make):
    """The same, as three classes have it."""
    found = signatures(make, ("40X",), ("grl",))
    signature, detail = found.signatures["grl/40X"], found.details["grl/40X"]
    by_class = np.tile(signature.coefficients[:, None], (1, 3))
    signature = dataclasses.replace(
        signature, coefficients=by_class, intercept=np.zeros(3), classes=("ductal", "lobular", "mucinous")
    )
    detail = dataclasses.replace(
        detail,
        path=make.multinomial_path(),
        refit=dataclasses.replace(
            detail.refit, unshrunk_coefficients=np.nan * by_class, ridge_coefficients=by_class, n_classes=3
        ),
        performance=dataclasses.replace(detail.performance, n_classes=3),
        contributions=dataclasses.replace(detail.contributions, n_classes=3),
    )
    return dataclasses.replace(found, signatures={"grl/40X": signature}, details={"grl/40X": detail})


def test_refits_of_several_classes_say_what_their_metrics_are(make):
    two, several = signatures(make, ("40X",), ("grl",)), of_several_classes(make)
    words = "AUC is the mean over classes, each against the rest; Brier is the sum over classes."
    for table_of in (refit_table, contribution_table):
        assert table_of(several).caption == f"{table_of(two).caption} {words}"
        assert table_of(several).rows == table_of(two).rows
    assert [row[:4] for row in refit_table(several).rows] == [
        ("grl/40X", "AUC", "0.600 [0.500, 0.800]", "–"),
        ("", "Brier", "0.600 [0.500, 0.800]", "–"),
    ]
    section = sections_sparse.signature_section(study(signatures=several))
    captions = [figure.caption for figure in section.figures]
    assert "grl: AUC, the mean over classes, on test patients of ridge fits" in captions[-1]
    assert "grl/40X, refitted: separable" in section.notes


def test_without_an_auc_the_largest_contributions_are_those_to_the_brier_score(make):
    found = of_several_classes(make)
    drops = found.details["grl/40X"].contributions
    nothing = dict.fromkeys(("auc_drop", "auc_drop_low", "auc_drop_high"), np.full(drops.dimension.size, np.nan))
    detail = dataclasses.replace(found.details["grl/40X"], contributions=dataclasses.replace(drops, **nothing))
    table = contribution_table(dataclasses.replace(found, details={"grl/40X": detail}))
    assert [row[1] for row in table.rows] == drops.dimension[np.argsort(-drops.brier_rise)[:5]].astype(str).tolist()
    assert {row[2] for row in table.rows} == {"–"}


def test_contributions_are_the_largest_of_each_signature(make):
    found = signatures(make, ("40X",), ("grl",))
    table = contribution_table(found)
    drops = found.details["grl/40X"].contributions
    assert len(table.rows) == 5
    assert table.rows[0][1] == str(drops.dimension[np.argmax(drops.auc_drop)])
    assert len(contribution_table(signatures(make, ("40X", "100X", "200X"))).rows) == 6
