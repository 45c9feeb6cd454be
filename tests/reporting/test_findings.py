import dataclasses

import numpy as np
import pytest

from featkit.reporting.findings import findings, listed
from featkit.reporting.study_results import StudyResults
from featkit.results.estimate import Estimate
from featkit.results.evaluation import Evaluation, EvaluationRow
from featkit.results.evaluation_set import EvaluationSet
from featkit.results.signature_set import SignatureSet


def evaluation(auc, half=0.05, brier=0.2):
    rows = tuple(
        EvaluationRow("all", "pooled", metric, Estimate(value, value - h, value + h, n_units=23), majority)
        for metric, value, h, majority in (("auc", auc, half, 0.5), ("brier", brier, 0.02, 0.25))
    )
    return Evaluation(rows, (), {}, {}, ("benign", "malignant"), 0.5, 15, "training labels", "class", 0)


def study(**parts):
    return StudyResults(title="t", facts={}, domain="magnification", **parts)


def evaluated(**aucs):
    return EvaluationSet({name.replace("_", " "): evaluation(*value) for name, value in aucs.items()}, {})


def told(comparison, *verdicts):
    """Return a comparison whose pooled AUC rows have these verdicts."""
    rows = []
    for row in comparison.rows:
        names = {"a": "grl head", "b": "baseline head"}
        verdict = verdicts[0] if row.metric == "auc" else row.verdict
        rows.append(dataclasses.replace(row, verdict=verdict, **names))
    return dataclasses.replace(comparison, rows=tuple(rows))


def test_nothing_found_is_nothing_said():
    assert findings(study()) == ()


def test_a_score_that_chance_reaches_is_called_so():
    (first, brier) = findings(study(evaluation=evaluated(grl_head=(0.52, 0.1))))
    assert "0.52 (0.42 to 0.62) for grl, with 95% intervals" in first
    assert "not distinguishable from chance" in first
    assert "always forecasting the training prevalence gives 0.250" in brier
    (better, _) = findings(study(evaluation=evaluated(grl_head=(0.9, 0.05))))
    assert "not distinguishable" not in better


def test_seeds_are_averaged_and_not_listed():
    found = evaluated(grl_head_seed_0=(0.8, 0.05), grl_head_seed_1=(0.9, 0.05))
    auc, brier = findings(study(evaluation=found))
    assert "an AUC of 0.85 for grl, as means over training seeds; chance is 0.5" in auc
    assert "is 0.200 for grl head." in brier


def test_many_runs_are_told_as_a_range(make):
    runs = {f"grl/{fold}X": make.probe(value=0.5 + fold / 100) for fold in range(6)}
    (sentence,) = findings(study(probes={"magnification": runs}))
    assert "0.50 to 0.55 for grl (6 runs)" in sentence


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ("a better", "grl beats baseline: the AUC differs by"),
        ("b better", "grl does worse than baseline: the AUC differs by"),
        ("not distinguishable", "grl does not beat baseline here: the AUC differs by"),
        ("undefined", "grl does not beat baseline here"),
    ],
)
def test_comparisons_are_told_as_they_came_out(make, verdict, expected):
    (sentence,) = findings(study(comparisons={"x": told(make.comparison(), verdict)}))
    assert sentence.startswith(expected)
    assert "for the head, over 23 patients." in sentence


def test_head_and_signature_of_two_methods_are_one_sentence(make):
    heads = told(make.comparison(), "a better")
    signatures = dataclasses.replace(
        heads,
        rows=tuple(
            dataclasses.replace(r, a="grl signature", b="baseline signature", verdict="not distinguishable")
            for r in heads.rows
        ),
    )
    (sentence,) = findings(study(comparisons={"h": heads, "s": signatures}))
    assert sentence.startswith("grl beats baseline by its head alone: the AUC differs by")


def test_a_class_against_the_rest_is_named(make):
    plain, named = evaluation(0.9), dataclasses.replace(evaluation(0.8, brier=0.1), class_names=("rest", "lobular"))
    found = EvaluationSet({"grl signature": plain, "grl signature, lobular": named}, {})
    all_of, one, brier = findings(study(evaluation=found))
    assert "the sparse signature reaches an AUC of 0.90 (0.85 to 0.95) for grl" in all_of
    assert "the sparse signature of lobular against the rest reaches an AUC of 0.80 (0.75 to 0.85) for grl" in one
    assert "is 0.200 for grl signature." in brier  # and not that of one class, which is on another scale
    alone = findings(study(evaluation=EvaluationSet({"grl signature, lobular": named}, {})))
    assert alone[-1].startswith("The Brier score of lobular against the rest")
    rows = told(make.comparison(), "a better").rows
    rows = tuple(dataclasses.replace(r, a="grl signature, lobular", b="baseline signature, lobular") for r in rows)
    (sentence,) = findings(study(comparisons={"x": dataclasses.replace(make.comparison(), rows=rows)}))
    assert sentence.startswith("grl beats baseline: the AUC differs by")
    assert "for the signature of lobular against the rest" in sentence


def test_a_label_called_rest_loses_no_sentence():
    heads = {"grl head": dataclasses.replace(evaluation(0.9), class_names=("rest", "tumour"))}
    auc, brier = findings(study(evaluation=EvaluationSet(heads, {})))
    assert "the trained head of tumour against the rest reaches an AUC of 0.90 (0.85 to 0.95) for grl" in auc
    assert brier.startswith("The Brier score of tumour against the rest")


def test_sizes_of_a_class_against_the_rest_are_named(make):
    signature = dataclasses.replace(make.signature(size=7), method="grl", fold="100X")
    found = SignatureSet({"grl/100X": signature}, {}, {}, {}, positive="lobular")
    (sentence,) = findings(study(named_signatures=(found,)))
    assert sentence == "The signatures of lobular against the rest keep, of 512 dimensions, 7 for grl."


def test_sizes_and_missed_convergence(make):
    one, two = make.signature(size=7), make.signature(size=30)
    named = {
        "grl/100X": dataclasses.replace(one, method="grl", fold="100X", is_converged=True),
        "grl/200X": dataclasses.replace(two, method="grl", fold="200X", is_converged=False),
    }
    found = SignatureSet(named, {}, {}, {})
    sizes, bad = findings(study(signatures=found))
    assert sizes == "The signatures keep, of 512 dimensions, 7 to 30 for grl."
    assert bad.startswith("Not converged to the asked duality gap: grl/200X")


def test_overlap_is_the_mean_over_pairs_corrected_for_chance(make):
    overlap = make.overlap()
    signature = dataclasses.replace(make.signature(size=7), method="grl", fold="100X")
    found = SignatureSet({"grl/100X": signature}, {}, {"grl": overlap, "all signatures": overlap}, {})
    sentence = findings(study(signatures=found))[-1]
    mean = np.mean(overlap.frame()["corrected"].to_numpy())
    assert f"by {mean:.2f} for grl (observed" in sentence
    assert "all signatures" not in sentence


def test_probes_are_read_or_not_and_special_ones_left_to_their_section(make):
    there, gone = make.probe(), make.probe(value=0.26)
    there = dataclasses.replace(there, p_value={there.tested: 0.005})
    gone = dataclasses.replace(gone, p_value={gone.tested: 0.4})
    runs = {"baseline/100X": there, "grl/100X": gone, "grl/100X, mlp": there}
    can, cannot = findings(study(probes={"magnification": runs}))
    assert can.startswith("The magnification can still be read from the embedding: balanced accuracy 0.62")
    assert cannot.startswith("The magnification cannot be read beyond chance from the embedding")
    assert "mlp" not in can + cannot


@pytest.mark.parametrize(
    ("parts", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_lists_read_as_people_write_them(parts, text):
    assert listed(parts) == text
