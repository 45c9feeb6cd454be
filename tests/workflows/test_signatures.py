import json

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score

import featkit
from featkit import workflows
from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.options import PathOptions, PenaltyOptions, SignatureOptions, StabilityOptions
from featkit.core.run_key import RunFilter, RunKey
from featkit.results import Evaluation, Signature, SignatureDetail, load_result
from featkit.workflows.steps.sources import find_sources

CLASS_DIMENSIONS = {3, 11, 27}
MADE_FOLDS = ("40X", "100X", "200X", "400X")


def options(n_pairs=0, *, rule="1se", value=None, measure="jaccard", deep=False, positive=None, **stability):
    return SignatureOptions(
        path=PathOptions(n_lambdas=25),
        penalty=PenaltyOptions(rule=rule, value=value),
        stability=StabilityOptions(n_pairs=n_pairs, **stability),
        measure=measure,
        deep=deep,
        positive=positive,
        dense=False,
    )


def fit(store=None, fold=None, n_pairs=0, *, again=False, output=None, **chosen):
    runs = RunFilter(fold=fold)
    return workflows.signatures(store, runs=runs, options=options(n_pairs, **chosen), again=again, output=output)


def one_of(found, **parts):
    return found.signatures.one(**parts), found.evaluations.one(**parts)


def roles(store, fold):
    (source,) = find_sources(store)
    return source, source.split(fold)


@pytest.fixture
def spied(monkeypatch):
    """Count the calls of the functions that do the work."""
    import featkit.sparse
    from featkit.workflows import _signatures

    counts = {"fits": 0, "details": 0, "evaluations": 0}

    def counted(name, function):
        def call(*args, **kwargs):
            counts[name] += 1
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(featkit.sparse, "fit_signature", counted("fits", featkit.sparse.fit_signature), raising=False)
    monkeypatch.setattr(_signatures, "signature_detail", counted("details", _signatures.signature_detail))
    monkeypatch.setattr(_signatures, "evaluate_forecast", counted("evaluations", _signatures.evaluate_forecast))
    return counts


def test_planted_dimensions_are_found_and_scored_as_scikit_learn_would(make_store):
    store = make_store()
    signature, scores = one_of(fit(store, "100X", 10), fold="100X")
    assert signature.key == RunKey("planted", "100X", 0, "signature")
    assert set(signature.support.tolist()) >= CLASS_DIMENSIONS
    assert set(signature.stable_support.tolist()) == CLASS_DIMENSIONS
    assert (signature.n_dimensions, signature.n_dead) == (40, 1)

    source, split = roles(store, "100X")
    rows = split.rows("test")
    y = source.targets()[0][rows]
    p = signature.predict_proba(store.X(rows))
    assert scores.get("auc").value == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    assert scores.get("f1").value == pytest.approx(f1_score(y, p >= 0.5), abs=1e-12)
    assert scores.get("brier").value == pytest.approx(brier_score_loss(y, p), abs=1e-12)
    assert scores.get("auc").unit == "patient"


def test_held_out_rows_have_no_say(make_store, planted):
    _, split = roles(make_store(), "100X")
    X = planted[0].copy()
    X[split.role != "train"] *= 1e6
    clean, scores = one_of(fit(make_store(), "100X", 4))
    poisoned, other = one_of(fit(make_store("poisoned", X), "100X", 4))
    for name in ("support", "coefficients", "selection_frequency", "cv_mean", "mean"):
        np.testing.assert_array_equal(getattr(clean, name), getattr(poisoned, name))
    assert scores.get("brier").value != other.get("brier").value


def test_folds_of_one_encoder_overlap_more_than_chance(make_store):
    found = fit(make_store(), measure="phi")
    assert [key.fold for key in found.signatures] == list(MADE_FOLDS)
    assert list(found.overlaps) == [RunKey("planted")]  # one method: none that spans methods
    overlap = found.overlaps.one()
    assert (overlap.measure, overlap.names) == ("phi", tuple(found.signatures))
    assert overlap.frame()["p_value"].max() < 0.05
    assert len(found.stable_overlaps) == 0
    assert len(found.notes) == 1
    assert found.notes[0].startswith("The positive class is malignant (the usual name of the positive class)")


def test_collinear_dimensions_stand_in_for_each_other(make_store, planted):
    X = planted[0].copy()
    X[:, 30] = X[:, 3] + 0.01 * np.random.default_rng(0).normal(size=len(X))
    plain = fit(make_store(X=X), measure="intersection_count").overlaps.one(method="planted")
    assert np.all(np.diag(plain.observed) == pytest.approx(1.0))
    assert plain.p_method == "permutation"


@pytest.mark.parametrize("rule", ["lambda", "C"])
def test_a_given_penalty_is_taken_as_it_is(make_store, rule):
    found = fit(make_store(), "40X", rule=rule, value=0.05, deep=True)
    signature = found.signatures.one(fold="40X")
    expected = 0.05 if rule == "lambda" else 1 / (0.05 * signature.n_patches)
    assert signature.lambda_ == pytest.approx(expected, rel=1e-12)
    assert f"given {rule}" in found.details.one().sizes.chosen


def test_sizes_under_other_choices_are_those_of_the_rules(make_store):
    store = make_store()
    sizes = {rule: fit(store, "100X", rule=rule).signatures.one().size for rule in ("min", "1se")}
    at_one = fit(store, "100X", rule="C", value=1.0).signatures.one().size
    frame = fit(store, "100X", deep=True).details.one().frame()
    told = dict(zip(frame["choice"], frame["size"], strict=True))
    assert told == {**sizes, "C=1": at_one}


def test_path_is_that_of_standardised_dimensions(make_store):
    found = fit(make_store(), "100X", deep=True)
    signature, path = found.signatures.one(), found.details.one().path
    chosen = int(np.argmin(np.abs(path.lambdas - signature.lambda_)))
    np.testing.assert_array_equal(path.support(chosen), signature.support)
    np.testing.assert_allclose(path.coefficients(chosen)[signature.support], signature.coefficients, atol=1e-3)


def test_deep_refits_ranks_and_takes_apart(make_store):
    found = fit(make_store(), "100X", 6, deep=True)
    detail = found.details.one(fold="100X")
    np.testing.assert_array_equal(detail.refit.support, found.signatures.one().support)
    assert detail.refit.ridge["auc"].value > 0.8
    assert detail.performance.ranking == "selection frequency"
    assert detail.performance.auc[-1] > 0.8
    best = detail.contributions.dimension[np.argmax(detail.contributions.auc_drop)]
    assert int(best) in CLASS_DIMENSIONS
    shares = dict(zip(detail.variance.dimension.tolist(), detail.variance.shares[:, 0], strict=True))
    others = [share for d, share in shares.items() if d not in CLASS_DIMENSIONS]
    assert min(shares[d] for d in CLASS_DIMENSIONS) > 2 * max(others, default=0.0)  # label's share
    assert found.matchings == ()  # one encoder needs no matching


@pytest.fixture
def trained_apart(planted, workspace_of, monkeypatch):
    """A workspace of two methods with two seeds each, whose dimensions are the same in another order; the orders."""
    monkeypatch.setattr("featkit.workflows.steps.signature_detail._refits", lambda *_: {})
    random = np.random.default_rng(0)
    stores = {}
    for method in ("baseline", "grl"):
        for seed in (0, 1):
            order = random.permutation(40)
            stores[method, seed] = (planted[0][:, order] + 0.05 * random.normal(size=planted[0].shape), order)
    workspace_of({run: X for run, (X, _) in stores.items()}, fold="100X")
    return {run: order for run, (_, order) in stores.items()}


def test_seeds_and_methods_trained_apart_are_matched(trained_apart):
    found = fit(deep=True)
    runs = [RunKey(m, "100X", k, "signature") for m in ("baseline", "grl") for k in (0, 1)]
    assert list(found.signatures) == runs
    assert [(m.first, m.second) for m in found.matchings] == [(runs[0], runs[2]), (runs[1], runs[3])]
    assert [(key.method, key.fold) for key in found.reseeding] == [("baseline", "100X"), ("grl", "100X")]
    match = found.matchings[0].matching
    a, b = trained_apart["baseline", 0], trained_apart["grl", 0]
    place = {d: j for j, d in enumerate(b.tolist())}
    alive = a != 39
    np.testing.assert_array_equal(match.matched[alive], np.array([place[d] for d in a.tolist()])[alive])
    assert match.overlap_after.corrected[0, 1] > 0.5 > match.overlap_before.corrected[0, 1]
    assert match.cka > 0.9
    null = found.reseeding.one(method="grl")
    assert null.overlap_after[0] > null.overlap_before[0]
    assert set(found.overlaps) == {RunKey("baseline"), RunKey("grl"), RunKey()}


def test_plain_after_deep_keeps_details_and_matchings_and_makes_none(trained_apart, spied, monkeypatch):
    deep = fit(deep=True)
    monkeypatch.setattr("featkit.workflows.steps.overlaps._matched", lambda *_: pytest.fail("matched again"))
    before = dict(spied)
    for found in (fit(), fit(deep=True)):
        assert len(found.details) == 4
        assert [m.to_dict() for m in found.matchings] == [m.to_dict() for m in deep.matchings]
        assert set(found.reseeding) == set(deep.reseeding)
    assert spied == before
    assert load_result("results/signatures.json").to_dict() == deep.to_dict()


def test_every_training_seed_has_a_row_of_its_own(trained_apart, tmp_path):
    found = fit()
    rows = [("baseline", 0), ("baseline", 1), ("grl", 0), ("grl", 1)]
    saved = pl.read_parquet("results/signatures.parquet")
    for frame in (found.frame(), saved):
        assert list(zip(frame["method"], frame["seed"], strict=True)) == rows
    found.frame().write_csv(tmp_path / "x.csv")
    assert pl.read_csv(tmp_path / "x.csv")["seed"].to_list() == [0, 1, 0, 1]


def test_what_is_saved_is_what_was_found(make_store, tmp_path):
    out = tmp_path / "out"
    found = fit(make_store(), "100X", 4, output=out, deep=True)
    again = load_result(out / "signatures.json")
    assert json.dumps(again.to_dict()) == json.dumps(found.to_dict())
    assert pl.read_parquet(out / "signatures.parquet").equals(found.frame())
    key = found.signatures.one().key
    for kind, folder, one in (
        (Signature, "signatures", found.signatures.one()),
        (Evaluation, "evaluations", found.evaluations.one()),
        (SignatureDetail, "details", found.details.one()),
    ):
        kept = kind.load(out / folder / f"{key.file_name()}.json")
        assert kept.key == key
        assert kept.to_dict() == one.to_dict()


def test_the_function_of_the_package_is_the_same(make_store):
    store = featkit.open_store(make_store().path)
    found = featkit.signatures(store, runs=featkit.RunFilter(fold="100X"), options=options())
    assert found.frame()["size"][0] >= 3


@pytest.mark.parametrize("asked", [{"threshold": 0.8}, {"q": 10}, {"pfer": 2.0}, {"q": 6, "pfer": 1.0}])
def test_error_control_reaches_the_result(make_store, asked):
    signature = fit(make_store(), "100X", 3, **asked).signatures.one()
    for name, value in asked.items():
        assert getattr(signature, name) == pytest.approx(value)
    assert 0.5 < signature.threshold <= 1


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"threshold": 0.8, "q": 5, "pfer": 1.0}, "threshold must be left out beside q and pfer"),
        ({"measure": "jacard"}, "the measure of overlap must be known, got 'jacard'. Did you mean 'jaccard'"),
        ({"measure": "intersection"}, "the measure of overlap must be known"),
        ({"rule": "C"}, "value must be a positive penalty with rule lambda or C"),
        ({"rule": "1sd"}, "rule must be one of 1se, min, lambda, C, got '1sd'. Did you mean '1se'"),
        ({"fold": "300X"}, "the fold must be one that planted, seed 0 can be tested on, got '300X'"),
    ],
)
def test_mistakes_are_named(make_store, chosen, message):
    with pytest.raises(InputError, match=message):
        fit(make_store(), **chosen)


def test_what_is_finished_is_not_done_again(make_store, spied, monkeypatch):
    store = make_store()
    first = fit(store)
    assert spied == {"fits": 4, "details": 0, "evaluations": 4}
    with monkeypatch.context() as closed:
        closed.setattr("featkit.store.EmbeddingStore.X", lambda *_: pytest.fail("embeddings were read"))
        closed.setattr("featkit.store.EmbeddingStore.view", lambda *_: pytest.fail("embeddings were read"))
        second = fit(store)
    assert spied == {"fits": 4, "details": 0, "evaluations": 4}
    assert second.to_dict() == first.to_dict()
    fit(store, "100X", again=True)
    assert spied == {"fits": 5, "details": 0, "evaluations": 5}
    fit(store, "100X", rule="min")
    assert spied["fits"] == 6


def test_deep_after_plain_takes_the_signature_that_is_there(make_store, spied):
    store = make_store()
    plain = fit(store, "100X")
    deep = fit(store, "100X", deep=True)
    assert spied == {"fits": 1, "details": 1, "evaluations": 1}
    assert deep.signatures.one().to_dict() == plain.signatures.one().to_dict()
    assert deep.details.one().refit is not None


def test_a_narrow_command_leaves_the_wide_one_s_results(make_store):
    store = make_store()
    wide = fit(store)
    (source,) = find_sources(store)
    path = source.results.root / "signatures.json"
    narrow = fit(store, "100X", rule="min")
    assert list(narrow.signatures) == [RunKey("planted", "100X", 0, "signature")]
    saved = load_result(path)
    assert list(saved.signatures) == list(wide.signatures)
    assert pl.read_parquet(path.with_suffix(".parquet"))["fold"].to_list() == list(MADE_FOLDS)
    assert saved.signatures.one(fold="100X").rule == "min"
    assert saved.signatures.one(fold="200X").rule == "1se"
    assert any("different options" in note and "penalty.rule" in note for note in saved.notes)


def test_a_signature_of_other_embeddings_is_left_out_of_the_summary(make_store, planted, tmp_path):
    out = tmp_path / "out"
    fit(make_store("planted"), output=out)
    other = tmp_path / "elsewhere"
    other.mkdir()
    changed = make_store("elsewhere/planted", planted[0] + np.arange(40))
    found = fit(changed, "100X", output=out)
    assert list(load_result(out / "signatures.json").signatures) == list(found.signatures)


def test_scores_at_another_level_do_not_stand_among_those_of_the_summary(make_store):
    from featkit.core.options import Resampling

    store = make_store()
    fit(store, "100X")
    (source,) = find_sources(store)
    key = RunKey("planted", "100X", 0, "signature")
    evaluation = source.results.get(Evaluation, key)
    from featkit.workflows.steps.forecasts import evaluate_forecast, fold_models

    (model,) = fold_models(source, "100X")
    source.results.save(evaluate_forecast(model.forecast(), Resampling(level=0.5, n_draws=50)))
    fit(store, "200X")
    saved = load_result(source.results.root / "signatures.json")
    assert saved.evaluations[key].to_dict() == evaluation.to_dict()


def test_a_damaged_signature_is_fitted_again_and_does_not_stop_others(make_store):
    store = make_store()
    found = fit(store)
    (source,) = find_sources(store)
    path = source.results.path(Signature, RunKey("planted", "100X", 0, "signature"))
    path.write_text(path.read_text()[:-40])
    fit(store, "200X", rule="min")
    summary = source.results.root / "signatures.json"
    assert [key.fold for key in load_result(summary).signatures] == ["40X", "200X", "400X"]
    again = fit(store)
    assert again.signatures.one(fold="100X").to_dict() == found.signatures.one(fold="100X").to_dict()
    assert len(load_result(summary).signatures) == 4


def domains_called(rows, names):
    """Return the table with its four magnifications called by other names in a column of their own."""
    return rows.with_columns(site=pl.col("magnification").replace_strict(dict(zip(MADE_FOLDS, names, strict=True))))


@pytest.mark.parametrize(
    "names",
    [("seedbank", "seed 1", "north", "seed"), ("H/E", "H/DAB", "h/e", "PAS, seed 2"), ("all", "a.b", "..", "ä")],
)
def test_folds_of_any_name_are_saved_and_found_again(make_store, planted, names, spied):
    store = make_store(rows=domains_called(planted[1], names), domain="site")
    found = fit(store)
    assert {key.fold for key in found.signatures} == set(names)
    assert spied["fits"] == 4
    assert fit(store).to_dict() == found.to_dict()
    assert spied["fits"] == 4
    (source,) = find_sources(store)
    files = list((source.results.root / "signatures").iterdir())
    assert len({path.name.casefold() for path in files}) == 4
    assert all(path.is_file() for path in files)


def test_two_commands_at_once_lose_nothing(make_store):
    import subprocess
    import sys

    store = make_store()
    code = (
        "import sys; from featkit import workflows; from featkit.core.options import *\n"
        "from featkit.core.run_key import RunFilter\n"
        "workflows.signatures(sys.argv[1], runs=RunFilter(fold=sys.argv[2]), options=SignatureOptions("
        "path=PathOptions(n_lambdas=10), stability=StabilityOptions(n_pairs=0)))"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(store.path), fold]) for fold in ("100X", "200X")]
    assert [process.wait(timeout=300) for process in running] == [0, 0]
    (source,) = find_sources(store)
    saved = load_result(source.results.root / "signatures.json")
    assert [key.fold for key in saved.signatures] == ["100X", "200X"]


DUCTAL = "ductal, in situ"
SPEAKING = {3, 11, 17}


@pytest.fixture
def three(three_classes, make_store):
    X, rows, _, _ = three_classes
    return make_store("three", X=X, rows=rows)


def test_dimensions_of_three_classes_are_in_or_out_together(three, three_classes):
    found = fit(three, "100X", 6)
    signature, scores = one_of(found, fold="100X")
    assert set(signature.support.tolist()) >= SPEAKING
    assert set(signature.stable_support.tolist()) >= SPEAKING
    assert signature.pfer <= 1.0
    assert set(signature.support[np.argsort(-signature.strength)[:3]].tolist()) == SPEAKING
    assert signature.coefficients.shape == (signature.size, 3)
    assert signature.classes == ("adenosis", DUCTAL, "lobular")
    _, split = roles(three, "100X")
    rows = split.rows("test")
    y, P = three_classes[2][rows], signature.predict_proba(three.X(rows))
    assert scores.get("auc").value == pytest.approx(roc_auc_score(y, P, multi_class="ovr"), abs=1e-12)
    assert scores.get("f1").value == pytest.approx(f1_score(y, P.argmax(axis=1), average="macro"), abs=1e-12)
    assert scores.get("brier").value == pytest.approx(np.mean(((P - np.eye(3)[y]) ** 2).sum(axis=1)), abs=1e-12)
    assert signature.n_patches == len(split.rows("train"))
    assert found.notes == ()
    frame = signature.frame()
    assert frame["dimension"].to_list() == signature.support.tolist()
    np.testing.assert_array_equal(frame[f"coefficient_{DUCTAL}"], signature.coefficients[:, 1])


def test_held_out_rows_of_three_classes_have_no_say(three, three_classes, make_store):
    X = three_classes[0].copy()
    _, split = roles(three, "100X")
    X[split.role != "train"] *= 1e6
    clean = fit(three, "100X").signatures.one()
    other = fit(make_store("poisoned", X=X, rows=three_classes[1]), "100X").signatures.one()
    for name in ("support", "coefficients", "intercept", "cv_mean", "mean"):
        np.testing.assert_array_equal(getattr(clean, name), getattr(other, name))


def test_a_closer_look_at_three_classes(three, tmp_path):
    out = tmp_path / "out"
    found = fit(three, "100X", 4, deep=True, output=out)
    signature, detail = found.signatures.one(), found.details.one()
    chosen = int(np.argmin(np.abs(detail.path.lambdas - signature.lambda_)))
    np.testing.assert_array_equal(detail.path.support(chosen), signature.support)
    dense = detail.path.coefficients(chosen)[signature.support]
    np.testing.assert_allclose(dense, signature.coefficients, atol=5e-3)
    assert detail.path.classes == signature.classes
    sizes = {rule: fit(three, "100X", rule=rule).signatures.one().size for rule in ("min", "1se")}
    told = dict(zip(detail.frame()["choice"], detail.frame()["size"], strict=True))
    assert {rule: told[rule] for rule in sizes} == sizes
    shares = dict(zip(detail.variance.dimension.tolist(), detail.variance.shares[:, 0], strict=True))
    assert min(shares[d] for d in SPEAKING) > 0.2
    assert detail.refit.ridge_coefficients.shape == (signature.size, 3)
    assert detail.refit.ridge["auc"].value > 0.8
    assert detail.performance.ranking == "selection frequency"
    contributions = dict(zip(detail.contributions.dimension.tolist(), detail.contributions.auc_drop, strict=True))
    assert set(sorted(contributions, key=contributions.get)[-3:]) == SPEAKING
    assert json.dumps(load_result(out / "signatures.json").to_dict()) == json.dumps(found.to_dict())


def test_folds_of_three_classes_overlap_more_than_chance(three):
    overlap = fit(three).overlaps.one(method="three")
    assert len(overlap.names) == 4
    pairs = overlap.frame()
    assert (pairs["observed"] > pairs["chance"]).all()
    assert pairs["p_value"].median() < 0.05


@pytest.mark.parametrize("asked", [{"threshold": 0.8}, {"q": 5}, {"pfer": 0.5, "q": 4}])
def test_errors_of_three_classes_are_controlled_as_asked(three, asked):
    signature = fit(three, "100X", 3, **asked).signatures.one()
    for name, value in asked.items():
        assert getattr(signature, name) == pytest.approx(value)
    assert signature.bound == "unimodal"


def test_of_three_classes_one_is_told_from_the_rest(three, three_classes):
    with pytest.raises(InputError, match="the positive class must be a label, got 'd'"):
        fit(three, "100X", positive="d")
    found = fit(three, "100X", 4, positive=DUCTAL)
    signature, scores = one_of(found, fold="100X", positive=DUCTAL)
    assert found.key == RunKey(positive=DUCTAL)
    assert signature.support[np.argmax(np.abs(signature.coefficients))] == 11
    assert signature.classes == ("rest", DUCTAL)
    assert 11 in signature.stable_support
    _, split = roles(three, "100X")
    test = split.rows("test")
    expected = roc_auc_score(three_classes[2][test] == 1, signature.predict_proba(three.X(test)))
    assert scores.get("auc").value == pytest.approx(expected, abs=1e-12)


def test_signatures_of_other_classes_are_kept(three):
    (source,) = find_sources(three)
    found = {positive: fit(three, "100X", positive=positive) for positive in (None, DUCTAL, "lobular")}
    summaries = {load_result(path).key.positive: path for path in source.results.root.glob("signatures*.json")}
    assert set(summaries) == set(found)
    for positive, one in found.items():
        saved = load_result(summaries[positive])
        assert saved.signatures.one(fold="100X").to_dict() == one.signatures.one().to_dict()


def test_embeddings_beyond_memory_are_fewer_of_every_patient(make_store, monkeypatch, tmp_path):
    store = make_store()
    train = find_sources(store)[0].split("100X").rows("train")
    room = len(train) // 2
    monkeypatch.setattr("featkit.sparse.memory.available_bytes", lambda: int(16 * store.d * (room + 0.5) / 0.6))
    with pytest.warns(FeatkitWarning, match=f"of {len(train)} patches are used"):
        found = fit(store, "100X", 3, deep=True, output=tmp_path / "out")
    signature, detail = found.signatures.one(), found.details.one()
    assert signature.n_patches <= room
    assert signature.n_patients == len(np.unique(find_sources(store)[0].patients()[train]))
    assert "patches are used" in signature.notes[0]
    assert detail.path.n_rows == detail.sizes.n_patches == signature.n_patches
    assert detail.refit.n_train_patches == signature.n_patches
    np.testing.assert_array_equal(detail.refit.support, signature.support)
    np.testing.assert_array_equal(detail.contributions.dimension, signature.support)


@pytest.mark.parametrize("labels", [[0, 1], [True, False], [2.0, 1.0]])
def test_numbers_and_truth_values_are_class_names(make_store, planted, labels):
    first = sorted(planted[1]["label"].unique().to_list())[0]
    values = [labels[0] if label == first else labels[1] for label in planted[1]["label"]]
    store = make_store("numbered", rows=planted[1].with_columns(label=pl.Series(values)))
    found = fit(store, "100X", positive=str(labels[1]))
    assert found.signatures.one().classes == ("rest", str(labels[1]))
