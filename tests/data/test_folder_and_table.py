import numpy as np
import polars as pl
import pytest
from PIL import Image

from featkit.core.errors import FeatkitWarning, InputError
from featkit.data import ADAPTERS
from featkit.data.adapters.folder import read_folder
from featkit.data.adapters.table import read_table


@pytest.fixture
def classes(tmp_path):
    """Two class folders of two pictures each and their metadata rows."""
    rows = []
    for i, name in enumerate(["cat/one.png", "cat/deep/two.png", "dog/one.png", "dog/three.png"]):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), i, np.uint8)).save(path)
        rows.append({"path": name, "patient": f"0{i // 2}", "magnification": "20", "mpp": 0.5, "site": f"s{i % 2}"})
    pl.DataFrame(rows).write_csv(tmp_path / "metadata.csv")
    return tmp_path


def rewrite(path, change):
    change(pl.read_csv(path, infer_schema=False)).write_csv(path)


def test_adapters_are_found_by_name_with_a_suggestion():
    assert list(ADAPTERS) == ["breakhis", "folder", "table"]
    assert ADAPTERS["folder"] is read_folder
    with pytest.raises(InputError, match="Did you mean 'breakhis'"):
        ADAPTERS["breakhiss"]


def test_a_folder_takes_classes_from_sub_folders_and_patients_from_the_table(classes):
    frame = read_folder(classes, labels=["cat", "dog"]).frame.sort("patch_id")
    assert frame["patch_id"].to_list() == ["cat/deep/two", "cat/one", "dog/one", "dog/three"]
    assert frame["label"].to_list() == ["cat", "cat", "dog", "dog"]
    assert frame["patient"].to_list() == ["00", "00", "01", "01"]
    assert frame["magnification"].to_list() == ["20X"] * 4
    assert frame["mpp"].to_list() == [0.5] * 4
    assert frame["site"].to_list() == ["s1", "s0", "s0", "s1"]
    assert read_folder(classes).missing_files() == []


def test_a_folder_with_parquet_under_other_column_names(classes):
    table = pl.read_csv(classes / "metadata.csv", infer_schema=False).rename({"patient": "case_id"})
    table.write_parquet(classes / "cases.parquet")
    manifest = read_folder(classes, metadata=classes / "cases.parquet", columns={"patient": "case_id"})
    assert manifest.content_hash == read_folder(classes).content_hash


def test_a_folder_whose_table_lacks_optional_columns(classes):
    rewrite(classes / "metadata.csv", lambda t: t.drop("magnification", "mpp"))
    frame = read_folder(classes).frame
    assert frame["magnification"].null_count() == frame["mpp"].null_count() == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.head(3), "every image must have a row in the metadata table, got none for dog/three.png"),
        (lambda t: t.drop("patient"), "must have the columns path, patient, got no patient among path"),
        (lambda t: pl.concat([t, t.tail(1)]), "one row per image, got more for dog/three.png"),
        (
            lambda t: pl.concat([t, t.tail(1).with_columns(path=pl.lit("dog/gone.png"))]),
            "every row of the metadata table must have its image, got no file dog/gone.png",
        ),
    ],
)
def test_a_folder_and_its_table_must_agree(classes, change, said):
    rewrite(classes / "metadata.csv", change)
    with pytest.raises(InputError) as caught:
        read_folder(classes)
    assert said in str(caught.value)


def test_a_folder_needs_a_table_class_folders_and_known_labels(classes):
    with pytest.raises(InputError, match="labels must be among cat, cow, got dog"):
        read_folder(classes, labels=["cat", "cow"])
    (classes / "metadata.csv").rename(classes / "other.csv")
    with pytest.raises(InputError, match="a table that names each patch's patient"):
        read_folder(classes)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(classes / "loose.png")
    with pytest.raises(InputError, match=r"its class's sub-folder, got loose\.png"):
        read_folder(classes, metadata=classes / "other.csv")


@pytest.fixture
def listed(classes):
    table = pl.read_csv(classes / "metadata.csv", infer_schema=False)
    table = table.with_columns(diagnosis=pl.col("path").str.head(3), image=pl.col("path")).drop("path")
    table.write_csv(classes / "table.csv")
    return classes / "table.csv"


COLUMNS = {"label": "diagnosis", "path": "image"}


def test_a_table_under_its_own_column_names(listed):
    frame = read_table(listed, columns=COLUMNS).frame
    assert frame["label"].to_list() == ["cat", "cat", "dog", "dog"]
    assert frame["patch_id"].to_list() == ["cat/one", "cat/deep/two", "dog/one", "dog/three"]
    assert set(frame.columns) >= {"site"}
    assert not {"diagnosis", "image"} & set(frame.columns)


def test_one_column_may_serve_twice(listed):
    frame = read_table(listed, columns={**COLUMNS, "slide": "patient", "patient": "patient"}).frame
    assert frame["slide"].to_list() == frame["patient"].to_list()


def test_relative_paths_start_where_root_says(listed, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "table.csv"
    elsewhere.write_text(listed.read_text())
    assert len(read_table(elsewhere, columns=COLUMNS, root=listed.parent)) == 4
    with pytest.raises(InputError, match="must have its image, got no file") as caught:
        read_table(elsewhere, columns=COLUMNS)
    assert "one.png" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "must have the columns path, label, patient, got no path, label among patient"),
        ({"columns": {"label": "grade", "path": "image"}}, "must have the mapped columns grade, got patient"),
        ({"columns": COLUMNS, "labels": ["cat"]}, "labels must be among cat, got dog"),
    ],
)
def test_what_a_table_must_have_is_named(listed, options, said):
    with pytest.raises(InputError) as caught:
        read_table(listed, **options)
    assert said in str(caught.value)


def test_a_table_without_patients_is_taken_only_when_the_reader_says_so(classes):
    """Every image counts as a patient of its own, and that is said."""
    table = pl.read_csv(classes / "metadata.csv", infer_schema=False).drop("patient")
    table.with_columns(label=pl.col("path").str.head(3)).write_csv(classes / "images.csv")
    with pytest.raises(InputError, match="groups='patches' if nobody knows the patients"):
        read_table(classes / "images.csv")
    with pytest.warns(FeatkitWarning, match="every patch counts as a patient of its own"):
        frame = read_table(classes / "images.csv", groups="patches").frame
    assert frame["patient"].to_list() == frame["patch_id"].to_list()
    with pytest.warns(FeatkitWarning, match="every patch counts as a patient of its own"):
        read_folder(classes, metadata=classes / "images.csv", groups="patches")


def test_known_patients_are_not_forgotten(classes):
    with pytest.raises(InputError, match="groups must be 'patients' where the table has patients"):
        read_folder(classes, groups="patches")
