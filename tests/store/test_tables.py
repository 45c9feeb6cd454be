import gzip
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from featkit.core.errors import InputError
from featkit.core.options import ImportOptions
from featkit.core.progress import reporting_to
from featkit.store import import_table, open_store, verify_store
from featkit.store.feature_files import READERS

BARE = {"groups": "patches", "unlabelled": True}
"""Options for tables of which neither labels nor patients are known."""


@pytest.fixture
def X(embeddings):
    return embeddings(12, 3)


@pytest.fixture
def described():
    return pl.DataFrame({"file": [f"f{i}.png" for i in range(12)], "case": [i // 3 for i in range(12)]})


@pytest.fixture
def bring_in(tmp_path):
    """Return a function that imports a file of the test's folder, options by name."""

    def call(name, output="e.zarr", provenance=None, **options):
        if "metadata" in options:
            options["metadata"] = str(tmp_path / options["metadata"])
        return import_table(tmp_path / name, tmp_path / output, ImportOptions(**options), provenance=provenance)

    return call


def test_npz_with_columns_beside_the_matrix(tmp_path, X, bring_in):
    np.savez(tmp_path / "x.npz", X=X, filename=[f"f{i}" for i in range(12)], stage=np.arange(12), names=["a", "b", "c"])
    store = bring_in("x.npz", columns={"patch_id": "filename"}, **BARE)
    np.testing.assert_array_equal(store.X(), X)
    assert store.obs.to_dict(as_series=False) == {
        "patch_id": [f"f{i}" for i in range(12)],
        "stage": list(range(12)),
        "patient": [f"f{i}" for i in range(12)],
    }
    assert store.provenance["imported_from"] == "x.npz"
    assert store.dimension_names == ("a", "b", "c")
    assert store.var["name"].to_list() == ["a", "b", "c"]


def test_npy_with_a_table(tmp_path, X, described, bring_in):
    np.save(tmp_path / "x.npy", X)
    described.write_csv(tmp_path / "rows.csv")
    store = bring_in("x.npy", metadata="rows.csv", columns={"patient": "case"}, unlabelled=True)
    np.testing.assert_array_equal(store.X(), X)
    assert store.obs["patient"].to_list() == [str(c) for c in described["case"]]
    assert store.obs["patch_id"].to_list()[:2] == ["patch-00", "patch-01"]
    assert store.provenance["joined_by"] == "row order"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_numbered_columns_are_put_in_numerical_order(tmp_path, embeddings, suffix, bring_in):
    X = embeddings(5, 12)
    order = sorted(range(12), key=str)  # d0, d1, d10, d11, d2, ...
    table = pl.DataFrame({f"d{j}": X[:, j] for j in order}).with_columns(pl.Series("label", list("aabba")))
    getattr(table, f"write_{suffix}")(tmp_path / f"x.{suffix}")
    store = bring_in(f"x.{suffix}", groups="patches")
    np.testing.assert_allclose(store.X(), X, rtol=1e-6)
    assert store.obs["label"].to_list() == list("aabba")
    assert store.dimension_names[:2] == ("d0", "d1")
    assert "name" not in store.var.columns


def test_a_list_column(tmp_path, X, described, bring_in):
    described.with_columns(pl.Series("vector", X.tolist())).write_parquet(tmp_path / "x.parquet")
    store = bring_in("x.parquet", provenance={"encoder": "uni"}, **BARE)
    np.testing.assert_array_equal(store.X(), X)
    assert store.provenance["encoder"] == "uni"


def test_what_cannot_be_imported_is_named(tmp_path, X, described, bring_in):
    def refused(name, message, **options):
        with pytest.raises(InputError, match=message):
            bring_in(name, **{**BARE, **options})

    refused("none.csv", "table must exist")
    (tmp_path / "x.txt").write_text("x")
    refused("x.txt", r"must end in one of \.npz, \.npy, \.parquet, \.csv")
    (tmp_path / "x.parquet").write_text("not parquet")
    refused("x.parquet", "table must be readable")
    (tmp_path / "x.npz").write_text("not npz")
    refused("x.npz", "table must be readable")
    np.savez(tmp_path / "two.npz", A=X, B=X)
    refused("two.npz", "must hold one matrix, got A, B")
    refused("two.npz", "matrix must be in the file, got C", array="C")
    np.save(tmp_path / "x.npy", X)
    refused("x.npy", "must come with metadata")
    described[:5].write_csv(tmp_path / "rows.csv")
    refused("x.npy", "one row per embedding, 12, got 5", metadata="rows.csv")
    described.write_csv(tmp_path / "rows.csv")
    refused(
        "x.npy",
        "must be in the table, got cas. Did you mean 'case'",
        metadata="rows.csv",
        columns={"patient": "cas"},
    )
    described.write_csv(tmp_path / "bare.csv")
    refused("bare.csv", r"got 2 columns: file, case\. Say which columns are the embedding")
    refused("bare.csv", "could not parse `f0.png`", dimensions=("file",))
    described.with_columns(d0=1.0, d2=1.0).write_csv(tmp_path / "gap.csv")
    refused("gap.csv", "no d1")
    described.with_columns(pl.Series("v", [[1.0]] * 11 + [[1.0, 2.0]])).write_parquet(tmp_path / "ragged.parquet")
    refused("ragged.parquet", "equally long")
    described.write_parquet(tmp_path / "words.parquet")
    refused("words.parquet", "dimensions must be columns of numbers, got file", dimensions=("file",))
    assert not (tmp_path / "e.zarr").exists()


def test_the_real_feature_table(tmp_path):
    folder = os.environ.get("FEATKIT_TEST_DATA")
    if not folder:
        pytest.skip("FEATKIT_TEST_DATA is not set")
    source = Path(folder) / "breakhis" / "features_40x.npz"
    store = import_table(source, tmp_path / "e.zarr", ImportOptions(columns={"patch_id": "filename"}, **BARE))
    with np.load(source) as real:
        np.testing.assert_array_equal(store.X(), real["X"])
        assert store.obs["patch_id"].to_list() == real["filename"].tolist()
        assert store.dimension_names == tuple(real["names"].tolist())
    assert store.shape == (1995, 68)


def test_slides_nested_in_sources_and_scanners(tmp_path):
    folder = os.environ.get("FEATKIT_TEST_DATA")
    if not folder:
        pytest.skip("FEATKIT_TEST_DATA is not set")
    folder = Path(folder) / "amibr"
    shuffled = pl.read_csv(folder / "features.csv", infer_schema=False).sample(fraction=1.0, shuffle=True, seed=0)
    shuffled.write_csv(tmp_path / "rows.csv")
    with np.load(folder / "features.npz") as real:
        X = real["X"]
    np.savez(tmp_path / "x.npz", X=X, patch_id=pl.read_csv(folder / "features.csv")["patch_id"].to_list())
    options = ImportOptions(metadata=str(tmp_path / "rows.csv"), domain="source")
    store = import_table(tmp_path / "x.npz", tmp_path / "e.zarr", options)
    np.testing.assert_array_equal(store.X(), X)
    assert store.provenance["joined_by"] == "patch_id"
    original = pl.read_csv(folder / "features.csv", infer_schema=False)
    assert store.obs.select(original.columns).equals(original)


def test_images_without_patients_need_the_explicit_opt_out(tmp_path):
    folder = os.environ.get("FEATKIT_TEST_DATA")
    if not folder:
        pytest.skip("FEATKIT_TEST_DATA is not set")
    images = pl.read_csv(Path(folder) / "oral" / "images.csv")
    np.savez(tmp_path / "x.npz", X=np.random.default_rng(0).normal(size=(images.height, 4)))
    options = ImportOptions(metadata=str(Path(folder) / "oral" / "images.csv"), columns={"patch_id": "path"})
    with pytest.raises(InputError, match=r"must have the column patient.*say groups='patches' if nobody knows"):
        import_table(tmp_path / "x.npz", tmp_path / "e.zarr", options)
    store = import_table(tmp_path / "x.npz", tmp_path / "e.zarr", options.with_given(groups="patches"))
    assert store.obs["patient"].n_unique() == 851
    assert store.provenance["groups"] == "patches"
    assert any("patients are not known" in line for line in store.provenance["import_notes"])
    assert sorted(store.obs["magnification"].unique()) == ["100X", "400X"]


def test_files_that_numpy_would_unpickle_are_refused_without_advice_to_trust_them(tmp_path, bring_in):
    path = tmp_path / "junk.npy"
    path.write_bytes(b"junk")
    with pytest.raises(InputError, match="not an array of numbers") as caught:
        bring_in("junk.npy", metadata="none.csv")
    assert "pickle" not in str(caught.value)


def test_the_file_that_cannot_be_read_is_the_one_that_is_named(tmp_path, X, bring_in):
    np.save(tmp_path / "x.npy", X)
    junk = tmp_path / "pickled gherkins.parquet"
    junk.write_bytes(b"junk")
    with pytest.raises(InputError, match=r"table must be readable, got .*gherkins\.parquet: ") as caught:
        bring_in("x.npy", metadata=junk.name)
    assert "not an array of numbers" not in str(caught.value)


@pytest.fixture
def shuffled(tmp_path, X):
    """Embeddings with ids, and metadata of the same ids in another order; returns ids, labels and that order."""
    ids = [f"{i:02d}" for i in range(12)]
    labels = ["ab"[i % 2] for i in range(12)]
    order = np.random.default_rng(0).permutation(12)
    np.savez(tmp_path / "x.npz", X=X, patch_id=ids)
    rows = {"patch_id": ids, "label": labels, "patient": [f"p{i // 3}" for i in range(12)]}
    pl.DataFrame(rows)[order].write_csv(tmp_path / "rows.csv")
    return ids, labels, order


def test_rows_are_joined_by_patch_id_where_both_sides_have_it(tmp_path, X, shuffled, bring_in):
    ids, labels, _ = shuffled
    store = bring_in("x.npz", metadata="rows.csv")
    np.testing.assert_array_equal(store.X(), X)
    assert store.obs["patch_id"].to_list() == ids
    assert store.obs["label"].to_list() == labels
    assert store.provenance["joined_by"] == "patch_id"


def test_rows_on_one_side_only_are_left_out_and_said_to_be(tmp_path, X, shuffled, bring_in):
    rows = pl.read_csv(tmp_path / "rows.csv", infer_schema=False).filter(~pl.col("patch_id").is_in(["03", "07"]))
    more = pl.DataFrame({"patch_id": ["99"], "label": ["a"], "patient": ["p9"]})
    pl.concat([rows, more]).write_csv(tmp_path / "rows.csv")
    store = bring_in("x.npz", metadata="rows.csv")
    kept = [i for i in range(12) if i not in (3, 7)]
    np.testing.assert_array_equal(store.X(), X[kept])
    assert "2 embeddings without metadata were left out: 03, 07" in store.provenance["import_notes"]
    assert "1 rows of metadata have no embedding" in store.provenance["import_notes"]


def test_ids_that_are_all_others_are_refused(tmp_path, X, shuffled, bring_in):
    np.savez(tmp_path / "x.npz", X=X, patch_id=[f"tile {i}" for i in range(12)])
    with pytest.raises(InputError, match="must share patch_ids, got none: tile 0 and "):
        bring_in("x.npz", metadata="rows.csv")
    np.savez(tmp_path / "x.npz", X=X, patch_id=["a"] * 12)
    with pytest.raises(InputError, match="patch_id must be unique in the embeddings, got a"):
        bring_in("x.npz", metadata="rows.csv")


def test_a_join_by_row_order_is_said(tmp_path, X, shuffled, bring_in):
    class Heard:
        lines: list = []
        start = advance = finish = lambda self, *_: 0

        def note(self, message):
            self.lines.append(message)

    np.savez(tmp_path / "x.npz", X=X)
    heard = Heard()
    with reporting_to(heard):
        store = bring_in("x.npz", metadata="rows.csv")
    said = "metadata were joined to embeddings row by row, since the embeddings have no column patch_id"
    assert said in heard.lines
    assert store.provenance["import_notes"] == [said]


def test_identifiers_stay_text(tmp_path, bring_in):
    rows = {"patch_id": ["001", "01", "1"], "label": ["0", "1", "1"], "patient": ["01", "1", "2"], "age": [50, 61, 7]}
    pl.DataFrame({**rows, "zip": ["007", "12", "13"], "d0": [0.5, 1, 2]}).write_csv(tmp_path / "x.csv")
    obs = bring_in("x.csv").obs
    assert obs["patch_id"].to_list() == ["001", "01", "1"]
    assert obs["patient"].to_list() == ["01", "1", "2"]
    assert obs["label"].to_list() == ["0", "1", "1"]
    assert (obs["age"].to_list(), obs["zip"].to_list()) == ([50, 61, 7], ["007", "12", "13"])


def test_numbers_of_parquet_and_npz_become_identifiers_exactly(tmp_path, X, bring_in):
    large = 2**53 + 1
    frame = {"patch_id": range(large, large + 3), "label": [0, 1, 1], "patient": [1.0, 2.0, 3.0], "d0": [0.5, 1.0, 2.0]}
    pl.DataFrame(frame).write_parquet(tmp_path / "x.parquet")
    obs = bring_in("x.parquet").obs
    assert obs["patch_id"].to_list() == [str(large + i) for i in range(3)]
    assert (obs["label"].to_list(), obs["patient"].to_list()) == (["0", "1", "1"], ["1", "2", "3"])


def test_magnifications_become_labels_once(tmp_path, bring_in):
    for k, values in enumerate(([40, 100, 40], [40.0, 100.0, 40.0], ["40x", "100X", "40"])):
        frame = {"label": ["a", "b", "a"], "patient": ["1", "2", "3"], "magnification": values, "d0": [0.5, 1.0, 2.0]}
        pl.DataFrame(frame).write_parquet(tmp_path / "x.parquet")
        assert bring_in("x.parquet", f"{k}.zarr").obs["magnification"].to_list() == ["40X", "100X", "40X"]


def test_near_twins_are_named_and_outer_spaces_are_not_another_patient(tmp_path, bring_in):
    frame = {"label": ["a", "A", "b", "b"], "patient": ["P1 ", "P1", "p1", "P2"], "d0": [0.5, 1.0, 2.0, 3.0]}
    pl.DataFrame(frame).write_csv(tmp_path / "x.csv")
    store = bring_in("x.csv")
    assert store.obs["patient"].to_list() == ["P1", "P1", "p1", "P2"]
    notes = store.provenance["import_notes"]
    assert "patient: names that differ only in how they are written count as different: 'P1' and 'p1'" in notes
    assert any(line.startswith("label: ") for line in notes)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.tsv", b"label\tpatient\td0\na\t01\t1\nb\t1\t2\n"),
        ("x.csv", b"\xef\xbb\xbflabel;patient;d0\na;01;1\nb;1;2\n"),
        ("x.csv.gz", gzip.compress(b"label,patient,d0\na,01,1\nb,1,2\n", mtime=0)),
    ],
)
def test_other_ways_to_write_a_table_are_read(tmp_path, name, data, bring_in):
    (tmp_path / name).write_bytes(data)
    store = bring_in(name)
    assert store.X().tolist() == [[1.0], [2.0]]
    assert store.obs["patient"].to_list() == ["01", "1"]


def test_any_numeric_columns_are_the_embedding_and_keep_their_names(tmp_path, bring_in):
    frame = {
        "label": ["a", "b"],
        "patient": ["1", "2"],
        "age": [50, 60],
        "shape_area": [1.5, 2.5],
        "shape_round": [3, 4],
    }
    pl.DataFrame(frame).write_csv(tmp_path / "x.csv")
    store = bring_in("x.csv", dimensions=("shape_*", "age"))
    assert store.dimension_names == ("age", "shape_area", "shape_round")
    assert store.X().tolist() == [[50, 1.5, 3], [60, 2.5, 4]]
    assert store.obs.columns == ["patch_id", "label", "patient"]
    assert verify_store(store.path).is_intact
    other = bring_in("x.csv", "other.zarr", dimensions=("shape_area", "shape_round", "age"))
    assert other.store_id == store.store_id
    renamed = pl.read_csv(tmp_path / "x.csv").rename({"age": "years"})
    renamed.write_csv(tmp_path / "y.csv")
    assert bring_in("y.csv", "y.zarr", dimensions=("shape_*", "years")).store_id != store.store_id
    with pytest.raises(InputError, match=r"must be columns of the file, got 'shape_are'\. Did you mean 'shape_area'"):
        bring_in("x.csv", dimensions=("shape_are",))
    np.savez(tmp_path / "x.npz", X=np.eye(2), names=["p", "q"], label=["a", "b"], patient=["1", "2"])
    assert bring_in("x.npz", "z.zarr", dimensions=("q",)).X().tolist() == [[0], [1]]


def test_a_table_without_label_or_patient_is_refused_at_once(tmp_path, bring_in):
    pl.DataFrame({"d0": [1.0, 2.0], "label": ["a", None], "patient": ["1", "2"]}).write_csv(tmp_path / "x.csv")
    with pytest.raises(InputError, match="'label' must have a value in every row, got 1 without, first patch-1"):
        bring_in("x.csv")
    assert bring_in("x.csv", unlabelled=True).obs["label"].to_list() == ["a", None]
    with pytest.raises(InputError, match="groups must be 'patients' where the table has patients"):
        bring_in("x.csv", **BARE)
    pl.DataFrame({"d0": [1.0, 2.0], "patient": ["1", "2"]}).write_csv(tmp_path / "y.csv")
    with pytest.raises(InputError, match=r"must have the column label, got .*say unlabelled=True"):
        bring_in("y.csv")
    with pytest.raises(InputError, match="must have the column site"):
        bring_in("y.csv", domain="site", unlabelled=True)


def test_every_reader_is_there_and_the_ending_may_be_in_capitals(tmp_path, bring_in):
    assert all(callable(READERS[ending]) for ending in READERS)
    (tmp_path / "X.CSV").write_text("label,patient,d0\na,1,0.5\nb,2,1\n")
    assert bring_in("X.CSV").n == 2


def test_importing_again_checks_and_does_nothing_and_never_calls_a_damaged_store_good(tmp_path, shuffled, bring_in):
    store = bring_in("x.npz", metadata="rows.csv")
    assert bring_in("x.npz", metadata="rows.csv").store_id == store.store_id
    shard = next(p for p in (store.path / "X" / "c").rglob("*") if p.is_file())
    raw = bytearray(shard.read_bytes())
    raw[8] ^= 0xFF
    shard.write_bytes(raw)
    with pytest.raises(InputError, match=r"must be as it was sealed, got damage in rows 0 to 11\. Delete"):
        bring_in("x.npz", metadata="rows.csv")
    assert open_store(store.path).store_id == store.store_id
