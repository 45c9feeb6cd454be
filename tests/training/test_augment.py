import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")

from featkit.training.augment import augment  # noqa: E402


def _symmetries(image):
    turned = [np.rot90(image, k) for k in range(4)]
    return [*turned, *(t[:, ::-1] for t in turned)]


def test_draws_all_eight_symmetries_of_the_square_about_alike():
    image = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    images = torch.from_numpy(np.stack([image] * 800))
    found = augment(images, np.random.default_rng(0), augmentation="dihedral", colour_jitter=0.0).numpy()
    counts = np.array([sum(np.array_equal(f, s) for f in found) for s in _symmetries(image)])
    assert counts.sum() == 800
    assert counts.min() > 65  # 100 expected, standard deviation 9.4
    assert np.array_equal(images[0].numpy(), image)


def test_keeps_the_shape_of_rectangles():
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    found = augment(
        torch.from_numpy(np.stack([image] * 60)), np.random.default_rng(1), augmentation="dihedral", colour_jitter=0.0
    )
    kinds = {f.tobytes() for f in found.numpy()}
    assert kinds == {f.tobytes() for f in (image, image[::-1], image[:, ::-1], image[::-1, ::-1])}


def test_jitter_scales_each_channel_of_each_patch():
    images = torch.full((200, 2, 2, 3), 100, dtype=torch.uint8)
    found = augment(images, np.random.default_rng(2), augmentation="none", colour_jitter=0.2).numpy()
    assert (found == found[:, :1, :1]).all()
    assert found.min() >= 80
    assert found.max() <= 120
    assert len(np.unique(found[:, 0, 0], axis=0)) > 150
    assert found.mean() == pytest.approx(100, abs=2)


def test_nothing_asked_nothing_done():
    images = torch.arange(48, dtype=torch.uint8).view(1, 4, 4, 3)
    assert torch.equal(augment(images, np.random.default_rng(0), augmentation="none", colour_jitter=0.0), images)
