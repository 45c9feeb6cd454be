import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [torch] is not installed")

from featkit.core.errors import InputError
from featkit.training import PatchSet, TrainingData


def _set(labels, domains):
    return PatchSet([f"{i}.png" for i in range(len(labels))], np.array(labels, int), np.array(domains, int))


NAMES = {"classes": ("benign", "malignant"), "domains": ("40X", "100X")}


def test_validation_must_not_see_the_held_out_domain():
    with pytest.raises(InputError, match=r"training domains, got 100X.*held-out"):
        TrainingData(_set([0, 1], [0, 0]), _set([0, 1], [0, 1]), **NAMES)


def test_one_class_cannot_be_learnt():
    with pytest.raises(InputError, match="only 'malignant'"):
        TrainingData(_set([1, 1], [0, 1]), _set([], []), **NAMES)


@pytest.mark.parametrize(
    ("train", "words"),
    [(([], []), "not be empty"), (([0, 2], [0, 0]), "labels must lie"), (([0, 1], [0, 2]), "domains must lie")],
)
def test_refuses_rows_without_names(train, words):
    with pytest.raises(InputError, match=words):
        TrainingData(_set(*train), _set([], []), **NAMES)


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (["a.png"], np.array([0, 1]), "one per patch"),
        (["a.png"], np.array([0.5]), "whole numbers"),
        (np.zeros((1, 4, 4), np.uint8), np.array([0]), "uint8 of shape"),
        (np.zeros((1, 4, 4, 3), np.float32), np.array([0]), "uint8 of shape"),
    ],
)
def test_refuses_arrays_of_other_kinds(images, labels, words):
    with pytest.raises(InputError, match=words):
        PatchSet(images, labels, np.zeros(len(labels), int))


def test_hash_sees_labels_domains_names_and_pixels():
    images = np.zeros((2, 4, 4, 3), np.uint8)
    other = images.copy()
    other[1, 0, 0, 0] = 1
    labels, domains, empty = np.array([0, 1]), np.array([0, 1]), _set([], [])
    sets = [
        PatchSet(images, labels, domains),
        PatchSet(other, labels, domains),
        PatchSet(images, labels[::-1].copy(), domains),
        PatchSet(images, labels, domains[::-1].copy()),
        PatchSet(["a.png", "b.png"], labels, domains),
        PatchSet(["a.png", "c.png"], labels, domains),
    ]
    hashes = {TrainingData(s, empty, **NAMES).sha256() for s in sets}
    assert len(hashes) == len(sets)
    moved = PatchSet(["/elsewhere/a.png", "/elsewhere/b.png"], labels, domains)
    assert TrainingData(moved, empty, **NAMES).sha256() in hashes
