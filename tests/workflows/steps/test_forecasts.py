import dataclasses
import shutil

import numpy as np
import polars as pl
import pytest

from featkit import workflows
from featkit.core.errors import InputError
from featkit.core.options import PathOptions, SignatureOptions, StabilityOptions
from featkit.core.run_key import RunFilter, RunKey
from featkit.results import Signature
from featkit.store import write_store
from featkit.workflows.steps.forecasts import (
    analysed_folds,
    fitted_model,
    fold_models,
    forecasts_of,
    gather_models,
    head_forecast,
    model_forecast,
    run_key,
)
from featkit.workflows.steps.sources import find_sources
from featkit.workflows.steps.targets import said_positive, target


def fit(store, fold=None, positive=None, output=None):
    options = SignatureOptions(
        path=PathOptions(n_lambdas=20), stability=StabilityOptions(n_pairs=0), positive=positive, dense=False
    )
    return workflows.signatures(store, runs=RunFilter(fold=fold), options=options, output=output)


def gathered(source, fold=None):
    return forecasts_of(gather_models([source], RunFilter(fold=fold)))


@pytest.fixture
def source(make_store, head):
    (source,) = find_sources(make_store(probabilities=head))
    return source


def test_forecasts_are_of_the_rows_of_their_role(source, head):
    split = source.split("200X")
    for role in ("test", "val"):
        (model,) = fold_models(source, "200X")
        forecast = model.forecast(role)
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
    joined = gathered(source)[RunKey("planted", None, 0, "head")]
    parts = [fold_models(source, fold)[0].forecast() for fold in source.folds()]
    assert joined.y.size == sum(part.y.size for part in parts)
    assert list(joined.training_prevalence) == source.folds()
    np.testing.assert_array_equal(joined.p, np.concatenate([part.p for part in parts]))


def test_probabilities_of_every_class_are_told_and_add_up(source):
    frame = gathered(source, "100X")[RunKey("planted", None, 0, "head")].frame()
    assert frame["seed"].unique().to_list() == [0]
    assert frame.columns[-2:] == ["p_benign", "p_malignant"]
    np.testing.assert_allclose(frame["p_benign"] + frame["p_malignant"], 1, atol=1e-12)


def test_only_a_signature_of_this_very_store_is_taken(source, make_store, planted, tmp_path):
    assert fitted_model(source, run_key(source, "100X", "signature")) is None
    fit(source.store, "100X")
    assert fitted_model(source, run_key(source, "100X", "signature")).made_from.inputs["store"] == source.store.store_id
    (other,) = find_sources(make_store("other", planted[0] + 1), output=source.results.root)
    assert fitted_model(other, run_key(other, "100X", "signature")) is None
    (tmp_path / "moved").mkdir()
    (changed,) = find_sources(make_store("moved/planted", planted[0] + 1), output=source.results.root)
    with pytest.raises(InputError, match=r"must be of the present store.*Run 'featkit signatures' again"):
        fitted_model(changed, run_key(changed, "100X", "signature"))
    fit(changed.store, "100X")  # beside its store
    assert (
        fitted_model(changed, run_key(changed, "100X", "signature")).made_from.inputs["store"] == changed.store.store_id
    )


def test_signatures_of_all_classes_and_of_named_ones_stand_beside_each_other(three_classes, tmp_path):
    X, rows, y, head = three_classes
    classes = ["adenosis", "ductal, in situ", "lobular"]
    store = write_store(tmp_path / "three.zarr", X, rows, {"encoder": "made"}, probabilities=head, classes=classes)
    (source,) = find_sources(store)
    for positive in (None, "lobular", "ductal, in situ"):
        fit(store, "100X", positive)
    found = {(m.key.model, m.key.positive): m.forecast() for m in fold_models(source, "100X")}
    signatures = [("signature", positive) for positive in (None, "ductal, in situ", "lobular")]
    assert list(found) == [("head", None), *signatures]
    test = source.split("100X").rows("test")
    named, every = found["signature", "lobular"], found["signature", None]
    assert named.classes == ("rest", "lobular")
    np.testing.assert_array_equal(named.y, (y[test] == 2).astype(int))
    np.testing.assert_allclose(every.p.sum(axis=1), 1, atol=1e-12)
    shares = np.bincount(y[source.split("100X").rows("train")]) / len(source.split("100X").rows("train"))
    np.testing.assert_allclose(named.training_prevalence["100X"], [shares[:2].sum(), shares[2]])
    assert fitted_model(source, run_key(source, "100X", "signature", "adenosis")) is None
    assert fitted_model(source, run_key(source, "200X", "signature", "lobular")) is None


def test_a_signature_is_not_taken_for_that_of_another_class_or_fold(three_classes, make_store):
    X, rows, _, _ = three_classes
    (source,) = find_sources(make_store("three", X=X, rows=rows))
    fit(source.store, "100X", "lobular")
    place = lambda fold, positive: source.results.path(Signature, run_key(source, fold, "signature", positive))  # noqa: E731
    for fold, positive in (("100X", "adenosis"), ("100X", None), ("200X", "lobular")):
        shutil.copy(place("100X", "lobular"), place(fold, positive))
        with pytest.raises(InputError, match=r"signatures/.*\.json must be of three signature.*Delete it"):
            fitted_model(source, run_key(source, fold, "signature", positive))
    assert fitted_model(source, run_key(source, "100X", "signature", "lobular")).classes == ("rest", "lobular")


def test_columns_follow_the_order_of_the_store_s_classes(three_classes, make_store):
    X, rows, _, _ = three_classes
    (source,) = find_sources(make_store("three", X=X, rows=rows))
    fit(source.store, "100X")
    signature = fitted_model(source, run_key(source, "100X", "signature"))
    turned = dataclasses.replace(
        signature,
        classes=signature.classes[::-1],
        coefficients=signature.coefficients[:, ::-1],
        intercept=signature.intercept[::-1],
    )
    split = source.split("100X")
    np.testing.assert_allclose(
        model_forecast(source, split, turned).p, model_forecast(source, split, signature).p, atol=1e-12
    )


def test_a_class_called_rest_cannot_be_told_from_the_rest(three_classes, make_store):
    X, rows, _, _ = three_classes
    renamed = rows.with_columns(label=pl.when(pl.col("label") == "lobular").then(pl.lit("rest")).otherwise("label"))
    (source,) = find_sources(make_store("renamed", X=X, rows=renamed))
    with pytest.raises(InputError, match="must not be called 'rest'"):
        target(source, "rest")


def test_folds_of_signatures_stay_when_no_longer_configured(planted, tmp_path, make_store):
    (source,) = find_sources(make_store())
    fit(source.store)
    narrow = dataclasses.replace(source, design=dataclasses.replace(source.design, folds=("100X",)))
    assert narrow.folds() == ["100X"]
    assert analysed_folds(narrow) == ["100X", "40X", "200X", "400X"]


def test_statistics_are_told_the_slides_and_the_cohort_that_patients_were_drawn_from(planted, make_store, head):
    slides = np.array([f"s{k % 3}" for k in range(400)])
    rows = planted[1].with_columns(slide=pl.Series(slides))
    (source,) = find_sources(make_store("slides", rows=rows, probabilities=head))
    (joined,) = gathered(source).values()
    given = joined.labelled()
    place = {name: k for k, name in enumerate(rows["patch_id"])}
    assert given.slides.tolist() == slides[[place[name] for name in joined.patch_ids]].tolist()
    assert given.n_cohort == 20
    (without,) = gathered(find_sources(make_store("plain", probabilities=head))[0]).values()
    assert without.labelled().slides is None


def test_all_patients_of_a_held_out_site_were_drawn_from_no_cohort(planted, make_store, head):
    rows = planted[1].with_columns(magnification=pl.Series([f"site {int(p[-2:]) // 5}" for p in planted[1]["patient"]]))
    (source,) = find_sources(make_store("sites", rows=rows, probabilities=head))
    assert {source.split(fold).audit.nesting for fold in source.folds()} == {"nested"}
    (joined,) = gathered(source).values()
    assert joined.labelled().n_cohort is None


def test_scores_of_one_head_share_a_scale_and_those_of_models_fitted_fold_by_fold_do_not(make_store, head):
    (source,) = find_sources(make_store(probabilities=head))
    fit(source.store)
    scales = {key.model: forecast.labelled().is_one_scale for key, forecast in gathered(source).items()}
    assert scales == {"head": True, "signature": False}
    (trained,) = find_sources(make_store("trained", probabilities=head, fold="100X", method="grl"))
    (of_a_fold,) = gathered(trained).values()
    assert not of_a_fold.labelled().is_one_scale


def test_a_split_that_a_trained_store_remembers_was_drawn_as_the_saved_one(planted, head, workspace_of, tmp_path):
    from featkit.data import leave_one_domain_out

    split = leave_one_domain_out(planted[1], "100X")
    rows = planted[1].with_columns(split=pl.Series(split.role))
    root = workspace_of({("grl", 0): planted[0]}, probabilities={("grl", 0): head}, rows=rows)
    (source,) = find_sources(None)
    assert gathered(source).popitem()[1].n_cohort is None
    path = source.workspace.split_path("100X")
    path.parent.mkdir(parents=True, exist_ok=True)
    split.save(path)
    assert gathered(find_sources(None)[0]).popitem()[1].n_cohort == 20
    assert root.exists()


def test_folds_with_an_empty_signature_are_known_as_such(make_store):
    (source,) = find_sources(make_store())
    fit(source.store, "100X")
    found = fitted_model(source, run_key(source, "100X", "signature"))
    parts = {name: getattr(found, name)[:0] for name in ("support", "coefficients", "mean", "scale")}
    split = source.split("100X")
    given = [model_forecast(source, split, s).labelled() for s in (dataclasses.replace(found, **parts), found)]
    assert [one.nothing_selected for one in given] == [("100X",), ()]


def test_the_positive_class_is_said_with_its_reason(make_store, head, three_classes, planted):
    (source,) = find_sources(make_store(probabilities=head))
    usual = "malignant (the usual name of the positive class)"
    assert said_positive(source) == usual
    assert said_positive(source, "benign") == "benign (as asked for)"
    assert {forecast.positive for forecast in gathered(source, "100X").values()} == {usual}
    X, rows, _, _ = three_classes
    assert said_positive(find_sources(make_store("three", X=X, rows=rows))[0]) == ""
    turned = write_store(
        source.store.path.parent / "turned.zarr",
        planted[0],
        planted[1],
        {"encoder": "made"},
        probabilities=head,
        classes=["malignant", "benign"],
    )
    assert said_positive(find_sources(turned)[0]) == "benign (the second class of the store)"
    found = fit(source.store, "100X")
    assert any(note.startswith(f"The positive class is {usual}") for note in found.notes)
