import json

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score

import featkit
from featkit import workflows
from featkit.core.errors import FeatkitWarning, InputError
from featkit.results import load_result
from featkit.results.signature_set import ALL_SIGNATURES
from featkit.workflows._signatures import Choices
from featkit.workflows.steps.sources import find_sources

FAST = {"n_pairs": 0, "figures": False}
CLASS_DIMENSIONS, DOMAIN_DIMENSIONS = {3, 11, 27}, {5, 19}


def roles(store, fold):
    (source,) = find_sources(store)
    return source, source.split(fold)


def test_planted_dimensions_are_found_and_scored_as_scikit_learn_would(make_store):
    store = make_store()
    found = workflows.signatures(store, fold="100X", n_pairs=10, figures=False)
    signature = found.signatures["planted/100X"]
    assert set(signature.support.tolist()) >= CLASS_DIMENSIONS
    assert set(signature.stable_support.tolist()) == CLASS_DIMENSIONS
    assert (signature.n_dimensions, signature.n_dead) == (40, 1)

    source, split = roles(store, "100X")
    rows = split.rows("test")
    y = source.targets()[0][rows]
    p = signature.predict_proba(store.X(rows))
    scores = found.evaluations["planted/100X"]
    assert scores.get("auc").value == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    assert scores.get("f1").value == pytest.approx(f1_score(y, p >= 0.5), abs=1e-12)
    assert scores.get("brier").value == pytest.approx(brier_score_loss(y, p), abs=1e-12)
    assert scores.get("auc").unit == "patient"


def test_held_out_rows_have_no_say(make_store, planted):
    _, split = roles(make_store(), "100X")
    X = planted[0].copy()
    X[split.role != "train"] *= 1e6
    clean = workflows.signatures(make_store(), fold="100X", n_pairs=4, figures=False)
    poisoned = workflows.signatures(make_store("poisoned", X), fold="100X", method="planted", n_pairs=4, figures=False)
    a, b = clean.signatures["planted/100X"], poisoned.signatures["planted/100X"]
    for name in ("support", "coefficients", "selection_frequency", "cv_mean", "mean"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert (
        clean.evaluations["planted/100X"].get("brier").value != poisoned.evaluations["planted/100X"].get("brier").value
    )


def test_folds_of_one_encoder_overlap_more_than_chance(make_store):
    found = workflows.signatures(make_store(), measure="phi", **FAST)
    assert list(found.signatures) == [f"planted/{d}" for d in ("40X", "100X", "200X", "400X")]
    overlap = found.overlaps["planted"]
    assert (overlap.measure, len(overlap.names)) == ("phi", 4)
    assert overlap.frame()["p_value"].max() < 0.05
    assert ALL_SIGNATURES not in found.overlaps  # one method
    assert found.stable_overlaps == {}
    assert found.notes == ()


def test_collinear_dimensions_stand_in_for_each_other(make_store, planted):
    X = planted[0].copy()
    X[:, 30] = X[:, 3] + 0.01 * np.random.default_rng(0).normal(size=len(X))
    store = make_store(X=X)
    plain = workflows.signatures(store, measure="intersection_count", **FAST).overlaps["planted"]
    assert np.all(np.diag(plain.observed) == pytest.approx(1.0))
    assert plain.p_method == "permutation"


@pytest.mark.parametrize("rule", ["lambda", "C"])
def test_a_given_penalty_is_taken_as_it_is(make_store, rule):
    found = workflows.signatures(make_store(), fold="40X", rule=rule, value=0.05, **FAST)
    signature = found.signatures["planted/40X"]
    expected = 0.05 if rule == "lambda" else 1 / (0.05 * signature.n_patches)
    assert signature.lambda_ == pytest.approx(expected, rel=1e-12)
    assert f"given {rule}" in found.details["planted/40X"].sizes.chosen


def test_sizes_under_other_choices_are_those_of_the_rules(make_store):
    store = make_store()
    sizes = {
        rule: workflows.signatures(store, fold="100X", rule=rule, **FAST).signatures["planted/100X"].size
        for rule in ("min", "1se")
    }
    at_one = workflows.signatures(store, fold="100X", rule="C", value=1.0, **FAST)
    frame = workflows.signatures(store, fold="100X", **FAST).details["planted/100X"].frame()
    told = dict(zip(frame["choice"], frame["size"], strict=True))
    assert told == {**sizes, "C=1": at_one.signatures["planted/100X"].size}


def test_path_is_that_of_standardised_dimensions(make_store):
    found = workflows.signatures(make_store(), fold="100X", **FAST)
    signature, path = found.signatures["planted/100X"], found.details["planted/100X"].path
    chosen = int(np.argmin(np.abs(path.lambdas - signature.lambda_)))
    np.testing.assert_array_equal(path.support(chosen), signature.support)
    np.testing.assert_allclose(path.coefficients(chosen)[signature.support], signature.coefficients, atol=1e-3)


def test_deep_refits_ranks_and_takes_apart(make_store):
    found = workflows.signatures(make_store(), fold="100X", n_pairs=6, deep=True, figures=False)
    detail = found.details["planted/100X"]
    np.testing.assert_array_equal(detail.refit.support, found.signatures["planted/100X"].support)
    assert detail.refit.ridge["auc"].value > 0.8
    assert detail.performance.ranking == "selection frequency"
    assert detail.performance.auc[-1] > 0.8
    best = detail.contributions.dimension[np.argmax(detail.contributions.auc_drop)]
    assert int(best) in CLASS_DIMENSIONS
    shares = dict(zip(detail.variance.dimension.tolist(), detail.variance.shares[:, 0], strict=True))
    assert min(shares[d] for d in CLASS_DIMENSIONS) > 0.2  # label's share
    assert found.matchings == {}  # one encoder needs no matching


def test_seeds_and_methods_trained_apart_are_matched(planted, workspace_of, monkeypatch):
    monkeypatch.setattr("featkit.workflows.steps.signature_detail._refits", lambda *_: {})
    random = np.random.default_rng(0)
    stores = {}
    for method in ("baseline", "grl"):
        for seed in (0, 1):
            order = random.permutation(40)
            stores[method, seed] = (planted[0][:, order] + 0.05 * random.normal(size=planted[0].shape), order)
    workspace_of({run: X for run, (X, _) in stores.items()}, fold="100X")
    found = workflows.signatures(deep=True, **FAST)
    assert set(found.signatures) == {f"{m}/100X/seed{k}" for m in ("baseline", "grl") for k in (0, 1)}
    assert set(found.matchings) == {f"baseline/100X/seed{k} | grl/100X/seed{k}" for k in (0, 1)}
    assert set(found.reseeding) == {"baseline/100X", "grl/100X"}
    match = found.matchings["baseline/100X/seed0 | grl/100X/seed0"]
    a, b = stores["baseline", 0][1], stores["grl", 0][1]
    place = {d: j for j, d in enumerate(b.tolist())}
    alive = a != 39
    np.testing.assert_array_equal(match.matched[alive], np.array([place[d] for d in a.tolist()])[alive])
    assert match.overlap_after.corrected[0, 1] > 0.5 > match.overlap_before.corrected[0, 1]
    assert match.cka > 0.9
    assert found.reseeding["grl/100X"].overlap_after[0] > found.reseeding["grl/100X"].overlap_before[0]
    assert set(found.overlaps) == {"baseline", "grl", ALL_SIGNATURES}


def test_what_is_saved_is_what_was_found(make_store, tmp_path):
    out = tmp_path / "out"
    found = workflows.signatures(make_store(), fold="100X", n_pairs=4, output=out)
    again = load_result(out / "signatures.json")
    assert json.dumps(again.to_dict()) == json.dumps(found.to_dict())
    assert pl.read_parquet(out / "signatures.parquet").equals(found.frame())
    kept = pl.read_parquet(out / "signature_100X.parquet")
    assert kept["dimension"].to_list() == found.signatures["planted/100X"].support.tolist()
    drawn = {path.name for path in (out / "figures").iterdir()}
    for what in ("penalty", "frequencies", "path", "sizes"):
        assert {f"signature_planted_100X_{what}.svg", f"signature_planted_100X_{what}.pdf"} <= drawn


def test_the_function_of_the_package_is_the_same(make_store):
    store = featkit.open_store(make_store().path)
    assert featkit.signatures(store, fold="100X", **FAST).frame()["size"][0] >= 3


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {}),
        ({"threshold": 0.8}, {"threshold": 0.8, "pfer": 1.0}),
        ({"q": 10}, {"threshold": 0.75, "q": 10}),
        ({"pfer": 2.0}, {"threshold": 0.75, "pfer": 2.0}),
        ({"q": 10, "pfer": 2.0}, {"q": 10, "pfer": 2.0}),
    ],
)
def test_two_of_threshold_q_and_pfer(make_store, asked, expected):
    (source,) = find_sources(make_store())
    options = Choices(**asked).options(source)
    assert {k: options[k] for k in ("threshold", "q", "pfer") if k in options} == expected


def test_error_control_reaches_the_result(make_store):
    found = workflows.signatures(make_store(), fold="100X", n_pairs=5, q=6, pfer=1.0, figures=False)
    signature = found.signatures["planted/100X"]
    assert (signature.q, signature.pfer) == (6.0, 1.0)
    assert 0.5 < signature.threshold <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0.8, "q": 5, "pfer": 1.0}, "at most two of --threshold, --q and --pfer"),
        ({"measure": "jacard"}, "the measure of overlap must be known, got 'jacard'. Did you mean 'jaccard'"),
        ({"measure": "intersection"}, "the measure of overlap must be known"),
        ({"rule": "C"}, "value must be given with rule 'C'"),
        ({"rule": "1sd"}, "rule must be a known name"),
        ({"fold": "300X"}, "the fold must be a magnification of planted, got 300X"),
    ],
)
def test_mistakes_are_named(make_store, options, message):
    with pytest.raises(InputError, match=message):
        workflows.signatures(make_store(), **{**FAST, **options})


DUCTAL = "ductal, in situ"
SPEAKING = {3, 11, 17}


@pytest.fixture
def three(three_classes, make_store):
    X, rows, _, _ = three_classes
    return make_store("three", X=X, rows=rows)


def test_dimensions_of_three_classes_are_in_or_out_together(three, three_classes):
    found = workflows.signatures(three, fold="100X", n_pairs=6, figures=False)
    signature = found.signatures["three/100X"]
    assert set(signature.support.tolist()) >= SPEAKING
    assert set(signature.stable_support.tolist()) >= SPEAKING
    assert signature.pfer <= 1.0
    assert set(signature.support[np.argsort(-signature.strength)[:3]].tolist()) == SPEAKING
    assert signature.coefficients.shape == (signature.size, 3)
    assert signature.classes == ("adenosis", DUCTAL, "lobular")
    source, split = roles(three, "100X")
    rows = split.rows("test")
    y, P = three_classes[2][rows], signature.predict_proba(three.X(rows))
    scores = found.evaluations["three/100X"]
    assert scores.get("auc").value == pytest.approx(roc_auc_score(y, P, multi_class="ovr"), abs=1e-12)
    assert scores.get("f1").value == pytest.approx(f1_score(y, P.argmax(axis=1), average="macro"), abs=1e-12)
    assert scores.get("brier").value == pytest.approx(np.mean(((P - np.eye(3)[y]) ** 2).sum(axis=1)), abs=1e-12)
    assert signature.n_patches == len(split.rows("train"))
    assert found.notes == ()
    frame = pl.read_parquet(source.results / "signature_100X.parquet")
    assert frame["dimension"].to_list() == signature.support.tolist()
    np.testing.assert_array_equal(frame[f"coefficient_{DUCTAL}"], signature.coefficients[:, 1])


def test_held_out_rows_of_three_classes_have_no_say(three, three_classes, make_store):
    X = three_classes[0].copy()
    _, split = roles(three, "100X")
    X[split.role != "train"] *= 1e6
    clean = workflows.signatures(three, fold="100X", **FAST).signatures["three/100X"]
    poisoned = make_store("poisoned", X=X, rows=three_classes[1])
    other = workflows.signatures(poisoned, fold="100X", method="three", **FAST).signatures["three/100X"]
    for name in ("support", "coefficients", "intercept", "cv_mean", "mean"):
        np.testing.assert_array_equal(getattr(clean, name), getattr(other, name))


def test_a_closer_look_at_three_classes(three, tmp_path):
    out = tmp_path / "out"
    found = workflows.signatures(three, fold="100X", n_pairs=4, deep=True, output=out)
    signature, detail = found.signatures["three/100X"], found.details["three/100X"]
    chosen = int(np.argmin(np.abs(detail.path.lambdas - signature.lambda_)))
    np.testing.assert_array_equal(detail.path.support(chosen), signature.support)
    dense = detail.path.coefficients(chosen)[signature.support]
    np.testing.assert_allclose(dense, signature.coefficients, atol=5e-3)
    assert detail.path.classes == signature.classes
    sizes = {rule: workflows.signatures(three, fold="100X", rule=rule, **FAST) for rule in ("min", "1se")}
    told = dict(zip(detail.frame()["choice"], detail.frame()["size"], strict=True))
    assert {rule: told[rule] for rule in sizes} == {
        rule: one.signatures["three/100X"].size for rule, one in sizes.items()
    }
    shares = dict(zip(detail.variance.dimension.tolist(), detail.variance.shares[:, 0], strict=True))
    assert min(shares[d] for d in SPEAKING) > 0.2
    assert detail.refit.ridge_coefficients.shape == (signature.size, 3)
    assert detail.refit.ridge["auc"].value > 0.8
    assert detail.performance.ranking == "selection frequency"
    contributions = dict(zip(detail.contributions.dimension.tolist(), detail.contributions.auc_drop, strict=True))
    assert set(sorted(contributions, key=contributions.get)[-3:]) == SPEAKING
    again = load_result(out / "signatures.json")
    assert json.dumps(again.to_dict()) == json.dumps(found.to_dict())
    drawn = {path.name for path in (out / "figures").iterdir()}
    drawings = ("penalty", "path", "sizes", "variance", "frequencies")
    assert {f"signature_three_100X_{what}.svg" for what in drawings} <= drawn


def test_folds_of_three_classes_overlap_more_than_chance(three):
    found = workflows.signatures(three, **FAST)
    overlap = found.overlaps["three"]
    assert len(overlap.names) == 4
    assert overlap.frame()["p_value"].max() < 0.05


@pytest.mark.parametrize("asked", [{"threshold": 0.8}, {"q": 5}, {"pfer": 0.5, "q": 4}])
def test_errors_of_three_classes_are_controlled_as_asked(three, asked):
    signature = workflows.signatures(three, fold="100X", n_pairs=3, figures=False, **asked).signatures["three/100X"]
    for name, value in asked.items():
        assert getattr(signature, name) == pytest.approx(value)
    assert signature.bound == "unimodal"


def test_of_three_classes_one_is_told_from_the_rest(three, three_classes):
    with pytest.raises(InputError, match="the positive class must be a label, got 'd'"):
        workflows.signatures(three, fold="100X", positive="d", **FAST)
    found = workflows.signatures(three, fold="100X", positive=DUCTAL, n_pairs=4, figures=False)
    signature = found.signatures["three/100X"]
    assert signature.support[np.argmax(np.abs(signature.coefficients))] == 11
    assert signature.classes == ("rest", DUCTAL)
    assert 11 in signature.stable_support
    source, split = roles(three, "100X")
    test = split.rows("test")
    expected = roc_auc_score(three_classes[2][test] == 1, signature.predict_proba(three.X(test)))
    assert found.evaluations["three/100X"].get("auc").value == pytest.approx(expected, abs=1e-12)
    assert found.notes == (f"The class {DUCTAL} against all others",)
    assert (source.results / "signature_100X_ductal__in_situ.json").is_file()


def test_signatures_of_other_classes_are_kept(three):
    all_of = workflows.signatures(three, fold="100X", **FAST)
    ductal = workflows.signatures(three, fold="100X", positive=DUCTAL, n_pairs=0)
    lobular = workflows.signatures(three, fold="100X", positive="lobular", n_pairs=0)
    (source,) = find_sources(three)
    files = {"signatures": all_of, "signatures_ductal__in_situ": ductal, "signatures_lobular": lobular}
    for name, found in files.items():
        saved = load_result(source.results / f"{name}.json")
        assert saved.positive == found.positive
        assert saved.signatures["three/100X"].to_dict() == found.signatures["three/100X"].to_dict()
    drawn = {path.name for path in (source.results / "figures").iterdir()}
    assert {"signature_three_100X_path_lobular.svg", "signature_three_100X_path_ductal__in_situ.svg"} <= drawn


def test_embeddings_beyond_memory_are_fewer_of_every_patient(make_store, monkeypatch, tmp_path):
    store = make_store()
    train = find_sources(store)[0].split("100X").rows("train")
    room = len(train) // 2
    monkeypatch.setattr("featkit.sparse.memory.available_bytes", lambda: int(16 * store.d * (room + 0.5) / 0.6))
    with pytest.warns(FeatkitWarning, match=f"of {len(train)} patches are used"):
        found = workflows.signatures(store, fold="100X", n_pairs=3, deep=True, figures=False, output=tmp_path / "out")
    (signature,) = found.signatures.values()
    assert signature.n_patches <= room
    assert signature.n_patients == len(np.unique(find_sources(store)[0].patients()[train]))
    assert "patches are used" in signature.warnings[0]
    (detail,) = found.details.values()
    assert detail.path.n_rows == detail.sizes.n_patches == signature.n_patches
    assert detail.refit.n_train_patches == signature.n_patches
    np.testing.assert_array_equal(detail.refit.support, signature.support)
    np.testing.assert_array_equal(detail.contributions.dimension, signature.support)


@pytest.mark.parametrize("labels", [[0, 1], [True, False], [2.0, 1.0]])
def test_numbers_and_truth_values_are_class_names(make_store, planted, labels):
    first = sorted(planted[1]["label"].unique().to_list())[0]
    values = [labels[0] if label == first else labels[1] for label in planted[1]["label"]]
    store = make_store("numbered", rows=planted[1].with_columns(label=pl.Series(values)))
    found = workflows.signatures(store, fold="100X", positive=str(labels[1]), **FAST)
    assert found.signatures["numbered/100X"].classes == ("rest", str(labels[1]))
    assert workflows.evaluate(store, figures=False).evaluations
