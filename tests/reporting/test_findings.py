import dataclasses

import numpy as np
import pytest

from featkit.core.run_key import RunKey
from featkit.reporting.findings import findings
from featkit.results.by_run import ByRun
from featkit.results.estimate import Estimate
from featkit.results.evaluation import EvaluationRow
from featkit.results.evaluation_set import EvaluationSet

HEAD, SIGNATURE = RunKey("grl", model="head"), RunKey("grl", model="signature")


@pytest.fixture
def evaluation(make):
    """An evaluation over two folds whose mean has this AUC; pooled it is 0.1 lower."""

    def of(auc, half=0.05, brier=0.2):
        def row(scope, aggregation, metric, value, h=half, majority=0.5):
            return EvaluationRow(
                scope, aggregation, metric, Estimate(value, value - h, value + h, n_units=23), majority
            )

        rows = (
            row("all", "pooled", "auc", auc - 0.1, 0.01),
            row("all", "mean of folds", "auc", auc),
            *(row("fold", fold, "auc", auc) for fold in ("40X", "100X")),
            row("all", "pooled", "brier", brier, 0.02, 0.25),
            row("all", "mean of folds", "brier", brier + 0.1, 0.02, 0.25),
        )
        return dataclasses.replace(make.evaluation(), rows=rows)

    return of


def judged(comparison, verdict):
    """A comparison whose AUC rows have this verdict."""
    rows = tuple(dataclasses.replace(r, verdict=verdict if r.metric == "auc" else r.verdict) for r in comparison.rows)
    return dataclasses.replace(comparison, rows=rows)


def of_models(make, verdict, model="head", **parts):
    pair = tuple(RunKey(m, model=model, **parts) for m in ("grl", "baseline"))
    return judged(make.comparison(pairs=(pair,)), verdict)


def compared(*comparisons):
    return ByRun((c.key, c) for c in comparisons)


def test_nothing_found_is_nothing_said(make):
    assert findings(make.study()) == ()


def test_a_score_that_chance_reaches_is_called_so(make, evaluation):
    first, brier = findings(make.study(evaluation=EvaluationSet(ByRun({HEAD: evaluation(0.52, 0.1)}))))
    assert "0.52 [0.42, 0.62] for grl, as the mean of folds, with 95% intervals" in first
    assert "not distinguishable from chance" in first
    assert "always forecasting the training prevalence gives 0.250" in brier
    better, _ = findings(make.study(evaluation=EvaluationSet(ByRun({HEAD: evaluation(0.9)}))))
    assert "not distinguishable" not in better


def test_an_auc_pooled_over_differently_fitted_folds_is_never_the_headline(make, evaluation):
    noise = evaluation(0.5, 0.06)  # pooled: 0.40 [0.39, 0.41], below chance as the majority baseline is
    first, brier = findings(make.study(evaluation=EvaluationSet(ByRun({SIGNATURE: noise}))))
    assert "an AUC of 0.50 [0.44, 0.56] for grl" in first
    assert "0.40" not in first
    assert "is 0.200 for grl signature." in brier  # pooled


def test_one_fold_is_quoted_as_it_is(make):
    one = make.evaluation(("40X",))
    first, _ = findings(make.study(evaluation=EvaluationSet(ByRun({HEAD: one}))))
    assert "0.60 [0.50, 0.80] for grl, with 95% intervals in brackets" in first


def test_words_follow_the_domain(make, evaluation):
    found = EvaluationSet(ByRun({HEAD: evaluation(0.9)}))
    first, _ = findings(make.study(evaluation=found, domain="scanner"))
    assert first.startswith("On a scanner never seen in training")
    audit = dataclasses.replace(make.audit(), domain=None, design="cross-validation")
    first, _ = findings(make.study(evaluation=found, audits=(audit,)))
    assert first.startswith("On patients never seen in training")


def test_seeds_are_averaged_and_not_listed(make, evaluation):
    keys = [RunKey("grl", seed=seed, model="head") for seed in (0, 1)]
    found = EvaluationSet(ByRun(zip(keys, (evaluation(0.8), evaluation(0.9)), strict=True)))
    auc, brier = findings(make.study(evaluation=found))
    assert "an AUC of 0.85 for grl, as the mean of folds, averaged over training seeds; chance is 0.5" in auc
    assert "is 0.200 for grl head." in brier


def test_empty_signatures_are_the_finding(make):
    found = make.signatures(("40X", "100X"), ("grl",), is_deep=False)
    key = RunKey("grl", "40X", None, "signature")
    empty = ByRun({**found.signatures, key: make.signature(size=0, key=key)})
    found = dataclasses.replace(found, signatures=empty)
    evaluated = EvaluationSet(ByRun({SIGNATURE: make.evaluation()}))
    auc, _, sizes, _ = findings(make.study(evaluation=evaluated, signature_sets=(found,)))
    assert "for grl (nothing selected in 1 of 2 folds, counted as 0.5)" in auc
    assert sizes == "Signatures keep 45 for grl (nothing selected in 1 of 2 runs), of 512 dimensions."
    none = make.signatures(("40X", "100X"), ("grl",), is_deep=False, size=0)
    sizes = findings(make.study(signature_sets=(none,)))[0]
    assert sizes.startswith("Signatures keep none for grl (nothing selected in 2 of 2 runs)")


def test_many_runs_are_told_as_a_range(make):
    target = {"target": "magnification"}
    probes = ByRun((RunKey("grl", f"{f}X", variant=target), make.probe(value=0.5 + f / 100)) for f in range(6))
    (sentence,) = findings(make.study(probes=probes))
    assert "0.50 to 0.55 for grl (6 runs)" in sentence


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ("a better", "grl improves AUC over baseline for the trained head ("),
        ("b better", "grl has a lower AUC than baseline for the trained head ("),
        ("equivalent", "grl and baseline are equivalent in AUC within a margin of"),
        ("identical", "grl and baseline give the same scores"),
        ("not distinguishable", "The data do not decide between grl and baseline in AUC for the trained head ("),
        ("undefined", "The data do not decide between grl and baseline"),
    ],
)
def test_comparisons_are_told_as_they_came_out(make, verdict, expected):
    (sentence,) = findings(make.study(comparisons=compared(of_models(make, verdict))))
    assert sentence.startswith(expected)
    assert sentence.endswith("), over 23 patients.")


def test_head_and_signature_of_two_methods_are_one_sentence(make):
    both = compared(of_models(make, "a better"), of_models(make, "not distinguishable", "signature"))
    (sentence,) = findings(make.study(comparisons=both))
    assert sentence.startswith("grl improves AUC over baseline only for the trained head (")
    assert "; for the sparse signature (" in sentence
    assert sentence.endswith(") the data do not decide, over 23 patients.")


def test_a_comparison_of_one_fold_is_left_out_beside_that_of_all(make):
    wide = of_models(make, "a better")
    narrow = dataclasses.replace(of_models(make, "b better"), key=dataclasses.replace(wide.key, fold="40X"))
    assert len(findings(make.study(comparisons=compared(wide, narrow)))) == 1
    assert "lower AUC" in findings(make.study(comparisons=compared(narrow)))[0]


def test_a_class_against_the_rest_is_named(make, evaluation):
    named = dataclasses.replace(SIGNATURE, positive="lobular")
    found = EvaluationSet(ByRun({SIGNATURE: evaluation(0.9), named: evaluation(0.8, brier=0.1)}))
    every, one, brier = findings(make.study(evaluation=found))
    assert "the sparse signature reaches an AUC of 0.90 [0.85, 0.95] for grl" in every
    assert "the sparse signature of lobular against the rest reaches an AUC of 0.80 [0.75, 0.85] for grl" in one
    assert "is 0.200 for grl signature." in brier  # and not that of one class, which is on another scale
    alone = findings(make.study(evaluation=EvaluationSet(ByRun({named: evaluation(0.8)}))))
    assert alone[-1].startswith("The Brier score of lobular against the rest")
    (sentence,) = findings(make.study(comparisons=compared(of_models(make, "a better", "signature", positive="x, y"))))
    assert "for the sparse signature of x, y against the rest (" in sentence


def test_a_label_called_rest_loses_no_sentence(make, evaluation):
    found = dataclasses.replace(evaluation(0.9), class_names=("rest", "tumour"))
    auc, brier = findings(make.study(evaluation=EvaluationSet(ByRun({HEAD: found}))))
    assert "the trained head reaches an AUC of 0.90 [0.85, 0.95] for grl" in auc
    assert brier.startswith("The Brier score (lower")


def test_sizes_of_a_class_against_the_rest_are_named(make):
    found = make.signatures(("100X",), ("grl",), is_deep=False, positive="lobular", size=7)
    (sentence,) = findings(make.study(signature_sets=(found,)))
    assert sentence == "Signatures of lobular against the rest keep 7 for grl, of 512 dimensions."


def test_sizes_and_missed_convergence(make):
    found = make.signatures(("seedbank", "H/E"), ("grl",), is_deep=False)
    first, second = found.signatures
    small = make.signature(size=7, key=first)
    bad = dataclasses.replace(make.signature(size=30, key=second), is_converged=False)
    found = dataclasses.replace(found, signatures=ByRun({first: small, second: bad}))
    sizes, missed, *_ = findings(make.study(signature_sets=(found,)))
    assert sizes == "Signatures keep 7 to 30 for grl, of 512 dimensions."
    assert missed.startswith("Not converged to the requested duality gap: grl, H/E;")


def test_overlap_is_the_mean_over_pairs_corrected_for_chance(make):
    found = make.signatures(methods=("grl",), is_deep=False)
    overlap = found.overlaps[RunKey("grl")]
    sentence = findings(make.study(signature_sets=(found,)))[-1]
    assert f"is {np.mean(overlap.frame()['corrected'].to_numpy()):.2f} for grl (observed" in sentence
    assert sentence.count("observed") == 1  # that over all methods is left to its section
    assert "pairs only" not in sentence


def test_undefined_pairs_are_counted(make):
    names = tuple(RunKey("grl", f) for f in make.FOLDS)
    found = make.signatures(methods=("grl",), is_deep=False)
    some = dataclasses.replace(found, overlaps=ByRun({RunKey("grl"): make.overlap(names, is_empty=True)}))
    assert "; defined for 3 of 6 pairs only)" in findings(make.study(signature_sets=(some,)))[-1]
    none = dataclasses.replace(found, overlaps=ByRun({RunKey("grl"): make.overlap(names[:2], is_empty=True)}))
    assert "is undefined for grl (none of 1 pairs" in findings(make.study(signature_sets=(none,)))[-1]


def test_probes_are_read_or_not_and_special_ones_left_to_their_section(make):
    plain = {"target": "site"}
    there = dataclasses.replace(make.probe("site"), p_value={"balanced_accuracy": 0.005})
    gone = dataclasses.replace(make.probe("site", value=0.26), p_value={"balanced_accuracy": 0.4})
    probes = {
        RunKey("uni, large", "100X", variant=plain): there,  # the name of a store may hold a comma
        RunKey("grl", "100X", variant=plain): gone,
        RunKey("grl", "100X", variant={**plain, "model": "mlp"}): there,
    }
    can, cannot = findings(make.study(probes=ByRun(probes)))
    assert can.startswith("The site can be read from the embedding: balanced accuracy 0.62")
    assert "for uni, large, 100X; chance is 0.25." in can
    assert cannot.startswith("The site cannot be read beyond chance from the embedding")
    assert "mlp" not in can + cannot


def test_only_what_the_interval_tells_from_chance_is_not_called_chance(make, evaluation):
    def first(**aucs):
        found = {RunKey(method, model="head"): one for method, one in aucs.items()}
        return findings(make.study(evaluation=EvaluationSet(ByRun(found))))[0]

    one, other = evaluation(0.9), evaluation(0.52, 0.1)
    assert first(grl=one, baseline=other).endswith("chance is 0.5, from which baseline cannot be distinguished.")
    assert first(grl=evaluation(0.3)).endswith("chance is 0.5, and worse than chance is grl.")
    assert first(grl=one).endswith("chance is 0.5.")
    rows = [
        dataclasses.replace(
            r,
            estimate=dataclasses.replace(r.estimate, low=np.nan, high=np.nan, state="nothing selected in 1 of 2 folds"),
        )
        for r in one.rows
    ]
    without = dataclasses.replace(one, rows=tuple(rows))
    assert first(grl=without).endswith("without an interval, not distinguishable from chance, which is 0.5.")
    assert "0.90 for grl (nothing selected in 1 of 2 folds)" in first(grl=without)
