import numpy as np
import pytest
from sklearn.linear_model import Ridge

from featkit.probes.left_out_ridge import left_out_scores


@pytest.mark.parametrize(("n_each", "d", "n_more"), [(10, 6, 0), (3, 60, 0), (3, 8, 100)])
def test_scores_are_those_of_a_regression_refitted_without_the_patient(n_each, d, n_more):
    random = np.random.default_rng(n_each)
    patient = np.concatenate([np.repeat(np.arange(8), n_each), np.zeros(n_more, dtype=int)])
    names, cell = np.unique(patient * 3 + random.integers(0, 3, len(patient)), return_inverse=True)
    X = random.normal(size=(len(patient), d)).astype(np.float32)
    X[:, 1] = 0.1  # a constant column changes nothing
    weight = len(X) / len(names) / np.bincount(cell)[cell]
    mean = np.average(X.astype(np.float64), axis=0, weights=weight)
    deviation = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))
    varies = deviation > 1e-6
    Z, targets, n_seen = ((X - mean) / np.where(varies, deviation, 1))[:, varies], np.eye(len(names))[cell], 0
    for rows, scores in left_out_scores(X, cell, names // 3):
        others = ~np.isin(patient, patient[rows])
        oracle = Ridge(alpha=d - 1).fit(Z[others], targets[others], sample_weight=weight[others])
        np.testing.assert_allclose(scores, oracle.predict(Z[rows]), atol=1e-9)
        n_seen += len(rows)
    assert n_seen == len(X)
