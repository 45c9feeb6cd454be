"""What goes wrong on disks and between processes."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import featkit
from featkit.core.errors import InputError
from featkit.core.options import StoreOptions
from featkit.store import StoreWriter, open_store, store_info, verify_store, write_store
from featkit.store.lock import LockedError, locked

ROOT = str(Path(featkit.__file__).parents[1])


def test_no_flipped_byte_reads_as_another_value(tmp_path, rows, embeddings, provenance):
    P = np.random.default_rng(1).dirichlet([1, 1], size=30).astype(np.float32)
    options = StoreOptions(dimensions=("area", "round", "dark"))
    store = write_store(
        tmp_path / "e.zarr",
        embeddings(30, 3),
        rows(30),
        provenance,
        probabilities=P,
        classes=["a", "b"],
        options=options,
    )

    def contents(path):
        found = open_store(path)
        tables = (found.obs.to_dict(as_series=False), found.var.to_dict(as_series=False))
        return repr((found.X().tolist(), found.probabilities.tolist(), tables, found.provenance, found.dimension_names))

    expected = contents(store.path)
    files = sorted(p for p in store.path.rglob("*") if p.is_file())
    random = np.random.default_rng(0)
    n_refused = 0
    for file in files:
        raw = file.read_bytes()
        n = 12 if file.parent == store.path else 2
        for at in random.integers(0, len(raw), size=n):
            flipped = bytearray(raw)
            flipped[at] ^= 1 << int(random.integers(8))
            file.write_bytes(flipped)
            try:
                assert contents(store.path) == expected, (file, at)
            except InputError:
                n_refused += 1
        file.write_bytes(raw)
    assert n_refused > 30
    assert verify_store(store.path).is_intact


def test_changed_metadata_are_refused_when_the_store_is_opened(tmp_path, rows, embeddings):
    store = write_store(tmp_path / "e.zarr", embeddings(5, 2), rows(5), {"encoder": "tiny"})
    root = store.path / "zarr.json"
    root.write_text(root.read_text().replace('"tiny"', '"tino"', 1))
    with pytest.raises(InputError, match=r"the metadata of .* must be as they were sealed"):
        open_store(store.path)


def test_changed_names_of_dimensions_are_found(tmp_path, rows, embeddings):
    import zarr

    store = write_store(tmp_path / "e.zarr", embeddings(5, 2), rows(5), {}, options=StoreOptions(dimensions=("a", "b")))
    zarr.open_group(store.path, mode="r+")["var"]["name"][0] = "c"
    assert verify_store(store.path).bad_parts == ("var",)


def test_one_of_two_processes_seals_and_the_other_says_so(tmp_path, rows, embeddings, monkeypatch):
    X, obs = embeddings(20, 3), rows(20)
    one, other = (StoreWriter.create_or_resume(tmp_path / "e.zarr", obs, 3, provenance={}) for _ in range(2))
    for shard in one.pending():
        one.write(shard, X[shard.rows])
    building = one._staging.folder / "sealing-by-another"
    building.mkdir()
    with (
        locked(one._staging.folder / "seal.lock"),
        pytest.raises(InputError, match="sealed by one process at a time, got another that is sealing it now"),
    ):
        other.seal()
    assert building.is_dir()  # what another process builds is left alone while it holds the lock
    np.testing.assert_array_equal(one.seal().X(), X)
    np.testing.assert_array_equal(other.seal().X(), X)
    assert os.listdir(tmp_path) == ["e.zarr"]


def test_a_failed_write_leaves_the_shards_of_others(tmp_path, rows, embeddings):
    X, obs = embeddings(20, 3), rows(20)
    import hashlib

    provenance = {"features_sha256": hashlib.sha256(X.data).hexdigest()}
    other = StoreWriter.create_or_resume(tmp_path / "e.zarr", obs, 3, provenance=provenance)
    with locked(other._staging.folder / "seal.lock"), pytest.raises(InputError, match="one process at a time"):
        write_store(tmp_path / "e.zarr", X, obs, {})
    assert other.pending() == []


def test_a_shard_written_after_another_process_sealed_is_no_error(tmp_path, rows, embeddings):
    X, obs = embeddings(20, 3), rows(20)
    one, late = (StoreWriter.create_or_resume(tmp_path / "e.zarr", obs, 3, provenance={}) for _ in range(2))
    shards = one.pending()
    for shard in shards:
        one.write(shard, X[shard.rows])
    one.seal()
    late.write(shards[0], X[shards[0].rows])
    np.testing.assert_array_equal(late.seal().X(), X)
    assert os.listdir(tmp_path) == ["e.zarr"]


def test_another_input_that_comes_first_is_not_sealed_over(tmp_path, rows, embeddings):
    late = StoreWriter.create_or_resume(tmp_path / "e.zarr", rows(20), 3, provenance={"encoder": "a"})
    with pytest.raises(InputError, match="begun with other input"):
        StoreWriter.create_or_resume(tmp_path / "e.zarr", rows(20), 3, provenance={"encoder": "b"})
    assert late.pending()


def test_many_processes_on_one_target_publish_one_readable_store(tmp_path, rows, embeddings):
    X = embeddings(400, 16)
    np.save(tmp_path / "X.npy", X)
    rows(400).write_parquet(tmp_path / "obs.parquet")
    script = textwrap.dedent(
        """
        import sys, numpy as np, polars as pl
        from featkit.core.errors import InputError
        from featkit.store import write_store
        folder = sys.argv[1]
        X, obs = np.load(folder + "/X.npy"), pl.read_parquet(folder + "/obs.parquet")
        sys.stdin.readline()
        try:
            print(write_store(folder + "/e.zarr", X, obs, {}).X().sum())
        except InputError as error:
            sys.exit(str(error))
        """
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": ROOT}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, env=environment, **pipes) for _ in range(4)]
    for process in running:
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate() for process in running]
    codes = [process.returncode for process in running]
    for code, (out, err) in zip(codes, said, strict=True):
        assert "Traceback" not in err, err
        assert code == 0 or "one process at a time" in err, err
        assert code != 0 or out.strip() == str(X.sum())
    assert 0 in codes
    assert verify_store(tmp_path / "e.zarr").is_intact
    np.testing.assert_array_equal(open_store(tmp_path / "e.zarr").X(), X)
    assert not (tmp_path / "e.zarr.partial").exists()


def test_a_lock_is_free_again_after_its_process_is_gone(tmp_path):
    with locked(tmp_path / "lock"), pytest.raises(LockedError), locked(tmp_path / "lock", wait=False):
        pass
    with locked(tmp_path / "lock", wait=False):
        pass


def test_nothing_unreadable_gets_the_name_of_a_store(tmp_path, rows, embeddings, monkeypatch):
    import featkit.store.writer as module

    def lossy(staging, kept, folder):
        seal = real(staging, kept, folder)
        next(p for p in (folder / "X" / "c").rglob("*") if p.is_file()).unlink()
        return seal

    real = module.assemble
    monkeypatch.setattr(module, "assemble", lossy)
    with pytest.raises(InputError, match="must be whole, got 1 files missing"):
        write_store(tmp_path / "e.zarr", embeddings(5, 2), rows(5), {})
    assert not (tmp_path / "e.zarr").exists()


@pytest.mark.parametrize("path", [".", "..", "/", "a\0b", "x" * 300, "/proc/e.zarr", "/dev/null/e.zarr", ""])
def test_hostile_paths_are_refused_in_one_line(tmp_path, rows, embeddings, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    for attempt in (
        lambda: store_info(path),
        lambda: verify_store(path),
        lambda: write_store(path, embeddings(5, 2), rows(5), {}),
    ):
        with pytest.raises(InputError) as caught:
            attempt()
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
