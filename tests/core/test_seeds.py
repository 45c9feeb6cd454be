import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.core.seeds import check_seeds, derive_seed, rng


@given(st.integers(0, 2**32), st.text(), st.integers())
def test_streams_repeat_and_differ_by_name(seed, name, number):
    assert derive_seed(seed, name, number) == derive_seed(seed, name, number)
    assert 0 <= derive_seed(seed, name, number) < 2**63
    assert derive_seed(seed, name, number) != derive_seed(seed, name, number + 1)
    assert derive_seed(seed, name) != derive_seed(seed + 1, name)


def test_numpy_scalars_name_the_same_stream():
    assert derive_seed(np.int64(3), np.int32(7)) == derive_seed(3, 7)


def test_names_are_not_glued_together():
    assert derive_seed(0, "ab", "c") != derive_seed(0, "a", "bc")


def test_generators_of_one_stream_agree():
    assert rng(1, "x").integers(1 << 40) == rng(1, "x").integers(1 << 40)


@given(st.integers(0, 2**63))
def test_whole_numbers_from_nought_are_seeds(seed):
    check_seeds((seed, np.int64(3)))


@pytest.mark.parametrize("seed", [-1, 1.0, "1", True, None, np.int64(-2)])
def test_anything_else_is_refused_and_quoted(seed):
    with pytest.raises(InputError) as caught:
        check_seeds((0, seed))
    assert str(caught.value) == f"a seed must be a whole number of at least 0, got {seed!r}. Use 0, 1, 2 or more."


def test_streams_look_independent():
    draws = np.array([rng(0, "stream", k).standard_normal(500) for k in range(20)])
    correlations = np.corrcoef(draws)[np.triu_indices(20, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(500)


def test_a_stream_is_the_same_in_every_version():
    assert derive_seed(0) == 3582888934675442504


@pytest.mark.parametrize("seed", [None, "x", 1.5, [1], {}])
def test_a_seed_of_another_kind_is_refused(seed):
    with pytest.raises(InputError, match="a seed must be a whole number"):
        derive_seed(seed, "draws")
