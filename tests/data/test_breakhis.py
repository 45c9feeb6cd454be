from collections import Counter

import numpy as np
import polars as pl
import pytest
from PIL import Image

from featkit.core.errors import FeatkitWarning, InputError
from featkit.data import ADAPTERS
from featkit.data.adapters.breakhis import EXPECTED, N_PATCHES, manifest_of_names, read_breakhis

TEN_SHARED = {
    "14-13412",
    "14-14134",
    "14-15570",
    "14-16184",
    "14-18842",
    "14-19979",
    "14-21998",
    "14-22549",
    "14-23060",
    "14-29960",
}


def save(path, size=(700, 460)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((size[1], size[0], 3), np.uint8)).save(path)


def test_a_name_says_everything():
    manifest = manifest_of_names(["any/where/SOB_B_TA-14-16184CD-100-012.png"])
    row = manifest.frame.row(0, named=True)
    assert row == {
        "patch_id": "SOB_B_TA-14-16184CD-100-012",
        "path": "any/where/SOB_B_TA-14-16184CD-100-012.png",
        "label": "benign",
        "patient": "14-16184",
        "magnification": "100X",
        "mpp": 6.5 / (10 * 3.3),
        "mpp_y": 6.25 / (10 * 3.3),
        "subtype": "TA",
        "slide": "SOB_B_TA_14-16184CD",
        "case": "14-16184",
    }


@pytest.mark.parametrize(
    "name",
    [
        "SOB_M_TA-14-16184-100-012.png",
        "SOB_B_XX-14-16184-100-012.png",
        "SOB_B_TA-14-16184-150-012.png",
        "SOB_B_TA-14-16184-100.png",
        "holiday.png",
    ],
)
def test_other_names_are_refused_and_named(name):
    with pytest.raises(InputError) as caught:
        manifest_of_names(["SOB_B_TA-14-16184-100-012.png", name])
    assert f"got 1 that do not: {name}" in str(caught.value)


def test_the_same_name_twice_is_refused():
    name = "SOB_B_TA-14-16184-100-012"
    with pytest.raises(InputError, match="unique, got 1 repeated"):
        manifest_of_names([f"a/{name}.png", f"b/{name}.webp"])


def test_ids_warn_and_keep_types_apart():
    names = ["SOB_M_DC-14-13412-40-001.png", "SOB_M_LC-14-13412-40-001.png"]
    assert manifest_of_names(names).frame["patient"].n_unique() == 1
    with pytest.warns(FeatkitWarning, match="82 identifiers"):
        by_id = manifest_of_names(names, patient_key="id")
    assert by_id.frame["patient"].to_list() == ["DC-14-13412", "LC-14-13412"]
    with pytest.raises(InputError, match="'case' or 'id', got 'slide'"):
        manifest_of_names(names, patient_key="slide")


def test_tree_and_flat_folder_give_the_same_patches(tmp_path):
    names = ["SOB_B_F-14-9133-40-001", "SOB_B_F-14-9133-400-002", "SOB_M_PC-14-19440-40-023"]
    for name in names:
        save(tmp_path / "flat" / f"{name}.png")
    tree = tmp_path / "tree" / "BreaKHis_v1" / "histology_slides" / "breast"
    save(tree / "benign" / "SOB" / "fibroadenoma" / "SOB_B_F_14-9133" / "40X" / f"{names[0]}.png")
    save(tree / "benign" / "SOB" / "fibroadenoma" / "SOB_B_F_14-9133" / "400X" / f"{names[1]}.png")
    save(tree / "malignant" / "SOB" / "papillary_carcinoma" / "SOB_M_PC_14-19440" / "40X" / f"{names[2]}.png")
    (tree / "README.txt").write_text("not an image")
    (tree / "._SOB_B_F-14-9133-40-001.png").write_bytes(b"what some archives leave behind")
    flat, official = (ADAPTERS["breakhis"](tmp_path / kind) for kind in ("flat", "tree"))
    assert flat.content_hash == official.content_hash
    assert official.missing_files() == []
    assert sorted(official.frame["patch_id"]) == names


def test_resized_copies_have_no_mpp_until_the_scale_is_said(tmp_path):
    save(tmp_path / "SOB_B_F-14-9133-40-001.png")
    save(tmp_path / "SOB_B_F-14-9133-40-002.png", size=(341, 224))
    with pytest.warns(FeatkitWarning, match="mpp is left empty for 1 images"):
        manifest = read_breakhis(tmp_path)
    assert manifest.frame["mpp"].to_list() == [pytest.approx(6.5 / 13.2), None]
    resized = read_breakhis(tmp_path, scale=224 / 460)
    assert resized.frame["mpp"][1] == pytest.approx(6.5 / 13.2 * 460 / 224, rel=1e-14)
    with pytest.raises(InputError, match="scale must be positive"):
        read_breakhis(tmp_path, scale=0.0)


def test_folders_without_pictures_are_refused(tmp_path):
    with pytest.raises(InputError, match="must hold images"):
        read_breakhis(tmp_path)
    with pytest.raises(InputError, match="must exist"):
        read_breakhis(tmp_path / "no")


def test_a_set_that_claims_to_be_complete_is_counted():
    with pytest.raises(InputError, match=r"40X benign 1 for 625, 40X malignant 0 for 1370"):
        manifest_of_names(["SOB_B_F-14-9133-40-001.png"], complete=True)


def test_the_published_counts_add_up():
    assert sum(EXPECTED.values()) == N_PATCHES == 2480 + 5429


def test_the_full_list_of_names(real_names):
    manifest = manifest_of_names(real_names)
    frame = manifest.frame
    assert frame.height == N_PATCHES
    assert frame["patient"].n_unique() == frame["case"].n_unique() == 70
    counted = Counter(frame.select("magnification", "label").iter_rows())
    assert counted == EXPECTED
    slides = frame.group_by("case").agg(n=pl.col("slide").n_unique()).filter(pl.col("n") > 1)
    assert set(slides["case"]) == TEN_SHARED
    assert (frame.group_by("case").agg(n=pl.col("label").n_unique())["n"] == 1).all()
    with pytest.warns(FeatkitWarning):
        by_id = manifest_of_names(real_names, patient_key="id").frame
    ids = dict(by_id.group_by("subtype").agg(n=pl.col("patient").n_unique()).iter_rows())
    cases = dict(frame.group_by("subtype").agg(n=pl.col("patient").n_unique()).iter_rows())
    assert ids == {"A": 4, "F": 10, "PT": 3, "TA": 7, "DC": 38, "LC": 5, "MC": 9, "PC": 6}
    assert cases == {"A": 2, "F": 7, "PT": 3, "TA": 6, "DC": 38, "LC": 4, "MC": 7, "PC": 6}
    assert by_id["patient"].n_unique() == 82


def test_a_complete_list_with_one_name_too_many_is_refused(real_names):
    with pytest.raises(InputError, match="40X benign 626 for 625"):
        manifest_of_names([*real_names, "SOB_B_F-14-9133-40-999.png"])
    partial = manifest_of_names([*real_names, "SOB_B_F-14-9133-40-999.png"], complete=False)
    assert len(partial) == N_PATCHES + 1


def test_real_pictures(real_data):
    originals = read_breakhis(real_data / "breakhis" / "images-original")
    assert len(originals) == 16
    one_case = originals.frame.filter(pl.col("case") == "14-25197")
    assert set(one_case["magnification"]) == {"40X", "100X", "200X", "400X"}
    assert one_case.filter(pl.col("magnification") == "200X")["mpp"][0] == pytest.approx(0.0985, abs=5e-5)
    resized = read_breakhis(real_data / "breakhis" / "images-224", scale=224 / 460)
    assert len(resized) == 140
    assert Counter(resized.frame["magnification"]) == {"40X": 73, "100X": 1, "200X": 33, "400X": 33}
