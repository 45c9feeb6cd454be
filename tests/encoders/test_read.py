import shutil
import threading
import time

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [torch] is not installed")

from featkit.core.errors import InputError
from featkit.data.images import pixel_hash, read_rgb
from featkit.encoders import Transform, read_patches
from featkit.encoders import read as read_module

TRANSFORM = Transform(size=(32, 32), resize=(32, 32))


def test_gives_fitted_pixels_in_order_whatever_the_threads(patch_paths):
    rows = np.array([7, 3, 3, 19, 0])
    for n_jobs, n_ahead in ((1, 1), (4, 2), (2, 100)):
        patches = list(read_patches(patch_paths, TRANSFORM, rows=rows, n_jobs=n_jobs, n_ahead=n_ahead))
        assert [patch.row for patch in patches] == rows.tolist()
        for patch in patches:
            image = read_rgb(patch_paths[patch.row])
            assert np.array_equal(patch.pixels, TRANSFORM.fit(image))
            assert patch.sha256 == pixel_hash(image)
            assert patch.size == image.shape[:2]


def test_patches_read_before_are_not_read_again(patch_paths, tmp_path):
    lost = tmp_path / "lost.png"
    shutil.copy(patch_paths[4], lost)
    before = list(read_patches([*patch_paths[:3], lost], TRANSFORM))
    lost.unlink()
    again = list(read_patches(before, TRANSFORM, rows=np.array([3, 1])))
    assert [patch.row for patch in again] == [3, 1]
    assert again[0].pixels is before[3].pixels
    assert again[0].sha256 == pixel_hash(read_rgb(patch_paths[4]))
    with pytest.raises(InputError, match="fitted to"):
        list(read_patches(before, Transform(size=(16, 16), resize=(16, 16))))


def test_bad_files_are_named_and_the_rest_goes_on(patch_paths, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"")
    found = list(read_patches([patch_paths[0], broken, patch_paths[1]], TRANSFORM))
    assert [patch.pixels is None for patch in found] == [False, True, False]
    assert "broken.png" in found[1].problem


def test_never_reads_further_ahead_than_allowed(patch_paths, monkeypatch):
    started = []

    def slow(path, row, transform):
        started.append(row)
        time.sleep(0.002)
        return read_module.Patch(row, None)

    monkeypatch.setattr(read_module, "_read", slow)
    stream = read_patches(patch_paths, TRANSFORM, n_jobs=4, n_ahead=3)
    for n_taken, _ in enumerate(stream, start=1):
        time.sleep(0.01)
        assert len(started) <= n_taken + 3


def test_leaving_early_ends_the_threads(patch_paths):
    stream = read_patches(patch_paths * 50, TRANSFORM, n_jobs=2, n_ahead=500)
    next(stream)
    stream.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("featkit-read")]
