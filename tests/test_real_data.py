"""The real path on real data, through the public functions: adapters, extraction, signatures, evaluation, probes."""

import html
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score

import featkit
from featkit.core.errors import FeatkitWarning
from featkit.core.options import (
    DataOptions,
    EncoderOptions,
    ImportOptions,
    PenaltyOptions,
    ProbeOptions,
    Resampling,
    SignatureOptions,
    SplitOptions,
    StabilityOptions,
)
from featkit.core.patient_groups import PATCHES_AS_PATIENTS
from featkit.core.run_key import RunFilter
from featkit.data import find_duplicates, leave_one_domain_out
from featkit.data.adapters.breakhis import manifest_of_names
from featkit.data.adapters.table import read_table
from featkit.sparse import select_lambda
from featkit.stats.labelled_rows import LabelledRows

NO_STABILITY = SignatureOptions(stability=StabilityOptions(n_pairs=0), dense=False)
FEW_RELABELLINGS = ProbeOptions(n_permutations=19, n_controls=1)
FEW_DRAWS = Resampling(n_draws=200)


@pytest.fixture(scope="module")
def real():
    folder = os.environ.get("FEATKIT_TEST_DATA")
    if not folder:
        pytest.skip("FEATKIT_TEST_DATA does not name the folder of real data")
    return Path(folder)


def mobilenet(real):
    weights = real / "weights" / "mobilenetv1_100.imagenet.fp16.safetensors"
    return EncoderOptions(name="timm:mobilenetv1_100", weights=str(weights))


@pytest.fixture(scope="module")
def texture(real):
    """The texture features of every 40X image: (X, names)."""
    with np.load(real / "breakhis" / "features_40x.npz") as file:
        return file["X"], file["filename"].tolist()


def test_original_pictures_make_a_workspace(real, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    manifest = featkit.init(real / "breakhis" / "images-original")
    assert len(manifest) == 16
    assert manifest.missing_files() == []
    with_all = manifest.frame.filter(pl.col("patient") == "14-25197")
    assert set(with_all["magnification"]) == {"40X", "100X", "200X", "400X"}
    mpp = dict(manifest.frame.select("magnification", "mpp").iter_rows())
    published = {"40X": 0.492, "100X": 0.197, "200X": 0.0985, "400X": 0.0492}
    assert mpp == pytest.approx(published, rel=2e-3)


def test_resized_copies_have_an_mpp_only_when_told_their_scale(real, tmp_path):
    with pytest.warns(FeatkitWarning, match="mpp is left empty for 140 images"):
        unknown = featkit.init(real / "breakhis" / "images-224", workspace=tmp_path / "unknown")
    assert unknown.frame["mpp"].null_count() == 140
    scale = DataOptions(scale=224 / 460)
    known = featkit.init(real / "breakhis" / "images-224", options=scale, workspace=tmp_path / "known")
    assert known.frame.filter(magnification="40X")["mpp"].unique().to_list() == pytest.approx(
        [0.492 * 460 / 224], rel=2e-3
    )
    assert known.content_hash != unknown.content_hash


def test_magnification_is_found_in_real_patches_under_real_weights(real, tmp_path):
    pytest.importorskip("torch", reason="the extra [torch] is not installed")
    anndata = pytest.importorskip("anndata")
    tiles = pl.read_csv(real / "wsi" / "tiles-224.csv")
    region = pl.concat_str(pl.col("slide"), pl.col("center_x") // 1000, pl.col("center_y") // 1000, separator=" ")
    tiles.select(
        path=pl.lit(f"{real}/wsi/") + pl.col("path"),
        label=pl.when(pl.col("slide").str.starts_with("TCGA")).then(pl.lit("tcga")).otherwise(pl.lit("cmu")),
        patient=region,  # two slides are too few to keep apart, so square regions of a slide stand for patients
        magnification=pl.format("{}X", 20 / pl.col("downsample")),
    ).write_csv(tmp_path / "tiles.csv")
    (store,) = featkit.extract(
        tmp_path / "tiles.csv",
        encoder=mobilenet(real),
        output=tmp_path / "tiles.zarr",
    )
    assert store.shape == (273, 1024)
    assert store.provenance["n_patches_bad"] == 0
    opened = anndata.read_zarr(store.path)
    np.testing.assert_array_equal(opened.X, store.X())
    assert opened.obs["magnification"].value_counts().to_dict() == {"20X": 91, "10X": 91, "5X": 91}
    (probe,) = featkit.probe("magnification", store).probes.values()
    assert probe.n_patients == tiles.select(region.n_unique()).item()
    assert probe.metrics["balanced_accuracy"].low > 0.8 > probe.chance["balanced_accuracy"]
    assert probe.p_value["ridge_balanced_accuracy"] < 0.01


@pytest.mark.filterwarnings("ignore::featkit.core.errors.FeatkitWarning")
def test_patient_overlap_flatters_real_features(texture):
    """Images of one case on both sides of a fold: the same model and features look far better than they are."""
    X, names = texture
    case, identifier = (manifest_of_names(names, patient_key=key).frame["patient"].to_numpy() for key in ("case", "id"))
    y = np.array(["_M_" in name for name in names]).astype(int)
    assert (len(set(case)), len(set(identifier))) == (70, 82)
    groups = {"image": np.arange(len(names)), "id": identifier, "case": case}
    auc = {
        kind: np.mean(
            [
                select_lambda(
                    LabelledRows(X, y, who), penalty=PenaltyOptions(rule="min", score="auc"), seed=seed
                ).mean.max()
                for seed in range(3)
            ]
        )
        for kind, who in groups.items()
    }
    assert auc["image"] > auc["id"] + 0.04
    assert auc["id"] > auc["case"] + 0.01
    assert auc["image"] > auc["case"] + 0.07
    assert auc["case"] > 0.65  # and yet there is something to find


@pytest.mark.filterwarnings("ignore::featkit.core.errors.FeatkitWarning")
def test_real_features_become_a_signature_and_an_evaluation(texture, real, tmp_path):
    """One magnification only: random halves of the cases stand for the sites a method must generalise over."""
    X, names = texture
    described = manifest_of_names(names).frame.select("patch_id", "label", "patient", "magnification")
    cases = sorted(set(described["patient"]))
    half = dict(zip(cases, np.random.default_rng(0).permutation(len(cases)) % 2, strict=True))
    described.with_columns(site=pl.Series(["AB"[half[p]] for p in described["patient"]])).write_csv(
        tmp_path / "cases.csv"
    )
    described_by = ImportOptions(metadata=str(tmp_path / "cases.csv"), domain="site")
    store = featkit.store_import(real / "breakhis" / "features_40x.npz", tmp_path / "x.zarr", options=described_by)
    np.testing.assert_array_equal(store.X(), X)
    given = PenaltyOptions(rule="C", value=0.1)  # cross-validation over the cases of one half selects nothing
    few_pairs = SignatureOptions(penalty=given, stability=StabilityOptions(n_pairs=10))
    found = featkit.signatures(store, runs=RunFilter(fold="A"), options=few_pairs)
    (signature,) = found.signatures.values()
    assert 0 < signature.size <= 68
    assert signature.is_converged
    evaluated = featkit.evaluate(store, runs=RunFilter(fold="A"))
    (evaluation,) = (one for key, one in evaluated.evaluations.items() if key.model == "signature")
    auc = evaluation.get("auc")
    split = leave_one_domain_out(store.obs, "A", SplitOptions(domain="site"))
    assert (auc.unit, auc.n_units) == ("patient", split.audit.n_patients["test"])
    assert {half[p] for p in split.patients[split.rows("test")]} == {0}
    assert auc.low < auc.value < auc.high
    assert auc.high - auc.low > 0.1  # so few cases cannot say more
    assert (tmp_path / "x.results" / "evaluation.json").is_file()


@pytest.mark.filterwarnings("ignore::featkit.core.errors.FeatkitWarning")
def test_four_real_domains_without_patients(real, tmp_path):
    """Photo, art, cartoon, sketch: any column can be the domain, and every image its own group where none is known."""
    with np.load(real / "pacs" / "embeddings_mobilenetv1.npz") as file:
        chosen = np.flatnonzero(np.isin(file["label"], ["dog", "house"]))
        chosen = np.random.default_rng(0).permutation(chosen)[:400]
        np.savez(
            tmp_path / "pacs.npz",
            X=file["X"][chosen].astype(np.float32),
            patch_id=file["path"][chosen],
            patient=file["path"][chosen],
            label=file["label"][chosen],
            domain=file["domain"][chosen],
        )
    store = featkit.store_import(tmp_path / "pacs.npz", tmp_path / "pacs.zarr", options=ImportOptions(domain="domain"))
    found = featkit.signatures(store, runs=RunFilter(fold="sketch"), options=NO_STABILITY)
    (evaluation,) = found.evaluations.values()
    assert evaluation.get("auc").value > 0.7
    (probe,) = featkit.probe("domain", store, options=FEW_RELABELLINGS).probes.values()
    assert probe.metrics["balanced_accuracy"].low > 0.8
    assert probe.chance["balanced_accuracy"] == 0.25


@pytest.mark.filterwarnings("ignore::featkit.core.errors.FeatkitWarning")
def test_slides_nested_in_two_sources_and_three_scanners(real, tmp_path):
    """Cells labelled one by one: slides have both classes, and each belongs to one source and one scanner."""
    options = ImportOptions(metadata=str(real / "amibr" / "features.csv"), domain="source")
    store = featkit.store_import(real / "amibr" / "features.npz", tmp_path / "amibr.zarr", options=options)
    assert store.shape == (3720, 63)
    found = featkit.signatures(store, options=NO_STABILITY)
    assert [key.fold for key in found.signatures] == ["MIDOG21", "TUPAC16"]
    assert not any("folds instead of 5" in note for one in found.signatures.values() for note in one.notes)
    evaluated = featkit.evaluate(store, resampling=FEW_DRAWS)
    (evaluation,) = (one for key, one in evaluated.evaluations.items() if key.model == "signature")
    frame = store.obs
    for key, signature in found.signatures.items():
        split = leave_one_domain_out(frame, key.fold, SplitOptions(domain="source"))
        test = split.rows("test")
        assert len(test) == (frame["source"] == key.fold).sum()
        p = signature.predict_proba(store.X())[test]
        y = (frame["label"] == "atypical").to_numpy()[test]
        alone = {"brier": brier_score_loss(y, p), "f1": f1_score(y, p >= 0.5), "auc": roc_auc_score(y, p)}
        for metric, value in alone.items():
            assert evaluation.get(metric, key.fold).value == pytest.approx(value, abs=1e-6)
    (probe,) = featkit.probe("source", store, options=FEW_RELABELLINGS).probes.values()
    assert probe.metrics["balanced_accuracy"].value > 0.8  # the published probe by slide: AUC 0.936
    page = featkit.report(store).read_text()
    assert "202 patients" in page
    assert "On a source never seen in training" in page


@pytest.mark.filterwarnings("ignore::featkit.core.errors.FeatkitWarning")
def test_tumour_is_told_less_well_at_a_magnification_never_seen(real, tmp_path):
    """True captures at 100X and 400X, patients unknown: what is held out is worse than what is cross-validated."""
    pytest.importorskip("torch", reason="the extra [torch] is not installed")
    (store,) = featkit.extract(
        real / "oral" / "images.csv",
        encoder=mobilenet(real),
        data=DataOptions(groups="patches"),
        output=tmp_path / "oral.zarr",
    )
    assert store.shape == (851, 1024)

    def auc_of(store):
        featkit.signatures(store, options=NO_STABILITY)
        found = featkit.evaluate(store, resampling=FEW_DRAWS).evaluations
        return next(one for key, one in found.items() if key.model == "signature")

    across = auc_of(store)
    for held_out, trained in (("100X", "400X"), ("400X", "100X")):
        is_own = (store.obs["magnification"] == trained).to_numpy()
        own = store.obs.filter(pl.Series(is_own))
        np.savez(tmp_path / f"{trained}.npz", X=store.X()[is_own], patch_id=own["patch_id"], label=own["label"])
        within = featkit.store_import(
            tmp_path / f"{trained}.npz", tmp_path / f"{trained}.zarr", options=ImportOptions(groups="patches")
        )
        inside = auc_of(within).get("auc", "mean of folds").value
        assert inside > across.get("auc", held_out).value + 0.02
        assert inside > 0.8
    (probe,) = featkit.probe("magnification", store, options=FEW_RELABELLINGS).probes.values()
    assert probe.metrics["balanced_accuracy"].low > 0.9
    page = html.unescape(featkit.report(store).read_text())
    assert PATCHES_AS_PATIENTS in page
    assert "851 of unknown patients" in page


@pytest.mark.filterwarnings("ignore::featkit.core.errors.FeatkitWarning")
def test_pictures_that_are_the_same_under_two_labels_are_named(real):
    """Four of the six groups have both labels; copies at 160 pixels may hold more equal pictures, never fewer."""
    audit = find_duplicates(read_table(real / "oral" / "images.csv", groups="patches"))
    named = [{patch.split("/")[-1] for patch in group["patch_ids"]} for group in audit.groups]
    for pair in (
        {"Normal_400x_176", "OSCC_400x_111"},
        {"Normal_400x_57", "OSCC_400x_330"},
        {"Normal_100x_72", "OSCC_100x_347"},
        {"Normal_400x_59", "OSCC_400x_332"},
    ):
        assert pair in named
    assert len(audit.groups) == 6
    assert len(audit.label_conflicts) == 4


@pytest.mark.filterwarnings("ignore::featkit.core.errors.FeatkitWarning")
def test_a_store_of_one_source_is_cross_validated_and_reported(texture, tmp_path):
    X, names = texture
    described = manifest_of_names(names).frame
    np.savez(tmp_path / "one.npz", X=X, label=described["label"], patient=described["patient"])
    store = featkit.store_import(tmp_path / "one.npz", tmp_path / "one.zarr")
    found = featkit.signatures(store, options=NO_STABILITY)
    assert [key.fold for key in found.signatures] == [f"fold {k}" for k in range(1, 6)]
    assert "70 patients" in featkit.report(store).read_text()
