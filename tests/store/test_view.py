import dataclasses

import numpy as np
import pytest

from featkit.store import open_store, write_store


@pytest.fixture
def stored(tmp_path, rows, embeddings, provenance):
    X = embeddings(50, 6)
    write_store(tmp_path / "a.zarr", X, rows(50), provenance=provenance)
    return open_store(tmp_path / "a.zarr"), X


def test_it_stands_for_its_rows_in_their_order(stored):
    store, X = stored
    chosen = np.array([40, 3, 3, 17, 49])
    view = store.view(chosen)
    assert (view.shape, len(view), view.ndim) == ((5, 6), 5, 2)
    np.testing.assert_array_equal(np.asarray(view), X[chosen])
    np.testing.assert_array_equal(view[1:4], X[chosen[1:4]])
    assert np.asarray(view, dtype=np.float64).dtype == np.float64
    np.testing.assert_array_equal(np.asarray(store.view()), X)
    np.testing.assert_array_equal(np.asarray(store.view(np.arange(50) % 2 == 0)), X[::2])


def test_blocks_and_columns_read_a_shard_of_rows_at_a_time(stored, monkeypatch):
    store, X = stored
    store.seal = dataclasses.replace(store.seal, shard_rows=8)
    asked = []
    read = type(store).X
    monkeypatch.setattr(type(store), "X", lambda self, rows: asked.append(len(rows)) or read(self, rows))
    view = store.view(np.arange(49, 10, -1))
    np.testing.assert_array_equal(np.concatenate([block for _, block in view.blocks()]), X[49:10:-1])
    np.testing.assert_array_equal(view.columns(np.array([5, 0])), X[49:10:-1][:, [5, 0]])
    assert max(asked) == 8


def test_a_view_without_rows_is_empty(stored):
    view = stored[0].view(np.empty(0, np.int64))
    assert [block.shape for _, block in view.blocks()] == [(0, 6)]
    assert view.columns(np.array([1])).shape == (0, 1)


def test_it_cannot_be_had_without_a_copy(stored):
    with pytest.raises(ValueError, match="without a copy"):
        np.array(stored[0].view(), copy=False)
