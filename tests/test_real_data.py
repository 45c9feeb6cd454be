"""The real path on real data, through the public functions: adapters, extraction, signatures, evaluation, probes."""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import featkit
from featkit.core.errors import FeatkitWarning
from featkit.core.options import PenaltyOptions, SplitOptions
from featkit.data import leave_one_domain_out
from featkit.data.adapters.breakhis import manifest_of_names
from featkit.sparse import select_lambda
from featkit.stats.labelled_rows import LabelledRows


@pytest.fixture(scope="module")
def real():
    folder = os.environ.get("FEATKIT_TEST_DATA")
    if not folder:
        pytest.skip("FEATKIT_TEST_DATA does not name the folder of real data")
    return Path(folder)


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
    known = featkit.init(real / "breakhis" / "images-224", scale=224 / 460, workspace=tmp_path / "known")
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
        encoder="timm:mobilenetv1_100",
        weights=real / "weights" / "mobilenetv1_100.imagenet.fp16.safetensors",
        output=tmp_path / "tiles.zarr",
    )
    assert store.shape == (273, 1024)
    assert store.provenance["n_patches_bad"] == 0
    opened = anndata.read_zarr(store.path)
    np.testing.assert_array_equal(opened.X, store.X())
    assert opened.obs["magnification"].value_counts().to_dict() == {"20X": 91, "10X": 91, "5X": 91}
    (probe,) = featkit.probe("magnification", store).items.values()
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
    featkit.store_import(
        real / "breakhis" / "features_40x.npz", tmp_path / "x.zarr", metadata=tmp_path / "cases.csv", domain="site"
    )
    store = featkit.open_store(tmp_path / "x.zarr")
    np.testing.assert_array_equal(store.X(), X)
    found = featkit.signatures(store, fold="A", rule="min", n_pairs=10)
    (signature,) = found.signatures.values()
    assert 0 < signature.size <= 68
    assert signature.is_converged
    evaluated = featkit.evaluate(store, fold="A")
    (evaluation,) = evaluated.evaluations.values()
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
    store = featkit.store_import(tmp_path / "pacs.npz", tmp_path / "pacs.zarr", domain="domain")
    found = featkit.signatures(store, fold="sketch", n_pairs=0)
    (evaluation,) = found.evaluations.values()
    assert evaluation.get("auc").value > 0.7
    (probe,) = featkit.probe("magnification", store).items.values()
    assert probe.metrics["balanced_accuracy"].low > 0.8
    assert probe.chance["balanced_accuracy"] == 0.25
