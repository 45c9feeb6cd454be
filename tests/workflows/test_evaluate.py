import numpy as np
import polars as pl
import pytest
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, f1_score, roc_auc_score

from featkit import workflows
from featkit.core.errors import InputError
from featkit.core.options import PathOptions, Resampling, SignatureOptions, StabilityOptions
from featkit.core.run_key import RunFilter, RunKey
from featkit.reporting import score_tables
from featkit.results import load_result
from featkit.workflows.steps.sources import find_sources

DUCTAL = "ductal, in situ"
HEAD = RunKey("planted", seed=0, model="head")


def fit(store=None, fold=None, positive=None, **given):
    options = SignatureOptions(
        path=PathOptions(n_lambdas=20), stability=StabilityOptions(n_pairs=0), positive=positive, dense=False
    )
    return workflows.signatures(store, runs=RunFilter(fold=fold), options=options, **given)


def score(store=None, fold=None, *, n_draws=200, level=0.95, **given):
    resampling = Resampling(n_draws=n_draws, level=level)
    return workflows.evaluate(store, runs=RunFilter(fold=fold), resampling=resampling, **given)


@pytest.fixture
def store_with_head(make_store, head):
    return make_store(probabilities=head)


def test_scores_are_those_of_scikit_learn_on_the_same_rows(store_with_head, head):
    found = score(store_with_head, "100X")
    (source,) = find_sources(store_with_head)
    rows = source.split("100X").rows("test")
    y, p = source.targets()[0][rows], head[rows, 1].astype(np.float64)
    scores = found.evaluations[HEAD]
    for metric, expected in {
        "auc": roc_auc_score(y, p),
        "f1": f1_score(y, p >= 0.5),
        "balanced_accuracy": balanced_accuracy_score(y, p >= 0.5),
        "brier": brier_score_loss(y, p),
    }.items():
        assert scores.get(metric, "100X").value == pytest.approx(expected, abs=1e-6), metric


def test_pooled_is_the_metric_of_the_concatenated_forecasts(store_with_head, tmp_path):
    found = score(store_with_head, output=tmp_path / "out")
    forecasts = pl.read_parquet(tmp_path / "out" / "forecasts.parquet")
    assert forecasts["fold"].unique().sort().to_list() == ["100X", "200X", "400X", "40X"]
    y = (forecasts["label"] == "malignant").to_numpy()
    scores = found.evaluations[HEAD]
    pooled = brier_score_loss(y, forecasts["p_malignant"])
    assert scores.get("brier", "pooled").value == pytest.approx(pooled, abs=1e-12)
    mean = np.mean([scores.get("auc", fold).value for fold in forecasts["fold"].unique()])
    assert scores.get("auc", "mean of folds").value == pytest.approx(mean, abs=1e-12)


def test_brier_terms_add_up_pooled_and_by_fold(store_with_head):
    found = score(store_with_head)
    terms = {key.fold or "pooled": term for key, term in found.brier_terms.items()}
    assert list(terms) == ["pooled", "40X", "100X", "200X", "400X"]
    for scope, term in terms.items():
        b = term.binned
        value = found.evaluations[HEAD].get("brier", scope).value
        by_bins = b.reliability - b.resolution + b.uncertainty + b.within_variance - b.within_covariance
        assert by_bins == pytest.approx(value, abs=1e-12)
        assert term.miscalibration - term.discrimination + b.uncertainty == pytest.approx(value, abs=1e-12)
    assert terms["pooled"].frame()["miscalibration"][0] == terms["pooled"].miscalibration


def test_recalibration_sees_validation_patients_alone(make_store, planted, head):
    clean = make_store(probabilities=head)
    (source,) = find_sources(clean)
    split = source.split("100X")
    labels = planted[1]["label"].to_numpy().copy()
    flipped = labels.copy()
    test = split.rows("test")
    flipped[test] = np.where(labels[test] == "benign", "malignant", "benign")
    poisoned = make_store(
        "poisoned",
        rows=planted[1].with_columns(pl.Series("label", flipped), pl.Series("split", split.role)),
        probabilities=head,
        fold="100X",
        method="planted",
    )
    before = score(clean, "100X").recalibrations.one(fold="100X")
    after = score(poisoned, "100X").recalibrations.one(fold="100X")
    assert before.parameters == after.parameters
    assert before.n_source_patients == len(set(split.patients[split.rows("val")].tolist()))
    assert before.estimates["none"]["brier"].value != after.estimates["none"]["brier"].value


def test_a_head_that_is_too_sure_is_corrected(store_with_head):
    effect = score(store_with_head, "100X").recalibrations.one(model="head", fold="100X")
    assert effect.parameters["platt"]["slope_"] < 0.7
    assert effect.changes["temperature"]["brier"].value < 0


def test_head_and_signature_stand_beside_each_other(store_with_head):
    fit(store_with_head, "100X")
    found = score(store_with_head, "100X")
    assert [key.model for key in found.evaluations] == ["head", "signature"]
    assert set(found.frame()["model"]) == {"head", "signature"}
    assert set(found.frame()["method"]) == {"planted"}


def test_a_signature_of_other_embeddings_is_not_used(make_store, planted, tmp_path):
    out = tmp_path / "out"
    fit(make_store(), "100X", output=out)
    other = make_store("other", planted[0] + 1)
    with pytest.raises(InputError, match="Run 'featkit signatures' first"):
        score(other, "100X", output=out)
    (tmp_path / "moved").mkdir()
    changed = make_store("moved/planted", planted[0] + 1)
    with pytest.raises(InputError, match="the model of planted signature, 100X, seed 0 must be of the present store"):
        score(changed, "100X", output=out)


def test_files_tell_the_same(store_with_head, tmp_path):
    out = tmp_path / "out"
    found = score(store_with_head, output=out)
    assert load_result(out / "evaluation.json").to_dict() == found.to_dict()
    table = pl.read_csv(out / "evaluation.csv")
    assert table.height == found.frame().height
    (row,) = table.filter(metric="auc", aggregation="100X").rows(named=True)
    assert row["value"] == found.evaluations[HEAD].get("auc", "100X").value
    latex = (out / "evaluation.tex").read_text()
    assert latex.count("\\begin{table}") == latex.count("\\end{table}") == 6
    assert "\\label{tab:recalibration-brier}" in latex


def test_seeds_are_the_replicates(planted, head, workspace_of):
    random = np.random.default_rng(1)
    heads = {}
    for seed in range(3):
        p = np.clip(head[:, 1] + random.normal(0, 0.05), 0.01, 0.99)
        heads["erm", seed] = np.column_stack([1 - p, p]).astype(np.float32)
    workspace_of(dict.fromkeys(heads, planted[0]), probabilities=heads)
    found = score()
    assert list(found.evaluations) == [RunKey("erm", seed=k, model="head") for k in range(3)]
    assert found.frame()["seed"].unique().sort().to_list() == [0, 1, 2]
    values = [e.get("brier", "100X").value for e in found.evaluations.values()]
    mean = found.over_seeds[RunKey("erm", model="head")]["brier"]
    assert (mean.value, mean.unit, mean.n_units) == (pytest.approx(np.mean(values)), "seed", 3)
    half = 4.302652729911275 * np.std(values, ddof=1) / np.sqrt(3)  # t with 2 degrees of freedom
    assert mean.high - mean.value == pytest.approx(half, rel=1e-9)
    brier = found.variance.one(variant=(("quantity", "Brier"),))
    assert set(brier.components) == {"seed", "patient", "residual"}
    assert brier.shares["patient"] > brier.shares["seed"]  # one shift for all against the luck of 6 patients
    assert len(found.variance) == 1  # not of AUC: one fold: it does not repeat


def test_one_seed_has_no_mean_over_seeds(store_with_head):
    found = score(store_with_head, "100X")
    assert len(found.over_seeds) == len(found.variance) == 0


def test_three_classes_are_scored_without_binary_parts(make_store, planted, tmp_path):
    names = ("a", "b", "c")
    y = np.array([int(p[-2:]) % 3 for p in planted[1]["patient"]])
    P = np.random.default_rng(0).dirichlet([1, 1, 1], size=400) * 0.5 + 0.5 * np.eye(3)[y]
    from featkit.store import write_store

    rows = planted[1].with_columns(pl.Series("label", [names[k] for k in y]))
    path = tmp_path / "three.zarr"
    store = write_store(path, planted[0], rows, {"encoder": "made"}, probabilities=P.astype("f4"), classes=list(names))
    found = score(store, "100X", output=tmp_path / "out")
    assert len(found.brier_terms) == len(found.recalibrations) == 0
    assert found.evaluations.one(model="head").get("auc", "100X").value > 0.9
    assert "AUC" in (tmp_path / "out" / "evaluation.tex").read_text()


def test_nothing_to_evaluate_is_said(make_store):
    with pytest.raises(InputError, match="neither a trained head nor a signature"):
        score(make_store())


def test_one_class_against_the_rest_stands_apart_from_all_classes(three_classes, workspace_of):
    X, rows, y, head = three_classes
    classes = ("adenosis", "ductal, in situ", "lobular")
    study = workspace_of({("grl", 0): X}, rows=rows, probabilities={("grl", 0): head}, classes=classes)
    for positive in (None, "ductal, in situ"):
        fit(positive=positive)
    found = score()
    named = RunKey("grl", seed=0, model="signature", positive=DUCTAL)
    head, every = RunKey("grl", seed=0, model="head"), named.without("positive")
    assert list(found.evaluations) == [head, every, named]
    assert found.evaluations[named].class_names == ("rest", DUCTAL)
    assert {key.without("fold") for key in found.brier_terms} == {named}
    assert list(found.recalibrations) == [RunKey("grl", "100X", 0, "signature", DUCTAL)]

    saved = pl.read_parquet(study / "results" / "forecasts.parquet").filter(pl.col("positive") == DUCTAL)
    is_ductal = y[saved["patch_id"].str.strip_prefix("q").cast(int).to_numpy()] == 1
    expected = roc_auc_score(is_ductal, saved[f"p_{DUCTAL}"])
    assert found.evaluations[named].get("auc", "100X").value == pytest.approx(expected, abs=1e-12)
    assert saved["p_lobular"].is_null().all()
    tables = score_tables.metrics_tables(found.evaluations, ("brier",), "Scores.")
    assert list(tables) == [None, DUCTAL]
    assert "ductal" in tables[DUCTAL].caption
    majority = {positive: float(table.rows[-1][-1]) for positive, table in tables.items()}
    assert majority[None] > majority[DUCTAL]  # a sum over classes, and one of them
    assert "ductal" in (study / "results" / "evaluation.tex").read_text()
    assert "ductal, in situ" in workflows.report().read_text()


@pytest.fixture
def spied(monkeypatch):
    """Count evaluations and recalibrations that are computed."""
    import featkit.stats
    from featkit.workflows import _evaluate

    counts = {"evaluations": 0, "recalibrations": 0}

    def counted(name, function):
        def call(*args, **kwargs):
            counts[name] += 1
            return function(*args, **kwargs)

        return call

    effect = featkit.stats.recalibration_effect
    monkeypatch.setattr(_evaluate, "evaluate_forecast", counted("evaluations", _evaluate.evaluate_forecast))
    monkeypatch.setattr(featkit.stats, "recalibration_effect", counted("recalibrations", effect), raising=False)
    return counts


def test_what_is_finished_is_not_done_again(store_with_head, spied, monkeypatch):
    first = score(store_with_head)
    assert spied == {"evaluations": 1, "recalibrations": 4}
    with monkeypatch.context() as closed:
        closed.setattr("featkit.store.EmbeddingStore.view", lambda *_: pytest.fail("embeddings were read"))
        assert score(store_with_head).to_dict() == first.to_dict()
    assert spied == {"evaluations": 1, "recalibrations": 4}
    score(store_with_head, again=True)
    assert spied == {"evaluations": 2, "recalibrations": 8}
    assert score(store_with_head, level=0.9).evaluations[HEAD].get("auc").level == 0.9
    assert spied == {"evaluations": 3, "recalibrations": 12}


def test_a_narrow_command_leaves_the_wide_one_s_results(store_with_head, spied):
    wide = score(store_with_head)
    (source,) = find_sources(store_with_head)
    narrow = score(store_with_head, "100X")
    assert [row.aggregation for row in narrow.evaluations[HEAD].rows if row.scope == "fold"][:1] == ["100X"]
    assert {key.fold for key in narrow.recalibrations} == {"100X"}
    saved = load_result(source.results.root / "evaluation.json")
    assert saved.to_dict() == wide.to_dict()
    folds = pl.read_parquet(source.results.root / "forecasts.parquet")["fold"].unique()
    assert set(folds) == {"40X", "100X", "200X", "400X"}
    assert spied == {"evaluations": 2, "recalibrations": 4}


def test_signatures_of_a_narrow_command_widen_the_scores(make_store):
    store = make_store()
    (source,) = find_sources(store)
    for fold in ("100X", "200X"):
        fit(store, fold)
        score(store, fold)
    saved = load_result(source.results.root / "evaluation.json").evaluations.one(model="signature")
    assert {row.aggregation for row in saved.rows if row.scope == "fold"} == {"100X", "200X"}


def test_a_stale_signature_of_another_fold_does_not_stop_a_narrow_command(make_store, planted, tmp_path):
    out = tmp_path / "out"
    fit(make_store(), output=out)
    (tmp_path / "moved").mkdir()
    changed = make_store("moved/planted", planted[0] + np.arange(40))
    fit(changed, "100X", output=out)
    found = score(changed, "100X", output=out)
    assert load_result(out / "evaluation.json").to_dict() == found.to_dict()


def test_signatures_beside_the_store_are_found_from_any_folder(make_store, tmp_path):
    store = make_store()
    fit(store, "100X")
    found = score(store, output=tmp_path / "out")
    assert [key.model for key in found.evaluations] == ["signature"]
    assert (tmp_path / "out" / "evaluation.json").is_file()


def test_scores_of_a_damaged_file_are_computed_again(store_with_head):
    first = score(store_with_head, "100X")
    (source,) = find_sources(store_with_head)
    for path in source.results.root.rglob("*.json"):
        path.write_bytes(path.read_bytes()[:-30])
    assert score(store_with_head, "100X").to_dict() == first.to_dict()
