"""Stores written by old versions are read for good."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from featkit.store import open_store, verify_store

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("version", ["format-1"])
def test_old_stores_are_read_as_they_were_written(version):
    store = open_store(GOLDEN / f"{version}.zarr")
    expected = json.loads((GOLDEN / f"{version}.expected.json").read_text(encoding="utf-8"))
    with np.load(GOLDEN / f"{version}.expected.npz") as arrays:
        np.testing.assert_array_equal(store.X(), arrays["X"])
        np.testing.assert_array_equal(store.probabilities, arrays["probabilities"])
    assert store.obs.to_dict(as_series=False) == expected["obs"]
    assert store.var.to_dict(as_series=False) == expected["var"]
    assert (store.store_id, store.provenance) == (expected["store_id"], expected["provenance"])
    assert store.obs["n_nuclei"].dtype == pl.Int64
    assert store.obs["is_blurred"].dtype == pl.Boolean
    assert store.dimension_names == ("d0", "d1", "d2", "d3", "d4")
    assert verify_store(store.path).is_intact


def test_golden_stores_stay_small():
    assert sum(p.stat().st_size for p in GOLDEN.rglob("*") if p.is_file()) < 200_000
