"""Metrics in every draw, against a loop over resampled rows with scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sk

from featkit.core.errors import InputError
from featkit.core.options import Resampling
from featkit.stats import (
    Forecasts,
    accuracy,
    auc_hand_till,
    auc_one_vs_rest,
    balanced_accuracy,
    brier,
    calibration_line,
    draw_counts,
    ece,
    f1_macro,
    matthews,
    metric_draws,
    patient_counts,
    prepare_metrics,
    recognition_rate,
)
from featkit.stats.metrics import METRICS

BINARY = {
    "auc": sk.roc_auc_score,
    "average_precision": sk.average_precision_score,
    "f1": lambda y, p: sk.f1_score(y, p >= 0.5),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p >= 0.5),
    "accuracy": lambda y, p: sk.accuracy_score(y, p >= 0.5),
    "mcc": lambda y, p: sk.matthews_corrcoef(y, p >= 0.5),
    "sensitivity": lambda y, p: sk.recall_score(y, p >= 0.5),
    "specificity": lambda y, p: sk.recall_score(y, p >= 0.5, pos_label=0),
    "brier": sk.brier_score_loss,
    "ece": ece,
    "ece_top_label": lambda y, p: ece(y, p, of="top-label"),
    "ece_classwise": lambda y, p: ece(y, p, of="classwise"),
    "calibration_slope": lambda y, p: calibration_line(y, p).slope,
    "calibration_intercept": lambda y, p: calibration_line(y, p).in_the_large,
}


def clustered(seed=0, n_patients=24, n_classes=2, is_mixed=False):
    random = np.random.default_rng(seed)
    patient = random.permutation(np.repeat(np.arange(n_patients), random.integers(3, 12, n_patients)))
    y = random.integers(0, n_classes, len(patient)) if is_mixed else patient % n_classes
    noise = random.normal(size=(n_patients, n_classes))[patient] + random.normal(size=(len(patient), n_classes))
    logit = np.round(noise + 1.5 * np.eye(n_classes)[y], 1)
    p = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    return y, (np.round(p[:, 1], 3) if n_classes == 2 else p), patient


def fixed(n_draws, seed=0):
    """Draw within classes."""
    return Resampling(n_draws=n_draws, seed=seed, design="case-control")


def rows_of(counts, patient):
    return np.repeat(np.arange(len(patient)), counts[np.unique(patient, return_inverse=True)[1]])


@pytest.mark.parametrize("n_patients", [24, 150])  # quadratic form, pass over sorted patches
def test_draws_are_those_of_a_plain_loop(n_patients):
    y, p, patient = clustered(1, n_patients)
    draws = metric_draws(Forecasts(y, p, patient), list(BINARY), resampling=fixed(25, 3))
    for b, counts in enumerate(draw_counts(patient, y, 25, seed=3)):
        rows = rows_of(counts, patient)
        for name, metric in BINARY.items():
            tolerance = 1e-8 if name.startswith("calibration") else 1e-12
            assert draws[name][b] == pytest.approx(metric(y[rows], p[rows]), abs=tolerance), name


def test_both_forms_of_the_auc_are_the_same():
    y, p, patient = clustered(2, 40)
    few, many = patient_counts(patient), patient_counts(patient, nested=["patches"])
    quadratic = prepare_metrics(Forecasts(y, p, patient), ["auc"], plan=few).forms["auc"]
    by_pass = prepare_metrics(Forecasts(y, p, patient), ["auc"], plan=many).forms["auc"]
    assert type(quadratic) is not type(by_pass)
    counts = np.concatenate([c for c, _ in few.blocks(50)]).astype(float)
    same = by_pass.values(counts, counts[:, many.patient_of_unit])
    np.testing.assert_allclose(quadratic.values(counts, counts), same, atol=1e-12)


def test_recognition_rate_counts_each_drawn_patient():
    y, p, patient = clustered(3)
    draws = metric_draws(Forecasts(y, p, patient), ["recognition_rate"], resampling=fixed(20))["recognition_rate"]
    share = np.array([np.mean((p[patient == i] >= 0.5) == y[patient == i]) for i in np.unique(patient)])
    counts = draw_counts(patient, y, 20)
    np.testing.assert_allclose(draws, counts @ share / len(share), atol=1e-12)


def test_multiclass_draws_are_those_of_a_plain_loop():
    y, p, patient = clustered(4, 30, 3)
    functions = {
        "auc": auc_one_vs_rest,
        "auc_hand_till": auc_hand_till,
        "f1": f1_macro,
        "balanced_accuracy": balanced_accuracy,
        "accuracy": accuracy,
        "brier": brier,
        "ece_top_label": lambda y, p: ece(y, p, of="top-label"),
        "ece_classwise": lambda y, p: ece(y, p, of="classwise"),
    }
    draws = metric_draws(Forecasts(y, p, patient), list(functions), resampling=fixed(15))
    for b, counts in enumerate(draw_counts(patient, y, 15)):
        rows = rows_of(counts, patient)
        for name, metric in functions.items():
            assert draws[name][b] == pytest.approx(metric(y[rows], p[rows]), abs=1e-12), name


def test_domains_are_averaged_inside_each_draw():
    y, p, patient = clustered(5, 20)
    domain = np.random.default_rng(0).choice(["40X", "100X", "200X"], len(y))
    given = Forecasts(y, p, patient, domains=domain)
    draws = metric_draws(given, ["auc", "brier"], over="mean of domains", resampling=fixed(20))
    whole = prepare_metrics(given, ["auc"], over="mean of domains")
    own = [sk.roc_auc_score(y[domain == d], p[domain == d]) for d in np.unique(domain)]
    assert whole.values()["auc"] == pytest.approx(np.mean(own), abs=1e-12)
    for b, counts in enumerate(draw_counts(patient, y, 20)):
        rows = rows_of(counts, patient)
        inside = [rows[domain[rows] == d] for d in np.unique(domain)]
        by_hand = np.mean([sk.roc_auc_score(y[r], p[r]) for r in inside])
        assert draws["auc"][b] == pytest.approx(by_hand, abs=1e-12)
        assert draws["brier"][b] == pytest.approx(np.mean([sk.brier_score_loss(y[r], p[r]) for r in inside]))


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_on_the_data_and_without_each_patient(name):
    y, p, patient = clustered(6, 16)
    prepared = prepare_metrics(Forecasts(y, p, patient), [name])
    value = prepared.values()[name]
    low, high = prepared.readings[name].range
    assert low <= value <= high
    jackknife = prepared.jackknife()[name]
    assert jackknife.shape == (16,)
    if name != "ece_mass":  # its bins are those of all patches
        for i in (0, 7):
            kept = patient != i
            alone = prepare_metrics(Forecasts(y[kept], p[kept], patient[kept]), [name]).values()[name]
            assert jackknife[np.flatnonzero(prepared.plan.left_out == i)[0]] == pytest.approx(alone, abs=1e-9)


def test_any_function_can_be_drawn():
    y, p, patient = clustered(7)

    def gap(y, p):
        return float(p[y == 1].mean() - p[y == 0].mean())

    draws = metric_draws(Forecasts(y, p, patient), ["auc", gap], resampling=fixed(10))
    for b, counts in enumerate(draw_counts(patient, y, 10)):
        rows = rows_of(counts, patient)
        assert draws["gap"][b] == pytest.approx(gap(y[rows], p[rows]))


def test_nested_draws_spread_around_the_value():
    y, p, patient = clustered(8, 30)
    carried = metric_draws(Forecasts(y, p, patient), ["auc", "recognition_rate"], resampling=fixed(1500))
    how = Resampling(n_draws=1500, design="case-control", nested=("patches",))
    nested = metric_draws(Forecasts(y, p, patient), ["auc", "recognition_rate"], resampling=how)
    for name in carried:
        assert nested[name].std() > carried[name].std()
        assert nested[name].mean() == pytest.approx(carried[name].mean(), abs=0.02)


def test_models_share_their_draws():
    y, p, patient = clustered(9)
    a = metric_draws(Forecasts(y, p, patient), ["auc"], resampling=fixed(100))["auc"]
    b = metric_draws(Forecasts(y, p**2, patient), ["auc"], resampling=fixed(100))["auc"]
    assert np.array_equal(a, b)  # the same ranking on the same draws


def test_draws_of_a_cohort_may_lose_a_class_and_are_undefined_then():
    patient = np.arange(6)
    y, p = np.array([1, 1, 0, 0, 0, 0]), np.linspace(0, 1, 6)
    free = metric_draws(Forecasts(y, p, patient), ["auc", "f1", "brier"], resampling=Resampling(n_draws=400))
    lost = np.isnan(free["auc"])
    assert lost.mean() == pytest.approx((4 / 6) ** 6 + (2 / 6) ** 6, abs=0.06)
    assert np.array_equal(lost, np.isnan(free["f1"]))
    assert np.isfinite(free["brier"]).all()
    assert np.isfinite(metric_draws(Forecasts(y, p, patient), ["auc"], resampling=fixed(400))["auc"]).all()


def test_row_order_does_not_matter():
    y, p, patient = clustered(10)
    order = np.random.default_rng(0).permutation(len(y))
    one = metric_draws(Forecasts(y, p, patient), list(BINARY), resampling=fixed(20))
    other = metric_draws(Forecasts(y[order], p[order], patient[order]), list(BINARY), resampling=fixed(20))
    for name in BINARY:
        np.testing.assert_allclose(one[name], other[name], atol=1e-9)


def test_functions_and_draws_agree_on_mixed_patients():
    y, p, patient = clustered(11, is_mixed=True)
    prepared = prepare_metrics(Forecasts(y, p, patient), ["mcc", "recognition_rate"])
    assert prepared.values()["mcc"] == pytest.approx(matthews(y, p), abs=1e-12)
    assert prepared.values()["recognition_rate"] == pytest.approx(recognition_rate(y, p, patient), abs=1e-12)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metrics": ["auk"]}, "Did you mean 'auc'"),
        ({"groups": None}, "must name the patient"),
        ({"metrics": ["auc", "auc"]}, "different names"),
        ({"p": np.linspace(-3, 3, 8)}, r"probabilities must lie in \[0, 1\]"),
        ({"p": np.full((8, 3), 1 / 3), "metrics": ["mcc"]}, "mcc is for two classes"),
    ],
)
def test_bad_input_is_named(change, said):
    given = {"y": np.arange(8) % 2, "p": np.linspace(0, 1, 8), "groups": np.arange(8) // 2, "metrics": ["auc", "brier"]}
    given.update(change)
    with pytest.raises(InputError, match=said):
        metric_draws(Forecasts(given["y"], given["p"], given["groups"]), given["metrics"])
