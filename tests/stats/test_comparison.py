import dataclasses

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score

from featkit.core.errors import InputError
from featkit.core.options import Resampling
from featkit.results.comparison import Comparison
from featkit.stats import Forecasts
from featkit.stats import compare as compare_forecasts
from featkit.stats import compare_many as compare_several
from featkit.stats.multiplicity import adjust

FOLDS = ("100X", "200X", "40X")
QUICK = {"n_permutations": 300}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cohort(n_patients=24, gain=0.6, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    groups = np.repeat([f"p{k:03d}" for k in range(n_patients)], 3 * rng.integers(2, 7, size=n_patients))
    y = np.array([int(g[1:]) % 2 for g in groups])
    patient = np.array([int(g[1:]) for g in groups])
    shared = 0.7 * rng.normal(size=n_patients)[patient] + noise * rng.normal(size=groups.size)
    sign = 2 * y - 1
    a = sigmoid((0.5 + gain) * sign + shared + 0.5 * rng.normal(size=groups.size))
    b = sigmoid(0.5 * sign + shared + 0.5 * rng.normal(size=groups.size))
    return y, a, b, groups, np.array(FOLDS)[np.arange(groups.size) % 3]


def labelled(y, p, groups, folds=None, threshold=0.5):
    return Forecasts(y, p, groups, folds=folds, threshold=threshold)


def compare(y, p_a, p_b, groups, *, folds=None, level=0.95, seed=0, **options):
    given = (labelled(y, p, groups, folds) for p in (p_a, p_b))
    return compare_forecasts(*given, resampling=Resampling(level=level, seed=seed), **options)


def compare_many(y, forecasts, groups, *, folds=None, **options):
    return compare_several({name: labelled(y, p, groups, folds) for name, p in forecasts.items()}, **options)


def only(result, **wanted):
    found = [row for row in result.rows if all(getattr(row, k) == v for k, v in wanted.items())]
    assert len(found) == 1
    return found[0]


def test_values_are_those_of_scikit_learn_in_every_scope():
    y, a, b, groups, folds = cohort()
    result = compare(y, a, b, groups, folds=folds, **QUICK)
    oracles = {"auc": roc_auc_score, "brier": brier_score_loss, "f1": lambda t, p: f1_score(t, p >= 0.5)}
    for name, oracle in oracles.items():
        by_fold = []
        for fold in FOLDS:
            row = only(result, metric=name, scope=fold, aggregation="fold")
            own = folds == fold
            assert row.value_a == pytest.approx(oracle(y[own], a[own]), abs=1e-12)
            assert row.value_b == pytest.approx(oracle(y[own], b[own]), abs=1e-12)
            by_fold.append(row.difference.value)
        pooled = only(result, metric=name, aggregation="pooled")
        assert pooled.difference.value == pytest.approx(oracle(y, a) - oracle(y, b), abs=1e-12)
        mean = only(result, metric=name, aggregation="mean of folds")
        assert mean.difference.value == pytest.approx(np.mean(by_fold), abs=1e-12)


def test_identical_forecasts():
    y, a, _, groups, folds = cohort()
    result = compare(y, a, a, groups, metrics=("auc", "f1", "brier", "ece", "recognition_rate"), folds=folds, **QUICK)
    for row in result.rows:
        assert (row.difference.value, row.difference.low, row.difference.high) == (0.0, 0.0, 0.0)
        assert (row.p_value, row.p_adjusted) == (1.0, 1.0)
        assert row.verdict == "identical"
        assert "same scores" in row.sentence
    naive = [row.p_naive for row in result.rows if row.metric == "auc" and row.aggregation != "mean of folds"]
    assert naive == [1.0] * len(naive)


def test_a_large_gain_is_found_and_named():
    y, a, b, groups, _ = cohort(n_patients=60, gain=1.5)
    result = compare(y, a, b, groups, names=("grl", "baseline"), **QUICK)
    auc, brier = only(result, metric="auc"), only(result, metric="brier")
    assert auc.difference.low > 0
    assert brier.difference.high < 0
    assert auc.verdict == brier.verdict == "a better"
    assert "grl is better" in auc.sentence
    turned = compare(y, b, a, groups, names=("baseline", "grl"), **QUICK)
    assert only(turned, metric="auc").verdict == "b better"
    assert only(turned, metric="auc").difference.low == pytest.approx(-auc.difference.high)


def test_sentence_reads_as_promised():
    y, a, b, groups, _ = cohort(n_patients=23, gain=0.0, seed=5)
    row = compare(y, a, b, groups, names=("grl", "baseline"), metrics=["auc"], **QUICK).rows[0]
    estimate = row.difference
    assert row.sentence == (
        f"AUC, grl minus baseline (all patches): difference {estimate.value:.3f}, 95 % interval {estimate.low:.3f} to "
        f"{estimate.high:.3f} over 23 patients: not distinguishable."
    )


def test_interval_is_the_paired_bootstrap_with_a_t_quantile():
    y, a, b, groups, _ = cohort(n_patients=30, seed=2)
    estimate = compare(y, a, b, groups, metrics=["brier"], n_draws=20_000, n_permutations=1).rows[0].difference
    loss = (a - y) ** 2 - (b - y) ** 2
    names = np.unique(groups)
    size = np.array([(groups == g).sum() for g in names])
    total = np.array([loss[groups == g].sum() for g in names])
    pull = (total - loss.mean() * size) / size.mean()
    label = np.array([y[groups == g][0] for g in names])
    variance = sum(np.count_nonzero(label == k) * pull[label == k].var() for k in (0, 1)) / 30**2
    from scipy.stats import t

    half = t.isf(0.025, 28) * np.sqrt(variance * 30 / 28)
    assert (estimate.high - estimate.low) / 2 == pytest.approx(half, rel=0.06)
    assert estimate.value == pytest.approx((estimate.high + estimate.low) / 2)
    assert (estimate.unit, estimate.n_units, estimate.n_draws) == ("patient", 30, 20_000)


def test_pairing_and_clusters_matter():
    y, a, b, groups, _ = cohort(n_patients=20, noise=0.2, seed=3)
    by_patient = compare(y, a, b, groups, metrics=["brier"], **QUICK).rows[0]
    by_patch = compare(y, a, b, "patches", metrics=["brier"], **QUICK).rows[0]
    assert by_patch.difference.unit == "patch"
    assert by_patch.difference.n_units == y.size
    assert f"over {y.size} patches" in by_patch.sentence
    assert by_patient.difference.high - by_patient.difference.low > by_patch.difference.high - by_patch.difference.low


def test_many_corrects_within_metric_and_aggregation():
    y, a, b, groups, folds = cohort(gain=0.3)
    c = sigmoid(np.log(a / (1 - a)) + 0.3 * np.random.default_rng(9).normal(size=y.size))
    result = compare_many(y, {"a": a, "b": b, "c": c}, groups, metrics=["auc", "brier"], folds=folds, **QUICK)
    pooled = [row for row in result.rows if row.metric == "auc" and row.aggregation == "pooled"]
    assert [(row.a, row.b) for row in pooled] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [row.p_adjusted for row in pooled] == adjust([row.p_value for row in pooled], "holm").tolist()
    assert {row.n_family for row in pooled} == {3}
    assert {row.n_family for row in result.rows if row.aggregation == "fold"} == {9}


def test_reference_keeps_its_own_pairs():
    y, a, b, groups, _ = cohort()
    result = compare_many(y, {"baseline": b, "grl": a, "gan": (a + b) / 2}, groups, reference="baseline", **QUICK)
    assert {(row.a, row.b) for row in result.rows} == {("grl", "baseline"), ("gan", "baseline")}


def test_equivalence_within_a_margin():
    y, a, _, groups, _ = cohort(n_patients=60)
    nudged = np.clip(a + 0.001 * np.random.default_rng(1).normal(size=a.size), 0, 1)
    result = compare(y, a, nudged, groups, metrics=["auc", "brier"], margin={"auc": 0.02}, **QUICK)
    auc, brier = only(result, metric="auc"), only(result, metric="brier")
    assert auc.verdict == "equivalent"
    assert auc.p_equivalence < 0.05
    assert auc.margin_needed < 0.02
    assert "equivalent within a margin of 0.02" in auc.sentence
    assert np.isnan(brier.margin)
    assert np.isnan(brier.p_equivalence)


def test_patients_needed_grows_as_the_difference_shrinks():
    y, a, b, groups, _ = cohort(gain=0.2, seed=4)
    wide = compare(y, a, b, groups, metrics=["brier"], **QUICK).rows[0]
    near = compare(y, (a + b) / 2, b, groups, metrics=["brier"], **QUICK).rows[0]
    assert wide.n_patients_needed > 0
    assert near.n_patients_needed != wide.n_patients_needed
    assert np.isnan(compare(y, a, a, groups, metrics=["brier"], **QUICK).rows[0].n_patients_needed)


def test_one_class_fold_is_undefined_and_said():
    y, a, b, groups, folds = cohort()
    folds = np.where(y == 0, folds, "malignant only")
    folds[:40] = "both"
    result = compare(y, a, b, groups, metrics=["auc", "brier"], folds=folds, **QUICK)
    row = only(result, metric="auc", scope="malignant only")
    assert row.verdict == "undefined"
    assert np.isnan(row.difference.value)
    assert any("malignant only: one class only" in note for note in result.notes)
    assert only(result, metric="brier", scope="malignant only").verdict != "undefined"


def test_a_single_patient_of_a_class_gives_no_interval():
    y, a, b, groups, _ = cohort(n_patients=9)
    keep = (y == 1) | (groups == "p000")
    result = compare(y[keep], a[keep], b[keep], groups[keep], metrics=["auc"], **QUICK)
    assert np.isnan(result.rows[0].difference.low)
    assert result.rows[0].difference.value == pytest.approx(result.rows[0].value_a - result.rows[0].value_b)
    assert any("single patient" in note for note in result.notes)
    assert any("no permutation p-value is below" in note for note in result.notes)


def test_same_seed_same_result_and_round_trip():
    y, a, b, groups, folds = cohort()
    first = compare(y, a, b, groups, folds=folds, seed=3, **QUICK)
    again = compare(y, a, b, groups, folds=folds, seed=3, **QUICK)
    assert first.to_dict() == again.to_dict()
    assert Comparison.from_dict(first.to_dict()).to_dict() == first.to_dict()
    other = compare(y, a, b, groups, folds=folds, seed=4, **QUICK)
    assert other.rows[0].difference.low != first.rows[0].difference.low
    assert other.rows[0].difference.value == first.rows[0].difference.value


def test_order_of_patches_changes_nothing():
    y, a, b, groups, folds = cohort()
    order = np.random.default_rng(0).permutation(y.size)
    first = compare(y, a, b, groups, folds=folds, **QUICK)
    again = compare(y[order], a[order], b[order], groups[order], folds=folds[order], **QUICK)
    for one, two in zip(first.rows, again.rows):
        assert one.difference.low == pytest.approx(two.difference.low, abs=1e-10)
        assert one.p_value == two.p_value


def test_a_single_fold_is_said_once_and_by_its_name():
    y, a, b, groups, _ = cohort()
    result = compare(y, a, b, groups, metrics=["brier"], folds=np.repeat("100X", y.size), **QUICK)
    assert [(row.scope, row.aggregation) for row in result.rows] == [("100X", "pooled")]
    assert not any("folds" in note for note in result.notes)


def test_folds_come_in_the_order_of_their_numbers():
    y, a, b, groups, folds = cohort()
    result = compare(y, a, b, groups, metrics=["brier"], folds=folds, **QUICK)
    assert [row.scope for row in result.rows] == ["all folds", "all folds", "40X", "100X", "200X"]


def test_frame_has_one_row_a_comparison():
    y, a, b, groups, folds = cohort()
    result = compare(y, a, b, groups, folds=folds, **QUICK)
    frame = result.frame()
    assert frame.height == len(result.rows) == 3 * (2 + 3)
    assert frame.columns[:10] == [
        *("a", "b", "metric", "scope", "aggregation", "value_a", "value_b", "difference", "low", "high"),
    ]
    assert set(frame["unit"]) == {"patient"}


def test_several_classes():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(24), 6)
    y = (np.arange(24) % 3)[groups]
    good = 0.5 * np.eye(3)[y] + 0.5 * rng.dirichlet(np.ones(3), size=y.size)
    poor = rng.dirichlet(np.ones(3), size=y.size)
    result = compare(y, good, poor, groups, metrics=["auc", "f1", "brier"], **QUICK)
    assert {row.verdict for row in result.rows} == {"a better"}
    assert all(np.isnan(row.p_naive) for row in result.rows)


def test_conflicting_evidence_is_not_a_finding():
    from featkit.stats.comparison_words import sentence, verdict

    y, a, b, groups, _ = cohort(n_patients=60, gain=1.5)
    row = compare(y, a, b, groups, metrics=["auc"], **QUICK).rows[0]
    doubtful = dataclasses.replace(row, p_adjusted=0.2, n_family=6)
    doubtful = dataclasses.replace(doubtful, verdict=verdict(doubtful, True, 0.95))
    assert doubtful.verdict == "not distinguishable"
    assert "p = 0.2 corrected for 6 tests although the interval leaves out 0" in sentence(doubtful, "AUC", 0.95)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"p_b": np.zeros(3)}, "shape"),
        ({"groups": None}, "patient of each patch"),
        ({"names": ("a", "a")}, "different names"),
        ({"level": 1.2}, "level"),
        ({"margin": -0.1}, "margin"),
        ({"adjustment": "tukey"}, "known method"),
        ({"metrics": ["aucc"]}, "Did you mean"),
        ({"n_draws": 1}, "n_draws"),
        ({"n_permutations": 0}, "at least 1"),
    ],
)
def test_mistakes_are_named(change, message):
    y, a, b, groups, _ = cohort()
    given = {"y": y, "p_a": a, "p_b": b, "groups": groups, "metrics": ["auc"], **QUICK, **change}
    with pytest.raises(InputError, match=message):
        compare(**given)


def test_reference_must_exist_and_one_forecast_is_too_few():
    y, a, b, groups, _ = cohort()
    with pytest.raises(InputError, match="reference"):
        compare_many(y, {"a": a, "b": b}, groups, reference="base")
    with pytest.raises(InputError, match="at least two"):
        compare_many(y, {"a": a}, groups)
