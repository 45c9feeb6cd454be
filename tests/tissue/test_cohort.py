"""Generated cohorts on disk."""

import hashlib
import json
from collections import Counter

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from featkit.core.errors import InputError
from featkit.core.magnification import breakhis_mpp
from featkit.core.options import SplitOptions
from featkit.data import ADAPTERS, Manifest, check_images, find_duplicates, make_splits, read_rgb
from featkit.tissue import CohortOptions, generate_cohort


def digests(folder):
    return {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.suffix in (".png", ".json")
    }


@pytest.fixture(scope="module")
def truth(cohort):
    return json.loads((cohort[0] / "truth.json").read_text())


def test_the_manifest_has_every_patch_once(cohort):
    _, manifest = cohort
    assert len(manifest) == 4 * 4 * 2
    assert Counter(manifest.frame["magnification"]) == dict.fromkeys(("40X", "100X", "200X", "400X"), 8)
    assert Counter(manifest.frame["label"]) == {"benign": 16, "malignant": 16}
    assert manifest.frame["patient"].n_unique() == 4
    assert manifest.missing_files() == []
    assert check_images(manifest.frame["path"].to_list()) == []
    assert find_duplicates(manifest).groups == ()


def test_patches_state_the_effective_mpp(cohort):
    _, manifest = cohort
    for magnification, mpp, mpp_y in manifest.frame.select("magnification", "mpp", "mpp_y").iter_rows():
        native = breakhis_mpp(magnification)
        assert (mpp, mpp_y) == pytest.approx((native[0] * 460 / 96, native[1] * 460 / 96), rel=1e-14)


def test_the_adapter_reads_what_was_written(cohort):
    folder, manifest = cohort
    assert ADAPTERS["breakhis"](folder, scale=96 / 460).content_hash == manifest.content_hash
    assert Manifest.read(folder / "manifest.csv").frame.equals(manifest.frame)
    path = manifest.frame.filter(pl.col("subtype") == "DC")["path"][0]
    assert "/BreaKHis_v1/histology_slides/breast/malignant/SOB/ductal_carcinoma/SOB_M_DC_14-" in path


def test_it_can_be_split(cohort):
    folder, _ = cohort
    with pytest.raises(InputError, match="each class needs at least 3 patients"):
        make_splits(Manifest.read(folder / "manifest.csv"))
    options = SplitOptions(test_fraction=0.5, val_fraction=0.0)
    folds = make_splits(Manifest.read(folder / "manifest.csv"), options).splits
    assert {s.audit.n_patients["test"] for s in folds} == {2}


def test_the_truth_agrees_with_the_manifest(cohort, truth):
    _, manifest = cohort
    assert set(truth["patches"]) == set(manifest.frame["patch_id"])
    for patch, patient, label, magnification, mpp in manifest.frame.select(
        "patch_id", "patient", "label", "magnification", "mpp"
    ).iter_rows():
        assert truth["patches"][patch]["patient"] == patient
        assert truth["patients"][patient]["label"] == label
        assert truth["magnifications"][magnification]["mpp"] == pytest.approx(mpp, rel=1e-14)
    named = {name for names in truth["carries"].values() for name in names}
    traits = set(next(iter(truth["patients"].values()))) - {"label"}
    assert named >= traits
    assert named - traits == set(next(iter(truth["magnifications"].values()))) - {"mpp_y"}


def test_fields_lie_inside_the_specimen(truth):
    for patch in truth["patches"].values():
        assert 0 <= patch["x_um"] <= truth["specimen_side_um"]
        assert 0 <= patch["y_um"] <= truth["specimen_side_um"]


def test_more_planted_nuclei_show_as_more_dark_area(cohort, truth):
    _, manifest = cohort
    wide = manifest.frame.filter(pl.col("magnification") == "40X")
    planted, seen = [], []
    for patch, patient, path in wide.select("patch_id", "patient", "path").iter_rows():
        red = read_rgb(path)[..., 0].astype(float)
        traits = truth["patients"][patient]
        planted.append(truth["patches"][patch]["n_nuclei"] * traits["nuclear_diameter"] ** 2)
        seen.append((red < 0.72 * np.quantile(red, 0.9)).mean())
    assert spearmanr(planted, seen).statistic > 0.6


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_processes(tmp_path):
    counts = {"n_patients": 3, "patches_per_magnification": 1}
    options = CohortOptions(magnifications=("40X", "400X"), size=(48, 64))
    manifests = {
        name: generate_cohort(tmp_path / name, seed=seed, n_jobs=n_jobs, options=options, **counts)
        for name, seed, n_jobs in (("one", 1, 1), ("two", 1, 2), ("other", 2, 1))
    }
    one, two, other = (digests(tmp_path / name) for name in ("one", "two", "other"))
    assert len(one) == 7
    assert one == two
    assert not set(one.values()) & set(other.values())
    assert manifests["one"].content_hash == manifests["two"].content_hash
    assert read_rgb(manifests["one"].frame["path"][0]).shape == (48, 64, 3)


def test_more_patients_do_not_change_the_first_ones(tmp_path, cohort):
    folder, _ = cohort
    options = CohortOptions(malignant_fraction=0.9, size=(96, 96))
    generate_cohort(tmp_path, n_patients=2, patches_per_magnification=1, options=options, seed=3, n_jobs=1)
    few, many = digests(tmp_path), digests(folder)
    same = [name for name in few if name.startswith("SOB_M_DC-14-50001")]
    assert len(same) == 4
    assert all(few[name] == many[name] for name in same)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n_patients": 1}, "n_patients must be at least 2"),
        ({"patches_per_magnification": 0}, "patches_per_magnification must be at least 1, got 0"),
        ({"malignant_fraction": 1.0}, "malignant_fraction must lie in (0, 1), got 1.0"),
        ({"size": (8, 8)}, "at least 16 pixels, got (8, 8)"),
        ({"magnifications": ("40X", "60X")}, "one of 40X, 100X, 200X, 400X, got 60X"),
        ({"magnifications": ("40X", "40")}, "magnifications must be distinct and at least one, got 40X, 40X"),
        ({"magnifications": ()}, "at least one, got none"),
    ],
)
def test_impossible_cohorts_are_refused_before_anything_is_written(tmp_path, options, said):
    counts = {k: options.pop(k) for k in ("n_patients", "patches_per_magnification") if k in options}
    with pytest.raises(InputError) as caught:
        generate_cohort(tmp_path / "new", options=CohortOptions(**options), **counts)
    assert said in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_a_folder_with_pictures_is_left_alone(cohort):
    folder, _ = cohort
    before = digests(folder)
    with pytest.raises(InputError, match="a folder without pictures"):
        generate_cohort(folder, n_patients=2)
    assert digests(folder) == before
