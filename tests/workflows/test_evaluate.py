import numpy as np
import polars as pl
import pytest
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, f1_score, roc_auc_score

from featkit import workflows
from featkit.core.errors import InputError
from featkit.reporting import score_tables
from featkit.results import load_result
from featkit.workflows.steps.sources import find_sources


@pytest.fixture
def store_with_head(make_store, head):
    return make_store(probabilities=head)


def test_scores_are_those_of_scikit_learn_on_the_same_rows(store_with_head, head):
    found = workflows.evaluate(store_with_head, fold="100X", figures=False)
    (source,) = find_sources(store_with_head)
    rows = source.split("100X").rows("test")
    y, p = source.targets()[0][rows], head[rows, 1].astype(np.float64)
    scores = found.evaluations["planted head"]
    for metric, expected in {
        "auc": roc_auc_score(y, p),
        "f1": f1_score(y, p >= 0.5),
        "balanced_accuracy": balanced_accuracy_score(y, p >= 0.5),
        "brier": brier_score_loss(y, p),
    }.items():
        assert scores.get(metric, "100X").value == pytest.approx(expected, abs=1e-6), metric


def test_pooled_is_the_metric_of_the_concatenated_forecasts(store_with_head, tmp_path):
    found = workflows.evaluate(store_with_head, figures=False, output=tmp_path / "out")
    forecasts = pl.read_parquet(tmp_path / "out" / "forecasts.parquet")
    assert forecasts["fold"].unique().sort().to_list() == ["100X", "200X", "400X", "40X"]
    y = (forecasts["label"] == "malignant").to_numpy()
    scores = found.evaluations["planted head"]
    assert scores.get("auc").value == pytest.approx(roc_auc_score(y, forecasts["p_malignant"]), abs=1e-12)
    mean = np.mean([scores.get("auc", fold).value for fold in forecasts["fold"].unique()])
    assert scores.get("auc", "mean of folds").value == pytest.approx(mean, abs=1e-12)


def test_brier_terms_add_up_pooled_and_by_fold(store_with_head):
    found = workflows.evaluate(store_with_head, figures=False)
    terms = found.brier_terms["planted head"]
    assert list(terms) == ["pooled", "40X", "100X", "200X", "400X"]
    for scope, term in terms.items():
        b = term.binned
        value = found.evaluations["planted head"].get("brier", scope).value
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
    before = workflows.evaluate(clean, fold="100X", figures=False).recalibrations["planted head, 100X held out"]
    after = workflows.evaluate(poisoned, fold="100X", figures=False).recalibrations["planted head, 100X held out"]
    assert before.parameters == after.parameters
    assert before.n_source_patients == len(set(split.patients[split.rows("val")].tolist()))
    assert before.estimates["none"]["brier"].value != after.estimates["none"]["brier"].value


def test_a_head_that_is_too_sure_is_mended(store_with_head):
    effect = workflows.evaluate(store_with_head, fold="100X", figures=False).recalibrations[
        "planted head, 100X held out"
    ]
    assert effect.parameters["platt"]["slope_"] < 0.7
    assert effect.changes["temperature"]["brier"].value < 0


def test_head_and_signature_stand_beside_each_other(store_with_head):
    workflows.signatures(store_with_head, fold="100X", n_pairs=0, figures=False)
    found = workflows.evaluate(store_with_head, fold="100X", figures=False)
    assert list(found.evaluations) == ["planted head", "planted signature"]
    assert set(found.frame()["model"]) == set(found.evaluations)


def test_a_signature_of_other_embeddings_is_not_used(make_store, planted, tmp_path):
    out = tmp_path / "out"
    workflows.signatures(make_store(), fold="100X", n_pairs=0, figures=False, output=out)
    other = make_store("other", planted[0] + 1)
    with pytest.raises(InputError, match="Run 'featkit signatures' first"):
        workflows.evaluate(other, fold="100X", figures=False, output=out)


def test_files_tell_the_same(store_with_head, tmp_path):
    out = tmp_path / "out"
    found = workflows.evaluate(store_with_head, output=out)
    assert load_result(out / "evaluation.json").to_dict() == found.to_dict()
    table = pl.read_csv(out / "evaluation.csv")
    assert table.height == found.frame().height
    row = table.row(by_predicate=(pl.col("metric") == "auc") & (pl.col("aggregation") == "pooled"), named=True)
    assert row["value"] == found.evaluations["planted head"].get("auc").value
    latex = (out / "evaluation.tex").read_text()
    assert latex.count("\\begin{table}") == latex.count("\\end{table}") == 4
    assert "\\label{tab:recalibration}" in latex
    for name in ("roc", "reliability"):
        assert (out / "figures" / f"evaluation_{name}.svg").stat().st_size > 1000
        assert (out / "figures" / f"evaluation_{name}.pdf").read_bytes().startswith(b"%PDF")


def test_seeds_are_the_replicates(planted, head, workspace_of):
    random = np.random.default_rng(1)
    heads = {}
    for seed in range(3):
        p = np.clip(head[:, 1] + random.normal(0, 0.05), 0.01, 0.99)
        heads["erm", seed] = np.column_stack([1 - p, p]).astype(np.float32)
    workspace_of(dict.fromkeys(heads, planted[0]), probabilities=heads)
    found = workflows.evaluate(figures=False)
    assert list(found.evaluations) == [f"erm head seed {k}" for k in range(3)]
    values = [e.get("brier", "100X").value for e in found.evaluations.values()]
    mean = found.over_seeds["erm head"]["brier"]
    assert (mean.value, mean.unit, mean.n_units) == (pytest.approx(np.mean(values)), "seed", 3)
    half = 4.302652729911275 * np.std(values, ddof=1) / np.sqrt(3)  # t with 2 degrees of freedom
    assert mean.high - mean.value == pytest.approx(half, rel=1e-9)
    brier = found.variance["erm head, Brier"]
    assert set(brier.components) == {"seed", "patient", "residual"}
    assert brier.shares["patient"] > brier.shares["seed"]  # one shift for all against the luck of 6 patients
    assert "erm head, AUC" not in found.variance  # one fold: it does not repeat


def test_one_seed_has_no_mean_over_seeds(store_with_head):
    found = workflows.evaluate(store_with_head, fold="100X", figures=False)
    assert (found.over_seeds, found.variance) == ({}, {})


def test_three_classes_are_scored_without_binary_parts(make_store, planted, tmp_path):
    names = ("a", "b", "c")
    y = np.array([int(p[-2:]) % 3 for p in planted[1]["patient"]])
    P = np.random.default_rng(0).dirichlet([1, 1, 1], size=400) * 0.5 + 0.5 * np.eye(3)[y]
    from featkit.store import write_store

    rows = planted[1].with_columns(pl.Series("label", [names[k] for k in y]))
    path = tmp_path / "three.zarr"
    store = write_store(path, planted[0], rows, {"encoder": "made"}, probabilities=P.astype("f4"), classes=list(names))
    found = workflows.evaluate(store, fold="100X", output=tmp_path / "out")
    assert (found.brier_terms, found.recalibrations) == ({}, {})
    assert found.evaluations["three head"].get("auc", "100X").value > 0.9
    assert "AUC" in (tmp_path / "out" / "evaluation.tex").read_text()


def test_nothing_to_evaluate_is_said(make_store):
    with pytest.raises(InputError, match="neither a trained head nor a signature"):
        workflows.evaluate(make_store(), figures=False)


def test_one_class_against_the_rest_stands_apart_from_all_classes(three_classes, workspace_of):
    X, rows, y, head = three_classes
    classes = ("adenosis", "ductal, in situ", "lobular")
    study = workspace_of({("grl", 0): X}, rows=rows, probabilities={("grl", 0): head}, classes=classes)
    for positive in (None, "ductal, in situ"):
        workflows.signatures(positive=positive, n_pairs=0, figures=False)
    found = workflows.evaluate()
    named = "grl signature, ductal, in situ"
    assert list(found.evaluations) == ["grl head", "grl signature", named]
    assert found.evaluations[named].class_names == ("rest", "ductal, in situ")
    assert list(found.brier_terms) == [named]
    assert list(found.recalibrations) == [f"{named}, 100X held out"]

    saved = pl.read_parquet(study / "results" / "forecasts.parquet").filter(pl.col("model") == named)
    is_ductal = saved["patch_id"].str.strip_prefix("q").cast(int).to_numpy()
    is_ductal = y[is_ductal] == 1
    expected = roc_auc_score(is_ductal, saved["p_ductal, in situ"])
    assert found.evaluations[named].get("auc", "100X").value == pytest.approx(expected, abs=1e-12)
    assert saved["p_lobular"].is_null().all()

    tables = score_tables.metrics_tables(found.evaluations, ("brier",), "Scores.")
    assert list(tables) == ["", "ductal, in situ"]
    assert [row[0] for row in tables[""].rows] == ["grl head", "grl signature", "majority class"]
    assert [row[0] for row in tables["ductal, in situ"].rows] == [named, "majority class"]
    assert tables["ductal, in situ"].caption == "Class ductal, in situ against the rest. Scores."
    majority = {positive: float(table.rows[-1][-1]) for positive, table in tables.items()}
    assert majority[""] > majority["ductal, in situ"]  # a sum over classes, and one of them
    cells = score_tables.recalibration_table(found.recalibrations, "brier").rows[0]
    assert cells[:2] == (named, "100X")
    latex = (study / "results" / "evaluation.tex").read_text()
    assert "tab:discrimination-ductal-in-situ" in latex
    drawn = {path.name for path in (study / "results" / "figures").iterdir()}
    assert {"evaluation_roc.svg", "evaluation_roc_ductal__in_situ.svg"} <= drawn
    page = workflows.report().read_text()
    assert "to tell ductal, in situ from the rest?" in page
    assert (study / "tables" / "signatures_ductal__in_situ.csv").is_file()
