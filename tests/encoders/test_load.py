import json
import logging
import os
import pickle

import pytest

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")
from safetensors.torch import save_file  # noqa: E402

from featkit.core.errors import InputError  # noqa: E402
from featkit.encoders import check_encoder, load_encoder, save_encoder  # noqa: E402
from featkit.encoders import timm_models as timm_models_module  # noqa: E402


@pytest.fixture(scope="session")
def weights():
    state = load_encoder("timm:resnet10t", weights="random", seed=5).network.state_dict()
    return {name: tensor.contiguous() for name, tensor in state.items()}


@pytest.fixture
def no_hub(monkeypatch, tmp_path):
    monkeypatch.setattr(timm_models_module, "_is_hub_reachable", lambda: False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))


def test_same_seed_same_random_weights_and_torch_is_left_alone():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    hashes = [load_encoder("tiny", seed=seed).weights_sha256 for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert torch.equal(torch.get_rng_state(), state)


def test_plain_timm_name():
    assert load_encoder("resnet10t", weights="random").name == "timm:resnet10t"


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt", ".bin"])
def test_local_weights_of_every_container(weights, tmp_path, suffix, wrapper):
    path = tmp_path / f"resnet{suffix}"
    if suffix == ".safetensors":
        save_file({f"module.{k}": v for k, v in weights.items()}, path)
    else:
        torch.save({wrapper: dict(weights)} if wrapper else dict(weights), path)
    encoder = load_encoder("timm:resnet10t", weights=path)
    assert encoder.weights_sha256 == load_encoder("timm:resnet10t", weights="random", seed=5).weights_sha256
    assert encoder.weights == str(path)


def test_classifier_in_the_file_is_left_out(weights, tmp_path):
    save_file({**weights, "fc.weight": torch.zeros(7, 512), "fc.bias": torch.zeros(7)}, tmp_path / "w.safetensors")
    assert load_encoder("resnet10t", weights=tmp_path / "w.safetensors").n_dimensions == 512


def test_weights_that_do_not_fit_are_refused_not_half_loaded(weights, tmp_path):
    first = next(iter(weights))
    save_file({k: v for k, v in weights.items() if k != first}, tmp_path / "short.safetensors")
    with pytest.raises(InputError, match=first):
        load_encoder("timm:resnet10t", weights=tmp_path / "short.safetensors")
    with pytest.raises(InputError, match="weights must fit tiny"):
        load_encoder("tiny", weights=tmp_path / "short.safetensors")


class _Harm:
    def __reduce__(self):
        return os.system, ("touch harmed",)


def test_a_file_that_would_run_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, write in (("zip.pth", torch.save), ("raw.pt", lambda o, p: p.write_bytes(pickle.dumps(o)))):
        write({"state_dict": _Harm()}, tmp_path / name)
        with pytest.raises(InputError, match=r"run code|readable"):
            load_encoder("timm:resnet10t", weights=tmp_path / name)
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.safetensors", None, "must be a file"),
        ("cut.safetensors", b"\x10\x00\x00", "readable"),
        ("cut.pth", b"PK\x03\x04 nothing", "readable"),
        ("weights.txt", b"1 2 3", "must end in"),
    ],
)
def test_bad_weights_files(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        load_encoder("timm:resnet10t", weights=tmp_path / name)


def test_weights_must_be_tensors(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "w.pth")
    with pytest.raises(InputError, match="dictionary of tensors"):
        load_encoder("timm:resnet10t", weights=tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("tinny", "Did you mean 'tiny'"),
        ("tyni", "Did you mean 'tiny'"),
        ("timm:resnet5O", "Did you mean resnet50"),
        ("timm:qqqqqqqqqq", "names them all"),
        ("hub:a/b", "encoder must be a known name"),
        ("hf-hub:only-a-name", "OWNER/NAME"),
    ],
)
def test_unknown_encoders_get_near_names(spec, words):
    with pytest.raises(InputError, match=words):
        load_encoder(spec)


def test_a_name_is_checked_without_loading_anything(no_hub):
    for spec in ("tiny", "timm:resnet50", "resnet50", "hf-hub:somebody/model", "a/encoder.safetensors"):
        check_encoder(spec)


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize("spec", ["timm:resnet10t", "hf-hub:somebody/model"])
@pytest.mark.parametrize("offline", [True, False])
def test_unreachable_weights_name_the_way_out(spec, offline):
    with pytest.raises(InputError, match=r"^offline, and .* not cached.*--weights") as caught:
        load_encoder(spec, offline=offline)
    assert "\n" not in str(caught.value)


def test_refused_downloads_name_the_gate(monkeypatch):
    import timm

    def refuse(*args, **kwargs):
        raise OSError("401 Client Error.\nYou are trying to access a gated repo.")

    monkeypatch.setattr(timm_models_module, "_is_hub_reachable", lambda: True)
    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(InputError, match=r"401 Client Error.*HF_TOKEN.*--weights"):
        load_encoder("timm:resnet10t")


def test_hub_folder_must_be_whole(tmp_path, weights):
    with pytest.raises(InputError, match=r"config\.json"):
        load_encoder("hf-hub:a/b", weights=tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "resnet10t"}))
    with pytest.raises(InputError, match=r"model\.safetensors"):
        load_encoder("hf-hub:a/b", weights=tmp_path)
    save_file(dict(weights), tmp_path / "model.safetensors")
    assert load_encoder("hf-hub:a/b", weights=tmp_path).n_dimensions == 512
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit"}))
    with pytest.raises(InputError, match="timm model's"):
        load_encoder("hf-hub:a/b", weights=tmp_path)


@pytest.fixture
def published(tmp_path):
    """A folder as timm publishes it, of a model whose input size differs from its architecture's default."""
    import timm

    name, size = "vit_tiny_patch16_224", 64
    torch.manual_seed(3)
    network = timm.create_model(name, pretrained_cfg_overlay={"input_size": (3, size, size)}, num_classes=5)
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, tmp_path / "model.safetensors")
    config = {
        "architecture": name,
        "num_classes": 5,
        "pretrained_cfg": {
            "input_size": [3, size, size],
            "fixed_input_size": True,
            "interpolation": "bicubic",
            "crop_pct": 0.9,
            "mean": [0.7, 0.5, 0.6],
            "std": [0.2, 0.3, 0.2],
            "num_classes": 5,
            "classifier": "head",
            "first_conv": "patch_embed.proj",
        },
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


def test_a_folder_gives_what_timm_makes_of_it(published):
    import timm

    theirs = timm.create_model(f"local-dir:{published}", pretrained=True, num_classes=0).eval()
    encoder = load_encoder("hf-hub:a/b", weights=published)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(encoder.embed(images), theirs(images))
    assert (encoder.transform.size, encoder.transform.mean) == ((64, 64), (0.7, 0.5, 0.6))


def test_an_encoder_of_a_folder_is_saved_and_built_again_without_it(published, tmp_path_factory):
    encoder = load_encoder("hf-hub:a/b", weights=published)
    path = save_encoder(encoder, tmp_path_factory.mktemp("elsewhere") / "encoder.safetensors")
    for file in published.iterdir():
        file.unlink()
    again = load_encoder(str(path))
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again.embed(images), encoder.embed(images))


def test_a_folder_that_lacks_weights_of_the_model_is_refused(published):
    from safetensors.torch import load_file

    tensors = load_file(published / "model.safetensors")
    del tensors["blocks.3.attn.qkv.weight"]
    save_file(tensors, published / "model.safetensors")
    with pytest.raises(InputError, match=r"weights must fit vit_tiny_patch16_224.*blocks\.3\.attn\.qkv\.weight"):
        load_encoder("hf-hub:a/b", weights=published)


@pytest.mark.parametrize(
    "config",
    [
        "[]",
        "{",
        '{"architecture": "no_such_model"}',
        '{"architecture": "resnet10t", "pretrained_cfg": {"input_size": [3, 64]}}',
        '{"architecture": "resnet10t", "model_args": {"colour": 1}}',
    ],
)
def test_a_folder_that_timm_cannot_build_is_one_clear_line(published, config):
    (published / "config.json").write_text(config)
    with pytest.raises(InputError, match=r"config\.json must be a timm model's") as caught:
        load_encoder("hf-hub:a/b", weights=published)
    assert "\n" not in str(caught.value)


def test_a_saved_encoder_is_a_spec(tmp_path):
    encoder = load_encoder("tiny", seed=9)
    save_encoder(encoder, tmp_path / "encoder.safetensors")
    for spec in (tmp_path / "encoder.safetensors", tmp_path):
        assert load_encoder(str(spec)).weights_sha256 == encoder.weights_sha256
    with pytest.raises(InputError, match="given once"):
        load_encoder(str(tmp_path), weights=tmp_path / "encoder.safetensors")


def test_a_bare_weights_file_must_name_its_architecture(weights, tmp_path):
    save_file(dict(weights), tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="--encoder timm:NAME --weights"):
        load_encoder(str(tmp_path / "w.safetensors"))


def test_a_flipped_byte_in_a_saved_encoder_is_found(tmp_path):
    path = save_encoder(load_encoder("tiny"), tmp_path / "encoder.safetensors")
    whole = path.read_bytes()
    header = int.from_bytes(whole[:8], "little")
    for place in (3, header // 4, header // 2, header - 40, header + 8, len(whole) - 1):
        data = bytearray(whole)
        data[place] ^= 1
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"encoder\.safetensors"):
            load_encoder(str(path))


def test_a_saved_encoder_with_changed_weights_is_refused(tmp_path):
    from safetensors import safe_open

    path = save_encoder(load_encoder("tiny"), tmp_path / "encoder.safetensors")
    with safe_open(path, framework="pt") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    next(iter(tensors.values())).add_(1)
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(InputError, match="as it was written, got weights of another hash"):
        load_encoder(str(path))


def test_timm_says_nothing(capfd, caplog):
    with caplog.at_level(logging.WARNING):
        load_encoder("timm:resnet10t", weights="random")
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
