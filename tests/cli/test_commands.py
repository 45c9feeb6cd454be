"""Every preparing command in a workspace, as typed: what it prints, and that --json is JSON."""

import json
import re

import numpy as np
import polars as pl
import pytest
from featkit_cli.main import run

from featkit.core.errors import FeatkitWarning
from featkit.data import Split

pytestmark = pytest.mark.filterwarnings(f"default::{FeatkitWarning.__module__}.FeatkitWarning")


@pytest.fixture
def say(capsys):
    """Run a command line; return its exit code, stdout and stderr."""

    def say(line):
        code = run(line.split())
        return code, *capsys.readouterr()

    return say


@pytest.fixture
def as_json(say):
    def as_json(line):
        code, out, _ = say(f"{line} --json")
        assert code == 0
        return json.loads(out)

    return as_json


def hurry(workspace):
    """Make the analyses of a workspace short."""
    toml = workspace / "featkit.toml"
    probe, signatures = (
        "[probe]\nn_permutations = 20\nn_folds = 3\n",
        ("[signatures]\nstability = { n_pairs = 4 }\npath = { n_lambdas = 20 }\n"),
    )
    toml.write_text(f"{toml.read_text()}\n{probe}{signatures}[evaluate]\nn_draws = 200\n")


def cells(out, first):
    """Return the cells of the table row that begins with ``first``."""
    (row,) = [line for line in out.splitlines() if line.split()[:1] == [first]]
    return re.split(r"\s{2,}", row.strip())


def test_init_shows_what_was_found(say, prepared_workspace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = say(f"init {prepared_workspace}/data/manifest.csv --encoder tiny")
    assert (code, err) == (0, "")
    assert "96 patches of 12 patients" in out
    assert cells(out, "100X") == ["100X", "12", "12"]
    assert out.splitlines()[-1] == "Wrote featkit.toml and manifest.parquet. Next: featkit train"
    code, out, _ = say("init")
    assert code == 0
    assert out.splitlines()[-1] == "Wrote manifest.parquet. Next: featkit train"


def test_init_takes_columns_by_name(say, prepared_workspace, tmp_path):
    rows = pl.read_csv(prepared_workspace / "data" / "manifest.csv", infer_schema=False)
    rows = rows.with_columns(path=pl.lit(f"{prepared_workspace}/data/") + pl.col("path"))
    rows.rename({"patient": "who", "label": "kind"}).write_csv(tmp_path / "t.csv")
    command = f"init {tmp_path}/t.csv --workspace {tmp_path}"
    code, _, err = say(f"{command} --columns patient")
    assert (code, err.splitlines()) == (
        2,
        ["featkit: --columns must read OURS=THEIRS, got patient. For example --columns patient=case_id."],
    )
    code, out, _ = say(f"{command} --columns patient=who --columns label=kind")
    assert code == 0
    assert "96 patches of 12 patients" in out


def test_split_and_audit_print_the_same_counts(say, as_json, workspace):
    _, made, _ = say("split")
    _, audited, _ = say("audit")
    assert made == audited
    split = Split.load("splits/100X.json")
    counts = {role: (split.role == role).sum() for role in ("train", "val", "test", "unused")}
    row = cells(made, "100X")
    assert [int(cell.split()[0]) for cell in row[2:6]] == list(counts.values())
    for command in ("split", "audit"):
        found = as_json(command)
        assert [audit["fold"] for audit in found] == ["100X", "200X"]
        assert found[0]["n_patches"] == {role: int(n) for role, n in counts.items()}


def test_audit_names_pictures_and_cases_on_two_sides(say, workspace):
    split = Split.load("splits/100X.json")
    files = {path.stem: path for path in (workspace / "data").rglob("*.png")}
    trained, tested = (split.patch_ids[split.rows(role)[0]] for role in ("train", "test"))
    files[tested].write_bytes(files[trained].read_bytes())
    code, out, _ = say("audit --fold 100X --pixels")
    assert code == 0
    pair = ", ".join(sorted([trained, tested]))
    assert f"100X: the same picture on two sides: {pair}" in out.splitlines()


def test_train_and_extract_print_one_row_a_run(say, as_json, workspace):
    pytest.importorskip("torch", reason="the extra [torch] is not installed")
    code, out, _ = say("train --fold 100X")
    assert code == 0
    record = json.loads((workspace / "runs/baseline/100X/seed0/checkpoint/checkpoint.json").read_text())
    assert cells(out, "baseline")[:4] == ["baseline", "100X", "0", "1"]
    assert "source-val-balanced-cross-entropy" in out
    trained = as_json("train --fold 100X")
    assert [run["method"] for run in trained] == ["baseline", "grl"]
    assert trained[0]["value"] == record["selection"]["value"]
    code, out, _ = say("extract --fold 100X")
    assert code == 0
    assert cells(out, "runs/grl/100X/seed0/embeddings.zarr") == [
        "runs/grl/100X/seed0/embeddings.zarr",
        "96",
        "192",
        "0",
    ]
    assert [(store["n"], store["d"], store["n_bad"]) for store in as_json("extract --fold 100X")] == [(96, 192, 0)] * 2


def test_store_info_and_verify(say, as_json, workspace, tmp_path):
    path = "runs/grl/100X/seed0/embeddings.zarr"
    code, out, _ = say(f"store info {path}")
    assert code == 0
    assert {"n: 96", "d: 192", "provenance.method: grl", "classes: ['benign', 'malignant']"} <= set(out.splitlines())
    info = as_json(f"store info {path}")
    assert info["provenance"]["checkpoint"]["method"] == "grl"
    assert as_json(f"store verify {path}")["is_intact"] is True
    shard = next((workspace / path / "X").rglob("c/0/0"))
    data = bytearray(shard.read_bytes())
    shard.unlink()  # the finished workspace shares it
    data[len(data) // 2] ^= 255
    shard.write_bytes(data)
    code, out, err = say(f"store verify {path}")
    assert code == 2
    assert "is_intact: False" in out
    assert err.startswith(f"featkit: {path} must be as it was sealed, got changes in rows 0 to 95")
    code, out, err = say(f"store verify {path} --json")
    assert (code, json.loads(out)["bad_shards"]) == (2, [[0, 95]])


def test_store_import(say, as_json, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("t.npz", X=np.eye(6, 3, dtype=np.float32), who=np.array(list("aabbcc")), site=np.array(list("xyxyxy")))
    code, out, _ = say("store import t.npz -o x.zarr --columns patient=who --domain site --unlabelled")
    assert (code, out) == (0, "x.zarr: 6 patches, 3 dimensions\n")
    again = as_json("store import t.npz -o x.zarr --columns patient=who --domain site --unlabelled")
    info = as_json("store info x.zarr")
    assert again["store_id"] == info["store_id"]
    assert info["provenance"]["domain"] == "site"


def test_the_three_commands_need_no_further_arguments(say, workspace):
    pytest.importorskip("torch", reason="the extra [torch] is not installed")
    hurry(workspace)
    code, out, _ = say("extract")
    assert (code, out.count("embeddings.zarr")) == (0, 4)
    code, out, _ = say("signatures --fold 100X")
    assert code == 0
    assert "grl" in out
    assert " of 192" in out
    code, out, _ = say("probe magnification")
    assert code == 0
    assert "Bal. acc." in out


@pytest.mark.parametrize(
    "command", ["signatures --fold 100X --method grl", "evaluate", "probe patient", "compare baseline grl"]
)
def test_analysing_commands_print_json(as_json, workspace, command):
    pytest.importorskip("torch", reason="the extra [torch] is not installed")
    hurry(workspace)
    assert as_json(command + " --model head" * command.startswith("compare"))
