import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Networks this small gain nothing from more, and machines that run tests are often busy."""
    torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def patch_paths(tmp_path_factory):
    """Twenty PNG files of smooth random colour, of three sizes."""
    folder = tmp_path_factory.mktemp("patches")
    random = np.random.default_rng(0)
    paths = []
    for row in range(20):
        coarse = Image.fromarray(random.integers(0, 256, size=(8, 8, 3), dtype=np.uint8))
        size = [(120, 120), (140, 100), (96, 160)][row % 3]
        paths.append(folder / f"patch-{row:02d}.png")
        coarse.resize(size, Image.Resampling.BICUBIC).save(paths[-1])
    return paths
