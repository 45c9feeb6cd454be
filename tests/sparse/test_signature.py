import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.preprocessing import StandardScaler

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.options import ComputeOptions, PathOptions, PenaltyOptions, SignatureOptions, StabilityOptions
from featkit.core.run_key import RunKey
from featkit.results.signature import Signature
from featkit.sparse import fit_signature, select_lambda
from featkit.stats.labelled_rows import LabelledRows
from featkit.stats.patient_folds import patient_folds


def clustered(seed=0, n_patients=40, rows=8, d=30, effect=1.5):
    random = np.random.default_rng(seed)
    label = (np.arange(n_patients) % 5 < 3).astype(int)
    patient = np.repeat(np.arange(n_patients), rows)
    X = random.standard_normal((n_patients, d))[patient] + random.standard_normal((patient.size, d))
    X[:, :3] += effect * label[patient, None]
    return X.astype(np.float32) * 3 + 1, label[patient], patient


def test_folds_hold_whole_patients_of_both_classes():
    _, y, patient = clustered()
    fold = patient_folds(y, patient, 4, seed=1)
    for k in range(4):
        held = set(patient[fold == k])
        assert not held & set(patient[fold != k])
        assert set(y[fold == k]) == {0, 1}
        assert len(held) == 10


@pytest.mark.parametrize(("score", "metric"), [("deviance", log_loss), ("auc", roc_auc_score)])
def test_fold_scores_are_those_of_scikit_learn(score, metric):
    X, y, patient = clustered()
    Z = StandardScaler().fit_transform(X.astype(float)).astype(np.float32)
    choice = select_lambda(
        LabelledRows(Z, y, patient),
        PathOptions(standardize=False, n_lambdas=6, lambda_min_ratio=0.1, tolerance=1e-8),
        PenaltyOptions(n_folds=4, score=score),
        seed=1,
    )
    fold = patient_folds(y, patient, 4, seed=1)
    for k in range(4):
        for index in (2, 5):
            train = fold != k
            model = LogisticRegression(
                C=1 / (choice.path.lambdas[index] * train.sum()), l1_ratio=1.0, solver="saga", tol=1e-7, max_iter=20000
            ).fit(Z[train].astype(float), y[train])
            theirs = metric(y[~train], model.predict_proba(Z[~train])[:, 1])
            assert choice.fold_scores[k, index] == pytest.approx(theirs, abs=2e-4)


def test_rules():
    X, y, patient = clustered()
    least = select_lambda(LabelledRows(X, y, patient), penalty=PenaltyOptions(rule="min"))
    sparse = select_lambda(LabelledRows(X, y, patient), penalty=PenaltyOptions(rule="1se"))
    assert least.index == np.argmin(least.mean)
    assert sparse.lambda_ >= least.lambda_
    limit = least.mean[least.index] + least.se[least.index]
    assert sparse.mean[sparse.index] <= limit
    assert np.all(sparse.mean[: sparse.index] > limit)
    np.testing.assert_allclose(least.se, least.fold_scores.std(axis=0, ddof=1) / np.sqrt(5))
    fixed = select_lambda(LabelledRows(X, y, patient), penalty=PenaltyOptions(rule="C", value=0.5))
    assert fixed.path.C[fixed.index] == pytest.approx(0.5)
    assert fixed.mean.size == 0
    given = select_lambda(LabelledRows(X, y, patient), penalty=PenaltyOptions(rule="lambda", value=0.03))
    assert given.lambda_ == 0.03


def test_a_signature_is_the_model_scikit_learn_fits_at_that_penalty(tmp_path):
    X, y, patient = clustered()
    X[:, 11] = 7.0
    signature = fit_signature(
        LabelledRows(X, y, patient),
        options=SignatureOptions(path=PathOptions(tolerance=1e-8), stability=StabilityOptions(n_pairs=5)),
        key=RunKey("grl", "100X"),
    )
    scaler = StandardScaler().fit(X.astype(float))
    model = LogisticRegression(
        C=1 / (signature.lambda_ * len(y)), l1_ratio=1.0, solver="saga", tol=1e-9, max_iter=20000
    ).fit(scaler.transform(X.astype(float)), y)
    np.testing.assert_array_equal(signature.support, np.flatnonzero(np.abs(model.coef_[0]) > 1e-6))
    np.testing.assert_allclose(signature.coefficients, model.coef_[0][signature.support], atol=1e-4)
    assert signature.n_dead == 1
    assert 11 not in signature.support
    p = model.predict_proba(scaler.transform(X.astype(float)))[:, 1]
    np.testing.assert_allclose(signature.predict_proba(X), p, atol=1e-4)
    again = Signature.load(signature.save(tmp_path / "signature.json"))
    np.testing.assert_array_equal(again.predict_proba(X), signature.predict_proba(X))
    frame = again.frame()
    assert frame.columns == ["dimension", "name", "coefficient", "selection_frequency", "is_stable"]
    assert frame["dimension"].to_list() == signature.support.tolist()
    assert {0, 1, 2} <= set(signature.support)
    assert again.key == RunKey("grl", "100X")


def test_a_file_written_before_classes_were_named_still_loads():
    X, y, patient = clustered()
    signature = fit_signature(
        LabelledRows(X, y, patient),
        options=SignatureOptions(
            penalty=PenaltyOptions(rule="lambda", value=0.05), stability=StabilityOptions(n_pairs=0)
        ),
    )
    written = signature.to_dict()
    assert written.pop("classes") == []
    again = Signature.from_dict(json.loads(json.dumps(written)))
    assert isinstance(again.intercept, float)
    assert again.coefficients.shape == (again.size,)
    assert not again.is_multinomial
    np.testing.assert_array_equal(again.predict_proba(X), signature.predict_proba(X))
    np.testing.assert_array_equal(again.strength, signature.coefficients)


def test_without_stability_selection():
    X, y, patient = clustered()
    signature = fit_signature(
        LabelledRows(X, y, patient), options=SignatureOptions(stability=StabilityOptions(n_pairs=0))
    )
    assert signature.selection_frequency.size == 0
    assert signature.frame()["is_stable"].is_null().all()
    assert np.isnan(signature.pfer)


def test_fewer_patients_than_folds_is_reported():
    X, y, patient = clustered(n_patients=7)
    with pytest.warns(FeatkitWarning, match="2 folds instead of 5"):
        signature = fit_signature(
            LabelledRows(X, y, patient), options=SignatureOptions(stability=StabilityOptions(n_pairs=2))
        )
    assert "2 folds instead of 5" in signature.notes[0]
    with pytest.raises(InputError, match="at least 5 patients for 5 folds, got 2"):
        select_lambda(LabelledRows(X, y, patient))


def test_the_same_seed_gives_the_same_signature_on_any_threads():
    X, y, patient = clustered()
    first, second = (
        fit_signature(
            LabelledRows(X, y, patient),
            options=SignatureOptions(stability=StabilityOptions(n_pairs=5)),
            compute=ComputeOptions(n_jobs=k),
            seed=3,
        )
        for k in (1, 3)
    )
    assert first.to_dict() == second.to_dict()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rule": "best"}, "rule must be"),
        ({"rule": "C"}, "value must be a positive penalty with rule lambda or C"),
        ({"rule": "min", "value": 1.0}, "and left out otherwise, got 1"),
        ({"rule": "C", "value": -1.0}, "value must be a positive penalty"),
        ({"score": "accuracy"}, "score must be"),
        ({"n_folds": 1}, "n_folds must be at least 2"),
    ],
)
def test_mistakes_are_named(arguments, message):
    X, y, patient = clustered()
    with pytest.raises(InputError, match=message):
        fit_signature(LabelledRows(X, y, patient), options=SignatureOptions(penalty=PenaltyOptions(**arguments)))
    with pytest.raises(InputError, match="X must have 30 dimensions"):
        fit_signature(
            LabelledRows(X, y, patient), options=SignatureOptions(stability=StabilityOptions(n_pairs=0))
        ).predict_proba(X[:, :5])


def test_importing_the_floor_is_light():
    heavy = ["sklearn", "torch", "numba", "polars", "scipy", "matplotlib"]
    code = f"import sys, featkit.sparse; print([m for m in {heavy!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.skipif("FEATKIT_TEST_DATA" not in os.environ, reason="FEATKIT_TEST_DATA is not set")
def test_real_features_give_a_certified_signature():
    with np.load(Path(os.environ["FEATKIT_TEST_DATA"]) / "breakhis" / "features_40x.npz", allow_pickle=False) as data:
        X, names = data["X"], [str(name) for name in data["filename"]]
    y = np.array([name.split("_")[1] == "M" for name in names], int)
    patient = np.array([re.search(r"-(\d+-\d+)", name)[1] for name in names])
    signature = fit_signature(
        LabelledRows(X, y, patient),
        options=SignatureOptions(
            path=PathOptions(n_lambdas=20),
            stability=StabilityOptions(n_pairs=5, q=10, threshold=0.7, bound="worst_case"),
        ),
    )
    assert signature.is_converged
    assert signature.n_patients == 70
    assert 0 < signature.size <= X.shape[1]
    assert roc_auc_score(y, signature.predict_proba(X)) > 0.65
