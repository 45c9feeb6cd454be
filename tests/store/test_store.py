import json
import warnings

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.core.options import StoreOptions
from featkit.store import differences, open_store, require_comparable, write_store


@pytest.fixture
def store(tmp_path, rows, embeddings, provenance):
    return write_store(tmp_path / "e.zarr", embeddings(40, 6), rows(40), provenance, options=StoreOptions(shard_rows=7))


def reopened_for_writing(store):
    import zarr

    return zarr.open_group(store.path, mode="r+")


def opened_without_size_check(path):
    root = json.loads((path / "zarr.json").read_text())
    root["attributes"]["featkit"] |= {"files": {}, "root_sha256": None}
    (path / "zarr.json").write_text(json.dumps(root))
    return open_store(path)


def test_everything_written_is_read_back(tmp_path, rows, embeddings, provenance):
    X, obs = embeddings(40, 6), rows(40)
    P = np.random.default_rng(1).dirichlet([1, 1], size=40).astype(np.float32)
    written = write_store(tmp_path / "e.zarr", X, obs, provenance, probabilities=P, classes=["benign", "malignant"])
    store = open_store(written.path)
    assert (store.n, store.d, store.shape, len(store)) == (40, 6, (40, 6), 40)
    np.testing.assert_array_equal(store.X(), X)
    np.testing.assert_array_equal(store.probabilities, P)
    assert store.obs.equals(obs)
    assert store.classes == ["benign", "malignant"]
    assert provenance.items() <= store.provenance.items()
    np.testing.assert_allclose(store.var["variance"], X.astype(float).var(axis=0), rtol=1e-10)


def test_anndata_opens_the_store_as_it_is(tmp_path, rows, embeddings, provenance):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what importing anndata says about its own dependencies is not ours
        anndata = pytest.importorskip("anndata")
    X, obs = embeddings(40, 6), rows(40)
    P = np.full((40, 2), 0.5)
    obs = obs.with_columns(
        pl.Series("n_nuclei", [None if i == 3 else i for i in range(40)]),
        pl.Series("is_blurred", [None if i == 4 else i % 2 == 0 for i in range(40)]),
        pl.Series("note", [None] * 39 + ["torn"]),
    )
    store = write_store(tmp_path / "e.zarr", X, obs, provenance, probabilities=P, classes=["benign", "malignant"])
    found = anndata.read_zarr(store.path)
    np.testing.assert_array_equal(found.X, X)
    np.testing.assert_array_equal(found.obsm["probabilities"], P)
    assert list(found.obs_names) == obs["patch_id"].to_list()
    assert list(found.var_names) == [f"d{j}" for j in range(6)]
    for name in obs.columns[1:]:
        is_missing, theirs = found.obs[name].isna(), found.obs[name].astype(object)
        assert [None if gone else v for gone, v in zip(is_missing, theirs)] == obs[name].to_list(), name
    uns = found.uns["featkit"]
    assert uns["encoder"] == provenance["encoder"]
    assert uns["weights_sha256"] == provenance["weights_sha256"]
    assert uns["fold"] is None
    assert list(uns["classes"]) == ["benign", "malignant"]
    assert list(uns["transform"]["mean"]) == [0.5, 0.5, 0.5]


def test_provenance_survives_whatever_json_can_say(tmp_path, rows, embeddings):
    odd = {
        "steps": [{"name": "crop"}, {"name": "scale"}],
        "mixed": [1, "a", None],
        "empty": [],
        "nothing": {},
        "folders": {"a/b": 1},
        "large": 2**70,
        "exact": 0.1,
        "on": True,
        "flags": [True, False],
    }
    store = write_store(tmp_path / "e.zarr", embeddings(3, 2), rows(3), odd)
    assert odd.items() <= open_store(store.path).provenance.items()
    from featkit.store.layout import read_mapping

    assert read_mapping(store._root["uns"]["featkit"]) == store.provenance


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n=st.integers(1, 60),
    d=st.integers(1, 40),
    shard_rows=st.integers(1, 70),
    dtype=st.sampled_from(["float32", "float16"]),
    data=st.data(),
)
def test_any_shape_and_shard_size_round_trips(tmp_path_factory, rows, embeddings, n, d, shard_rows, dtype, data):
    path = tmp_path_factory.mktemp("store") / "e.zarr"
    X = embeddings(n, d, seed=n)
    store = write_store(path, X, rows(n), {}, options=StoreOptions(shard_rows=shard_rows, dtype=dtype))
    expected = X.astype(dtype).astype(np.float32)
    np.testing.assert_array_equal(store.X(), expected)
    assert store.X().dtype == np.float32
    chosen = np.array(data.draw(st.lists(st.integers(0, n - 1))), dtype=int)
    np.testing.assert_array_equal(store.X(chosen), expected[chosen])
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    np.testing.assert_array_equal(store.X(mask), expected[mask])
    step = data.draw(st.integers(1, 70))
    blocks = list(store.blocks(step))
    assert [rows.start for rows, _ in blocks] == list(range(0, n, step))
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), expected)


def test_rows_are_read_across_the_shards_of_the_array(tmp_path, rows, embeddings, monkeypatch):
    monkeypatch.setattr("featkit.store.assemble._CHUNK_BYTES", 64)
    monkeypatch.setattr("featkit.store.assemble._SHARD_CHUNKS", 2)
    X = embeddings(53, 4)
    store = write_store(tmp_path / "e.zarr", X, rows(53), {}, options=StoreOptions(shard_rows=10))
    assert len(store.seal.shards_sha256) == 7
    chosen = np.random.default_rng(0).integers(0, 53, size=200)
    np.testing.assert_array_equal(store.X(chosen), X[chosen])
    np.testing.assert_array_equal(store.X(slice(40, 5, -3)), X[40:5:-3])
    np.testing.assert_array_equal(store.X(slice(9, 31)), X[9:31])
    assert store.X(slice(9, 9)).shape == (0, 4)
    np.testing.assert_allclose(store.var["variance"], X.astype(float).var(axis=0), rtol=1e-10)


def test_chunks_are_of_megabytes_and_whole_chunks_make_a_shard(tmp_path, rows, embeddings):
    store = write_store(tmp_path / "e.zarr", embeddings(9, 200_000), rows(9), {})
    assert store._array.chunks == (2, 200_000)
    assert 1e6 <= 2 * 200_000 * 4 <= 4e6
    assert store._array.shards[0] % store._array.chunks[0] == 0


def test_dead_dimensions_are_those_that_never_change(tmp_path, rows, embeddings):
    X = embeddings(30, 5)
    X[:, 1], X[:, 3] = 0, 0.1
    var = write_store(tmp_path / "e.zarr", X, rows(30), {}, options=StoreOptions(shard_rows=4)).var
    assert var["is_dead"].to_list() == [False, True, False, True, False]
    assert var["variance"].to_list()[1] == var["variance"].to_list()[3] == 0


def test_the_id_is_that_of_the_content(tmp_path, rows, embeddings):
    X = embeddings(40, 6)
    one = write_store(tmp_path / "1.zarr", X, rows(40), {"encoder": "a"}, options=StoreOptions(shard_rows=7))
    same = write_store(tmp_path / "2.zarr", X, rows(40), {"encoder": "b"}, options=StoreOptions(shard_rows=40))
    X[17, 2] += 1e-3
    other = write_store(tmp_path / "3.zarr", X, rows(40), {"encoder": "a"}, options=StoreOptions(shard_rows=7))
    assert one.store_id == same.store_id != other.store_id


@pytest.mark.parametrize("bad", [[40], [-1], [0.5], [[1]], np.zeros(39, dtype=bool)])
def test_rows_that_do_not_exist_are_refused(store, bad):
    with pytest.raises(InputError, match="rows must"):
        store.X(np.array(bad))


def test_a_block_needs_a_row(store):
    with pytest.raises(InputError, match="rows_per_block must be at least 1"):
        next(store.blocks(0))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_by_name(store, value):
    reopened_for_writing(store)["X"][17, 2] = value
    store = opened_without_size_check(store.path)
    np.testing.assert_equal(store.X(slice(0, 10)).shape, (10, 6))
    for read in (store.X, store.check_finite, lambda: store.X(np.array([20, 17]))):
        with pytest.raises(InputError, match=r"must be finite, got NaN or infinity for p17\."):
            read()


def test_a_path_without_a_store_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="store must exist"):
        open_store(tmp_path / "none.zarr")
    with pytest.raises(InputError, match="must be a store"):
        open_store(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="must be a store"):
        open_store(tmp_path / "file")


def test_a_hierarchy_without_a_seal_is_not_a_store(tmp_path):
    import zarr

    zarr.create_group(tmp_path / "a.zarr", zarr_format=3)
    with pytest.raises(InputError, match="must be sealed"):
        open_store(tmp_path / "a.zarr")


def test_metadata_that_are_not_json_are_refused(store):
    (store.path / "zarr.json").write_text('{"attributes": ')
    with pytest.raises(InputError, match="readable JSON"):
        open_store(store.path)


def test_a_newer_format_asks_for_an_upgrade(store):
    root = json.loads((store.path / "zarr.json").read_text())
    root["attributes"]["featkit"]["format"] = 2
    (store.path / "zarr.json").write_text(json.dumps(root))
    with pytest.raises(InputError, match=r"format 1 or older, got 2\. Upgrade"):
        open_store(store.path)


@pytest.mark.parametrize("damage", ["cut", "remove"])
def test_a_truncated_store_is_refused_when_it_is_opened(store, damage):
    name = next(n for n in store.seal.files if n.startswith("X/c/"))
    file = store.path / name
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-3])
    else:
        file.unlink()  # a reader of plain Zarr would see zeros here
    with pytest.raises(InputError, match=f"1 files missing or cut short, first {name}"):
        open_store(store.path)


def test_stores_of_other_encoders_are_not_compared_unless_told_to(tmp_path, rows, embeddings, provenance):
    def make(name, d=4, **changed):
        return write_store(tmp_path / name, embeddings(5, d), rows(5), {**provenance, **changed})

    a, b = make("a.zarr"), make("b.zarr", fold="100X", batch_size=8)
    assert require_comparable(a, b) == ()
    for changed, called in (
        ({"weights_sha256": "cd" * 32}, "the weights"),
        ({"precision": "bfloat16"}, "the precision of the computation"),
        ({"transform": {"resize": [224, 224]}}, "the transform of the images"),
    ):
        c = make(f"{next(iter(changed))}.zarr", **changed)
        assert list(differences(a, c)) == list(changed)
        with pytest.raises(InputError, match=f"must share {called} to be compared, got {next(iter(changed))}"):
            require_comparable(a, c)
        assert require_comparable(a, c, allow=True) == require_comparable(a, c, allow=changed) == (called,)
    other = make("other.zarr", weights_sha256="ef" * 32, precision="float16")
    with pytest.raises(InputError, match="must share the precision of the computation to be compared"):
        require_comparable(a, other, allow=["weights_sha256"])
    with pytest.raises(InputError, match="allow must name what may differ, got 'weights'"):
        require_comparable(a, other, allow=["weights"])
    assert require_comparable(a, make("d.zarr", d=3), allow=True) == ("the number of dimensions",)


def test_encoders_nobody_named_are_not_taken_for_the_same(tmp_path, rows, embeddings):
    a, b = (write_store(tmp_path / f"{i}.zarr", embeddings(5, 4, seed=i), rows(5), {}) for i in (1, 2))
    assert differences(a, open_store(a.path)) == {}
    with pytest.raises(InputError, match="must share the encoder to be compared"):
        require_comparable(a, b)
    assert require_comparable(a, b, allow=True) == ("the encoder",)


def test_an_old_zarr_is_refused(monkeypatch):
    import zarr as module

    from featkit.store import zarr_io

    monkeypatch.setattr(module, "__version__", "3.0.8")
    zarr_io.zarr.cache_clear()
    with pytest.raises(InputError, match=r"3\.0\.9 or newer.*got 3\.0\.8"):
        zarr_io.zarr()
