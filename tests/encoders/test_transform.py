import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from PIL import Image  # noqa: E402

from featkit.core.errors import InputError  # noqa: E402
from featkit.encoders import Transform  # noqa: E402


def _image(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, size=(height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(224, 224), (300, 200), (200, 301), (460, 700), (50, 64)])
@pytest.mark.parametrize(
    "config",
    [
        {"crop_pct": 0.875, "crop_mode": "center", "interpolation": "bicubic", "input_size": (3, 64, 64)},
        {"crop_pct": 1.0, "crop_mode": "center", "interpolation": "bilinear", "input_size": (3, 96, 96)},
        {"crop_pct": 0.95, "crop_mode": "squash", "interpolation": "bicubic", "input_size": (3, 60, 48)},
    ],
)
def test_equals_timms_own_evaluation_transform(config, size):
    from timm.data import create_transform

    config = {**config, "mean": (0.7, 0.5, 0.4), "std": (0.2, 0.3, 0.25)}
    image = _image(*size)
    expected = create_transform(**config, is_training=False)(Image.fromarray(image))
    torch.testing.assert_close(Transform.from_config(config)(image), expected, rtol=0, atol=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.integers(20, 600), st.integers(20, 600))
def test_scale_is_native_over_resized_as_torchvision_resizes(height, width):
    from torchvision.transforms import Resize

    transform = Transform(size=(32, 32), resize=(40, 40))
    resized = Resize(40)(torch.zeros(3, height, width)).shape[1:]
    assert transform.resized(height, width) == tuple(resized)
    assert transform.scale(height, width) == (height / resized[0], width / resized[1])


def test_scale_of_a_breakhis_picture():
    factor_y, factor_x = Transform(size=(224, 224), resize=(256, 256)).scale(460, 700)
    assert factor_y == pytest.approx(460 / 256)
    assert factor_x == pytest.approx(700 / 389)
    assert Transform(size=(224, 224), resize=(256, 256), mode="squash").scale(460, 700) == (460 / 256, 700 / 256)


def test_record_survives_json_and_tells_transforms_apart():
    first = Transform(size=(64, 64), resize=(72, 72))
    other = Transform(size=(64, 64), resize=(73, 73))
    again = Transform.from_dict(json.loads(json.dumps(first.to_dict())))
    assert again == first
    assert again.sha256 == first.sha256 != other.sha256


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mode": "border"}, "crop mode"),
        ({"interpolation": "random"}, "interpolation"),
        ({"resize": (30, 64)}, "square"),
        ({"resize": (30, 30)}, "at least as large"),
        ({"std": (0.1, 0.0, 0.1)}, "std"),
    ],
)
def test_refuses_what_it_cannot_do(change, words):
    with pytest.raises(InputError, match=words):
        Transform(**{"size": (32, 32), "resize": (32, 32), **change})


def test_refuses_models_that_want_other_channels():
    config = {"input_size": (4, 32, 32), "mean": (0.5,) * 4, "std": (0.5,) * 4}
    with pytest.raises(InputError, match="RGB"):
        Transform.from_config(config)
