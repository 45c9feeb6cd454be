import math

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import balanced_accuracy_score

from featkit.probes.cell_null import Cells, n_relabellings, relabelled_cells, ridge_accuracy


def test_patches_of_one_patient_with_one_value_are_relabelled_together():
    random = np.random.default_rng(0)
    patient, y = random.integers(0, 9, 300), random.integers(0, 3, 300)
    cells = Cells.of(y, patient)
    np.testing.assert_array_equal(cells.value[cells.cell], y)
    np.testing.assert_array_equal(cells.patient[cells.cell], patient)
    for labels in relabelled_cells(cells, None, 20, 0):
        for p in range(9):
            own = cells.patient == p
            assert sorted(labels[own]) == sorted(cells.value[own])


def test_values_of_whole_patients_are_exchanged_inside_their_class():
    patient = np.repeat(np.arange(30), 4)
    site, kind = np.random.default_rng(1).integers(0, 3, 30), np.arange(30) % 2
    y = site[patient]
    y[0] = (y[0] + 1) % 3  # patient 0 has two values and keeps them
    cells = Cells.of(y, patient)
    assert not cells.is_within
    found = relabelled_cells(cells, kind, 50, 0)
    alone = cells.patient > 0
    for labels in found:
        np.testing.assert_array_equal(labels[~alone], cells.value[~alone])
        for k in (0, 1):
            own = alone & (kind[cells.patient] == k)
            assert sorted(labels[own]) == sorted(cells.value[own])
    assert (found[:, alone] != cells.value[alone]).any(axis=1).all()


def test_relabellings_are_counted():
    crossed = Cells.of(np.tile([0, 1, 2], 4), np.repeat(np.arange(4), 3))
    assert n_relabellings(crossed, None) == math.factorial(3) ** 4
    nested = Cells.of(np.array([0, 0, 1, 1, 1]), np.arange(5))
    assert n_relabellings(nested, None) == math.comb(5, 2)
    assert n_relabellings(nested, np.array([0, 0, 0, 1, 1])) == 3


@pytest.mark.parametrize("cells_at_once", [8_000_000, 2000])
def test_every_relabelling_is_scored_as_if_it_were_the_only_one(cells_at_once, monkeypatch):
    monkeypatch.setattr("featkit.probes.cell_null._CELLS", cells_at_once)
    random = np.random.default_rng(2)
    patient, y = np.repeat(np.arange(10), 9), random.integers(0, 3, 90)
    X = random.normal(size=(90, 5)) + y[:, None] * 0.5
    cells = Cells.of(y, patient)
    labellings = np.concatenate([cells.value[None], relabelled_cells(cells, None, 6, 0)])
    weight = 90 / len(cells.value) / np.bincount(cells.cell)[cells.cell]
    mean = np.average(X, axis=0, weights=weight)
    Z = (X - mean) / np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))
    expected = []
    for labels in labellings:
        truth, assigned = labels[cells.cell], np.empty(90, dtype=int)
        for p in range(10):
            train = patient != p
            targets = np.eye(3)[truth[train]]
            share = np.average(targets, axis=0, weights=weight[train])
            ridge = Ridge(alpha=5).fit(Z[train], targets, sample_weight=weight[train])
            assigned[~train] = (ridge.predict(Z[~train]) / share).argmax(axis=1)
        expected.append(balanced_accuracy_score(truth, assigned, sample_weight=weight))
    np.testing.assert_allclose(ridge_accuracy(X, cells, labellings, [np.arange(90)], 3), expected)
