import dataclasses
import shutil

import numpy as np
import polars as pl
import pytest

from featkit import workflows
from featkit.core.errors import InputError
from featkit.store import write_store
from featkit.workflows.steps.forecasts import (
    fold_forecasts,
    gather_forecasts,
    head_forecast,
    load_signature,
    signature_forecast,
    signature_path,
    target,
)
from featkit.workflows.steps.sources import find_sources


@pytest.fixture
def source(make_store, head):
    (source,) = find_sources(make_store(probabilities=head))
    return source


def test_forecasts_are_of_the_rows_of_their_role(source, head):
    split = source.split("200X")
    for role in ("test", "val"):
        (forecast,) = fold_forecasts(source, "200X", role)
        rows = split.rows(role)
        assert forecast.patch_ids.tolist() == split.patch_ids[rows].tolist()
        np.testing.assert_allclose(forecast.p, head[rows, 1], rtol=1e-6)
        assert set(forecast.folds.tolist()) == {"200X"}


def test_majority_baseline_knows_the_training_rows_alone(source):
    split = source.split("200X")
    y, _ = source.targets()
    forecast = head_forecast(source, split)
    assert forecast.training_prevalence["200X"][1] == pytest.approx(y[split.rows("train")].mean(), abs=1e-12)


def test_joined_forecasts_keep_every_fold_and_its_prevalence(source):
    joined = gather_forecasts([source], None)["planted head"]
    parts = [fold_forecasts(source, fold)[0] for fold in source.folds()]
    assert joined.y.size == sum(part.y.size for part in parts)
    assert list(joined.training_prevalence) == source.folds()
    np.testing.assert_array_equal(joined.p, np.concatenate([part.p for part in parts]))


def test_probabilities_of_every_class_are_told_and_add_up(source):
    frame = gather_forecasts([source], "100X")["planted head"].frame()
    assert frame.columns[-2:] == ["p_benign", "p_malignant"]
    np.testing.assert_allclose(frame["p_benign"] + frame["p_malignant"], 1, atol=1e-12)


def test_only_a_signature_of_this_very_store_is_loaded(source, make_store, planted):
    assert load_signature(source, "100X") is None
    workflows.signatures(source.store, fold="100X", n_pairs=0, figures=False)
    assert load_signature(source, "100X").store_id == source.store.store_id
    (other,) = find_sources(make_store("other", planted[0] + 1), output=source.results)
    assert load_signature(other, "100X") is None


def test_signatures_of_all_classes_and_of_named_ones_stand_beside_each_other(three_classes, tmp_path):
    X, rows, y, head = three_classes
    classes = ["adenosis", "ductal, in situ", "lobular"]
    store = write_store(tmp_path / "three.zarr", X, rows, {"encoder": "made"}, probabilities=head, classes=classes)
    (source,) = find_sources(store)
    for positive in (None, "lobular", "ductal, in situ"):
        workflows.signatures(store, fold="100X", positive=positive, n_pairs=0, figures=False)
    found = {forecast.name: forecast for forecast in fold_forecasts(source, "100X")}
    assert list(found) == [
        "three head", "three signature", "three signature, ductal, in situ", "three signature, lobular",
    ]  # fmt: skip
    test = source.split("100X").rows("test")
    named = found["three signature, lobular"]
    assert named.classes == ("rest", "lobular")
    np.testing.assert_array_equal(named.y, (y[test] == 2).astype(int))
    np.testing.assert_allclose(found["three signature"].p.sum(axis=1), 1, atol=1e-12)
    shares = np.bincount(y[source.split("100X").rows("train")]) / len(source.split("100X").rows("train"))
    np.testing.assert_allclose(named.training_prevalence["100X"], [shares[:2].sum(), shares[2]])
    assert load_signature(source, "100X", "adenosis") is None
    assert load_signature(source, "200X", "lobular") is None


def test_a_signature_is_not_taken_for_that_of_another_class_or_fold(three_classes, make_store):
    X, rows, _, _ = three_classes
    (source,) = find_sources(make_store("three", X=X, rows=rows))
    workflows.signatures(source.store, fold="100X", positive="lobular", n_pairs=0, figures=False)
    saved = signature_path(source, "100X", "lobular")
    for fold, positive in (("100X", "adenosis"), ("100X", None), ("200X", "lobular")):
        shutil.copy(saved, signature_path(source, fold, positive))
        assert load_signature(source, fold, positive) is None
    assert load_signature(source, "100X", "lobular").classes == ("rest", "lobular")


def test_columns_follow_the_order_of_the_store_s_classes(three_classes, make_store):
    X, rows, _, _ = three_classes
    (source,) = find_sources(make_store("three", X=X, rows=rows))
    workflows.signatures(source.store, fold="100X", n_pairs=0, figures=False)
    signature = load_signature(source, "100X")
    turned = dataclasses.replace(
        signature,
        classes=signature.classes[::-1],
        coefficients=signature.coefficients[:, ::-1],
        intercept=signature.intercept[::-1],
    )
    split = source.split("100X")
    np.testing.assert_allclose(
        signature_forecast(source, split, turned).p, signature_forecast(source, split, signature).p, atol=1e-12
    )


@pytest.mark.parametrize(
    ("label", "positive", "message"),
    [
        ("rest", "rest", "must not be called 'rest'"),
        ("ductal; in situ", "ductal, in situ", "got 'ductal, in situ' and 'ductal; in situ'"),
    ],
)
def test_a_class_is_named_only_where_its_name_tells_it_from_the_others(
    three_classes, make_store, label, positive, message
):
    X, rows, _, _ = three_classes
    renamed = rows.with_columns(label=pl.when(pl.col("label") == "lobular").then(pl.lit(label)).otherwise("label"))
    (source,) = find_sources(make_store("renamed", X=X, rows=renamed))
    with pytest.raises(InputError, match=message):
        target(source, positive)
