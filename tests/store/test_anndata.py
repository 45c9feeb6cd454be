import sys
import warnings

import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.core.options import StoreOptions
from featkit.store import write_store


@pytest.fixture
def store(tmp_path, rows, embeddings, provenance):
    options = StoreOptions(dimensions=("area", "round", "dark"))
    return write_store(tmp_path / "e.zarr", embeddings(20, 3), rows(20), provenance, options=options)


def test_a_store_becomes_an_anndata_object(store):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("anndata")
    found = store.to_anndata()
    np.testing.assert_array_equal(found.X, store.X())
    assert list(found.obs_names) == store.obs["patch_id"].to_list()
    assert list(found.var["name"]) == ["area", "round", "dark"]
    assert found.uns["featkit"]["weights_sha256"] == store.provenance["weights_sha256"]


def test_without_anndata_it_says_what_to_install(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "anndata", None)
    with pytest.raises(InputError, match=r"needs the package anndata.*featkit-embeddings\[anndata\]"):
        store.to_anndata()
