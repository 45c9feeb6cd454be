"""What every kind of sparse model promises."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.options import ComputeOptions, PathOptions
from featkit.core.probabilities import probabilities
from featkit.sparse import logistic_path, multinomial_path
from featkit.sparse.model import sparse_model
from featkit.stats.labelled_rows import LabelledRows

KINDS = {2: logistic_path, 4: multinomial_path}


def draw(n_classes, seed=0, n=160, d=20):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, d)).astype(np.float32)
    y = (2.0 * X[:, :n_classes] + random.gumbel(size=(n, n_classes))).argmax(axis=1)
    return 2 * X + 1, y, 1000 * y + np.arange(n) // 32  # patients of one class each


@pytest.fixture(params=sorted(KINDS))
def n_classes(request):
    return request.param


def test_its_path_is_that_of_the_solver(n_classes):
    X, y, patient = draw(n_classes)
    model = sparse_model(LabelledRows(X, y, patient))
    lambdas = model.largest_lambda * np.geomspace(1, 0.1, 5)
    path = model.path(lambdas, 1e-6)
    plain = KINDS[n_classes](LabelledRows(X, y, "patches"), PathOptions(lambdas=lambdas, tolerance=1e-6))
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    assert path.null_loss == pytest.approx(plain.null_loss, rel=1e-9)
    assert (path.n_rows, path.n_dimensions, path.is_multinomial) == (160, 20, n_classes > 2)
    for k in range(5):
        np.testing.assert_array_equal(path.support(k), plain.support(k))
        np.testing.assert_allclose(path.predict_proba(Z, k), plain.predict_proba(X, k), atol=1e-4)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-6])
def test_nothing_is_selected_at_the_largest_penalty_and_something_below(n_classes, tolerance):
    for seed in range(5):
        X, y, patient = draw(n_classes, seed)
        model = sparse_model(LabelledRows(X, y, patient))
        record = model.solve_path(model.largest_lambda * np.array([1.0, 0.9]), tolerance)
        assert record.supports[0].size == 0
        assert record.supports[1].size > 0
        assert record.losses[0] == pytest.approx(model.null_loss, rel=1e-9)
        shares = np.bincount(y) / len(y)
        assert model.null_loss == pytest.approx(-np.sum(shares * np.log(shares)), rel=1e-9)


def test_sets_of_rows_are_solved_as_if_alone_on_any_threads(n_classes):
    X, y, patient = draw(n_classes)
    model = sparse_model(LabelledRows(X, y, patient), PathOptions(standardize=False))
    random = np.random.default_rng(1)
    parts = [np.sort(random.choice(160, 90, replace=False)) for _ in range(5)]
    lambdas = model.largest_lambda * np.geomspace(0.8, 0.1, 4)
    found = model.solve_paths(parts, lambdas, 1e-6, compute=ComputeOptions(n_jobs=2))
    again = model.solve_paths(parts, lambdas, 1e-6, compute=ComputeOptions(n_jobs=1))
    for rows, record, same in zip(parts, found, again):
        alone = KINDS[n_classes](
            LabelledRows(X[rows], y[rows], "patches"), PathOptions(lambdas=lambdas, standardize=False, tolerance=1e-7)
        )
        for k in range(4):
            np.testing.assert_array_equal(record.values[k], same.values[k])
            ours = probabilities(model.predictor(record, k, rows))
            np.testing.assert_allclose(ours, alone.predict_proba(X[rows], k), atol=5e-3)
            assert abs(record.losses[k] - alone.losses[k]) < 1e-3 * model.null_loss


def test_it_stops_at_the_entrants_asked(n_classes):
    X, y, patient = draw(n_classes)
    model = sparse_model(LabelledRows(X, y, patient))
    lambdas = model.largest_lambda * np.geomspace(1, 0.01, 20)
    done = []
    records = model.solve_paths(
        [np.arange(80), np.arange(160)], lambdas, 1e-4, max_entrants=3, done=lambda: done.append(1)
    )
    assert len(done) == 2
    for record in records:
        assert len(record.entrants) >= 3
        assert len(record.supports) < 20
        assert np.unique(np.concatenate(record.supports[:-1])).size < 3


def test_losses_are_log_losses(n_classes):
    X, y, patient = draw(n_classes)
    model = sparse_model(LabelledRows(X, y, patient))
    record = model.solve_path(model.largest_lambda * np.array([0.2]), 1e-6)
    predictor = model.predictor(record, 0, np.arange(160))
    expected = log_loss(y, probabilities(predictor))
    assert np.mean(model.losses(predictor, model.y)) == pytest.approx(expected, rel=1e-9)
    assert record.losses[0] == pytest.approx(expected, rel=1e-5)
    assert np.isfinite(model.losses(predictor * 1e4, model.y)).all()


def test_rows_beyond_memory_are_thinned_and_said(n_classes):
    X, y, patient = draw(n_classes)
    with pytest.warns(FeatkitWarning, match="patches are used"):
        model = sparse_model(LabelledRows(X, y, patient), compute=ComputeOptions(max_bytes=16 * 20 * 120))
    assert model.y.size <= 120
    assert "patches are used" in model.notes[0]


def test_patients_are_named_or_said_not_to_matter(n_classes):
    X, y, _ = draw(n_classes)
    with pytest.raises(InputError, match="groups must name the patient of each patch, got None"):
        sparse_model(LabelledRows(X, y, None))
    assert sparse_model(LabelledRows(X, y, "patches")).patients.names.size == len(y)


@pytest.mark.parametrize("missing", [np.nan, None])
def test_a_missing_label_is_no_class(n_classes, missing):
    X, y, patient = draw(n_classes)
    y = y.astype(object if missing is None else float)
    y[3] = missing
    with pytest.raises(InputError, match="label"):
        sparse_model(LabelledRows(X, y, patient))


def test_values_are_no_classes():
    X, y, patient = draw(4)
    with pytest.raises(InputError, match="labels must be names or whole numbers"):
        sparse_model(LabelledRows(X, y + 0.5, patient))


def test_class_names_are_indexed():
    X, y, patient = draw(4)
    assert sparse_model(LabelledRows(X, y, patient)).classes == ("0", "1", "2", "3")
    assert sparse_model(LabelledRows(X, y, patient), classes="wxyz").classes == tuple("wxyz")
    words = np.array(["z", "a", "m", "b"])[y]
    model = sparse_model(LabelledRows(X, words, patient))
    assert model.classes == ("a", "b", "m", "z")
    np.testing.assert_array_equal(np.array(model.classes)[model.y], words)
    with pytest.raises(InputError, match="labels must be indices of the 5 classes, got a, b, m, z"):
        sparse_model(LabelledRows(X, words, patient), classes="vwxyz")
