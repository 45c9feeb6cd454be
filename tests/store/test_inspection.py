import json

import numpy as np
import pytest

from featkit.store import store_info, verify_store, write_store


@pytest.fixture
def store(tmp_path, rows, embeddings, provenance, monkeypatch):
    monkeypatch.setattr("featkit.store.assemble._CHUNK_BYTES", 64)
    monkeypatch.setattr("featkit.store.assemble._SHARD_CHUNKS", 2)
    P = np.full((40, 2), 0.5)
    return write_store(
        tmp_path / "e.zarr", embeddings(40, 4), rows(40), provenance, probabilities=P, classes=["a", "b"]
    )


def test_info_says_what_is_there_and_is_json(store):
    info = store_info(store.path)
    assert (info["n"], info["d"], info["n_shards"], info["shard_rows"]) == (40, 4, 5, 8)
    assert info["store_id"] == store.store_id
    assert info["columns"]["patient"] == "String"
    assert info["bytes"] == sum(p.stat().st_size for p in store.path.rglob("*") if p.is_file()) - (
        (store.path / "zarr.json").stat().st_size
    )
    json.dumps(info)


def test_an_untouched_store_is_intact(store):
    check = verify_store(store.path)
    assert check.is_intact
    assert (check.bad_shards, check.bad_parts, check.store_id) == ((), (), store.store_id)


def flip(path, at):
    raw = bytearray(path.read_bytes())
    raw[at] ^= 0xFF
    path.write_bytes(raw)


def test_one_flipped_byte_is_found_where_it_is(store):
    flip(store.path / "X" / "c" / "2" / "0", 20)
    check = verify_store(store.path)
    assert not check.is_intact
    assert check.bad_shards == ((16, 23),)


def test_a_changed_table_is_found(store):
    codes = store.path / "obs" / "label" / "codes" / "c" / "0"
    flip(codes, codes.stat().st_size - 1)
    assert "obs" in verify_store(store.path).bad_parts


def test_changed_probabilities_and_provenance_are_found(store):
    import zarr

    root = zarr.open_group(store.path, mode="r+")
    root["obsm"]["probabilities"][3, 0] = 0.25
    root["uns"]["featkit"]["batch_size"][...] = 33
    text = (store.path / "zarr.json").read_text()
    body = json.loads(text)
    body["attributes"]["featkit"] |= {"files": {}, "root_sha256": None}
    (store.path / "zarr.json").write_text(json.dumps(body))
    assert verify_store(store.path).bad_parts == ("probabilities", "provenance")


def test_a_changed_id_is_found(store):
    body = json.loads((store.path / "zarr.json").read_text())
    body["attributes"]["featkit"] |= {"store_id": "0" * 64, "root_sha256": None}
    (store.path / "zarr.json").write_text(json.dumps(body))
    assert verify_store(store.path).bad_parts == ("store_id",)
