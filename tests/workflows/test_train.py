import json

import pytest

pytest.importorskip("torch", reason="the extra [torch] is not installed")

from PIL import Image

from featkit import workflows
from featkit.core.errors import InputError
from featkit.core.options import SplitOptions, TrainOptions
from featkit.core.run_key import RunFilter, RunKey
from featkit.core.workspace import Workspace
from featkit.data import Split
from featkit.training import load_checkpoint
from featkit.workflows._train import training_data
from featkit.workflows.steps.manifests import workspace_manifest


def configure(workspace, old, new):
    toml = workspace / "featkit.toml"
    assert old in toml.read_text()
    toml.write_text(toml.read_text().replace(old, new))


def test_every_method_fold_and_seed_gets_its_checkpoint(workspace):
    for run in workflows.train():
        meta = load_checkpoint(run.checkpoint).meta
        assert (meta["method"], meta["seed"]) == (run.key.method, run.key.seed)
        assert run.key.fold not in meta["domains"]
        assert len(meta["domains"]) == 3
        assert meta["classes"] == ["benign", "malignant"]
        assert len((run.checkpoint / "log.jsonl").read_text().splitlines()) == 1


def test_what_is_finished_is_not_done_again(workspace):
    files = sorted((workspace / "runs").glob("*/*/seed0/checkpoint/*"))
    assert len(files) == 4 * 4
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}
    runs = workflows.train()
    assert [(r.key.method, r.key.fold) for r in runs] == [
        ("baseline", "100X"),
        ("grl", "100X"),
        ("baseline", "200X"),
        ("grl", "200X"),
    ]
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files} == before


def test_one_run_can_be_asked_for(fresh_workspace):
    configure(fresh_workspace, "seeds = [0]", "seeds = [0, 1]")
    (run,) = workflows.train(runs=RunFilter("baseline", "400X", 1), options=TrainOptions(n_epochs=1, device="cpu"))
    assert run.folder == fresh_workspace / "runs" / "baseline" / "400X" / "seed1"
    assert load_checkpoint(run.checkpoint).meta["history"][-1]["epoch"] == 1
    assert [r.key for r in Workspace.require().runs()] == [RunKey("baseline", "400X", 1)]


def test_training_sees_its_own_patients_and_never_the_held_out_domain(workspace):
    manifest = workspace_manifest(Workspace.require())
    split = Split.load(workspace / "splits" / "100X.json")
    data = training_data(manifest, split, Workspace.require().config)
    of_path = {row["path"]: row for row in manifest.frame.iter_rows(named=True)}
    for side, role in ((data.train, "train"), (data.val, "val")):
        rows = [of_path[path] for path in side.images]
        assert {row["patch_id"] for row in rows} == set(split.patch_ids[split.rows(role)])
        assert "100X" not in {row["magnification"] for row in rows}
        assert [data.domains[d] for d in side.domains] == [row["magnification"] for row in rows]
        assert [data.classes[c] for c in side.labels] == [row["label"] for row in rows]
    assert data.domains == ("40X", "200X", "400X")


def test_a_split_without_a_domain_is_trained_over_those_of_the_workspace(workspace):
    manifest = workspace_manifest(Workspace.require())
    import dataclasses

    saved = Split.load(workspace / "splits" / "100X.json")
    official = dataclasses.replace(saved, fold="dsfold1", domain=None, domains=[""] * len(saved))
    assert training_data(manifest, official, Workspace.require().config).domains == ("40X", "200X", "400X")


def test_the_positive_class_is_the_one_configured(workspace):
    configure(workspace, "[data]", '[data]\npositive = "benign"')
    split = Split.load(workspace / "splits" / "100X.json")
    config = Workspace.require().config
    assert training_data(workspace_manifest(Workspace.require()), split, config).classes == ("malignant", "benign")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'methods = ["baseline", "grl"]',
            'methods = ["baseline", "gril"]',
            "training method, got 'gril'. Did you mean 'grl'",
        ),
        ("n_epochs = 1", "n_epochs = 1\n[train.gril]\ngamma = 1.0", "training method, got 'gril'"),
        ("n_epochs = 1", "n_epochs = 1\n[train.grl]\ngama = 1.0", "gama"),
        ("n_epochs = 1", "n_epochs = 1\n[train.grl]\ngamma = 'much'", "gamma"),
        ('folds = ["100X", "200X"]', 'folds = ["100X", "300X"]', "got '300X'. Did you mean"),
        ("n_epochs = 1", "n_epochs = 0", "n_epochs must be at least 1"),
        ("n_epochs = 1", 'n_epochs = 1\nselection = "best"', "best"),
        ('name = "tiny"', 'name = "tinny"', "tinny"),
        ('name = "tiny"', 'name = "tiny"\nweights = "nowhere.pth"', "weights must be a file, got nowhere.pth"),
        ("n_epochs = 1", 'n_epochs = 1\ndevice = "gpu"', "device must be auto, cpu or cuda, got 'gpu'. Use 'cuda'"),
        ("n_epochs = 1", 'n_epochs = 1\nprecision = "float8"', "got 'float8'. Did you mean 'float"),
        ("seeds = [0]", "seeds = [-1]", "a seed must be a whole number of at least 0, got -1"),
    ],
)
def test_mistakes_are_found_before_anything_is_trained(fresh_workspace, old, new, said):
    configure(fresh_workspace, old, new)
    with pytest.raises(InputError, match=said):
        workflows.train()
    assert not (fresh_workspace / "runs").exists()


def test_a_patch_that_cannot_be_read_is_named(fresh_workspace):
    manifest = workspace_manifest(Workspace.require())
    (split,) = workflows.split(options=SplitOptions(folds=("100X",)))
    rows = dict(manifest.frame.select("patch_id", "path").iter_rows())
    bad = split.patch_ids[split.rows("train")[0]]
    Image.new("CMYK", (96, 96)).save(rows[bad], format="TIFF")
    with pytest.raises(InputError, match=f"training patches must be readable.*{bad}.png is CMYK. Convert it"):
        workflows.train(runs=RunFilter("baseline", "100X"))


def test_weights_are_found_from_the_workspace_wherever_the_command_runs(workspace, monkeypatch):
    trained = "runs/baseline/100X/seed0/checkpoint/encoder.safetensors"
    configure(workspace, 'name = "tiny"', f'name = "{trained}"')
    monkeypatch.chdir(workspace / "data")
    (run,) = workflows.train(runs=RunFilter("baseline", "400X"))
    start = load_checkpoint(run.checkpoint).meta["started_from"]
    record = json.loads((workspace / trained).with_name("checkpoint.json").read_text())
    assert start["weights_sha256"] == record["encoder"]["weights_sha256"]


def test_other_settings_do_not_overwrite_a_finished_training(workspace):
    with pytest.raises(InputError, match="the option n_epochs changed") as caught:
        workflows.train(
            runs=RunFilter("baseline", "100X"), options=Workspace.require().config.train.with_given(n_epochs=2)
        )
    assert "delete" not in str(caught.value).lower()


def test_the_device_of_a_finished_run_does_not_matter(workspace):
    """Also one that this machine lacks: nothing is computed again."""
    before = {p: p.stat().st_mtime_ns for p in (workspace / "runs").rglob("checkpoint/*")}
    for device in ("cpu", "cuda"):
        options = Workspace.require().config.train.with_given(device=device)
        assert len(workflows.train(options=options)) == 4
    assert {p: p.stat().st_mtime_ns for p in (workspace / "runs").rglob("checkpoint/*")} == before


def test_training_needs_a_workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="featkit init DATA"):
        workflows.train()
