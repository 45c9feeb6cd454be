import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import balanced_accuracy_score

from featkit.probes.ridge import RidgeDesign, ridge_balanced_accuracy


@pytest.mark.parametrize(("m", "d"), [(60, 8), (20, 50)])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_predictions_are_those_of_sklearn(m, d, is_weighted):
    random = np.random.default_rng(m)
    A, B = random.normal(size=(m, d)) * 3 + 1, random.normal(size=(15, d))
    Y = random.normal(size=(m, 3))
    w = random.uniform(0.5, 2, m) if is_weighted else np.ones(m)
    mean = np.average(A, axis=0, weights=w)
    deviation = np.sqrt(np.average((A - mean) ** 2, axis=0, weights=w))
    oracle = Ridge(alpha=d).fit((A - mean) / deviation, Y, sample_weight=w / w.mean())
    found = RidgeDesign(A, B, w if is_weighted else None).predict(Y)
    np.testing.assert_allclose(found, oracle.predict((B - mean) / deviation), rtol=1e-8, atol=1e-10)


def test_constant_columns_change_nothing():
    random = np.random.default_rng(0)
    A, B, Y = random.normal(size=(30, 4)), random.normal(size=(9, 4)), random.normal(size=(30, 2))
    padded = [np.column_stack([M, np.full(len(M), 0.1)]) for M in (A, B)]
    np.testing.assert_allclose(RidgeDesign(*padded).predict(Y), RidgeDesign(A, B).predict(Y), rtol=1e-12)


@pytest.mark.parametrize("cells", [16_000_000, 200])
def test_all_labellings_at_once_are_each_on_its_own(cells, monkeypatch):
    monkeypatch.setattr("featkit.probes.ridge._CELLS", cells)
    random = np.random.default_rng(1)
    X, fold = random.normal(size=(90, 6)), random.integers(0, 3, 90)
    labellings = random.integers(0, 3, size=(7, 90))
    parts = [np.arange(50), np.arange(50, 90)]
    expected = []
    for y in labellings:
        of_parts = []
        for rows in parts:
            decided = np.empty(len(rows), dtype=int)
            for f in range(3):
                train, test = rows[fold[rows] != f], rows[fold[rows] == f]
                Y = np.eye(3)[y[train]]
                scores = RidgeDesign(X[train], X[test]).predict(Y) / Y.mean(axis=0)
                decided[fold[rows] == f] = scores.argmax(axis=1)
            of_parts.append(balanced_accuracy_score(y[rows], decided))
        expected.append(np.mean(of_parts))
    np.testing.assert_allclose(ridge_balanced_accuracy(X, labellings, fold, parts, 3), expected)
