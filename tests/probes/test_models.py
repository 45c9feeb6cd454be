import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from featkit.core.errors import InputError
from featkit.probes import models
from featkit.probes.models import out_of_fold
from featkit.stats.patient_folds import patient_folds


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    y, patient = random.integers(0, 3, 300), random.integers(0, 25, 300)
    X = (random.normal(size=(300, 8)) + random.normal(size=(3, 8))[y]).astype(np.float32)
    return X, y, patient, patient_folds(y, patient, 4, 0)


def test_probabilities_are_those_of_a_pipeline_that_sees_training_rows_only(data, monkeypatch):
    X, y, patient, fold = data
    monkeypatch.setitem(models._SHRINKAGE, "linear", (20.0,))
    P, prior, notes = out_of_fold(X, y, patient, fold, "linear", 0)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=1 / 20, tol=1e-8))
    oracle = cross_val_predict(pipeline, X, y, cv=PredefinedSplit(fold), method="predict_proba")
    np.testing.assert_allclose(P, oracle, atol=2e-3)
    for f in range(4):
        np.testing.assert_allclose(
            prior[fold == f], np.tile(np.bincount(y[fold != f]) / (fold != f).sum(), (sum(fold == f), 1))
        )
    assert notes == []


def test_shrinkage_follows_the_signal(data):
    X, y, patient, _ = data
    strong, _ = models._choose(X, y, patient, np.arange(300), "linear", 0)
    noise = np.random.default_rng(1).normal(size=X.shape).astype(np.float32)
    none, _ = models._choose(noise, y, patient, np.arange(300), "linear", 0)
    assert strong < none


def test_too_few_patients_for_a_choice_are_said(data):
    X, y, _, _ = data
    two = np.arange(300) % 4
    P, _, notes = out_of_fold(X, y, two, two % 2, "linear", 0)
    assert np.isfinite(P).all()
    assert any("too few patients" in note for note in notes)


@pytest.mark.parametrize("model", ["linear", "mlp"])
def test_probabilities_are_probabilities_and_repeatable(data, model, monkeypatch):
    monkeypatch.setattr(models, "_COMPONENTS", 4)
    P, _, _ = out_of_fold(*data, model, 3)
    np.testing.assert_allclose(P.sum(axis=1), 1)
    assert (P > 0).all()
    np.testing.assert_array_equal(P, out_of_fold(*data, model, 3)[0])
    assert np.mean(P.argmax(axis=1) == data[1]) > 0.6


def test_fits_that_stop_early_are_said(data, monkeypatch):
    real = models._estimator
    monkeypatch.setitem(models._SHRINKAGE, "linear", (1e-3,))
    monkeypatch.setattr(models, "_estimator", lambda *a: real(*a).set_params(max_iter=1))
    _, _, notes = out_of_fold(*data, "linear", 0)
    assert notes == ["4 of 4 fits stopped before they converged"]


def test_an_unknown_model_is_refused():
    with pytest.raises(InputError, match=r"linear or mlp, got 'linaer'\. Did you mean 'linear'"):
        models.model_name("linaer")
