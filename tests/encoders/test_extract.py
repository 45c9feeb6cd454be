import csv
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")
from torch import nn  # noqa: E402

from featkit.core.errors import InputError  # noqa: E402
from featkit.core.options import ExtractOptions  # noqa: E402
from featkit.data.images import pixel_hash, read_rgb  # noqa: E402
from featkit.encoders import embed_patches, load_encoder  # noqa: E402

DATA = os.environ.get("FEATKIT_TEST_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="FEATKIT_TEST_DATA is not set")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("tiny")


def _gather(extraction):
    batches = list(extraction)
    return np.concatenate([b.rows for b in batches]), np.concatenate([b.embeddings for b in batches])


def test_equals_one_patch_at_a_time_by_hand(encoder, patch_paths):
    run = embed_patches(encoder, patch_paths, options=ExtractOptions(batch_size=7, device="cpu"))
    batches = list(run)
    assert [len(b.rows) for b in batches] == [7, 7, 6]
    for batch in batches:
        for i, row in enumerate(batch.rows):
            image = read_rgb(patch_paths[row])
            by_hand = encoder.embed(encoder.transform(image)[None])[0].numpy()
            np.testing.assert_allclose(batch.embeddings[i], by_hand, rtol=1e-5, atol=1e-5)
            assert batch.sha256[i] == pixel_hash(image)
            assert tuple(batch.sizes[i]) == image.shape[:2]
            assert tuple(batch.mpp_factors[i]) == encoder.transform.scale(*image.shape[:2])
        assert batch.embeddings.dtype == np.float32
        assert batch.probabilities is None
    assert (run.summary.n_embedded, run.summary.n_bad) == (20, 0)
    assert run.summary.seconds_reading > 0
    assert run.summary.seconds_computing > 0


@pytest.mark.parametrize(("batch_size", "n_jobs"), [(1, 1), (6, 3), (64, 2), (None, 2)])
def test_batches_and_threads_do_not_change_embeddings(encoder, patch_paths, batch_size, n_jobs):
    rows, expected = _gather(embed_patches(encoder, patch_paths, options=ExtractOptions(batch_size=5, n_jobs=1)))
    options = ExtractOptions(batch_size=batch_size, n_jobs=n_jobs)
    again, found = _gather(embed_patches(encoder, patch_paths, options=options))
    assert np.array_equal(rows, again)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_rows_choose_and_order(encoder, patch_paths):
    _, everything = _gather(embed_patches(encoder, patch_paths))
    rows, found = _gather(embed_patches(encoder, patch_paths, rows=[11, 2, 5], options=ExtractOptions(batch_size=2)))
    assert rows.tolist() == [11, 2, 5]
    np.testing.assert_allclose(found, everything[[11, 2, 5]], rtol=1e-5, atol=1e-5)


def test_probabilities_are_the_softmax_of_the_head(encoder, patch_paths):
    torch.manual_seed(0)
    head = nn.Linear(encoder.n_dimensions, 3)
    for batch in embed_patches(encoder, patch_paths, head=head, options=ExtractOptions(batch_size=8)):
        logits = batch.embeddings @ head.weight.detach().numpy().T + head.bias.detach().numpy()
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        np.testing.assert_allclose(
            batch.probabilities, shares / shares.sum(axis=1, keepdims=True), rtol=1e-4, atol=1e-6
        )


def test_bad_patches_are_named_and_left_out(encoder, patch_paths, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    paths = [patch_paths[0], bad, patch_paths[1], bad, bad]
    run = embed_patches(encoder, paths, options=ExtractOptions(batch_size=2))
    batches = list(run)
    assert np.concatenate([b.rows for b in batches]).tolist() == [0, 2]
    assert [row for b in batches for row, _ in b.bad] == [1, 3, 4]
    assert all("bad.png" in reason for b in batches for _, reason in b.bad)
    assert batches[-1].embeddings.shape == (0, encoder.n_dimensions)
    assert (run.summary.n_embedded, run.summary.n_bad) == (2, 3)


class _Crowded(nn.Module):
    """A network on a device with room for a few patches."""

    def __init__(self, network, room):
        super().__init__()
        self.network, self.room = network, room

    def forward(self, images):
        if len(images) > self.room:
            raise torch.OutOfMemoryError("out of memory")
        return self.network(images)


def test_halves_the_batch_when_memory_does_not_suffice(encoder, patch_paths):
    _, expected = _gather(embed_patches(encoder, patch_paths))
    crowded = load_encoder("tiny")
    crowded.network = _Crowded(crowded.network, room=3)
    run = embed_patches(crowded, patch_paths, options=ExtractOptions(batch_size=16))
    _, found = _gather(run)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert run.summary.batch_size == 2


def test_one_patch_must_fit(patch_paths):
    crowded = load_encoder("tiny")
    crowded.network = _Crowded(crowded.network, room=0)
    with pytest.raises(InputError, match="one patch must fit"):
        list(embed_patches(crowded, patch_paths))


def test_embeddings_must_be_finite(patch_paths):
    encoder = load_encoder("tiny")
    with torch.no_grad():
        encoder.network.features[0].weight[0, 0, 0, 0] = torch.nan
    with pytest.raises(InputError, match="finite"):
        list(embed_patches(encoder, patch_paths))


def test_puts_a_training_encoder_in_eval_mode(encoder, patch_paths):
    _, expected = _gather(embed_patches(encoder, patch_paths))
    _, found = _gather(embed_patches(load_encoder("tiny").train(), patch_paths))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_half_precision_is_recorded_and_close(encoder, patch_paths):
    _, expected = _gather(embed_patches(encoder, patch_paths))
    run = embed_patches(encoder, patch_paths, options=ExtractOptions(precision="bfloat16", device="cpu"))
    _, found = _gather(run)
    assert run.summary.precision == "bfloat16"
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    assert 0 < error < 0.02


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": "many"}, "batch_size must be a whole number, got 'many'"),
        ({"n_jobs": 0}, "n_jobs must be between 1 and 1,024"),
        ({"device": "warp"}, "device must be auto, cpu or cuda, got 'warp'"),
        ({"device": "gpu"}, "got 'gpu'. Use 'cuda' for a GPU"),
        ({"device": "cuda"}, "device 'cuda' must be on this machine"),
        ({"precision": "int4"}, "precision must be one of auto, float32, float16, bfloat16, got 'int4'"),
        ({"precision": "float8"}, "got 'float8'. Did you mean 'float16'|got 'float8'. Did you mean 'float32'"),
        ({"dtype": "float8"}, "dtype must be one of float32, float16, got 'float8'. Did you mean 'float"),
    ],
)
def test_refuses_bad_options_at_once(encoder, patch_paths, options, words):
    if options == {"device": "cuda"} and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(InputError, match=words):
        embed_patches(encoder, patch_paths, options=ExtractOptions(**options))


@pytest.mark.parametrize("rows", [[0, 99], [-1]])
def test_rows_must_be_there(encoder, patch_paths, rows):
    with pytest.raises(InputError, match=r"rows must lie in 0\.\.19"):
        embed_patches(encoder, patch_paths, rows=rows)


def test_leaving_early_ends_the_threads(encoder, patch_paths):
    run = embed_patches(encoder, patch_paths * 20, options=ExtractOptions(batch_size=4))
    next(run)
    run.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("featkit-read")]


def test_pixel_floors_run_without_polars():
    code = (
        "import sys; sys.modules['polars'] = None\n"
        "import featkit.encoders.extract, featkit.encoders.load, featkit.training.loop, featkit.training.grl\n"
        "from featkit.encoders import load_encoder\n"
        "assert load_encoder('tiny').n_dimensions == 192"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize(("given", "found"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_waiting_threads_sleep_unless_told_otherwise(given, found):
    """OpenMP's choice is read when torch is loaded, so it must be made before, without loading torch."""
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    code = "import os, sys, featkit.encoders; assert 'torch' not in sys.modules; print(os.environ['OMP_WAIT_POLICY'])"
    environment |= {"OMP_WAIT_POLICY": given} if given else {}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == found


@needs_data
def test_real_weights_on_real_patches():
    root = Path(DATA)
    with open(root / "wsi" / "tiles-224.csv", newline="") as file:
        table = list(csv.DictReader(file))
    paths = [root / "wsi" / row["path"] for row in table]
    weights = root / "weights" / "mobilenetv1_100.imagenet.fp16.safetensors"
    encoder = load_encoder("timm:mobilenetv1_100", weights=weights)
    assert encoder.transform.mean == encoder.transform.std == (0.5, 0.5, 0.5)
    run = embed_patches(encoder, paths, options=ExtractOptions(batch_size=32))
    batches = list(run)
    embeddings = np.concatenate([b.embeddings for b in batches])
    assert embeddings.shape == (273, 1024)
    assert embeddings.min() == 0  # the last layer ends in a ReLU6
    assert run.summary.n_bad == 0
    assert {tuple(f) for b in batches for f in b.mpp_factors} == {(224 / 256, 224 / 256)}

    # Three nested fields of one centre share tissue: nearer to each other than to other centres of their slide.
    unit = embeddings - embeddings.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    similarity = unit @ unit.T
    slide = np.array([row["slide"] for row in table])
    centre = np.array([f"{row['slide']} {row['center_x']} {row['center_y']}" for row in table])
    same_slide = slide[:, None] == slide[None]
    same_centre = centre[:, None] == centre[None]
    nested = similarity[same_centre & ~np.eye(273, dtype=bool)].mean()
    assert nested > similarity[same_slide & ~same_centre].mean() + 0.05


@needs_data
def test_model_folder_reproduces_embeddings_made_elsewhere(tmp_path):
    """PACS was embedded with these weights and TensorFlow's padding at 224 px: say so in config.json, get them back."""
    root = Path(DATA)
    with np.load(root / "pacs" / "embeddings_mobilenetv1.npz") as file:
        published, names = file["X"].astype(np.float32), file["path"]
    rows = np.arange(0, 4000, 250)
    (tmp_path / "model.safetensors").symlink_to(root / "weights" / "mobilenetv1_100.imagenet.fp16.safetensors")
    config = {
        "architecture": "mobilenetv1_100",
        "model_args": {"pad_type": "same"},
        "pretrained_cfg": {"crop_pct": 1.0, "interpolation": "bicubic", "mean": [0.5] * 3, "std": [0.5] * 3},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    encoder = load_encoder("hf-hub:somebody/mobilenetv1", weights=tmp_path)
    _, found = _gather(embed_patches(encoder, [root / "pacs" / name for name in names[rows]]))
    unit, other = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (found, published))
    similarity = unit @ other.T
    assert similarity.argmax(axis=1).tolist() == rows.tolist()
    assert np.median(similarity[np.arange(len(rows)), rows]) > 0.99


@pytest.mark.gpu
@needs_gpu
def test_gpu_agrees_with_cpu(encoder, patch_paths):
    _, expected = _gather(embed_patches(load_encoder("tiny"), patch_paths, options=ExtractOptions(device="cpu")))
    run = embed_patches(load_encoder("tiny"), patch_paths, options=ExtractOptions(device="cuda", precision="float32"))
    _, found = _gather(run)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    half = embed_patches(load_encoder("tiny"), patch_paths, options=ExtractOptions(device="cuda"))
    _, found = _gather(half)
    assert half.summary.precision == "float16"
    assert np.linalg.norm(found - expected) < 0.01 * np.linalg.norm(expected)
