"""The price of sparsity: a ridge-logistic model on all dimensions beside each signature."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from featkit import workflows
from featkit.core.options import CompareOptions, PathOptions, SignatureOptions, StabilityOptions
from featkit.core.run_key import RunFilter
from featkit.results import DenseModel, Evaluation, SparsityPrice
from featkit.workflows.steps.sources import find_sources

PLAIN = SignatureOptions(path=PathOptions(n_lambdas=20), stability=StabilityOptions(n_pairs=0))


def fit(store, fold="100X", **chosen):
    return workflows.signatures(store, runs=RunFilter(fold=fold), options=PLAIN.with_given(**chosen))


def test_the_model_on_all_dimensions_is_scored_beside_its_signature(make_store):
    store = make_store()
    found = fit(store)
    (key,) = found.signatures
    (source,) = find_sources(store)
    dense = source.results.every(DenseModel).one()
    assert (dense.key.model, dense.key.fold, dense.n_dimensions) == ("dense", "100X", 40)
    rows = source.split("100X").rows("test")
    y, X = source.targets()[0][rows], store.X(rows)
    p, q = found.signatures[key].predict_proba(X), dense.predict_proba(X)
    assert found.dense[key].get("auc").value == pytest.approx(roc_auc_score(y, q), abs=1e-12)
    price = found.prices[key].differences
    assert price["auc"].value == pytest.approx(roc_auc_score(y, p) - roc_auc_score(y, q), abs=1e-12)
    assert price["brier"].value == pytest.approx(brier_score_loss(y, p) - brier_score_loss(y, q), abs=1e-12)
    assert price["brier"].low < price["brier"].value < price["brier"].high
    row = found.frame().row(0, named=True)
    assert row["dense_auc"] == found.dense[key].get("auc").value
    assert row["auc_price"] == price["auc"].value
    assert source.results.get(SparsityPrice, key).to_dict() == found.prices[key].to_dict()


def test_it_sees_the_training_rows_alone(make_store, planted):
    (source,) = find_sources(make_store())
    X = planted[0].copy()
    X[source.split("100X").role != "train"] *= 1e6
    coefficients = []
    for store in (source.store, make_store("poisoned", X)):
        fit(store)
        coefficients.append(find_sources(store)[0].results.every(DenseModel).one().coefficients)
    np.testing.assert_array_equal(*coefficients)


def test_it_is_fitted_once_and_left_out_when_not_asked_for(make_store, monkeypatch):
    import featkit.sparse

    store = make_store()
    without = fit(store, dense=False)
    assert len(without.dense) == len(without.prices) == 0
    assert without.frame()["auc_price"].to_list() == [None]
    first = fit(store)
    monkeypatch.setattr(featkit.sparse, "fit_dense", lambda *_, **__: pytest.fail("fitted again"), raising=False)
    assert fit(store).to_dict() == first.to_dict()
    assert len(fit(store, dense=False).prices) == 1  # there already, so it is shown


def test_evaluate_and_compare_take_it_as_a_model_of_its_own(make_store, planted):
    stores = [make_store("one"), make_store("two", planted[0] + np.float32(0.5) * planted[0][:, ::-1])]
    for store in stores:
        fit(store)
    found = workflows.evaluate(stores[0], runs=RunFilter(fold="100X"))
    assert [key.model for key in found.evaluations] == ["dense", "signature"]
    options = CompareOptions(model="dense", metrics=("brier",))
    compared = workflows.compare(*stores, runs=RunFilter(fold="100X"), options=options)
    assert {key.model for key in compared.names} == {"dense"}
    (source,) = find_sources(stores[0])
    dense = source.results.every(Evaluation).one(model="dense", fold="100X")
    row = next(row for row in compared.rows if row.metric == "brier")
    assert row.value_a == pytest.approx(dense.get("brier", "100X", "fold").value, abs=1e-12)


def test_of_three_classes_one_or_all_are_told_apart(three_classes, make_store):
    X, rows, y, _ = three_classes
    store = make_store("three", X=X, rows=rows)
    (source,) = find_sources(store)
    test = source.split("100X").rows("test")
    for positive in (None, "lobular"):
        found = fit(store, positive=positive)
        dense = source.results.every(DenseModel).one(positive=positive)
        P = dense.predict_proba(store.X(test))
        expected = roc_auc_score(y[test], P, multi_class="ovr") if positive is None else roc_auc_score(y[test] == 2, P)
        assert found.dense.one().get("auc").value == pytest.approx(expected, abs=1e-12)
