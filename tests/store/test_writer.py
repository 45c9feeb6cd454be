import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import featkit
from featkit.core.errors import InputError
from featkit.core.options import StoreOptions
from featkit.store import StoreWriter, open_store, write_store
from featkit.store.shards import default_shard_rows


def fill(writer, X, **columns):
    for shard in writer.pending():
        writer.write(shard, X[shard.rows], **{k: v[shard.rows] for k, v in columns.items()})
    return writer.seal()


@pytest.fixture
def begin(tmp_path, rows, provenance):
    def make(n=20, d=3, name="e.zarr", **options):
        kept = {k: options.pop(k) for k in ("dtype", "shard_rows", "dimensions") if k in options}
        options = {"provenance": provenance, "options": StoreOptions(**{"shard_rows": 6, **kept}), **options}
        return StoreWriter.create_or_resume(tmp_path / name, rows(n), d, **options)

    return make


def test_shards_cover_the_rows_once_and_in_order(begin):
    shards = begin().pending()
    assert [(s.first, s.stop) for s in shards] == [(0, 6), (6, 12), (12, 18), (18, 20)]


def test_only_a_sealed_store_exists(begin, embeddings):
    writer, X = begin(), embeddings(20, 3)
    for shard in writer.pending()[::-1]:
        with pytest.raises(InputError, match="must be complete before it is sealed"):
            writer.seal()
        with pytest.raises(InputError, match="must be finished"):
            open_store(writer.path)
        writer.write(shard, X[shard.rows])
    np.testing.assert_array_equal(writer.seal().X(), X)
    assert os.listdir(writer.path.parent) == ["e.zarr"]


def test_columns_that_come_with_the_shards_join_the_table(begin, embeddings):
    sha = [f"{i:064x}" for i in range(20)]
    mpp = np.where(np.arange(20) % 4, np.linspace(0.2, 0.4, 20), np.nan)
    store = fill(begin(), embeddings(20, 3), sha256=sha, mpp_effective=mpp)
    assert store.obs["sha256"].to_list() == sha
    np.testing.assert_array_equal(store.obs["mpp_effective"].fill_null(np.nan), mpp)
    assert store.obs["mpp_effective"].dtype == pl.Float64


def test_a_column_that_some_shards_lack_is_missing_there(begin, embeddings):
    writer, X = begin(), embeddings(20, 3)
    for shard in writer.pending():
        columns = {"focus": [1.5] * len(shard)} if shard.number == 1 else {}
        writer.write(shard, X[shard.rows], **columns)
    focus = writer.seal().obs["focus"]
    assert focus.is_null().to_list() == [not 6 <= i < 12 for i in range(20)]


def test_bad_patches_are_left_out_and_named(begin, embeddings, rows):
    writer, X = begin(), embeddings(20, 3)
    X[7] = np.nan
    writer.drop([7, 19], ["image is cut short", "not an image"])
    store = fill(writer, X, sha256=[str(i) for i in range(20)])
    keep = [i for i in range(20) if i not in (7, 19)]
    np.testing.assert_array_equal(store.X(), X[keep])
    assert store.obs.drop("sha256").equals(rows(20)[keep])
    assert store.obs["sha256"].to_list() == [str(i) for i in keep]
    assert (store.provenance["n_patches_given"], store.provenance["n_patches_bad"]) == (20, 2)
    named = pl.read_csv(writer.bad_patches_path)
    assert named.rows() == [
        ("p7", "images/p7.png", "image is cut short"),
        ("p19", "images/p19.png", "not an image"),
    ]


def test_bad_patches_are_remembered_over_a_restart(begin, embeddings):
    X = embeddings(20, 3)
    writer = begin()
    writer.drop([2], "unreadable")
    writer.write(writer.pending()[0], X[:6])
    again = begin()
    store = fill(again, X)
    assert store.obs["patch_id"].to_list() == [f"p{i}" for i in range(20) if i != 2]
    assert pl.read_csv(again.bad_patches_path)["reason"].to_list() == ["unreadable"]


def test_a_store_of_bad_patches_only_is_refused(begin):
    writer = begin()
    writer.drop(range(20), "unreadable")
    with pytest.raises(InputError, match="at least one patch, got 20 bad ones, the first because: unreadable"):
        fill(writer, np.full((20, 3), np.nan))


def test_drop_comes_before_write(begin, embeddings):
    writer = begin()
    writer.write(writer.pending()[0], embeddings(6, 3))
    with pytest.raises(InputError, match="dropped before their shard is written"):
        writer.drop([3], "late")
    with pytest.raises(InputError, match="rows must lie in 0 to 19"):
        writer.drop([20], "none such")
    with pytest.raises(InputError, match="one per row"):
        writer.drop([18, 19], ["one"])


def test_values_that_are_not_finite_are_refused_by_name(begin, embeddings):
    X = embeddings(6, 3)
    X[4, 1] = np.nan
    writer = begin()
    with pytest.raises(InputError, match=r"finite in float32, got NaN or infinity for p4\."):
        writer.write(writer.pending()[0], X)
    half = begin(name="h.zarr", dtype="float16")
    X[4, 1] = 1e6
    with pytest.raises(InputError, match=r"finite in float16, got NaN or infinity for p4\."):
        half.write(half.pending()[0], X)


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        (None, "given together"),
        (np.full((6, 3), 1 / 3), "shape"),
        (np.full((6, 2), 0.7), "sum to 1"),
        (np.tile([1.5, -0.5], (6, 1)), r"in \[0, 1\]"),
        (np.full((6, 2), np.nan), "finite"),
    ],
)
def test_probabilities_must_be_probabilities(begin, embeddings, probabilities, message):
    writer = begin(classes=["benign", "malignant"])
    with pytest.raises(InputError, match=message):
        writer.write(writer.pending()[0], embeddings(6, 3), probabilities)


def test_probabilities_need_class_names(begin, embeddings):
    writer = begin()
    with pytest.raises(InputError, match="given together"):
        writer.write(writer.pending()[0], embeddings(6, 3), np.full((6, 2), 0.5))


def test_shards_are_written_whole(begin, embeddings):
    writer = begin()
    shard = writer.pending()[0]
    with pytest.raises(InputError, match=r"shape \(6, 3\), got \(5, 3\)"):
        writer.write(shard, embeddings(5, 3))
    with pytest.raises(InputError, match="column sha256 must have 6 values, got 5"):
        writer.write(shard, embeddings(6, 3), sha256=["a"] * 5)
    with pytest.raises(InputError, match="must be new, got label"):
        writer.write(shard, embeddings(6, 3), label=["a"] * 6)


@pytest.mark.parametrize("sealed", [False, True])
def test_other_input_is_not_mixed_in(begin, embeddings, provenance, rows, sealed):
    writer = begin()
    if sealed:
        fill(writer, embeddings(20, 3))
    for options, named in [
        ({"provenance": {**provenance, "weights_sha256": "cd" * 32}}, "provenance.weights_sha256"),
        ({"provenance": {**provenance, "encoder": {"name": "other", "width": 8}}}, "provenance.encoder.name"),
        ({"d": 4}, "d 4 instead of 3"),
        ({"n": 19}, "n 19 instead of 20"),
        ({"dtype": "float16"}, "dtype"),
        ({"shard_rows": 5}, "shard_rows"),
        ({"classes": ["benign", "malignant"]}, "classes"),
    ]:
        with pytest.raises(InputError, match=named):
            begin(**options)
    with pytest.raises(InputError, match="obs_sha256"):
        StoreWriter.create_or_resume(writer.path, rows(20).reverse(), 3, provenance=provenance)


def test_beginning_a_finished_store_again_finds_nothing_to_do(begin, embeddings):
    X = embeddings(20, 3)
    first = fill(begin(), X)
    again = begin(shard_rows=None)
    assert again.is_sealed
    assert again.pending() == []
    assert again.seal().store_id == first.store_id


def test_a_taken_path_is_left_alone(begin, tmp_path):
    (tmp_path / "e.zarr").mkdir()
    (tmp_path / "e.zarr" / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="must be a store"):
        begin()
    assert (tmp_path / "e.zarr" / "mine.txt").read_text() == "x"


def test_a_damaged_shard_is_written_again(begin, embeddings):
    writer, X = begin(), embeddings(20, 3)
    for shard in writer.pending():
        writer.write(shard, X[shard.rows])
    data = Path(f"{writer.path}.partial/000001.npz")
    raw = bytearray(data.read_bytes())
    raw[len(raw) // 2] ^= 1
    data.write_bytes(raw)
    with pytest.raises(InputError, match=r"shard 1 \(rows 6 to 11\) must match its checksum"):
        writer.seal()
    assert [s.number for s in begin().pending()] == [1]
    data.write_bytes(raw[:-1])
    np.testing.assert_array_equal(fill(begin(), X).X(), X)


def test_writers_share_nothing_but_the_folder(begin, embeddings):
    X = embeddings(20, 3)
    writers = [begin(), begin()]
    for i, writer in enumerate(writers):
        for shard in writer.pending():
            if shard.number % 2 == i:
                writer.write(shard, X[shard.rows])
    np.testing.assert_array_equal(writers[0].seal().X(), X)
    np.testing.assert_array_equal(writers[1].seal().X(), X)


@pytest.mark.parametrize(
    ("code", "message"),
    [(errno.ENOSPC, "disk must have free space"), (errno.EROFS, "must be writable"), (errno.EACCES, "writable")],
)
def test_a_disk_that_refuses_costs_the_shard_at_hand_only(begin, embeddings, monkeypatch, code, message):
    writer, X = begin(), embeddings(20, 3)
    shards = writer.pending()
    writer.write(shards[0], X[shards[0].rows])
    real = os.replace

    def refuse(source, target):
        if str(target).endswith("000001.npz"):
            raise OSError(code, os.strerror(code))
        return real(source, target)

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(InputError, match=message):
        writer.write(shards[1], X[shards[1].rows])
    monkeypatch.undo()
    assert not list(writer.path.with_name("e.zarr.partial").glob(".*"))
    assert [s.number for s in begin().pending()] == [1, 2, 3]
    np.testing.assert_array_equal(fill(begin(), X).X(), X)


def test_a_disk_that_fills_up_while_sealing_keeps_the_shards(begin, embeddings, monkeypatch):
    writer, X = begin(), embeddings(20, 3)
    for shard in writer.pending():
        writer.write(shard, X[shard.rows])

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("featkit.store.assemble.write_frame", full)
    with pytest.raises(InputError, match="disk must have free space"):
        writer.seal()
    monkeypatch.undo()
    assert not writer.is_sealed
    assert begin().pending() == []
    np.testing.assert_array_equal(begin().seal().X(), X)


def test_a_full_disk_is_noticed_before_the_work(begin, monkeypatch):
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(InputError, match="free to write the store"):
        begin()


def test_other_errors_of_the_system_are_not_hidden(begin, embeddings, monkeypatch):
    def broken(*_):
        raise OSError(errno.EIO, "Input/output error")

    writer = begin()
    monkeypatch.setattr("os.replace", broken)
    with pytest.raises(OSError, match="Input/output error"):
        writer.write(writer.pending()[0], embeddings(6, 3))


def test_a_killed_run_goes_on_where_it_was(tmp_path, rows, embeddings, provenance):
    X, obs = embeddings(60, 5), rows(60)
    np.save(tmp_path / "X.npy", X)
    obs.write_parquet(tmp_path / "obs.parquet")
    script = textwrap.dedent(
        """
        import sys, time
        import numpy as np, polars as pl
        from featkit.core.options import StoreOptions
        from featkit.store import StoreWriter
        folder, stop_after = sys.argv[1], int(sys.argv[2])
        X = np.load(folder + "/X.npy")
        obs = pl.read_parquet(folder + "/obs.parquet")
        options = StoreOptions(shard_rows=8)
        made_by = {"encoder": "tiny"}
        writer = StoreWriter.create_or_resume(folder + "/e.zarr", obs, 5, provenance=made_by, options=options)
        for count, shard in enumerate(writer.pending()):
            if count == stop_after:
                print("waiting", flush=True)
                time.sleep(60)
            writer.write(shard, X[shard.rows])
            print("wrote", shard.number, flush=True)
        writer.seal()
        """
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(featkit.__file__).parents[1])}
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen([*command, "3"], stdout=subprocess.PIPE, text=True, env=environment) as process:
        written = [line.split()[-1] for line in iter(process.stdout.readline, "waiting\n")]
        process.send_signal(signal.SIGKILL)
    assert written == ["0", "1", "2"]
    assert not (tmp_path / "e.zarr").exists()
    done = subprocess.run([*command, "99"], capture_output=True, text=True, env=environment, check=True)
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["3", "4", "5", "6", "7"]
    resumed = open_store(tmp_path / "e.zarr")
    straight = write_store(tmp_path / "straight.zarr", X, obs, {"encoder": "tiny"}, options=StoreOptions(shard_rows=8))
    assert resumed.X().tobytes() == straight.X().tobytes() == X.tobytes()
    assert resumed.store_id == straight.store_id


def test_a_kill_while_sealing_leaves_the_shards(tmp_path, rows, embeddings):
    X, obs = embeddings(20, 3), rows(20)
    np.save(tmp_path / "X.npy", X)
    obs.write_parquet(tmp_path / "obs.parquet")
    script = textwrap.dedent(
        """
        import os, signal, sys
        import numpy as np, polars as pl
        from featkit.core.options import StoreOptions
        from featkit.store import StoreWriter
        folder = sys.argv[1]
        X, obs = np.load(folder + "/X.npy"), pl.read_parquet(folder + "/obs.parquet")
        options = StoreOptions(shard_rows=8)
        writer = StoreWriter.create_or_resume(folder + "/e.zarr", obs, 3, provenance={}, options=options)
        for shard in writer.pending():
            writer.write(shard, X[shard.rows])
        os.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        writer.seal()
        """
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(featkit.__file__).parents[1])}
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=environment)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "e.zarr").exists()
    writer = StoreWriter.create_or_resume(tmp_path / "e.zarr", obs, 3, provenance={})
    assert writer.pending() == []
    np.testing.assert_array_equal(writer.seal().X(), X)
    assert not (tmp_path / "e.zarr.partial").exists()


def test_writing_the_same_array_again_does_nothing_and_another_is_refused(tmp_path, rows, embeddings):
    X = embeddings(10, 3)
    first = write_store(tmp_path / "e.zarr", X, rows(10), {})
    assert write_store(tmp_path / "e.zarr", X, rows(10), {}).store_id == first.store_id
    with pytest.raises(InputError, match="features_sha256"):
        write_store(tmp_path / "e.zarr", X + 1, rows(10), {})
    with pytest.raises(InputError, match="one row of X per row of obs"):
        write_store(tmp_path / "f.zarr", X, rows(9), {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop("patch_id"), "column patch_id"),
        (lambda f: f.with_columns(pl.lit("p0").alias("patch_id")), "unique, got p0"),
        (lambda f: f.with_columns(pl.lit(None).alias("patch_id")), "never be missing"),
        (lambda f: f.with_columns(pl.Series("x", [[1]] * len(f))), "column x must hold numbers"),
        (lambda f: f.rename({"label": "a/b"}), "without a slash"),
        (lambda f: f[:0], "at least one patch"),
        (lambda f: f.to_dict(), "polars.DataFrame"),
    ],
)
def test_tables_that_cannot_be_stored_are_refused(tmp_path, rows, change, message):
    with pytest.raises(InputError, match=message):
        StoreWriter.create_or_resume(tmp_path / "e.zarr", change(rows(4)), 2, provenance={})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"d": 0}, "n_dimensions"),
        ({"dtype": "float64"}, "dtype must be"),
        ({"shard_rows": 0}, "shard_rows"),
        ({"classes": ["one"]}, "classes"),
        ({"classes": ["a", "a"]}, "classes"),
        ({"provenance": {"a/b": 1}}, "without a slash"),
        ({"provenance": {"a": {"b": object()}}}, "provenance.a.b must be"),
        ({"provenance": {"loss": float("nan")}}, "provenance.loss must be finite"),
    ],
)
def test_wrong_options_are_named(begin, options, message):
    with pytest.raises(InputError, match=message):
        begin(**options)


def test_a_small_store_has_several_shards_and_a_large_one_bounded_ones():
    assert -(-2500 // default_shard_rows(2500, 128, 4)) == 16
    assert default_shard_rows(10**7, 2048, 4) * 2048 * 4 <= 32_000_000
    assert default_shard_rows(5, 10, 4) >= 5
    assert default_shard_rows(100, 10**9, 4) == 1
