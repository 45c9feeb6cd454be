import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from featkit.core.seeds import derive_seed, rng


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
