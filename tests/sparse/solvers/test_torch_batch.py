import importlib.util

import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.sparse import logistic_path, stability_selection

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
    from featkit.sparse.solvers.torch_batch import solve_batched

    X, y, patient = clustered()
    rows = [np.flatnonzero(patient % 3 != k) for k in range(3)]
    exact = [
        logistic_path(X[part], y[part], n_lambdas=6, lambda_min_ratio=0.1, l1_ratio=l1_ratio, tolerance=1e-8)
        for part in rows
    ]
    lambdas = exact[0].lambdas
    exact = [logistic_path(X[part], y[part], lambdas=lambdas, l1_ratio=l1_ratio, tolerance=1e-8) for part in rows]
    columns = np.ascontiguousarray(X.T)
    traces = solve_batched(columns, y.astype(float), rows, np.ones(40), lambdas, 1e-4, l1_ratio, device="cpu")
    for path, trace in zip(exact, traces):
        for k in range(6):
            b = np.zeros(40)
            b[trace.supports[k]] = trace.values[k]
            c = path.coefficients(k)

            def penalty(b, lambda_=lambdas[k]):
                return lambda_ * np.sum(l1_ratio * np.abs(b) + (1 - l1_ratio) * b**2 / 2)

            excess = trace.losses[k] + penalty(b) - path.losses[k] - penalty(c)
            assert -1e-5 <= excess <= trace.gaps[k] + 1e-6
            assert trace.gaps[k] <= 1e-4
            assert set(np.flatnonzero(np.abs(c) > 0.05)) <= set(trace.supports[k])


@needs_torch
def test_stability_selection_agrees_across_solvers():
    X, y, patient = clustered()
    options = {"n_pairs": 5, "n_lambdas": 12, "lambda_min_ratio": 0.1, "tolerance": 2e-5}
    ours = stability_selection(X, y, patient, q=6, threshold=0.8, **options)
    theirs = stability_selection(X, y, patient, q=6, threshold=0.8, device="cpu", **options)
    assert np.abs(ours.selection_frequency - theirs.selection_frequency).max() <= 0.2 + 1e-9
    assert np.mean(ours.selection_frequency != theirs.selection_frequency) < 0.1
    assert theirs.n_unconverged == 0
    assert set(theirs.stable_support) == set(ours.stable_support)


def test_an_unknown_device_is_refused():
    X, y, patient = clustered()
    with pytest.raises(InputError, match="device must be auto, cpu or cuda"):
        stability_selection(X, y, patient, device="tpu")


@needs_torch
def test_cuda_without_a_gpu_is_refused_and_auto_falls_back():
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    X, y, patient = clustered()
    with pytest.raises(InputError, match="needs a GPU"):
        stability_selection(X, y, patient, device="cuda")
    auto = stability_selection(X, y, patient, n_pairs=2, device="auto")
    np.testing.assert_array_equal(auto.frequency_path, stability_selection(X, y, patient, n_pairs=2).frequency_path)
