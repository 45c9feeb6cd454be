import numpy as np
import polars as pl
import pytest

import featkit
from featkit import workflows
from featkit.core.errors import InputError
from featkit.core.options import ImportOptions

NOTHING_KNOWN = ImportOptions(groups="patches", unlabelled=True)


@pytest.fixture
def table(tmp_path):
    random = np.random.default_rng(0)
    X = random.normal(size=(24, 6)).astype(np.float32)
    np.savez(tmp_path / "t.npz", features=X, case_id=np.repeat([f"p{i}" for i in range(8)], 3))
    pl.DataFrame({"label": ["benign", "malignant"] * 12, "site": ["a", "b", "c"] * 8}).write_csv(tmp_path / "m.csv")
    return X


def test_an_imported_store_is_told_its_columns_and_its_domain(table, tmp_path):
    made = workflows.store_import(
        tmp_path / "t.npz",
        tmp_path / "x.zarr",
        options=ImportOptions(metadata=str(tmp_path / "m.csv"), columns={"patient": "case_id"}, domain="site"),
    )
    store = featkit.open_store(tmp_path / "x.zarr")
    np.testing.assert_array_equal(store.X(), table)
    assert store.store_id == made.store_id
    assert store.obs["patient"].to_list() == [f"p{i // 3}" for i in range(24)]
    assert store.provenance["domain"] == "site"
    info = workflows.store_info(tmp_path / "x.zarr")
    assert (info["n"], info["d"], info["store_id"]) == (24, 6, store.store_id)
    assert workflows.store_verify(tmp_path / "x.zarr").is_intact


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"domain": "hospital", "columns": {"patient": "case_id"}}, "must have the column hospital, got .*patient"),
        ({"columns": {"patient": "who"}}, "column must be in the table, got who"),
        ({"metadata": "nowhere.csv"}, "table must exist"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_written(table, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said):
        workflows.store_import(
            tmp_path / "t.npz", tmp_path / "x.zarr", options=ImportOptions(unlabelled=True, **options)
        )
    assert not (tmp_path / "x.zarr").exists()


def test_values_that_are_not_finite_are_refused_by_name(table, tmp_path):
    table[5, 2] = np.nan
    np.savez(tmp_path / "nan.npz", X=table, label=["a", "b"] * 12, patient=np.arange(24))
    with pytest.raises(InputError, match="embeddings must be finite in float32, got NaN or infinity for patch-05"):
        workflows.store_import(tmp_path / "nan.npz", tmp_path / "x.zarr", options=ImportOptions())
    assert not (tmp_path / "x.zarr").exists()


def test_what_is_no_store_is_refused(tmp_path):
    for look in (featkit.open_store, workflows.store_info, workflows.store_verify):
        with pytest.raises(InputError, match="store must exist"):
            look(tmp_path / "x.zarr")
