import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from featkit.core.errors import InputError
from featkit.store import import_table


@pytest.fixture
def X(embeddings):
    return embeddings(12, 3)


@pytest.fixture
def described():
    return pl.DataFrame({"file": [f"f{i}.png" for i in range(12)], "case": [i // 3 for i in range(12)]})


def test_npz_with_columns_beside_the_matrix(tmp_path, X):
    np.savez(tmp_path / "x.npz", X=X, filename=[f"f{i}" for i in range(12)], stage=np.arange(12), names=["a", "b", "c"])
    store = import_table(tmp_path / "x.npz", tmp_path / "e.zarr", columns={"patch_id": "filename"})
    np.testing.assert_array_equal(store.X(), X)
    assert store.obs.to_dict(as_series=False) == {
        "patch_id": [f"f{i}" for i in range(12)],
        "stage": list(range(12)),
    }
    assert store.provenance["imported_from"] == "x.npz"


def test_npy_with_a_table(tmp_path, X, described):
    np.save(tmp_path / "x.npy", X)
    described.write_csv(tmp_path / "rows.csv")
    store = import_table(
        tmp_path / "x.npy", tmp_path / "e.zarr", metadata=tmp_path / "rows.csv", columns={"patient": "case"}
    )
    np.testing.assert_array_equal(store.X(), X)
    assert store.obs["patient"].to_list() == described["case"].to_list()
    assert store.obs["patch_id"].to_list()[:2] == ["patch-00", "patch-01"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_numbered_columns_are_put_in_numerical_order(tmp_path, embeddings, suffix):
    X = embeddings(5, 12)
    order = sorted(range(12), key=str)  # d0, d1, d10, d11, d2, ...
    table = pl.DataFrame({f"d{j}": X[:, j] for j in order}).with_columns(pl.Series("label", list("aabba")))
    getattr(table, f"write_{suffix}")(tmp_path / f"x.{suffix}")
    store = import_table(tmp_path / f"x.{suffix}", tmp_path / "e.zarr")
    np.testing.assert_allclose(store.X(), X, rtol=1e-6)
    assert store.obs["label"].to_list() == list("aabba")


def test_a_list_column(tmp_path, X, described):
    described.with_columns(pl.Series("vector", X.tolist())).write_parquet(tmp_path / "x.parquet")
    store = import_table(tmp_path / "x.parquet", tmp_path / "e.zarr", provenance={"encoder": "uni"})
    np.testing.assert_array_equal(store.X(), X)
    assert store.provenance["encoder"] == "uni"


def test_what_cannot_be_imported_is_named(tmp_path, X, described):
    def refused(name, message, **options):
        with pytest.raises(InputError, match=message):
            import_table(tmp_path / name, tmp_path / "e.zarr", **options)

    refused("none.csv", "table must exist")
    (tmp_path / "x.txt").write_text("x")
    refused("x.txt", "must be .npz, .npy, .parquet or .csv")
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
    refused("x.npy", "one row per embedding, 12, got 5", metadata=tmp_path / "rows.csv")
    described.write_csv(tmp_path / "rows.csv")
    refused(
        "x.npy",
        "must be in the table, got cas. Did you mean 'case'",
        metadata=tmp_path / "rows.csv",
        columns={"patient": "cas"},
    )
    described.write_csv(tmp_path / "bare.csv")
    refused("bare.csv", "got none")
    described.with_columns(d0=1.0, d2=1.0).write_csv(tmp_path / "gap.csv")
    refused("gap.csv", "no d1")
    described.with_columns(pl.Series("v", [[1.0]] * 11 + [[1.0, 2.0]])).write_parquet(tmp_path / "ragged.parquet")
    refused("ragged.parquet", "equally long")
    assert not (tmp_path / "e.zarr").exists()


def test_the_real_feature_table(tmp_path):
    folder = os.environ.get("FEATKIT_TEST_DATA")
    if not folder:
        pytest.skip("FEATKIT_TEST_DATA is not set")
    source = Path(folder) / "breakhis" / "features_40x.npz"
    store = import_table(source, tmp_path / "e.zarr", columns={"patch_id": "filename"})
    with np.load(source) as real:
        np.testing.assert_array_equal(store.X(), real["X"])
        assert store.obs["patch_id"].to_list() == real["filename"].tolist()
    assert store.shape == (1995, 68)


def test_files_that_numpy_would_unpickle_are_refused_without_advice_to_trust_them(tmp_path):
    path = tmp_path / "junk.npy"
    path.write_bytes(b"junk")
    with pytest.raises(InputError, match="not an array of numbers") as caught:
        import_table(path, tmp_path / "x.zarr", metadata=tmp_path / "none.csv")
    assert "pickle" not in str(caught.value)


def test_the_file_that_cannot_be_read_is_the_one_that_is_named(tmp_path, X):
    np.save(tmp_path / "x.npy", X)
    junk = tmp_path / "pickled gherkins.parquet"
    junk.write_bytes(b"junk")
    with pytest.raises(InputError, match=r"table must be readable, got .*gherkins\.parquet: ") as caught:
        import_table(tmp_path / "x.npy", tmp_path / "x.zarr", metadata=junk)
    assert "not an array of numbers" not in str(caught.value)
