import json

import pytest

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")
from torch import nn  # noqa: E402

from featkit.core.errors import InputError  # noqa: E402
from featkit.encoders import ENCODERS, Encoder, Transform, load_encoder, restore_encoder, save_encoder  # noqa: E402

SPECS = {"tiny": "tiny", "timm": "timm:resnet10t", "hf-hub": "hf-hub:somebody/model"}


@pytest.fixture(scope="session")
def hub_folder(tmp_path_factory):
    """A model published for timm: weights and config.json, with arguments and a transform of its own."""
    timm = pytest.importorskip("timm", reason="the extra [torch] is not installed")
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("hub")
    torch.manual_seed(3)
    model = timm.create_model("resnet10t")
    save_file(model.state_dict(), folder / "model.safetensors")
    config = {
        "architecture": "resnet10t",
        "num_classes": 1000,
        "model_args": {"global_pool": "max"},
        "pretrained_cfg": {"input_size": [3, 64, 64], "crop_pct": 0.5, "mean": [0.1] * 3, "std": [0.2] * 3},
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(params=sorted(ENCODERS))
def encoder(request, hub_folder):
    weights = {"tiny": None, "timm": "random", "hf-hub": hub_folder}[request.param]
    return load_encoder(SPECS[request.param], weights=weights)


def _images(encoder, n, seed=0):
    pixels = torch.randint(0, 256, (n, *encoder.transform.size, 3), generator=torch.Generator().manual_seed(seed))
    return encoder.transform.normalise(pixels.to(torch.uint8))


def test_gives_one_vector_per_patch_repeatably(encoder):
    images = _images(encoder, 5)
    embeddings = encoder.embed(images)
    assert embeddings.shape == (5, encoder.n_dimensions)
    assert embeddings.dtype == torch.float32
    assert torch.isfinite(embeddings).all()
    assert embeddings.std(dim=0).max() > 0
    assert torch.equal(embeddings, encoder.embed(images))


def test_does_not_depend_on_the_batch(encoder):
    images = _images(encoder, 6)
    together = encoder.embed(images)
    alone = torch.cat([encoder.embed(image[None]) for image in images])
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-5 * together.abs().max().item())


def test_refuses_to_embed_in_training_mode(encoder):
    last = [part for part in encoder.modules() if isinstance(part, nn.BatchNorm2d)][-1]
    last.train()  # one forgotten layer is enough
    with pytest.raises(InputError, match="eval mode"):
        encoder.embed(_images(encoder, 2))


def test_description_is_json_and_follows_the_weights(encoder):
    before = encoder.describe()
    assert json.loads(json.dumps(before)) == before
    assert before["n_dimensions"] == encoder.n_dimensions
    with torch.no_grad():
        next(encoder.network.parameters()).add_(1.0)
    after = encoder.describe()
    assert {k for k in before if before[k] != after[k]} == {"weights_sha256"}


def test_saved_encoder_gives_the_same_embeddings(encoder, tmp_path):
    with torch.no_grad():
        for parameter in encoder.network.parameters():
            parameter.mul_(1.01)
    again = restore_encoder(save_encoder(encoder, tmp_path / "encoder.safetensors"))
    images = _images(encoder, 4)
    assert torch.equal(encoder.embed(images), again.embed(images))
    assert again.describe() == encoder.describe()


def test_hub_model_keeps_its_own_arguments_and_transform(hub_folder):
    encoder = load_encoder("hf-hub:somebody/model", weights=hub_folder)
    assert encoder.transform.size == (64, 64)
    assert encoder.transform.resize == (128, 128)
    assert encoder.transform.mean == (0.1, 0.1, 0.1)
    assert encoder.describe()["pooling"] == "max"


def test_hash_ignores_the_container_and_sees_every_tensor():
    def build(order):
        parts = {"a": nn.Linear(2, 3), "b": nn.BatchNorm2d(3)}
        with torch.no_grad():
            parts["a"].weight.fill_(0.5)
            parts["a"].bias.zero_()

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                for name in order:
                    self.add_module(name, parts[name])

            def forward(self, x):
                return self.a(x.mean(dim=(2, 3))[:, :2])

        transform = Transform(size=(8, 8), resize=(8, 8))
        return Encoder(Net(), transform, name="n", family="tiny", architecture="n", weights="w")

    one, two = build("ab"), build("ba")
    assert one.weights_sha256 == two.weights_sha256
    two.network.b.running_mean.add_(1)
    assert one.weights_sha256 != two.weights_sha256


def test_refuses_a_network_that_gives_maps():
    transform = Transform(size=(8, 8), resize=(8, 8))
    with pytest.raises(InputError, match="one vector per patch"):
        Encoder(nn.Conv2d(3, 4, 1), transform, name="maps", family="tiny", architecture="n", weights="w")
