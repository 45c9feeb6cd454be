"""Folds that share no patient."""

import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.stats.patient_folds import patient_folds


@pytest.mark.parametrize("n_folds", [2, 3, 5])
def test_patients_stay_whole_and_classes_are_spread_evenly(n_folds):
    patient = np.repeat(np.arange(40), 6)
    y = np.where(patient < 27, 0, 1)
    fold = patient_folds(y, patient, n_folds, 0)
    for k in range(2):
        counts = [np.unique(patient[(fold == f) & (y == k)]).size for f in range(n_folds)]
        assert max(counts) - min(counts) <= 1
    assert all(np.unique(fold[patient == p]).size == 1 for p in range(40))
    np.testing.assert_array_equal(fold, patient_folds(y, patient, n_folds, 0))
    assert (fold != patient_folds(y, patient, n_folds, 0, stream=("others",))).any()


def test_patients_with_rows_of_every_class_are_dealt_too():
    patient, y = np.repeat(np.arange(12), 4), np.tile(np.arange(4), 12)
    fold = patient_folds(y, patient, 3, 1)
    assert np.bincount(fold).tolist() == [16, 16, 16]


def test_a_rare_class_is_refused_or_dealt_to_some_folds():
    patient = np.arange(20)
    y = (patient < 2).astype(int)
    with pytest.raises(InputError, match="at least 5 patients for 5 folds, got 2 of class 1"):
        patient_folds(y, patient, 5, 0)
    fold = patient_folds(y, patient, 5, 0, in_every_fold=False)
    assert np.unique(fold[y == 1]).size == 2
    with pytest.raises(InputError, match="class 1 in 1 patients"):
        patient_folds((patient == 3).astype(int), patient, 3, 0, in_every_fold=False)


def test_too_few_patients_or_folds_are_refused():
    with pytest.raises(InputError, match="as many patients as folds"):
        patient_folds(np.array([0, 1]), np.array([0, 1]), 3, 0)
    with pytest.raises(InputError, match="n_folds must be at least 2"):
        patient_folds(np.array([0, 1]), np.array([0, 1]), 1, 0)
