import importlib.util

import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.core.options import ComputeOptions, PathOptions, StabilityOptions
from featkit.sparse import logistic_path, stability_selection
from featkit.stats.labelled_rows import LabelledRows

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")


def clustered(seed=0, n_patients=30, rows=6, d=40):
    random = np.random.default_rng(seed)
    label = (np.arange(n_patients) % 5 < 3).astype(int)
    patient = np.repeat(np.arange(n_patients), rows)
    X = random.standard_normal((n_patients, d))[patient] + random.standard_normal((patient.size, d))
    X[:, :3] += 1.5 * label[patient, None]
    X = (X - X.mean(0)) / X.std(0)
    return X.astype(np.float32), label[patient], patient


@needs_torch
@pytest.mark.parametrize("l1_ratio", [1.0, 0.6])
def test_every_problem_is_solved_within_its_gap(l1_ratio):
    from featkit.sparse.solvers.torch_batch import TorchProblems, solve_batched

    X, y, patient = clustered()
    rows = [np.flatnonzero(patient % 3 != k) for k in range(3)]
    exact = [
        logistic_path(
            LabelledRows(X[part], y[part], "patches"),
            PathOptions(n_lambdas=6, lambda_min_ratio=0.1, l1_ratio=l1_ratio, tolerance=1e-8, standardize=False),
        )
        for part in rows
    ]
    lambdas = exact[0].lambdas
    exact = [
        logistic_path(
            LabelledRows(X[part], y[part], "patches"),
            PathOptions(lambdas=lambdas, l1_ratio=l1_ratio, tolerance=1e-8, standardize=False),
        )
        for part in rows
    ]
    columns = np.ascontiguousarray(X.T)
    records = solve_batched(
        TorchProblems(columns, y.astype(float), np.ones(40), l1_ratio), rows, lambdas, 1e-4, device="cpu"
    )
    for path, record in zip(exact, records):
        for k in range(6):
            b = np.zeros(40)
            b[record.supports[k]] = record.values[k]
            c = path.coefficients(k)

            def penalty(b, lambda_=lambdas[k]):
                return lambda_ * np.sum(l1_ratio * np.abs(b) + (1 - l1_ratio) * b**2 / 2)

            excess = record.losses[k] + penalty(b) - path.losses[k] - penalty(c)
            assert -1e-5 <= excess <= record.gaps[k] + 1e-6
            assert record.gaps[k] <= 1e-4
            assert set(np.flatnonzero(np.abs(c) > 0.05)) <= set(record.supports[k])


@needs_torch
def test_stability_selection_agrees_across_solvers():
    X, y, patient = clustered()
    options = {
        "path": PathOptions(n_lambdas=12, lambda_min_ratio=0.1, tolerance=2e-5),
        "stability": StabilityOptions(n_pairs=5, q=6, threshold=0.8),
    }
    rows = LabelledRows(X, y, patient)
    ours = stability_selection(rows, **options)
    theirs = stability_selection(rows, **options, compute=ComputeOptions(device="cpu"))
    assert np.abs(ours.selection_frequency - theirs.selection_frequency).max() <= 0.2 + 1e-9
    assert np.mean(ours.selection_frequency != theirs.selection_frequency) < 0.1
    assert theirs.n_unconverged == 0
    assert set(theirs.stable_support) == set(ours.stable_support)


def test_an_unknown_device_is_refused():
    X, y, patient = clustered()
    with pytest.raises(InputError, match="device must be"):
        stability_selection(LabelledRows(X, y, patient), compute=ComputeOptions(device="tpu"))


@needs_torch
def test_cuda_without_a_gpu_is_refused_and_auto_falls_back():
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    X, y, patient = clustered()
    with pytest.raises(InputError, match="needs a GPU"):
        stability_selection(LabelledRows(X, y, patient), compute=ComputeOptions(device="cuda"))
    auto = stability_selection(
        LabelledRows(X, y, patient), stability=StabilityOptions(n_pairs=2), compute=ComputeOptions(device="auto")
    )
    np.testing.assert_array_equal(
        auto.frequency_path,
        stability_selection(LabelledRows(X, y, patient), stability=StabilityOptions(n_pairs=2)).frequency_path,
    )
