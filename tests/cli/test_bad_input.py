"""What goes wrong outside the program: one line that says what and what to do, exit code 2, finished work intact."""

import csv
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from featkit_cli.main import run
from PIL import Image

from featkit.core.errors import FeatkitWarning

pytest.importorskip("torch", reason="the extra [torch] is not installed")
pytestmark = pytest.mark.filterwarnings(f"default::{FeatkitWarning.__module__}.FeatkitWarning")


@pytest.fixture
def refused(capsys):
    """Run a command line that must fail with one line, and return it."""

    def refused(line):
        assert run(line.split()) == 2
        err = capsys.readouterr().err
        (said,) = [text for text in err.splitlines() if text.startswith("featkit: ")]
        assert "Traceback" not in err
        assert said.endswith(".")
        return said

    return refused


def bomb(path):
    """A PNG of a few bytes that says it has 20,000 x 20,000 pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def animation(path):
    frames = [Image.new("RGB", (96, 96), colour) for colour in ("red", "blue")]
    frames[0].save(path, format="PNG", save_all=True, append_images=frames[1:])


BAD = {
    "is damaged or cut short": lambda path: path.write_bytes(path.read_bytes()[:2000]),
    "is empty (0 bytes)": lambda path: path.write_bytes(b""),
    "has 16 bits per channel": lambda path: Image.fromarray(np.zeros((96, 96), np.uint16)).save(path, format="PNG"),
    "is CMYK": lambda path: Image.new("CMYK", (96, 96)).save(path, format="TIFF"),
    "has a colour palette": lambda path: Image.new("P", (96, 96)).save(path, format="PNG"),
    "holds 2 pictures": animation,
    "has more than 64,000,000 pixels": bomb,
    "is no PNG, WebP, JPEG, TIFF or BMP": lambda path: path.write_text("%PDF-1.4 no picture"),
    "must exist": lambda path: path.unlink(),
}


def pictures(workspace):
    return sorted((workspace / "data").rglob("*.png"))


def test_every_kind_of_bad_file_is_left_out_named_and_counted(workspace, capsys):
    paths = dict(zip(BAD, pictures(workspace), strict=False))
    for reason, path in paths.items():
        BAD[reason](path)
    assert run(["extract", "--method", "frozen"]) == 0
    out, err = capsys.readouterr()
    assert f"{len(BAD)} of 96 patches could not be read and were left out" in err
    assert "87" in out
    with (workspace / "runs/frozen/all/seed0/embeddings.bad_patches.csv").open(newline="") as file:
        said = {row["patch_id"]: row["reason"] for row in csv.DictReader(file)}
    assert len(said) == len(BAD)
    for reason, path in paths.items():
        assert reason in said[path.stem]
        assert str(path) in said[path.stem]


@pytest.mark.parametrize("reason", ["is empty (0 bytes)", "is CMYK", "has more than 64,000,000 pixels"])
def test_strict_extraction_and_training_name_the_file(fresh_workspace, refused, reason):
    for path in pictures(fresh_workspace):
        BAD[reason](path)
    said = refused("extract --method frozen --strict")
    assert "every patch must be readable with --strict" in said
    assert reason in said
    said = refused("train --method baseline --fold 100X")
    assert "training patches must be readable" in said
    assert ".png" in said
    assert reason in said


def rows_of(workspace):
    return pl.read_csv(workspace / "data" / "manifest.csv", infer_schema=False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: pl.concat([t, t[:1]]), "every patch_id must be unique, got 1 repeated: SOB_"),
        (lambda t: t.drop("patient"), "no patient among"),
        (lambda t: t.drop("path"), "no path among"),
        (
            lambda t: t.with_columns(label=pl.lit(None, dtype=pl.String)),
            "column 'label' must have a value in every row",
        ),
        (lambda t: t.with_columns(magnification=pl.lit("strong")), "a printed label such as 100X, got 'strong'"),
        (lambda t: t.with_columns(mpp=pl.lit("-1")), "mpp must be positive and finite"),
        (
            lambda t: t.with_columns(path=pl.lit("nowhere/") + pl.col("path")),
            "every row of the table must have its image",
        ),
    ],
)
def test_a_table_that_is_not_as_it_must_be(workspace, refused, change, said):
    kept = (workspace / "manifest.parquet").read_bytes()
    change(rows_of(workspace)).write_csv(workspace / "data" / "manifest.csv")
    assert said in refused("init")
    assert (workspace / "manifest.parquet").read_bytes() == kept


def test_unknown_labels_are_named(workspace, refused):
    toml = workspace / "featkit.toml"
    toml.write_text(toml.read_text().replace("[data]", '[data]\nlabels = ["benign", "malignant"]'))
    assert run(["init"]) == 0
    rows = rows_of(workspace)
    odd = pl.when(pl.col("patient") == rows["patient"][0]).then(pl.lit("unclear")).otherwise(pl.col("label"))
    rows.with_columns(label=odd).write_csv(workspace / "data" / "manifest.csv")
    assert "labels must be among benign, malignant, got unclear" in refused("init")


def test_a_fold_of_one_class_and_too_few_patients(fresh_workspace, refused):
    rows = rows_of(fresh_workspace)
    table = fresh_workspace / "data" / "manifest.csv"
    rows.filter((pl.col("magnification") != "100X") | (pl.col("label") == "benign")).write_csv(table)
    assert run(["init"]) == 0
    said = refused("split --fold 100X")
    assert "test of fold 100X must hold more than one class, got only benign. Use another seed" in said
    few = [*rows.filter(label="benign")["patient"].unique()[:2], *rows.filter(label="malignant")["patient"].unique()]
    rows.filter(pl.col("patient").is_in(few)).write_csv(table)
    assert run(["init"]) == 0
    assert "each class needs at least 3 patients, one for each part of the split, got 2 of class benign" in refused(
        "split"
    )
    assert not (fresh_workspace / "splits").exists()


def test_more_folds_than_patients(workspace, refused):
    toml = workspace / "featkit.toml"
    toml.write_text(toml.read_text() + "\n[probe]\nn_folds = 40\n")
    assert "at least as many patients as folds, 40, got" in refused("probe magnification --fold 100X")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[data]", "[data", "featkit.toml must be valid TOML"),
        ("[data]", "[data]\nfolder = 'x'", "every key in featkit.toml must be known, got 'data.folder'"),
        ("[split]", "[spilt]", "got 'spilt'. Did you mean 'split'"),
        ("n_epochs = 1", "n_epochs = 'one'", "train.n_epochs in featkit.toml must be a whole number, got 'one'"),
        ("n_epochs = 1", "epochs = 1", "train.epochs in featkit.toml is called train.n_epochs since version 0.2"),
        (
            "n_epochs = 1",
            "n_epochs = 1\n[extract]\nn_jobs = 2.5",
            "extract.n_jobs in featkit.toml must be a whole number",
        ),
        ("[data]", "[data]\nscale = true", "data.scale in featkit.toml must be a number, got True"),
        ("[data]", "[data]\ncomplete = 1", "data.complete in featkit.toml must be true or false, got 1"),
        ("[data]", "[data]\nlabels = 'benign'", "data.labels in featkit.toml must be a list, got 'benign'"),
        ("[data]", "[data]\ncolumns = ['patient']", "data.columns in featkit.toml must be a table"),
    ],
)
def test_a_configuration_that_is_not_as_it_must_be(workspace, refused, old, new, said):
    toml = workspace / "featkit.toml"
    toml.write_text(toml.read_text().replace(old, new))
    for command in ("split", "train", "extract"):
        assert said in refused(command)


def test_a_store_of_another_encoder_is_not_mixed_in(workspace, refused):
    assert run(["extract", "--method", "frozen"]) == 0
    before = {path: path.read_bytes() for path in (workspace / "runs/frozen").rglob("*") if path.is_file()}
    said = refused(f"extract --weights {workspace}/runs/grl/100X/seed0/checkpoint/encoder.safetensors --encoder tiny")
    assert "was begun with other input and must be resumed with the same" in said
    assert "weights_sha256" in said
    assert {path: path.read_bytes() for path in (workspace / "runs/frozen").rglob("*") if path.is_file()} == before


def test_a_table_with_nan_is_not_imported_and_its_path_stays_free(tmp_path, refused, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X = np.ones((8, 3), dtype=np.float32)
    X[3, 1] = np.nan
    np.savez("t.npz", X=X)
    assert "embeddings must be finite" in refused("store import t.npz -o x.zarr --groups patches --unlabelled")
    X[3, 1] = 0
    np.savez("t.npz", X=X)
    assert run(["store", "import", "t.npz", "-o", "x.zarr", "--groups", "patches", "--unlabelled"]) == 0


@pytest.fixture
def small_disk(tmp_path):
    """A real disk of the size asked for, where the system lets us mount one; a function."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options):
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True)
        if done.returncode:
            pytest.skip("a small disk cannot be mounted here")
        return place

    yield mount if shutil.which("mount") else lambda options: pytest.skip("there is no mount here")
    while subprocess.run(["umount", str(place)], capture_output=True).returncode == 0:
        pass


def test_a_full_disk_stops_each_command_and_goes_on_when_there_is_room(
    finished_workspace, small_disk, refused, monkeypatch
):
    disk = small_disk("size=64k")
    monkeypatch.chdir(disk)
    fill = disk / "fill"
    fill.write_bytes(b"x" * 61_440)
    command = f"init {finished_workspace}/data/manifest.csv --encoder tiny"
    assert "there must be room on the disk, got No space left on device" in refused(command)
    fill.unlink()
    assert run(command.split()) == 0
    fill.write_bytes(b"x" * 40_000)
    assert "disk must have free space" in refused("train --method baseline --fold 100X --epochs 1")
    assert "free" in refused("extract --method frozen")
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    assert run(["train", "--method", "baseline", "--fold", "100X", "--epochs", "1"]) == 0
    assert run(["extract", "--fold", "100X"]) == 0


def test_a_read_only_disk_is_named(finished_workspace, small_disk, refused, monkeypatch):
    disk = small_disk("size=64m")
    shutil.copytree(finished_workspace, disk / "w", ignore=shutil.ignore_patterns("results"))
    monkeypatch.chdir(disk / "w")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for command in ("init", "split", "train --fold 400X", "extract --method frozen", "evaluate"):
        said = refused(command)
        assert "writable" in said
        assert "Read-only file system" in said


KILLED = """
import os, signal, sys
from featkit.{module} import {owner}
original, calls = {owner}.{name}, []

def kill_at_the_second(self, *args, **kwargs):
    calls.append(1)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.{signal})
    return original(self, *args, **kwargs)

{owner}.{name} = kill_at_the_second
from featkit_cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def killed(arguments, **where):
    """Run a command in a process that is killed, without notice, when it does ``where`` the second time."""
    script = KILLED.format(**{"signal": "SIGKILL", **where})
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == (130 if where.get("signal") == "SIGINT" else -9), done.stderr
    return done


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def test_an_extraction_killed_between_shards_goes_on_to_the_same_bytes(fresh_workspace):
    command = ["extract", "--method", "frozen", "--batch-size", "16"]
    folder = fresh_workspace / "runs/frozen/all/seed0"
    assert run(command) == 0
    whole = files_of(folder / "embeddings.zarr")
    shutil.rmtree(folder)
    killed(command, module="store.writer", owner="StoreWriter", name="write")
    assert not (folder / "embeddings.zarr").exists()
    staged = sorted((folder / "embeddings.zarr.partial").glob("*.npz"))
    assert len(staged) == 1
    written = staged[0].stat().st_mtime_ns
    assert run(["signatures"]) == 2  # an unfinished store is none
    assert staged[0].stat().st_mtime_ns == written
    assert run(command) == 0
    assert files_of(folder / "embeddings.zarr") == whole
    assert not (folder / "embeddings.zarr.partial").exists()


def test_a_training_killed_between_epochs_goes_on_to_the_same_weights(fresh_workspace):
    command = ["train", "--method", "grl", "--fold", "100X", "--epochs", "3"]
    checkpoint = fresh_workspace / "runs/grl/100X/seed0/checkpoint"
    assert run(command) == 0
    whole = files_of(checkpoint)
    shutil.rmtree(checkpoint)
    killed(command, module="training.state", owner="TrainingState", name="save")
    assert (checkpoint / "state.pt").is_file()
    assert not (checkpoint / "checkpoint.json").exists()
    assert run(["extract"]) == 2  # nothing is finished yet
    assert run(command) == 0
    again = files_of(checkpoint)
    assert again.keys() == whole.keys()
    for name in ("encoder.safetensors", "head.safetensors"):
        assert again[Path(name)] == whole[Path(name)]


def test_an_interrupted_extraction_says_that_it_can_go_on(fresh_workspace):
    done = killed(
        ["extract", "--method", "frozen"], module="store.writer", owner="StoreWriter", name="write", signal="SIGINT"
    )
    (last,) = [line for line in done.stderr.splitlines() if line.startswith("Interrupted")]
    assert last == "Interrupted. What was finished is kept: run the same command again to go on."
    assert "Traceback" not in done.stderr
    assert list((fresh_workspace / "runs/frozen/all/seed0/embeddings.zarr.partial").glob("*.npz"))
    assert run(["extract", "--method", "frozen"]) == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("train --device gpu", "device must be auto, cpu or cuda, got 'gpu'. Use 'cuda' for a GPU"),
        ("train --precision float8", "got 'float8'. Did you mean 'float"),
        ("train --seed -1", "a seed must be a whole number of at least 0, got -1"),
        ("train --method gril", "got 'gril'. Did you mean 'grl'"),
        ("train --fold 300X", "got '300X'. Did you mean"),
        ("extract --device gpu", "got 'gpu'. Use 'cuda' for a GPU"),
        ("extract --dtype float8", "got 'float8'. Did you mean 'float"),
        ("extract --encoder tyni", "got 'tyni'. Did you mean 'tiny'"),
        ("extract --seed -1", "a seed must be a whole number of at least 0, got -1"),
        ("extract --fold 300X", "(fold 300X), got none. Did you mean"),
        ("extract --offline", "--offline must go with --encoder"),
        ("extract --domain site", "must be given with images"),
        ("split --seed -1", "a seed must be a whole number of at least 0, got -1"),
        ("split --fold 300X", "got '300X'. Did you mean"),
        ("demo new --fold 300X", "one of its magnifications, got '300X'. Did you mean"),
        ("demo new --seed -1", "a seed must be a whole number of at least 0, got -1"),
        ("demo new --epochs 0", "n_epochs must be at least 1"),
        ("init data/manifest.csv --workspace new --encoder tyni", "got 'tyni'. Did you mean 'tiny'"),
    ],
)
def test_a_value_that_no_command_knows_is_refused_before_any_work(workspace, refused, line, said):
    before = sorted(workspace.rglob("*"))
    assert said in refused(line)
    assert sorted(workspace.rglob("*")) == before


def test_the_device_of_finished_work_does_not_matter(workspace):
    """Nothing is trained or embedded again, nor is anybody told to delete what there is."""
    before = {path: path.stat().st_mtime_ns for path in (workspace / "runs").rglob("*")}
    for command in ("train --device cuda", "train --device cpu", "extract --device cpu"):
        assert run(command.split()) == 0
    assert {path: path.stat().st_mtime_ns for path in (workspace / "runs").rglob("*")} == before


def test_ctrl_c_while_tissue_is_drawn_prints_one_line(tmp_path):
    """Ctrl-C reaches the worker processes too, which are just starting."""
    command = [sys.executable, "-m", "featkit_cli.main", "demo", str(tmp_path / "demo"), "--patients", "8"]
    demo = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert demo.stderr.readline() == "Generating tissue of 8 virtual patients\n"
    time.sleep(0.5)
    os.killpg(demo.pid, signal.SIGINT)
    _, err = demo.communicate(timeout=60)
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("Interrupted. What was finished is kept")
