"""The dense reference against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from featkit.core.errors import InputError
from featkit.core.options import RidgeOptions
from featkit.core.run_key import RunKey
from featkit.results.dense_model import DenseModel
from featkit.sparse import fit_dense
from featkit.stats.labelled_rows import LabelledRows
from featkit.stats.patient_folds import patient_folds


def draw(n_classes, d=30, n_patients=40, rows=6, seed=0):
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), rows)
    y = patient % n_classes
    X = random.standard_normal((patient.size, d)) + 0.5 * random.standard_normal((n_patients, d))[patient]
    X[:, :n_classes] += 0.8 * np.eye(n_classes)[y]
    return 3 * X + 1, y, patient


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("d", [30, 400])
def test_it_is_scikit_learns_ridge_on_standardised_dimensions(n_classes, d):
    X, y, patient = draw(n_classes, d)
    model = fit_dense(LabelledRows(X, y, patient), ridge=RidgeOptions(cs=(0.01,)))
    scaler = StandardScaler().fit(X)
    theirs = LogisticRegression(C=0.01, tol=1e-8, max_iter=5000).fit(scaler.transform(X), y)
    p = theirs.predict_proba(scaler.transform(X))
    np.testing.assert_allclose(model.predict_proba(X), p[:, 1] if n_classes == 2 else p, atol=2e-4)
    assert model.is_converged
    assert (model.ridge_c, model.n_dimensions, model.n_patients) == (0.01, d, 40)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_penalty_has_the_smallest_loss_over_patient_folds(n_classes):
    X, y, patient = draw(n_classes)
    cs = (1e-3, 1e-1, 10.0)
    model = fit_dense(LabelledRows(X, y, patient), ridge=RidgeOptions(cs=cs), seed=3)
    fold, Z = patient_folds(y, patient, 5, 3), StandardScaler().fit_transform(X)
    for c, loss in zip(cs, model.cv_mean):
        total = 0.0
        for k in range(5):
            fit = LogisticRegression(C=c, tol=1e-6, max_iter=5000).fit(Z[fold != k], y[fold != k])
            p = fit.predict_proba(Z[fold == k])
            total -= np.log(p[np.arange(len(p)), y[fold == k]]).sum()
        assert loss == pytest.approx(total / len(y), abs=2e-3)
    assert model.ridge_c == cs[int(np.argmin(model.cv_mean))]


def test_constant_dimensions_weigh_nothing_and_json_gives_it_back(tmp_path):
    X, y, patient = draw(3)
    X[:, 7] = 5.0
    model = fit_dense(LabelledRows(X, y, patient), classes=("a", "b", "c"), key=RunKey("grl", "100X"))
    assert np.abs(model.coefficients[7]).max() < 1e-6
    again = DenseModel.load(model.save(tmp_path / "dense.json"))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert (again.key, again.classes) == (RunKey("grl", "100X"), ("a", "b", "c"))
    assert again.frame()["is_chosen"].sum() == 1


def test_one_patient_of_a_class_leaves_no_penalty_to_choose():
    X, y, patient = draw(2)
    kept = (y == 0) | (patient == 1)
    with pytest.raises(InputError, match="at least 2 training patients to choose the ridge penalty, got 1"):
        fit_dense(LabelledRows(X[kept], y[kept], patient[kept]))
    assert fit_dense(LabelledRows(X[kept], y[kept], patient[kept]), ridge=RidgeOptions(cs=(0.1,))).cv_mean.size == 0


def test_other_dimensions_are_refused():
    X, y, patient = draw(2)
    model = fit_dense(LabelledRows(X, y, patient), ridge=RidgeOptions(cs=(0.1,)))
    with pytest.raises(InputError, match="X must have 30 dimensions"):
        model.predict_proba(X[:, :5])
