import numpy as np
import pytest


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Networks this small gain nothing from more, and machines that run tests are often busy."""
    torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def planted_images(n, seed=0, n_domains=3):
    """Patches whose class is the grain of their noise and whose domain is their brightness."""
    random = np.random.default_rng(seed)
    labels, domains = np.arange(n) % 2, (np.arange(n) // 2) % n_domains
    images = np.empty((n, 96, 96, 3), dtype=np.uint8)
    for row in range(n):
        grain = 4 if labels[row] else 16
        noise = random.normal(0, 40, size=(96 // grain, 96 // grain, 3)).repeat(grain, axis=0).repeat(grain, axis=1)
        images[row] = np.clip(90 + 40 * domains[row] + noise, 0, 255)
    return images, labels, domains


@pytest.fixture(scope="session")
def planted():
    """The function that makes planted patches."""
    return planted_images


@pytest.fixture(scope="session")
def data():
    """Ninety training and thirty validation patches of two classes in three domains."""
    pytest.importorskip("torch", reason="the extra [torch] is not installed")
    from featkit.training import PatchSet, TrainingData

    train, val = (PatchSet(*planted_images(n, seed)) for n, seed in ((90, 0), (30, 1)))
    return TrainingData(train, val, classes=("coarse", "fine"), domains=("40X", "100X", "200X"))


@pytest.fixture(scope="session")
def encoder():
    """The tiny encoder with random weights; training leaves it alone."""
    pytest.importorskip("torch", reason="the extra [torch] is not installed")
    from featkit.encoders import load_encoder

    return load_encoder("tiny")
