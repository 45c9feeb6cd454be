import numpy as np
import pytest

from featkit import workflows
from featkit.workflows._forecasts import fold_forecasts, gather_forecasts, head_forecast, load_signature
from featkit.workflows._sources import find_sources


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
