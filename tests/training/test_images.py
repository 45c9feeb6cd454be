import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="the extra [torch] is not installed")

from featkit.core.errors import InputError
from featkit.encoders import Transform
from featkit.training.images import PatchImages

TRANSFORM = Transform(size=(24, 24), resize=(28, 28))
ROWS = [np.array([3, 0, 3]), np.array([5])]


@pytest.fixture
def pictures(tmp_path):
    arrays = np.random.default_rng(0).integers(0, 256, size=(6, 40, 40, 3), dtype=np.uint8)
    paths = [tmp_path / f"{row}.png" for row in range(6)]
    for array, path in zip(arrays, paths, strict=True):
        Image.fromarray(array).save(path)
    return arrays, paths


def test_memory_disk_and_arrays_agree(pictures):
    arrays, paths = pictures
    expected = [np.stack([TRANSFORM.fit(arrays[row]) for row in rows]) for rows in ROWS]
    for images, cache in ((paths, True), (paths, False), (arrays, True), (arrays, False)):
        source = PatchImages(images, TRANSFORM, cache=cache, n_jobs=2)
        for _ in range(2):
            found = list(source.batches(ROWS))
            assert all(np.array_equal(f, e) for f, e in zip(found, expected, strict=True))
        assert list(source.batches([])) == []


def test_cached_patches_are_read_once(pictures):
    _, paths = pictures
    cached, streamed = (PatchImages(paths, TRANSFORM, cache=cache, n_jobs=1) for cache in (True, False))
    for path in paths:
        path.unlink()
    assert next(cached.batches(ROWS)).shape == (3, 24, 24, 3)
    with pytest.raises(InputError, match=r"3\.png"):
        next(streamed.batches(ROWS))


def test_fitted_arrays_are_taken_as_they_are(pictures):
    arrays = np.ascontiguousarray(pictures[0][:, :24, :24])
    plain = Transform(size=(24, 24), resize=(24, 24))
    assert np.array_equal(next(PatchImages(arrays, plain, cache=False, n_jobs=1).batches(ROWS)), arrays[ROWS[0]])
