import dataclasses
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from featkit import workflows
from featkit.core.errors import InputError
from featkit.results import load_result
from featkit.workflows._compare import _in_order_of
from featkit.workflows.steps.forecasts import gather_forecasts
from featkit.workflows.steps.sources import find_sources

DRAWN = {"model": "head", "figures": False}


@pytest.fixture
def heads(planted, head):
    """A good head and one that is its noisy sister."""
    noise = np.random.default_rng(5).normal(size=len(head))
    z = np.log(head[:, 1] / head[:, 0]) + 4 * noise
    p = 1 / (1 + np.exp(-z))
    return {("grl", 0): head, ("baseline", 0): np.column_stack([1 - p, p]).astype(np.float32)}


@pytest.fixture
def study(planted, heads, workspace_of):
    X = {("grl", 0): planted[0], ("baseline", 0): planted[0] + 1}
    return workspace_of(X, probabilities=heads)


def test_a_model_is_identical_to_itself(study):
    found = workflows.compare("grl", "grl", **DRAWN)
    assert {row.verdict for row in found.rows} == {"identical"}
    assert all(row.difference.value == 0 and row.p_value == 1 for row in found.rows)


def test_difference_is_that_of_the_two_aucs(study, heads, planted):
    found = workflows.compare("grl", "baseline", **DRAWN)
    from featkit.workflows.steps.sources import find_sources

    source = find_sources(None, method="grl")[0]
    rows = source.split("100X").rows("test")
    y = source.targets()[0][rows]
    aucs = [roc_auc_score(y, heads[m, 0][rows, 1]) for m in ("grl", "baseline")]
    row = next(r for r in found.rows if r.metric == "auc")
    assert (row.value_a, row.value_b) == (pytest.approx(aucs[0], abs=1e-12), pytest.approx(aucs[1], abs=1e-12))
    assert row.difference.value == pytest.approx(aucs[0] - aucs[1], abs=1e-12)
    assert found.names == ("grl head", "baseline head")


def test_exchanging_the_two_turns_the_sign(study):
    one, other = workflows.compare("grl", "baseline", **DRAWN), workflows.compare("baseline", "grl", **DRAWN)
    for a, b in zip(one.rows, other.rows, strict=True):
        assert a.difference.value == pytest.approx(-b.difference.value, abs=1e-15)
        assert a.p_value == b.p_value


def test_methods_runs_and_stores_name_the_same(study):
    by_method = workflows.compare("grl", "baseline", **DRAWN)
    by_run = workflows.compare("grl/100X", "baseline/100X/seed0", **DRAWN)
    store = "runs/{}/100X/seed0/embeddings.zarr"
    by_store = workflows.compare(store.format("grl"), store.format("baseline"), **DRAWN)
    for found in (by_run, by_store):
        assert [r.difference.value for r in found.rows] == [r.difference.value for r in by_method.rows]
    assert by_run.names == ("grl/100X head", "baseline/100X/seed0 head")
    assert by_store.names == ("grl head", "baseline head")


def test_what_differs_between_the_stores_is_named(study):
    notes = workflows.compare("grl", "baseline", **DRAWN).notes
    assert any(note.startswith("grl and baseline differ in weights") for note in notes)
    assert not any("differ in" in note for note in workflows.compare("grl", "grl", **DRAWN).notes)


def test_a_margin_asks_for_equivalence(study):
    found = workflows.compare("grl", "grl/100X", margin=0.1, metrics=("brier",), **DRAWN)
    assert found.rows[0].margin == 0.1
    close = workflows.compare("grl", "baseline", margin=0.9, metrics=("brier",), **DRAWN)
    assert close.rows[0].p_equivalence < 0.05


def test_files_tell_the_same(study):
    found = workflows.compare("grl", "baseline", model="head")
    stem = study / "results" / "comparison_grl_baseline_head"
    assert json.dumps(load_result(stem.with_suffix(".json")).to_dict()) == json.dumps(found.to_dict())
    assert pl.read_csv(stem.with_suffix(".csv"))["difference"].to_list() == found.frame()["difference"].to_list()
    assert "grl head" in stem.with_suffix(".tex").read_text()
    drawn = sorted(path.name for path in (study / "results" / "figures").iterdir())
    assert len(drawn) == 6
    assert "comparison_grl_baseline_head_auc.svg" in drawn


def test_signatures_are_compared_by_default(study):
    with pytest.raises(InputError, match=r"grl must have a signature, got only grl head\. Run 'featkit signatures'"):
        workflows.compare("grl", "baseline")
    workflows.signatures(n_pairs=0, figures=False)
    assert workflows.compare("grl", "baseline", figures=False).names == ("grl signature", "baseline signature")


def test_other_patches_are_refused(make_store, planted, head):
    fewer = planted[1].with_columns(pl.Series("patch_id", [f"q{i}" for i in range(400)]))
    a, b = make_store(probabilities=head), make_store("other", rows=fewer, probabilities=head)
    with pytest.raises(InputError, match="must be evaluated on the same patches"):
        workflows.compare(a.path, b.path, fold="100X", **DRAWN)


def test_other_labels_are_refused(make_store, head):
    (source,) = find_sources(make_store(probabilities=head))
    (one,) = gather_forecasts([source], "100X").values()
    again = _in_order_of(one, dataclasses.replace(one, patch_ids=one.patch_ids[::-1], y=one.y[::-1]), "a", "b")
    np.testing.assert_array_equal(again.y, one.y)
    other = dataclasses.replace(one, classes=("normal", "tumour"))
    with pytest.raises(InputError, match=r"must tell the same classes .* got benign, malignant and normal, tum"):
        _in_order_of(one, other, "a", "b")
    y = one.y.copy()
    y[[1, 4]] = 1 - y[[1, 4]]
    names = [one.classes[k] for k in (one.y[1], y[1])]
    got = rf"the same labels, got {names[0]} and {names[1]} for {one.patch_ids[1]}, 2 such patches"
    with pytest.raises(InputError, match=got):
        _in_order_of(one, dataclasses.replace(one, y=y), "a", "b")


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (("grl", "baseline"), {"model": "tail"}, "model must be signature or head, got 'tail'"),
        (("gril", "baseline"), {}, "a store must match method gril"),
        (("grl/100X/seedling", "grl"), {}, "a run must be named method/fold or method/fold/seedK"),
        (("grl", "baseline"), {"margin": -0.1}, "margin must"),
        (("grl", "baseline"), {"metrics": ("acu",)}, "auc"),
    ],
)
def test_mistakes_are_named(study, names, options, message):
    with pytest.raises(InputError, match=message):
        workflows.compare(*names, **{**DRAWN, **options})


def test_signatures_of_a_named_class_are_compared_when_asked_for(three_classes, workspace_of):
    X, rows, _, _ = three_classes
    noise = np.random.default_rng(1).normal(size=X.shape)
    workspace_of({("grl", 0): X, ("baseline", 0): X + 2 * noise}, rows=rows)
    workflows.signatures(n_pairs=0, figures=False)
    with pytest.raises(InputError, match=r"grl must have a signature of lobular, got only grl signature\. Run"):
        workflows.compare("grl", "baseline", positive="lobular")
    workflows.signatures(positive="lobular", n_pairs=0, figures=False)
    found = workflows.compare("grl", "baseline", positive="lobular", figures=False)
    assert found.names == ("grl signature, lobular", "baseline signature, lobular")
    scores = workflows.evaluate(figures=False).evaluations
    row = next(r for r in found.rows if r.metric == "brier")
    for value, name in zip((row.value_a, row.value_b), found.names, strict=True):
        assert value == pytest.approx(scores[name].get("brier", "100X").value, abs=1e-12)
    every = workflows.compare("grl", "baseline", figures=False)
    assert every.names == ("grl signature", "baseline signature")
    brier = next(r for r in every.rows if r.metric == "brier")
    assert brier.value_a == pytest.approx(scores["grl signature"].get("brier", "100X").value, abs=1e-12)
    assert Path("results/comparison_grl_baseline_signature_lobular.json").is_file()
    with pytest.raises(InputError, match="a positive class needs --model signature, got head"):
        workflows.compare("grl", "baseline", positive="lobular", model="head")
