import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.probes.folds import patient_folds


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n_folds=st.integers(2, 5))
def test_no_patient_is_in_two_folds_and_no_fold_is_empty(seed, n_folds):
    random = np.random.default_rng(seed)
    patient = random.integers(0, 15, 200)
    y = random.integers(0, 3, 200)
    fold = patient_folds(y, patient, n_folds, seed)
    assert set(fold) == set(range(n_folds))
    for p in np.unique(patient):
        assert len(np.unique(fold[patient == p])) == 1
    np.testing.assert_array_equal(fold, patient_folds(y, patient, n_folds, seed))


def test_what_cannot_be_split_is_refused():
    y, patient = np.repeat([0, 1], 20), np.arange(40) // 4
    with pytest.raises(InputError, match="as many patients as folds, 11, got 10"):
        patient_folds(y, patient, 11, 0)
    with pytest.raises(InputError, match="at least 5 patches, got 2"):
        patient_folds(np.r_[np.zeros(38, int), 1, 1], np.arange(40), 5, 0)
    with pytest.raises(InputError, match="class 1 in 1 patients"):
        patient_folds((patient == 3).astype(int), patient, 3, 0)
