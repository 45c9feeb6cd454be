import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.data import Manifest, Split


def rows(**columns):
    frame = pl.DataFrame(
        {
            "patch_id": ["a", "b", "c"],
            "path": ["/x/a.png", "/x/b.png", "/x/c.png"],
            "label": ["benign", "malignant", "malignant"],
            "patient": ["p1", "p2", "p2"],
            "magnification": ["40X", "100X", "100X"],
            "mpp": [0.492, None, 0.197],
        }
    )
    return frame.with_columns(**{k: pl.Series(v) for k, v in columns.items()})


def test_standard_columns_come_first_and_others_stay():
    frame = rows(stage=[1, 2, 3]).select("stage", "mpp", "magnification", "patient", "label", "path", "patch_id")
    manifest = Manifest(frame)
    assert manifest.frame.columns == ["patch_id", "path", "label", "patient", "magnification", "mpp", "stage"]
    assert len(manifest) == 3
    assert manifest.classes == ("benign", "malignant")
    assert manifest.targets().tolist() == [0, 1, 1]
    assert manifest.targets(positive="benign").tolist() == [1, 0, 0]


def test_numbers_as_identifiers_become_text_and_magnifications_labels():
    manifest = Manifest(rows(patient=[7, 8, 8], magnification=[40, 100, 100]))
    assert manifest.frame["patient"].to_list() == ["7", "8", "8"]
    assert manifest.frame["magnification"].to_list() == ["40X", "100X", "100X"]


def test_neither_magnification_nor_mpp_is_made_from_the_other():
    manifest = Manifest(rows(magnification=[None, "100X", None], mpp=[0.5, None, float("nan")]))
    assert manifest.frame["magnification"].to_list() == [None, "100X", None]
    assert manifest.frame["mpp"].to_list() == [0.5, None, None]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"patch_id": ["a", "b", "a"]}, "every patch_id must be unique, got 1 repeated: a"),
        ({"patient": ["p1", None, "p2"]}, "'patient' must have a value in every row, got 1 without, first b"),
        ({"label": ["x", "y", " "]}, "'label' must have a value in every row, got 1 without, first c"),
        ({"patch_id": ["a", None, "c"]}, "'patch_id' must have a value in every row, got 1 without, first row 2"),
        ({"magnification": ["40X", "high", "40X"]}, "printed label such as 100X, got 'high'"),
        ({"mpp": [0.5, -0.5, 0.5]}, "mpp must be positive and finite, got -0.5 for b"),
        ({"mpp": [0.5, float("inf"), 0.5]}, "mpp must be positive and finite, got inf for b"),
        ({"mpp": ["0.5", "0,5", "0.5"]}, "'mpp' must hold numbers"),
        ({"mpp_y": [0.5, 0.0, 0.5]}, "mpp_y must be positive and finite, got 0.0 for b"),
        ({"slide": ["s1", "s2", "s1"]}, "a slide must belong to one patient, got s1 with p1 and p2"),
    ],
)
def test_what_must_hold_is_checked_and_named(columns, said):
    with pytest.raises(InputError) as caught:
        Manifest(rows(**columns))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_columns_and_empty_tables_are_refused():
    with pytest.raises(InputError, match="columns patient, mpp, got patch_id, path, label, magnification"):
        Manifest(rows().drop("patient", "mpp"))
    with pytest.raises(InputError, match="at least one patch, got 0"):
        Manifest(rows().head(0))
    with pytest.raises(InputError, match=r"polars\.DataFrame, got dict"):
        Manifest({"patch_id": []})


def test_require_names_the_column_or_the_patches_without_a_value():
    manifest = Manifest(rows())
    assert manifest.require(["mpp"][:0]) is manifest
    with pytest.raises(InputError, match="column slide"):
        manifest.require(["slide"])
    with pytest.raises(InputError, match="'mpp' must have a value in every row, got 1 without, first b"):
        manifest.require(["mpp"])


def test_select_takes_patches_in_the_order_asked():
    manifest = Manifest(rows())
    assert manifest.select(["c", "a"]).frame["patch_id"].to_list() == ["c", "a"]
    with pytest.raises(InputError, match="got z"):
        manifest.select(["a", "z"])


def test_content_hash_ignores_order_and_place_but_nothing_else():
    manifest = Manifest(rows(stage=[1, 2, 3]))
    same = Manifest(manifest.frame.reverse().select(reversed(manifest.frame.columns)))
    moved = Manifest(manifest.frame.with_columns(path=pl.col("patch_id")))
    assert manifest.content_hash == same.content_hash == moved.content_hash
    for column, value in [
        ("label", "other"),
        ("patient", "other"),
        ("mpp", 0.3),
        ("stage", 9),
        ("magnification", "9X"),
    ]:
        changed = manifest.frame.with_columns(
            pl.when(pl.col("patch_id") == "b").then(pl.lit(value)).otherwise(pl.col(column)).alias(column)
        )
        assert Manifest(changed).content_hash != manifest.content_hash


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_written_manifest_reads_back_and_its_folder_may_move(tmp_path, suffix):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    inside = [str(old.resolve() / "images" / f"{k}.png") for k in "ab"]
    manifest = Manifest(rows(path=[*inside, "/elsewhere/c.png"], patient=["007", "07", "07"], stage=[1, 2, 3]))
    manifest.write(old / f"manifest{suffix}")
    old.rename(new)
    again = Manifest.read(new / f"manifest{suffix}")
    assert again.content_hash == manifest.content_hash
    assert again.frame["patient"].to_list() == ["007", "07", "07"]
    expected = [str(new.resolve() / "images" / "a.png"), str(new.resolve() / "images" / "b.png"), "/elsewhere/c.png"]
    assert again.frame["path"].to_list() == expected
    assert again.missing_files() == expected
    assert not list(new.glob("*.partial"))


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=8), st.text(min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_csv_keeps_every_bit_of_mpp_and_any_patient_name(tmp_path_factory, mpps, patient):
    n = len(mpps)
    frame = pl.DataFrame(
        {
            "patch_id": [f"p{i}" for i in range(n)],
            "path": ["/x.png"] * n,
            "label": ["a"] * n,
            "patient": [f"<{patient}>"] * n,
            "magnification": ["40X"] * n,
            "mpp": mpps,
        }
    )
    manifest = Manifest(frame)
    path = manifest.write(tmp_path_factory.mktemp("m") / "m.csv")
    assert Manifest.read(path).frame.equals(manifest.frame)


def test_unreadable_tables_are_one_line_errors(tmp_path):
    with pytest.raises(InputError, match="the table must exist"):
        Manifest.read(tmp_path / "no.csv")
    with pytest.raises(InputError, match=r"must end in \.csv, \.tsv, .*, got m\.xlsx"):
        Manifest.read(tmp_path / "m.xlsx")
    (tmp_path / "bad.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(InputError, match="table must be readable"):
        Manifest.read(tmp_path / "bad.parquet")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match="must begin with a line of column names"):
        Manifest.read(tmp_path / "empty.csv")


GOLDEN = Path(__file__).parent / "golden"
CONTENT = "68dda2552b9e897d9f3ab1019e818a07f95bdc4c16047e866adbef31808cc0a7"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_manifests_of_version_0_1_are_read_as_they_were(suffix):
    manifest = Manifest.read(GOLDEN / f"manifest-0.1.{suffix}")
    assert manifest.content_hash == CONTENT
    assert manifest.frame["patient"].to_list()[:5] == ["000"] * 4 + ["001"]
    assert manifest.frame["path"][0] == str(GOLDEN / "images" / "000-40X-0.png")


def test_splits_of_version_0_1_are_read_as_they_were():
    split = Split.load(GOLDEN / "split-0.1.json")
    body = json.loads((GOLDEN / "split-0.1.json").read_text())
    assert split.role.tolist() == body["role"]
    assert (split.audit.design, split.audit.nesting) == (None, None)
    again = split.for_table(Manifest.read(GOLDEN / "manifest-0.1.csv"))
    assert again.role.tolist() == body["role"]
    assert again.audit.counts == split.audit.counts
