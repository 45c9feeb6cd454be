import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.sparse.false_selections import error_control, pfer_bound

# Reference values at 50 pairs: closed forms, and the published algorithm for the r-concave bound.
TABLE = [
    (1000, 50, 0.9, 3.125, 1.07843, 0.17050),
    (1000, 50, 0.6, 12.5, 6.57895, 2.60533),
    (2048, 50, 0.75, 2.44141, 1.24562, 0.30027),
    (2048, 100, 0.9, 6.10352, 2.10631, 0.33219),
    (512, 30, 0.8, 2.92969, 1.44761, 0.31132),
]


@pytest.mark.parametrize(("d", "q", "threshold", "worst", "unimodal", "concave"), TABLE)
def test_reference_table(d, q, threshold, worst, unimodal, concave):
    assert pfer_bound(q, threshold, d, 50, "worst_case") == pytest.approx(worst, abs=5e-6)
    assert pfer_bound(q, threshold, d, 50, "unimodal") == pytest.approx(unimodal, abs=5e-6)
    assert pfer_bound(q, threshold, d, 50, "r_concave") == pytest.approx(concave, abs=1e-3)


def test_worst_case_is_its_formula():
    assert pfer_bound(10, 0.75, 100, bound="worst_case") == pytest.approx(10**2 / (0.5 * 100), abs=1e-12)


def test_unimodal_does_not_apply_to_dense_selection():
    assert pfer_bound(70, 0.9, 100) == math.inf


@settings(max_examples=30, deadline=None)
@given(q=st.integers(2, 80), steps=st.integers(58, 100))
def test_stronger_assumptions_give_smaller_bounds(q, steps):
    bounds = [pfer_bound(q, steps / 100, 1000, 50, bound) for bound in ("worst_case", "unimodal", "r_concave")]
    assert bounds[0] >= bounds[1] >= bounds[2] - 1e-9
    assert bounds[2] > 0


@settings(max_examples=20, deadline=None)
@given(pfer=st.floats(0.3, 5), steps=st.integers(60, 95), bound=st.sampled_from(["worst_case", "unimodal"]))
def test_the_largest_q(pfer, steps, bound):
    threshold = steps / 100
    _, q, _ = error_control(2048, 50, bound, threshold=threshold, pfer=pfer)
    assert pfer_bound(q, threshold, 2048, 50, bound) <= pfer < pfer_bound(q + 1, threshold, 2048, 50, bound)
    if bound == "worst_case":  # the formula other packages use
        assert q == math.floor(math.sqrt(pfer * (2 * threshold - 1) * 2048) + 1e-9)


def test_the_smallest_threshold():
    threshold, q, pfer = error_control(2048, 50, "worst_case", q=50, pfer=3.0)
    assert (q, pfer) == (50, 3.0)
    assert threshold == pytest.approx((1 + 50**2 / (3.0 * 2048)) / 2)
    for bound in ("unimodal", "r_concave"):
        threshold, _, _ = error_control(2048, 50, bound, q=50, pfer=1.0)
        assert pfer_bound(50, threshold, 2048, 50, bound) <= 1.0 < pfer_bound(50, threshold - 0.01, 2048, 50, bound)


def test_a_missing_pfer_is_the_bound():
    assert error_control(1000, 50, "unimodal", threshold=0.9, q=50)[2] == pytest.approx(1.07843, abs=5e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: error_control(100, threshold=0.9), "exactly two"),
        (lambda: error_control(100, threshold=0.9, q=3, pfer=1.0), "exactly two"),
        (lambda: error_control(100, threshold=0.9, pfer=1e-6), "at least q = 1"),
        (lambda: error_control(100, q=90, pfer=1e-3), "reachable at q = 90"),
        (lambda: error_control(100, q=3, pfer=0.0), "above 0"),
        (lambda: pfer_bound(5, 0.5, 100), "threshold must lie"),
        (lambda: pfer_bound(0, 0.9, 100), "q must lie"),
        (lambda: pfer_bound(5, 0.9, 100, bound="best"), "known name"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
