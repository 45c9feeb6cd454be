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


def as_version_0_1(folder):
    """Turn a checkpoint into one that featkit 0.1 wrote, and return its record."""
    record = json.loads((folder / "checkpoint.json").read_text())
    for name in ("files", "sha256"):
        del record[name]
    record["version"] = 1
    (folder / "checkpoint.json").write_text(json.dumps(record, indent=1))
    return record


def test_a_checkpoint_of_version_0_1_is_read(checkpoint, tmp_path):
    folder = checkpoint.save(tmp_path)
    as_version_0_1(folder)
    encoder, head, meta = load_checkpoint(folder)
    assert encoder.weights_sha256 == checkpoint.encoder.weights_sha256
    assert torch.equal(head.weight, checkpoint.head.weight)
    assert meta == checkpoint.meta


def test_mixed_up_files_are_refused(checkpoint, tmp_path):
    folder = checkpoint.save(tmp_path)
    record = as_version_0_1(folder)
    record["encoder"]["weights_sha256"] = "0" * 64
    (folder / "checkpoint.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="other weights"):
        load_checkpoint(folder)
    (folder / "checkpoint.json").write_text(json.dumps({**record, "version": 3}))
    with pytest.raises(InputError, match="version 1 or 2"):
        load_checkpoint(folder)
    for text in ("{", "[]", '{"version": 1}'):
        (folder / "checkpoint.json").write_text(text)
        with pytest.raises(InputError, match=r"checkpoint\.json must be"):
            load_checkpoint(folder)


@pytest.mark.parametrize("name", ["head.safetensors", "encoder.safetensors", "checkpoint.json"])
@pytest.mark.parametrize("place", [0.01, 0.3, 0.6, 0.99])
def test_a_flipped_byte_is_found_and_its_file_named(checkpoint, tmp_path, name, place):
    path = checkpoint.save(tmp_path) / name
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=name.replace(".", r"\.")) as caught:
        load_checkpoint(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(checkpoint, tmp_path):
    (checkpoint.save(tmp_path) / "head.safetensors").unlink()
    with pytest.raises(InputError, match=r"head\.safetensors must be as it was written"):
        load_checkpoint(tmp_path)


def test_a_folder_that_cannot_be_written(checkpoint, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="folder"):
        checkpoint.save(tmp_path / "file" / "run")
