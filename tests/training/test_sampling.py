import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the extra [torch] is not installed")

from featkit.core.errors import InputError
from featkit.training.sampling import balanced_batches, plain_batches


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=4),
    st.integers(4, 32),
    st.integers(0, 5),
)
def test_every_batch_holds_every_domain_alike(sizes, batch_size, epoch):
    domains = np.repeat(np.arange(len(sizes)) * 3 + 1, sizes)
    batch_size = min(batch_size, len(domains))
    if batch_size < len(sizes):
        return
    batches = balanced_batches(domains, batch_size, seed=0, epoch=epoch)
    assert len(batches) == -(-len(domains) // batch_size)
    totals = np.zeros(len(sizes))
    for rows in batches:
        counts = np.array([(domains[rows] == name).sum() for name in np.unique(domains)])
        assert counts.sum() == batch_size
        assert counts.max() - counts.min() <= 1
        totals += counts
    assert totals.max() - totals.min() <= len(batches)
    drawn = np.bincount(np.concatenate(batches), minlength=len(domains))
    for name in np.unique(domains):
        inside = drawn[domains == name]
        assert inside.max() - inside.min() <= 1  # without replacement until all were drawn


def test_depends_on_seed_and_epoch_alone():
    domains = np.arange(50) % 3
    first = np.concatenate(balanced_batches(domains, 12, seed=1, epoch=4))
    assert np.array_equal(first, np.concatenate(balanced_batches(domains, 12, seed=1, epoch=4)))
    assert not np.array_equal(first, np.concatenate(balanced_batches(domains, 12, seed=1, epoch=5)))
    assert not np.array_equal(first, np.concatenate(balanced_batches(domains, 12, seed=2, epoch=4)))


def test_a_batch_must_have_room_for_every_domain():
    with pytest.raises(InputError, match="number of domains"):
        balanced_batches(np.arange(9) % 3, 2, seed=0, epoch=0)


def test_plain_batches_are_all_rows_in_order():
    batches = plain_batches(10, 4)
    assert [len(b) for b in batches] == [4, 4, 2]
    assert np.concatenate(batches).tolist() == list(range(10))
    assert plain_batches(0, 4) == []
