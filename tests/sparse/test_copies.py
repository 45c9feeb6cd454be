"""Planted copies among dimensions."""

import numpy as np
import pytest

from featkit.core.errors import InputError
from featkit.results.copied_dimensions import CopiedDimensions
from featkit.sparse import find_copies


def draw(d=40, n=300):
    random = np.random.default_rng(0)
    X = random.standard_normal((n, d))
    X[:, 9] = X[:, 3]
    X[:, 20] = 7.0 - 2.0 * X[:, 3]
    X[:, 30] = X[:, 5] + 0.05 * random.standard_normal(n)
    X[:, 11] = X[:, 12] = 4.0
    return X.astype(np.float32)


@pytest.mark.parametrize("block", [7, 256])
def test_exact_and_near_copies_are_counted_and_named(block, monkeypatch, tmp_path):
    monkeypatch.setattr("featkit.sparse.copies._BLOCK", block)
    found = find_copies(draw(), threshold=0.98)
    assert [group.tolist() for group in found.groups()] == [[3, 9, 20], [5, 30]]
    assert (found.n_exact, found.n_near, found.n_dead) == (3, 2, 2)
    assert dict(zip(found.dimension.tolist(), found.nearest.tolist()))[30] == 5
    assert found.of(np.array([9, 1])).tolist() == [3, 20]
    exact = np.corrcoef(draw().astype(float)[:, [5, 30]].T)[0, 1]
    assert found.correlation[found.dimension.tolist().index(5)] == pytest.approx(exact, abs=1e-5)
    again = CopiedDimensions.load(found.save(tmp_path / "copies.json"))
    assert again.frame().equals(found.frame())
    assert "3 of 40 dimensions have an exact copy and 2 a near one" in repr(again)


def test_independent_dimensions_have_none():
    found = find_copies(np.random.default_rng(0).standard_normal((200, 30)))
    assert found.groups() == ()
    assert "no two of 30 dimensions" in found.summary()


def test_a_threshold_of_chance_is_refused():
    with pytest.raises(InputError, match=r"threshold must be in \(0\.5, 1\]"):
        find_copies(draw(), threshold=0.2)
