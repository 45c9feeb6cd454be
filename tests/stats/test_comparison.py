import dataclasses

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score

from featkit.core.errors import InputError
from featkit.core.options import Resampling
from featkit.core.run_key import RunKey
from featkit.results.comparison import Comparison
from featkit.stats import Forecasts
from featkit.stats import compare as compare_forecasts
from featkit.stats import compare_many as compare_several
from featkit.stats.comparison import verdict
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
        if name != "auc":
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
    naive = [row.p_naive for row in result.rows if row.metric == "auc" and row.aggregation == "fold"]
    assert naive == [1.0] * 3


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
        f"{estimate.high:.3f} (23 patients, 11 with class 1). "
        f"The data do not decide (permutation p = {row.p_value:.3f})."
    )


def test_names_may_be_run_keys_and_only_what_differs_is_printed():
    y, a, b, groups, _ = cohort()
    names = RunKey("grl", "100X", 0, "head"), RunKey("baseline", "100X", 0, "head")
    found = compare(y, a, b, groups, names=names, metrics=["brier"], **QUICK)
    assert found.names == names
    assert found.rows[0].sentence.startswith("Brier score, grl minus baseline (all patches)")
    again = Comparison.from_dict(found.to_dict())
    assert (again.names, again.rows[0].a) == (names, names[0])
    assert found.frame()["a"].to_list() == ["grl"]


def by_hand(values, label):
    """Return standard error and degrees of freedom of values without one patient each, in a cohort."""
    n, parts = len(values), []
    mean = values.mean()
    between = sum(np.sum(label == k) * (values[label == k].mean() - mean) ** 2 for k in (0, 1)) * (n - 1) / n
    for k in (0, 1):
        own = values[label == k]
        parts.append((np.sum((own - own.mean()) ** 2), len(own) - 1))
    parts.append((between, n - 2))
    total = sum(v for v, _ in parts)
    return np.sqrt(total), total**2 / sum(v**2 / f for v, f in parts)


def test_interval_is_a_t_interval_from_leaving_out_each_patient():
    from scipy.stats import t

    y, a, b, groups, _ = cohort(n_patients=30, seed=2)
    estimate = compare(y, a, b, groups, metrics=["brier"], n_permutations=1).rows[0].difference
    loss, names = (a - y) ** 2 - (b - y) ** 2, np.unique(groups)
    without = np.array([loss[groups != g].mean() for g in names])
    se, freedom = by_hand(without, np.array([y[groups == g][0] for g in names]))
    half = t.isf(0.025, freedom) * se
    assert (estimate.low, estimate.high) == pytest.approx((estimate.value - half, estimate.value + half))
    assert (estimate.unit, estimate.n_units, estimate.n_draws) == ("patient", 30, 0)
    assert (estimate.design, estimate.n_units_by_class) == ("cohort", {"0": 15, "1": 15})


def test_few_patients_of_a_class_limit_the_degrees_of_freedom():
    from scipy.stats import t

    y, a, b, groups, _ = cohort(n_patients=40, seed=2)
    keep = (y == 1) | np.isin(groups, ["p000", "p002", "p004"])
    y, a, b, groups = y[keep], a[keep], b[keep], groups[keep]
    estimate = compare(y, a, b, groups, metrics=["auc"], n_permutations=1).rows[0].difference
    names = np.unique(groups)
    gaps = [roc_auc_score(y[g], a[g]) - roc_auc_score(y[g], b[g]) for g in (groups != name for name in names)]
    se, _ = by_hand(np.array(gaps), np.array([y[groups == g][0] for g in names]))
    assert (estimate.high - estimate.low) / 2 == pytest.approx(t.isf(0.025, 2) * se)
    assert estimate.n_units_by_class == {"0": 3, "1": 20}


def test_a_class_whose_few_patients_all_agree_gives_no_interval_where_it_is_needed():
    y, a, b, groups, _ = cohort(n_patients=40, seed=2)
    b = np.where(y == 0, a, b)
    result = compare(y, a, b, groups, metrics=["balanced_accuracy", "brier"], **QUICK)
    row = only(result, metric="balanced_accuracy")
    assert (row.difference.state, row.verdict) == ("too few patients", "undefined")
    assert "no interval (40 patients, 20 with class 0)" in row.sentence
    assert only(result, metric="brier").difference.has_interval


def test_over_folds_ranks_are_compared_within_folds_and_the_rest_is_pooled():
    y, a, b, groups, folds = cohort()
    result = compare(y, a + np.where(folds == "40X", 0.4, 0.0) - 0.2, b, groups, folds=folds, metrics=["auc"], **QUICK)
    plain = compare(y, a, b, groups, folds=folds, metrics=["auc", "f1"], **QUICK)
    assert {row.aggregation for row in result.rows} == {"mean of folds", "within folds", "fold"}
    for aggregation in ("mean of folds", "within folds"):  # a shift of one fold's scores changes no rank within it
        moved, still = (only(r, metric="auc", aggregation=aggregation) for r in (result, plain))
        assert moved.difference.value == pytest.approx(still.difference.value)
    assert [(r.metric, r.aggregation) for r in plain.headlines()] == [("f1", "pooled"), ("auc", "mean of folds")]
    on_one = [Forecasts(y, p, groups, folds=folds, is_one_scale=True) for p in (a, b)]
    shared = compare_forecasts(*on_one, metrics=["auc"], **QUICK)
    pooled = only(shared, metric="auc", aggregation="pooled").difference.value
    assert pooled == pytest.approx(roc_auc_score(y, a) - roc_auc_score(y, b))


def test_an_empty_signature_is_named_where_it_is_compared():
    y, a, _, groups, folds = cohort()
    flat = np.where(folds == "40X", 0.4, a)
    one, two = (Forecasts(y, p, groups, folds=folds, nothing_selected=["40X"]) for p in (a, flat))
    row = only(compare_forecasts(one, two, metrics=["auc"], **QUICK), aggregation="mean of folds")
    assert (row.state_a, row.state_b) == ("", "nothing selected in 1 of 3 folds")
    assert row.sentence.endswith("b: nothing selected in 1 of 3 folds.")


def test_forecasts_of_other_patches_are_refused():
    y, a, b, groups, _ = cohort()
    with pytest.raises(InputError, match="of the same patches"):
        compare_forecasts(Forecasts(y, a, groups), Forecasts(1 - y, b, groups))


def test_pairing_and_clusters_matter():
    y, a, b, groups, _ = cohort(n_patients=20, noise=0.2, seed=3)
    by_patient = compare(y, a, b, groups, metrics=["brier"], **QUICK).rows[0]
    by_patch = compare(y, a, b, "patches", metrics=["brier"], **QUICK).rows[0]
    assert by_patch.difference.unit == "patch"
    assert by_patch.difference.n_units == y.size
    assert f"({y.size} patches, " in by_patch.sentence
    assert by_patient.difference.high - by_patient.difference.low > by_patch.difference.high - by_patch.difference.low


def test_many_corrects_within_metric_and_aggregation():
    y, a, b, groups, folds = cohort(gain=0.3)
    c = sigmoid(np.log(a / (1 - a)) + 0.3 * np.random.default_rng(9).normal(size=y.size))
    result = compare_many(y, {"a": a, "b": b, "c": c}, groups, metrics=["auc", "brier"], folds=folds, **QUICK)
    pooled = [row for row in result.rows if row.metric == "brier" and row.aggregation == "pooled"]
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
    assert "Equivalent within ±0.02" in auc.sentence
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
    y, a, b, groups, folds = cohort(gain=0.1)
    first = compare(y, a, b, groups, folds=folds, seed=3, **QUICK)
    again = compare(y, a, b, groups, folds=folds, seed=3, **QUICK)
    assert first.to_dict() == again.to_dict()
    assert Comparison.from_dict(first.to_dict()).to_dict() == first.to_dict()
    other = compare(y, a, b, groups, folds=folds, seed=4, **QUICK)
    assert other.rows[-1].p_value != first.rows[-1].p_value
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
    assert frame.height == len(result.rows) == 2 + 3 + 1 + 3 * 3
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
    y, a, b, groups, _ = cohort(n_patients=60, gain=1.5)
    row = compare(y, a, b, groups, metrics=["auc"], **QUICK).rows[0]
    doubtful = dataclasses.replace(row, p_adjusted=0.2, n_family=6)
    doubtful = dataclasses.replace(doubtful, verdict=verdict(doubtful, 0.95))
    assert doubtful.verdict == "not distinguishable"
    assert not doubtful.is_agreed
    shown = "the interval leaves out 0, but permutation p = 0.200 after correction for 6 tests"
    assert shown in doubtful.sentence


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
        ({"n_permutations": 0}, "from 1 to"),
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


def test_decisions_that_never_differ_are_no_proof_of_no_difference():
    y, a, _, groups, _ = cohort(n_patients=40, seed=2)
    b = np.where(a >= 0.5, a + (1 - a) / 2, a / 2)
    row = compare(y, a, b, groups, metrics=["accuracy"], **QUICK).rows[0]
    assert (row.difference.value, row.difference.has_interval, row.difference.state) == (0.0, False, "too few patients")
