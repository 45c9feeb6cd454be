import json

import pytest

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")
from torch import nn  # noqa: E402

from featkit.core.errors import InputError  # noqa: E402
from featkit.training import Checkpoint, load_checkpoint  # noqa: E402


@pytest.fixture
def checkpoint(encoder):
    torch.manual_seed(0)
    meta = {"method": "baseline", "classes": ["a", "b", "c"], "encoder": encoder.describe()}
    return Checkpoint(encoder, nn.Linear(encoder.n_dimensions, 3), meta)


def test_save_then_load_is_the_same(checkpoint, tmp_path):
    again = load_checkpoint(checkpoint.save(tmp_path / "deep" / "run"))
    encoder, head, meta = again
    assert encoder.weights_sha256 == checkpoint.encoder.weights_sha256
    assert torch.equal(head.weight, checkpoint.head.weight)
    assert torch.equal(head.bias, checkpoint.head.bias)
    assert meta == checkpoint.meta
    assert sorted(p.name for p in (tmp_path / "deep" / "run").iterdir()) == [
        "checkpoint.json",
        "encoder.safetensors",
        "head.safetensors",
    ]


def test_half_a_checkpoint_is_none(checkpoint, tmp_path):
    folder = checkpoint.save(tmp_path)
    (folder / "checkpoint.json").unlink()
    (folder / "state.pt").touch()
    with pytest.raises(InputError, match="training there is not finished"):
        load_checkpoint(folder)
    with pytest.raises(InputError, match="must be finished"):
        load_checkpoint(tmp_path / "nowhere")


def test_mixed_up_files_are_refused(checkpoint, tmp_path):
    folder = checkpoint.save(tmp_path)
    record = json.loads((folder / "checkpoint.json").read_text())
    record["encoder"]["weights_sha256"] = "0" * 64
    (folder / "checkpoint.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="other weights"):
        load_checkpoint(folder)
    (folder / "checkpoint.json").write_text(json.dumps({**record, "version": 0}))
    with pytest.raises(InputError, match="version 1"):
        load_checkpoint(folder)
    (folder / "checkpoint.json").write_text("{")
    with pytest.raises(InputError, match="valid JSON"):
        load_checkpoint(folder)


def test_a_folder_that_cannot_be_written(checkpoint, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="writable"):
        checkpoint.save(tmp_path / "file" / "run")
