import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.stats.power import TTestPower

from featkit.core.errors import InputError
from featkit.stats.power import detectable_difference, patients_needed, power_of_difference, simulate_power


@pytest.mark.parametrize("n_patients", [2, 5, 23, 82])
@pytest.mark.parametrize("effect", [0.1, 0.5, 1.5])
def test_power_agrees_with_statsmodels(n_patients, effect):
    expected = TTestPower().power(effect, n_patients, 0.05, alternative="two-sided")
    assert float(power_of_difference(0.03 * effect, 0.03, n_patients)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("shift", [0.5, 3.0, 8.0, 60.0])
def test_power_tends_to_the_normal_one_where_libraries_return_nan(shift):
    n = 100_000
    normal = norm.sf(1.959964 - shift) + norm.cdf(-1.959964 - shift)
    assert float(power_of_difference(shift / np.sqrt(n), 1.0, n)) == pytest.approx(normal, abs=1e-4)


def test_patients_needed_agrees_with_statsmodels():
    found = patients_needed(0.02, se=0.01, n_pilot=25, power=0.9)
    expected = TTestPower().solve_power(effect_size=0.02 / 0.05, power=0.9, alpha=0.05)
    assert found.n_patients == int(np.ceil(expected))
    assert found.sd == pytest.approx(0.05)


def test_many_patients_follow_the_normal_formula():
    found = patients_needed(0.001, se=0.01, n_pilot=100)
    normal = (0.1 * (1.959964 + 0.841621) / 0.001) ** 2
    assert found.n_patients == pytest.approx(normal, rel=1e-3)


@settings(deadline=None, max_examples=40)
@given(st.floats(0.005, 0.2), st.floats(0.001, 0.05), st.integers(3, 200))
def test_answer_is_the_smallest_that_reaches_the_power(difference, se, n_pilot):
    found = patients_needed(difference, se, n_pilot)
    assert power_of_difference(difference, found.sd, found.n_patients) >= 0.8
    if found.n_patients > 2:
        assert power_of_difference(difference, found.sd, found.n_patients - 1) < 0.8
    assert found.low <= found.n_patients <= found.high
    assert patients_needed(-difference, se, n_pilot).n_patients == found.n_patients


def test_power_close_to_the_size_counts_both_tails():
    found = patients_needed(0.01, se=0.02, n_pilot=50, power=0.06)
    assert power_of_difference(0.01, found.sd, found.n_patients) >= 0.06
    assert power_of_difference(0.01, found.sd, found.n_patients - 1) < 0.06


def test_detectable_difference_is_the_inverse():
    difference = detectable_difference(se=0.012, n_pilot=23, n_patients=82)
    assert float(power_of_difference(difference, 0.012 * np.sqrt(23), 82)) == pytest.approx(0.8, abs=1e-8)
    found = patients_needed(difference * (1 + 1e-6), 0.012, 23)
    assert found.n_patients == 82


def test_simulation_finds_the_power_of_the_formula():
    contributions = np.random.default_rng(0).normal(0.01, 0.05, size=400)
    sd = contributions.std(ddof=1)
    for n_patients in (20, 60):
        formula = float(power_of_difference(0.025, sd, n_patients))
        found = simulate_power(contributions, 0.025, n_patients, n_draws=4_000, seed=1)
        assert found == pytest.approx(formula, abs=0.03)


def test_simulation_holds_its_size_and_repeats():
    contributions = np.random.default_rng(2).normal(size=300)
    size = simulate_power(contributions, 0.0, 40, n_draws=4_000)
    assert 0.03 < size < 0.07
    assert simulate_power(contributions, 0.0, 40, n_draws=4_000) == size


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: patients_needed(0.0, 0.1, 10), "not 0"),
        (lambda: patients_needed(0.1, 0.0, 10), "above 0"),
        (lambda: patients_needed(0.1, 0.1, 1), "two patients"),
        (lambda: patients_needed(0.1, 0.1, 10, power=0.01), "between"),
        (lambda: patients_needed(0.1, 0.1, 10, level=1.0), "level"),
        (lambda: patients_needed(1e-9, 1.0, 10), "billion"),
        (lambda: power_of_difference(0.1, 1.0, 1), "two patients"),
        (lambda: detectable_difference(0.1, 10, 20, power=2), "between"),
        (lambda: simulate_power([1.0], 0.1, 10), "at least two"),
        (lambda: simulate_power([1.0, 2.0], 0.1, 1), "two patients"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
