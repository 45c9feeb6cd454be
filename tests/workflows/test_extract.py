import contextlib
import csv
import shutil

import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")

import featkit  # noqa: E402
from featkit import workflows  # noqa: E402
from featkit.core.errors import InputError  # noqa: E402
from featkit.core.options import DataOptions, EncoderOptions, ExtractOptions, SplitOptions  # noqa: E402
from featkit.core.progress import reporting_to  # noqa: E402
from featkit.core.run_key import RunFilter  # noqa: E402
from featkit.core.workspace import Workspace  # noqa: E402
from featkit.data import Split  # noqa: E402
from featkit.data.images import pixel_hash, read_rgb  # noqa: E402
from featkit.encoders import load_encoder  # noqa: E402
from featkit.training import load_checkpoint  # noqa: E402
from featkit.workflows.steps.embedding import whole_batches  # noqa: E402
from featkit.workflows.steps.manifests import workspace_manifest  # noqa: E402

TINY = EncoderOptions(name="tiny")
FROZEN = RunFilter(method="frozen")


def stores(workspace):
    return sorted(path.relative_to(workspace).as_posix() for path in workspace.rglob("*.zarr"))


def test_a_trained_store_holds_what_encoder_and_head_say_about_each_patch(workspace):
    store = featkit.open_store("runs/grl/100X/seed0/embeddings.zarr")
    manifest = workspace_manifest(Workspace.require())
    assert store.obs["patch_id"].to_list() == manifest.frame["patch_id"].to_list()
    assert store.obs["split"].to_list() == Split.load("splits/100X.json").role.tolist()
    assert store.classes == ["benign", "malignant"]
    encoder, head, meta = load_checkpoint("runs/grl/100X/seed0/checkpoint")
    X, P = store.X(), store.probabilities
    for row in (0, 41, 95):
        image = read_rgb(manifest.frame["path"][row])
        by_hand = encoder.embed(encoder.transform(image)[None])
        np.testing.assert_allclose(X[row], by_hand[0].numpy(), rtol=1e-4, atol=1e-5)
        with torch.inference_mode():
            np.testing.assert_allclose(P[row], head(by_hand)[0].softmax(0).numpy(), rtol=1e-4, atol=1e-6)
        assert store.obs["sha256"][row] == pixel_hash(image)
    assert store.provenance["weights_sha256"] == meta["encoder"]["weights_sha256"]
    assert (store.provenance["method"], store.provenance["fold"], store.provenance["seed"]) == ("grl", "100X", 0)
    assert store.provenance["checkpoint"] == meta


def test_the_effective_mpp_is_that_of_the_resized_patch(workspace):
    from PIL import Image

    first = workspace_manifest(Workspace.require()).frame.row(0, named=True)
    with Image.open(first["path"]) as image:
        larger = image.resize((192, 144))
    larger.save(first["path"])
    (store,) = workflows.extract(runs=FROZEN)
    row = store.obs.row(0, named=True)
    assert row["patch_id"] == first["patch_id"]
    short = load_encoder("tiny").transform.resize[0]
    assert row["mpp_effective"] == pytest.approx(first["mpp"] * 144 / short)
    assert row["mpp_effective_y"] == pytest.approx(first["mpp_y"] * 144 / short)
    assert store.obs["mpp_effective"][1] == pytest.approx(first["mpp"])


def test_with_nothing_trained_the_encoder_is_used_as_it_is(fresh_workspace):
    (store,) = workflows.extract()
    assert stores(fresh_workspace) == ["runs/frozen/all/seed0/embeddings.zarr"]
    assert store.provenance["weights_sha256"] == load_encoder("tiny").weights_sha256
    assert store.probabilities is None
    assert "split" not in store.obs.columns
    anndata = pytest.importorskip("anndata")
    assert anndata.read_zarr(store.path).shape == (96, 192)


def test_what_is_finished_is_not_done_again(workspace):
    before = {path: path.stat().st_mtime_ns for path in workspace.rglob("*.zarr/**/*")}
    assert len(workflows.extract()) == 4
    assert {path: path.stat().st_mtime_ns for path in workspace.rglob("*.zarr/**/*")} == before


def test_runs_can_be_chosen_and_written_elsewhere(workspace, tmp_path):
    (store,) = workflows.extract(runs=RunFilter("grl", "200X"), output=tmp_path / "out")
    assert store.path == tmp_path / "out" / "grl-200X-seed0.zarr"
    np.testing.assert_array_equal(store.X(), featkit.open_store("runs/grl/200X/seed0/embeddings.zarr").X())
    with pytest.raises(InputError, match=r"trained to be extracted \(fold 400X\), got none. Did you mean .200X"):
        workflows.extract(runs=RunFilter(fold="400X"))


def test_an_unfinished_training_is_left_out(workspace):
    (workspace / "runs" / "grl" / "200X" / "seed0" / "checkpoint" / "checkpoint.json").unlink()
    assert len(workflows.extract()) == 3
    with pytest.raises(InputError, match=r"got training that is not finished. Run .featkit train"):
        workflows.extract(runs=RunFilter("grl", "200X"))


def test_a_split_made_after_the_training_does_not_pass_for_its_own(workspace):
    workflows.split(options=SplitOptions(folds=("100X",), seed=5))
    assert len(workflows.extract(runs=RunFilter(fold="200X"))) == 2
    with pytest.raises(InputError, match="split and labels of fold 100X must be those that baseline, 100X, seed 0 was"):
        workflows.extract(runs=RunFilter(fold="100X"))


def test_explicit_images_become_one_store(finished_workspace, tmp_path):
    table = finished_workspace / "data" / "manifest.csv"
    (store,) = workflows.extract(table, encoder=TINY, output=tmp_path / "x.zarr")
    assert store.n == 96
    assert store.provenance["method"] == "frozen"
    (again,) = workflows.extract(table, encoder=TINY, output=tmp_path / "x.zarr", options=ExtractOptions(batch_size=7))
    assert again.store_id == store.store_id


def test_a_finished_store_of_something_else_is_not_taken_for_what_is_asked(finished_workspace, tmp_path):
    rows = pl.read_csv(finished_workspace / "data" / "manifest.csv", infer_schema=False)
    rows = rows.with_columns(path=pl.lit(f"{finished_workspace}/data/") + pl.col("path"))
    rows[:4].write_csv(tmp_path / "a.csv")
    rows[4:8].write_csv(tmp_path / "b.csv")
    workflows.extract(tmp_path / "a.csv", encoder=TINY, output=tmp_path / "x.zarr")
    other = finished_workspace / "runs" / "grl" / "100X" / "seed0" / "checkpoint" / "encoder.safetensors"
    for changed in (
        {"images": tmp_path / "b.csv"},
        {"options": ExtractOptions(dtype="float16")},
        {"options": ExtractOptions(precision="bfloat16")},
        {"encoder": EncoderOptions(name="tiny", weights=str(other))},
        {"domain": "subtype"},
    ):
        options = {"images": tmp_path / "a.csv", "output": tmp_path / "x.zarr", "encoder": TINY} | changed
        with pytest.raises(InputError, match=r"begun with other input .* choose another path, or delete"):
            workflows.extract(**options)


class _Notes:
    """Collects what is said."""

    def __init__(self):
        self.said = []

    def start(self, description, total):
        return 0

    def advance(self, task, steps): ...

    def finish(self, task): ...

    def note(self, message):
        self.said.append(message)


@contextlib.contextmanager
def noted():
    notes = _Notes()
    with reporting_to(notes):
        yield notes.said


@pytest.fixture
def bad_patches(workspace):
    """Three patches that cannot be read: (paths, reasons)."""
    paths = sorted((workspace / "data").rglob("*.png"))[10:13]
    whole = paths[0].read_bytes()
    paths[0].write_bytes(whole[: len(whole) // 2])
    paths[1].write_bytes(b"")
    paths[2].write_text("no picture")
    return paths, ("damaged or cut short", "empty", "must be an image file")


def test_bad_patches_are_left_out_named_and_counted(workspace, bad_patches):
    paths, reasons = bad_patches
    (store,) = workflows.extract(runs=FROZEN)
    assert (store.n, store.provenance["n_patches_given"], store.provenance["n_patches_bad"]) == (93, 96, 3)
    with (workspace / "runs/frozen/all/seed0/embeddings.bad_patches.csv").open(newline="") as file:
        named = {row["patch_id"]: row["reason"] for row in csv.DictReader(file)}
    assert sorted(named) == sorted(path.stem for path in paths)
    for path, reason in zip(paths, reasons, strict=True):
        assert reason in named[path.stem]
    clean = featkit.open_store("runs/baseline/100X/seed0/embeddings.zarr").obs["patch_id"].to_list()
    assert store.obs["patch_id"].to_list() == [p for p in clean if p not in named]


def test_strict_stops_at_a_bad_patch_before_and_after(workspace, bad_patches):
    with pytest.raises(InputError, match=f"readable with --strict, got {bad_patches[0][0].stem}: .*cut short"):
        workflows.extract(runs=FROZEN, options=ExtractOptions(strict=True))
    assert "runs/frozen/all/seed0/embeddings.zarr" not in stores(workspace)
    workflows.extract(runs=FROZEN)
    with pytest.raises(InputError, match="with --strict, got 3 left out of"):
        workflows.extract(runs=FROZEN, options=ExtractOptions(strict=True))


def test_no_readable_patch_is_an_error(workspace, tmp_path):
    for path in (workspace / "data").rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(InputError, match="at least one patch, got 96 bad ones"):
        workflows.extract(runs=FROZEN)


@pytest.mark.parametrize(("n", "d"), [(1, 8), (96, 192), (7909, 192), (7909, 2048), (1_000_000, 1024)])
@pytest.mark.parametrize("batch_size", [1, 7, 64, 256])
def test_shards_arewhole_batches(n, d, batch_size):
    rows = whole_batches(n, d, "float32", batch_size)
    assert rows % batch_size == 0
    assert rows * d * 4 <= 32_000_000 + batch_size * d * 4


def test_extraction_names_what_is_missing(tmp_path, monkeypatch, finished_workspace):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="needs a workspace"):
        workflows.extract()
    with pytest.raises(InputError, match="nothing at"):
        workflows.extract(tmp_path / "images", encoder=TINY)
    tree = shutil.copytree(finished_workspace / "data" / "BreaKHis_v1", tmp_path / "classes")
    for path in list(tree.rglob("*.png"))[:4]:
        (tree / "benign").mkdir(exist_ok=True)
        shutil.move(path, tree / "benign" / f"patch{path.stem[-3:]}{path.stat().st_size}.png")
    (tmp_path / "plain").mkdir()
    shutil.move(tree / "benign", tmp_path / "plain" / "benign")
    with pytest.raises(InputError, match="needs a table that names each patch's patient"):
        workflows.extract(tmp_path / "plain", encoder=TINY)


def test_columns_and_domain_of_a_table_are_chosen(finished_workspace, tmp_path):
    rows = pl.read_csv(finished_workspace / "data" / "manifest.csv", infer_schema=False)
    rows = rows.with_columns(path=pl.lit(f"{finished_workspace}/data/") + pl.col("path"))
    rows.rename({"patient": "who", "label": "kind"})[:8].write_csv(tmp_path / "t.csv")
    reading = DataOptions(columns={"patient": "who", "label": "kind"})
    options = {"encoder": TINY, "data": reading, "output": tmp_path / "x.zarr"}
    (store,) = workflows.extract(tmp_path / "t.csv", domain="subtype", **options)
    assert store.provenance["domain"] == "subtype"
    assert store.obs["patient"].to_list() == rows["patient"][:8].to_list()
    with pytest.raises(InputError, match="scanner"):
        workflows.extract(tmp_path / "t.csv", domain="scanner", **options)


def test_what_belongs_to_images_is_refused_in_a_workspace_and_the_other_way_round(workspace):
    for options in ({"domain": "subtype"}, {"data": DataOptions(adapter="table")}):
        with pytest.raises(InputError, match="must be given with images"):
            workflows.extract(**options)
    with pytest.raises(InputError, match="runs must be chosen in a workspace, got method grl with images"):
        workflows.extract("data/manifest.csv", encoder=TINY, runs=RunFilter("grl"))


@pytest.mark.parametrize("options", [{"device": "gpu"}, {"dtype": "float8"}, {"precision": "float8"}])
def test_options_are_refused_before_anything_is_read(options):
    with pytest.raises(InputError, match=next(iter(options))):
        ExtractOptions(**options)


def test_an_unknown_encoder_is_refused_before_images_are_looked_at(tmp_path):
    with pytest.raises(InputError, match=r"got 'tyni'\. Did you mean 'tiny'"):
        workflows.extract(tmp_path / "nowhere", encoder=EncoderOptions(name="tyni"))


@pytest.mark.parametrize("name", ["head.safetensors", "encoder.safetensors"])
def test_a_damaged_checkpoint_is_named_and_not_extracted(workspace, name):
    path = workspace / "runs" / "grl" / "100X" / "seed0" / "checkpoint" / name
    data = bytearray(path.read_bytes())
    path.unlink()  # the finished workspace shares it
    data[-3] ^= 1
    path.write_bytes(data)
    shutil.rmtree(path.parents[1] / "embeddings.zarr")
    with pytest.raises(InputError, match=f"{name} must be as it was written"):
        workflows.extract(runs=RunFilter("grl", "100X"))
    assert "runs/grl/100X/seed0/embeddings.zarr" not in stores(workspace)


def test_a_store_that_another_process_finished_meanwhile_is_taken(finished_workspace, tmp_path, monkeypatch):
    """The other one seals while this one computes, which clears what both have staged."""
    from featkit.store import StoreWriter

    table, target = finished_workspace / "data" / "manifest.csv", tmp_path / "x.zarr"
    ours, other = StoreWriter.write, []

    def write_second(self, *args, **kwargs):
        monkeypatch.setattr(StoreWriter, "write", ours)
        other.append(workflows.extract(table, encoder=TINY, output=target)[0])
        return ours(self, *args, **kwargs)

    monkeypatch.setattr(StoreWriter, "write", write_second)
    with noted() as said:
        (store,) = workflows.extract(table, encoder=TINY, output=target)
    assert store.store_id == other[0].store_id
    assert sum("Another process has finished" in line for line in said) == 1
