import dataclasses
import json

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from featkit import workflows
from featkit.core.errors import InputError
from featkit.core.options import CompareOptions, PathOptions, Resampling, SignatureOptions, StabilityOptions
from featkit.core.run_key import RunFilter, RunKey
from featkit.results import Comparison, ResultFolder
from featkit.workflows._compare import _in_order_of
from featkit.workflows.steps.forecasts import forecasts_of, gather_models
from featkit.workflows.steps.sources import find_sources


def fit(store=None, fold=None, positive=None):
    options = SignatureOptions(
        path=PathOptions(n_lambdas=20), stability=StabilityOptions(n_pairs=0), positive=positive, dense=False
    )
    return workflows.signatures(store, runs=RunFilter(fold=fold), options=options)


def versus(a="grl", b="baseline", fold=None, *, seed=None, model="head", again=False, output=None, **chosen):
    options = CompareOptions(model=model, resampling=Resampling(n_draws=200), **chosen)
    return workflows.compare(a, b, runs=RunFilter(fold=fold, seed=seed), options=options, again=again, output=output)


def methods(found):
    return tuple(key.method for key in found.names)


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


def test_heads_that_say_the_same_are_identical(planted, head, workspace_of):
    both = {("grl", 0): head, ("baseline", 0): head}
    workspace_of(dict.fromkeys(both, planted[0]), probabilities=both)
    found = versus()
    assert {row.verdict for row in found.rows} == {"identical"}
    assert all(row.difference.value == 0 and row.p_value == 1 for row in found.rows)


def test_difference_is_that_of_the_two_aucs(study, heads):
    found = versus()
    (source,) = find_sources(None, RunFilter(method="grl"))
    rows = source.split("100X").rows("test")
    y = source.targets()[0][rows]
    said = [heads[m, 0][rows].astype(np.float64) for m in ("grl", "baseline")]
    aucs = [roc_auc_score(y, p[:, 1] / p.sum(axis=1)) for p in said]
    row = next(r for r in found.rows if r.metric == "auc")
    assert (row.value_a, row.value_b) == (pytest.approx(aucs[0], abs=1e-12), pytest.approx(aucs[1], abs=1e-12))
    assert row.difference.value == pytest.approx(aucs[0] - aucs[1], abs=1e-12)
    assert found.names == (row.a, row.b)
    assert [(key.method, key.model, key.seed) for key in found.names] == [("grl", "head", 0), ("baseline", "head", 0)]


def test_exchanging_the_two_turns_the_sign(study):
    one, other = versus(), versus("baseline", "grl")
    for a, b in zip(one.rows, other.rows, strict=True):
        assert a.difference.value == pytest.approx(-b.difference.value, abs=1e-15)
        assert a.p_value == b.p_value


def test_methods_and_stores_name_the_same(study):
    store = "runs/{}/100X/seed0/embeddings.zarr"
    by_method, by_store = versus(), versus(store.format("grl"), store.format("baseline"))
    assert by_store.to_dict() == by_method.to_dict()


def test_what_differs_between_the_stores_is_named(study):
    notes = versus().notes
    assert any(" differ in weights" in note and note.startswith("grl") for note in notes)


def test_a_margin_asks_for_equivalence(study):
    close = versus(margin=0.9, metrics=("brier",))
    assert close.rows[0].margin == 0.9
    assert close.rows[0].p_equivalence < 0.05
    single = versus(margins={"brier": 0.8})
    assert {row.metric: row.margin for row in single.rows}["brier"] == 0.8
    assert np.isnan({row.metric: row.margin for row in single.rows}["auc"])


def test_files_tell_the_same(study):
    found = versus()
    path = ResultFolder(study / "results").path(Comparison, found.key)
    assert json.dumps(Comparison.load(path).to_dict()) == json.dumps(found.to_dict())
    csv = pl.read_csv(path.with_name(f"{path.stem}.csv"))
    assert csv["difference"].to_list() == found.frame()["difference"].to_list()
    assert set(csv["a"]) == {"grl"}
    assert "grl" in path.with_name(f"{path.stem}.tex").read_text()


def test_what_is_finished_is_not_done_again(study, monkeypatch):
    from featkit.workflows import _compare

    calls = []
    compared = _compare._compared
    monkeypatch.setattr(_compare, "_compared", lambda *given: calls.append(1) or compared(*given))
    first = versus()
    assert versus().to_dict() == first.to_dict()
    assert len(calls) == 1
    versus(again=True)
    versus(margin=0.3)
    assert len(calls) == 3


def test_a_comparison_of_some_folds_stands_beside_that_of_all(make_store, planted, head):
    other = np.clip(head[:, ::-1] * 0.3 + head * 0.7, 0.01, 0.99)
    a, b = make_store("a", probabilities=head), make_store("b", planted[0] + 1, probabilities=other)
    found = [versus(a, b, fold) for fold in (None, ("100X", "200X"), "100X")]
    saved = ResultFolder(find_sources(a)[0].results.root).every(Comparison)
    assert {key: one.to_dict() for key, one in saved.items()} == {one.key: one.to_dict() for one in found}
    assert len(saved) == 3


def test_seeds_of_one_method_are_compared_by_their_stores(planted, heads, workspace_of):
    seeds = {("grl", 0): heads["grl", 0], ("grl", 1): heads["baseline", 0]}
    workspace_of(dict.fromkeys(seeds, planted[0]), probabilities=seeds)
    store = "runs/grl/100X/seed{}/embeddings.zarr"
    found = versus(store.format(0), store.format(1))
    assert methods(found) == ("seed0", "seed1")
    assert [key.seed for key in found.names] == [0, 1]


def test_signatures_are_compared_by_default(study):
    missing = r"grl must have one signature, got grl head, seed 0\. Run 'featkit signatures'"
    with pytest.raises(InputError, match=missing):
        versus(model="signature")
    fit()
    assert {key.model for key in workflows.compare("grl", "baseline").names} == {"signature"}


def test_signatures_are_found_from_any_folder(study, tmp_path):
    fit()
    found = versus(model="signature", output=tmp_path / "out")
    assert ResultFolder(tmp_path / "out").get(Comparison, found.key).to_dict() == found.to_dict()


def test_other_patches_are_refused(make_store, planted, head):
    fewer = planted[1].with_columns(pl.Series("patch_id", [f"q{i}" for i in range(400)]))
    a, b = make_store(probabilities=head), make_store("other", rows=fewer, probabilities=head)
    with pytest.raises(InputError, match="must be evaluated on the same patches"):
        versus(a.path, b.path, "100X")


def test_other_labels_are_refused(make_store, head):
    (source,) = find_sources(make_store(probabilities=head))
    (one,) = forecasts_of(gather_models([source], RunFilter(fold="100X"))).values()
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
    ("names", "chosen", "message"),
    [
        (("grl", "baseline"), {"model": "tail"}, "model must be one of signature, dense, head, got 'tail'"),
        (("gril", "baseline"), {}, "a store must match method gril"),
        (("grl", "grl"), {}, "a comparison needs two different methods or stores, got grl twice"),
        (("grl", "runs/grl/100X/seed0/embeddings.zarr"), {}, "a comparison needs two different methods or stores"),
        (("grl", "baseline"), {"margin": -0.1}, "margin must be positive"),
        (("grl", "baseline"), {"metrics": ("acu",)}, "auc"),
        (("grl", "baseline"), {"positive": "benign"}, "model must be signature or dense where a class is named"),
    ],
)
def test_mistakes_are_named(study, names, chosen, message):
    with pytest.raises(InputError, match=message):
        versus(*names, **chosen)


def test_signatures_of_a_named_class_are_compared_when_asked_for(three_classes, workspace_of):
    X, rows, _, _ = three_classes
    noise = np.random.default_rng(1).normal(size=X.shape)
    workspace_of({("grl", 0): X, ("baseline", 0): X + 2 * noise}, rows=rows)
    fit()
    missing = r"grl must have one signature of lobular, got grl signature, seed 0\. Run .*--positive \"lobular\""
    with pytest.raises(InputError, match=missing):
        versus(positive="lobular", model="signature")
    fit(positive="lobular")
    scores = workflows.evaluate(resampling=Resampling(n_draws=50)).evaluations
    for positive in ("lobular", None):
        found = versus(positive=positive, model="signature")
        row = next(r for r in found.rows if r.metric == "brier")
        for value, name in zip((row.value_a, row.value_b), found.names, strict=True):
            assert name == RunKey(name.method, None, 0, "signature", positive)
            assert value == pytest.approx(scores[name].get("brier", "100X").value, abs=1e-12)
    assert len(ResultFolder(find_sources(None)[0].results.root).keys(Comparison)) == 2
