import os
import warnings

import numpy as np
import pytest

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.options import ComputeOptions, PathOptions, StabilityOptions
from featkit.results.stability import StabilityResult
from featkit.sparse import error_control, logistic_path, multinomial_path, stability_selection
from featkit.sparse.solvers.design import as_patients
from featkit.sparse.subsamples import patient_folds_of, patient_subsamples, rows_of
from featkit.stats.labelled_rows import LabelledRows


def clustered(seed=0, n_patients=40, rows=8, d=60, n_signal=4, effect=1.5):
    """Patients with their own centres; the first dimensions carry the class, the others nothing."""
    random = np.random.default_rng(seed)
    label = (np.arange(n_patients) % 5 < 3).astype(int)
    patient = np.repeat(np.arange(n_patients), rows)
    X = random.standard_normal((n_patients, d))[patient] + random.standard_normal((patient.size, d))
    X[:, :n_signal] += effect * label[patient, None]
    return X.astype(np.float32), label[patient], patient


@pytest.mark.parametrize(("zeros", "ones"), [(10, 10), (11, 10), (11, 11), (16, 54), (2, 2)])
def test_halves_are_disjoint_stratified_and_half(zeros, ones):
    y = np.repeat([0.0, 1.0], [zeros, ones])
    patients = as_patients(np.arange(zeros + ones), y)
    halves = patient_subsamples(patients, "complementary_pairs", 20, 3)
    for first, second in zip(halves[::2], halves[1::2]):
        assert len(first) == len(second) == (zeros + ones) // 2
        assert not set(first) & set(second)
        for half in (first, second):
            assert abs(np.sum(patients.label[half]) - ones / 2) <= 0.5
            assert set(patients.label[half]) == {0, 1}
    dropped = np.concatenate(
        [np.setdiff1d(np.arange(zeros + ones), np.concatenate(p)) for p in zip(halves[::2], halves[1::2])]
    )
    assert dropped.size == 20 * ((zeros + ones) % 2)
    assert all(np.array_equal(a, b) for a, b in zip(halves, patient_subsamples(patients, "complementary_pairs", 5, 3)))
    independent = patient_subsamples(patients, "subsample", 5, 3)
    assert all(len(half) == (zeros + ones) // 2 for half in independent)


def test_rows_of_a_patient_stay_together():
    _, y, patient = clustered()
    patients = as_patients(patient, y.astype(float))
    rows = rows_of(patients, np.array([3, 7]))
    assert set(patient[rows]) == {3, 7}
    assert rows.size == 16


def test_frequencies_are_counts_over_plain_paths():
    X, y, patient = clustered(d=25)
    X = (X - X.mean(0)) / X.std(0)
    lambdas = logistic_path(
        LabelledRows(X, y, "patches"), PathOptions(n_lambdas=8, lambda_min_ratio=0.1, standardize=False)
    ).lambdas
    result = stability_selection(
        LabelledRows(X, y, patient),
        PathOptions(lambdas=lambdas, standardize=False, tolerance=1e-6),
        StabilityOptions(n_pairs=5, threshold=0.8, bound="worst_case"),
        seed=2,
    )
    counts = np.zeros((8, 25))
    patients = as_patients(patient, y.astype(float))
    for half in patient_subsamples(patients, "complementary_pairs", 5, 2):
        rows = rows_of(patients, half)
        path = logistic_path(
            LabelledRows(X[rows], y[rows], "patches"), PathOptions(lambdas=lambdas, tolerance=1e-8, standardize=False)
        )
        for k in range(8):
            counts[k, path.support(k)] += 1
    assert np.mean(np.abs(result.frequency_path - counts / 10) > 1e-12) < 0.01
    np.testing.assert_array_equal(result.selection_frequency, result.frequency_path.max(axis=0))
    assert not result.is_q_controlled


def test_q_stops_every_half_at_its_first_entrants():
    X, y, patient = clustered(d=120)
    result = stability_selection(
        LabelledRows(X, y, patient), stability=StabilityOptions(n_pairs=10, q=6, threshold=0.9)
    )
    assert result.is_q_controlled
    assert result.mean_selected <= 6
    assert result.frequency_path.sum(axis=1).max() <= 6 + 1e-9
    assert result.pfer == pytest.approx(6**2 / 120 * 4 * (1 - 0.9 + 0.05) / 1.1)


def test_the_threshold_is_reached_not_passed():
    X, y, patient = clustered(effect=6.0)
    result = stability_selection(
        LabelledRows(X, y, patient), stability=StabilityOptions(n_pairs=5, q=4, threshold=1.0, bound="worst_case")
    )
    assert set(result.stable_support) == {0, 1, 2, 3}
    assert result.selection_frequency[:4].min() == 1.0


def test_results_do_not_depend_on_threads_or_on_batches(monkeypatch):
    X, y, patient = clustered(d=300)
    first = stability_selection(
        LabelledRows(X, y, patient),
        stability=StabilityOptions(n_pairs=6, threshold=0.8),
        compute=ComputeOptions(n_jobs=1),
    )
    second = stability_selection(
        LabelledRows(X, y, patient),
        stability=StabilityOptions(n_pairs=6, threshold=0.8),
        compute=ComputeOptions(n_jobs=3),
    )
    np.testing.assert_array_equal(first.frequency_path, second.frequency_path)
    assert first.max_relative_gap == second.max_relative_gap
    monkeypatch.setattr("featkit.sparse.solvers.batch._BATCH", 5)
    third = stability_selection(
        LabelledRows(X, y, patient),
        stability=StabilityOptions(n_pairs=6, threshold=0.8),
        compute=ComputeOptions(n_jobs=2),
    )
    assert np.abs(first.frequency_path - third.frequency_path).max() <= 1 / 12 + 1e-12


def test_every_fit_is_certified_and_the_result_survives_json(tmp_path):
    X, y, patient = clustered()
    result = stability_selection(LabelledRows(X, y, patient), stability=StabilityOptions(n_pairs=5))
    assert result.max_relative_gap <= 1e-4
    assert result.n_unconverged == 0
    again = StabilityResult.load(result.save(tmp_path / "stability.json"))
    np.testing.assert_array_equal(again.frequency_path, result.frequency_path)
    assert again.frame().equals(result.frame())


def test_constant_dimensions_are_counted_and_never_selected():
    X, y, patient = clustered()
    X[:, [5, 9]] = 3.25
    result = stability_selection(LabelledRows(X, y, patient), stability=StabilityOptions(n_pairs=5))
    assert result.n_dead == 2
    assert np.all(result.selection_frequency[[5, 9]] == 0)


@pytest.mark.simulation
@pytest.mark.parametrize("bound", ["worst_case", "unimodal", "r_concave"])
def test_false_selections_stay_below_the_bound(bound):
    n_runs = 200 if os.environ.get("FEATKIT_SIMULATION") == "long" else 12
    false, bounds = [], []
    for seed in range(n_runs):
        X, y, patient = clustered(seed, n_patients=40, rows=3, d=80, effect=1.0)
        result = stability_selection(
            LabelledRows(X, y, patient),
            PathOptions(n_lambdas=20, tolerance=1e-3),
            StabilityOptions(n_pairs=25, q=10, threshold=0.7, bound=bound),
            seed=seed,
        )
        false.append(np.sum(result.stable_support >= 4))
        bounds.append(result.pfer)
    error = np.std(false) / np.sqrt(n_runs)
    assert np.mean(false) <= bounds[0] + 3 * error
    assert bounds[0] < 10


def test_mixed_patients_are_reported():
    X, y, patient = clustered()
    y = y.copy()
    y[patient == 4] = np.arange(8) % 2
    with pytest.warns(FeatkitWarning, match="1 patients have rows of several classes"):
        result = stability_selection(LabelledRows(X, y, patient), stability=StabilityOptions(n_pairs=3))
    assert "several classes" in result.notes[0]


def test_patches_labelled_one_by_one_need_no_patient_of_mostly_the_rare_class():
    """Forty slides of mostly normal cells, ten with a rare one, and all with one: halves and folds have rare cells."""
    patient = np.repeat(np.arange(40), 8)
    for n_with_rare in (10, 40):
        y = ((np.arange(320) % 8 == 0) & (patient < n_with_rare)).astype(int)
        patients = as_patients(patient, y)
        assert patients.n_with.tolist() == [40, n_with_rare]
        for half in patient_subsamples(patients, "complementary_pairs", 10, 0):
            assert np.sum(half < n_with_rare) == n_with_rare // 2
        fold = patient_folds_of(patients, 5, 0)
        assert [np.sum(y[fold == k]) for k in range(5)] == [n_with_rare // 5] * 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": np.arange(320) // 160}, "at least 2 patients"),
        ({"groups": np.zeros(320)}, "at least 2 patients"),
        ({"groups": np.arange(7)}, r"groups must have shape \(320,\)"),
        ({"groups": np.full(320, np.nan)}, "groups must not hold missing values"),
        ({"threshold": 0.4}, "threshold must be in"),
        ({"q": 0}, "q must be at least 1"),
        ({"q": 5, "pfer": 1.0, "threshold": 0.9}, "threshold must be left out beside q and pfer"),
        ({"scheme": "subsample"}, "bound must be worst_case with scheme subsample"),
        ({"scheme": "thirds", "bound": "worst_case"}, "scheme must be"),
        ({"n_pairs": 0}, "at least 1"),
        ({"n_jobs": 0}, "n_jobs"),
    ],
)
def test_mistakes_are_named(change, message):
    X, y, patient = clustered()
    if change.get("groups") is not None and change["groups"].size == 320 and set(change["groups"]) == {0, 1}:
        y = change["groups"].astype(int)
    arguments = {"groups": patient, "n_pairs": 3, **change}
    groups, compute = arguments.pop("groups"), {k: arguments.pop(k) for k in ("n_jobs",) if k in arguments}
    with warnings.catch_warnings(), pytest.raises(InputError, match=message):
        stability_selection(
            LabelledRows(X, y, groups),
            stability=StabilityOptions(**arguments),
            compute=ComputeOptions(**compute),
        )


def of_three_classes(seed=0, n_patients=36, rows=5, d=30, effect=1.6):
    """One dimension speaks for each class; the others, equally correlated within patients, for none."""
    random = np.random.default_rng(seed)
    label = np.arange(n_patients) % 3
    patient = np.repeat(np.arange(n_patients), rows)
    X = 0.7 * random.standard_normal((n_patients, d))[patient] + random.standard_normal((patient.size, d))
    X[:, :3] += effect * (label[patient, None] == np.arange(3))
    return X.astype(np.float32), label[patient], patient


def test_frequencies_of_several_classes_are_counts_over_plain_multinomial_paths():
    X, y, patient = of_three_classes()
    X = (X - X.mean(0)) / X.std(0)
    lambdas = multinomial_path(
        LabelledRows(X, y, "patches"), PathOptions(n_lambdas=6, lambda_min_ratio=0.2, standardize=False)
    ).lambdas
    result = stability_selection(
        LabelledRows(X, y, patient),
        PathOptions(lambdas=lambdas, standardize=False, tolerance=1e-6),
        StabilityOptions(n_pairs=4, threshold=0.8),
        seed=2,
    )
    counts = np.zeros((6, 30))
    patients = as_patients(patient, y)
    for half in patient_subsamples(patients, "complementary_pairs", 4, 2):
        rows = rows_of(patients, half)
        assert np.bincount(patients.label[half]).tolist() == [6, 6, 6]
        path = multinomial_path(
            LabelledRows(X[rows], y[rows], "patches"), PathOptions(lambdas=lambdas, tolerance=1e-7, standardize=False)
        )
        for k in range(6):
            counts[k, path.support(k)] += 1
    assert np.mean(np.abs(result.frequency_path - counts / 8) > 1e-12) < 0.01
    assert {0, 1, 2} <= set(result.stable_support.tolist())


def test_q_stops_halves_of_several_classes_whatever_the_threads():
    X, y, patient = of_three_classes()
    first, second = (
        stability_selection(
            LabelledRows(X, y, patient),
            stability=StabilityOptions(n_pairs=5, q=5, threshold=0.8),
            compute=ComputeOptions(n_jobs=k),
        )
        for k in (1, 3)
    )
    assert first.to_dict() == second.to_dict()
    assert first.is_q_controlled
    assert first.mean_selected <= 5
    assert first.pfer == pytest.approx(error_control(30, 5, "unimodal", q=5, threshold=0.8)[2])


def test_constant_dimensions_of_several_classes_are_never_selected():
    X, y, patient = of_three_classes()
    X[:, [5, 9]] = 3.25
    result = stability_selection(LabelledRows(X, y, patient), PathOptions(n_lambdas=10), StabilityOptions(n_pairs=3))
    assert result.n_dead == 2
    assert np.all(result.selection_frequency[[5, 9]] == 0)


@pytest.mark.simulation
def test_false_selections_of_several_classes_stay_below_the_bound():
    n_runs = 100 if os.environ.get("FEATKIT_SIMULATION") == "long" else 8
    false, bounds = [], []
    for seed in range(n_runs):
        X, y, patient = of_three_classes(seed, rows=3, d=60, effect=1.0)
        result = stability_selection(
            LabelledRows(X, y, patient),
            PathOptions(n_lambdas=15),
            StabilityOptions(n_pairs=15, q=10, threshold=0.7),
            seed=seed,
        )
        false.append(np.sum(result.stable_support >= 3))
        bounds.append(result.pfer)
    assert np.mean(false) <= bounds[0] + 3 * np.std(false) / np.sqrt(n_runs)
    assert bounds[0] < 10
