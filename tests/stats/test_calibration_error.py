"""Calibration errors by hand, in their bounds, and against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.stats import ece, ece_debiased
from featkit.stats.calibration_error import bin_edges, bin_index, binned_residuals


def ece_by_loop(event, claim, edges):
    total, where = 0.0, np.digitize(claim, edges)
    for b in np.unique(where):
        inside = where == b
        total += inside.mean() * abs(event[inside].mean() - claim[inside].mean())
    return total


@given(st.integers(0, 10_000), st.integers(1, 20), st.sampled_from(["width", "mass"]))
@settings(max_examples=80, deadline=None)
def test_definition_bounds_and_row_order(seed, n_bins, bins):
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 60))
    y, p = random.integers(0, 2, n), np.round(random.random(n), 2)
    value = ece(y, p, n_bins, bins)
    assert value == pytest.approx(ece_by_loop(y, p, bin_edges(p, n_bins, bins)), abs=1e-12)
    assert abs(y.mean() - p.mean()) - 1e-12 <= value <= np.abs(y - p).mean() + 1e-12
    order = random.permutation(n)
    assert ece(y[order], p[order], n_bins, bins) == pytest.approx(value, abs=1e-12)
    debiased = ece_debiased(y, p, "patches", n_bins, bins)
    assert 0 <= debiased <= 1 or np.isnan(debiased)


def test_by_hand():
    y = np.array([0, 1, 1, 1])
    p = np.array([0.1, 0.2, 0.6, 0.9])
    assert ece(y, p, n_bins=2) == pytest.approx((abs(0.3 - 1) + abs(1.5 - 2)) / 4)
    top = (0.9 + 0.8 + 0.6 + 0.9) - (1 + 0 + 1 + 1)
    assert ece(y, p, n_bins=1, of="top-label") == pytest.approx(abs(top) / 4)
    assert ece(y, p, n_bins=2, of="classwise") == pytest.approx(ece(y, p, n_bins=2))


def test_top_label_and_class_one_are_different_things():
    y = np.repeat([0, 1, 0, 1], [8, 2, 2, 8])
    p = np.repeat([0.1, 0.1, 0.9, 0.9], [8, 2, 2, 8])
    assert ece(y, p) == pytest.approx(0.1)
    flipped = np.where(np.arange(20) < 10, 0.3, 0.9)  # too high below, too high above: the errors differ in sign
    assert ece(y, flipped, n_bins=1) != pytest.approx(ece(y, flipped, n_bins=1, of="top-label"))


def test_equal_mass_bins_hold_equal_numbers_and_keep_ties_together():
    random = np.random.default_rng(0)
    p = random.random(1000)
    sizes = np.bincount(bin_index(p, bin_edges(p, 10, "mass")))
    assert len(sizes) == 10
    assert sizes.max() - sizes.min() <= 1
    tied = np.repeat([0.2, 0.7], [30, 70])
    assert np.bincount(bin_index(tied, bin_edges(tied, 15, "mass"))).tolist() == [30, 70]


def test_edges_belong_to_the_upper_bin_and_one_to_the_last():
    edges = bin_edges(np.zeros(1), 4)
    assert bin_index(np.array([0.0, 0.25, 0.4999, 0.75, 1.0]), edges).tolist() == [0, 1, 1, 3, 3]


@pytest.mark.parametrize("groups", ["patches", np.repeat(np.arange(30), 5)], ids=["patches", "patients"])
def test_debiasing_takes_away_what_noise_adds(groups):
    random = np.random.default_rng(1)
    squares, plain = [], []
    for _ in range(300):
        p = np.repeat(random.random(30), 5)
        u = random.random(150) if isinstance(groups, str) else random.random(30)[groups]  # one label per patient
        y = u < p
        parts = binned_residuals(y, p, groups, 15, "mass", "class-one")[0]
        pairs = parts.size.sum(axis=0) ** 2 - (parts.size**2).sum(axis=0)
        products = parts.residual.sum(axis=0) ** 2 - (parts.residual**2).sum(axis=0)
        squares.append(np.mean(products[pairs > 0] / pairs[pairs > 0]))
        plain.append(ece(y, p, 15, "mass"))
    assert np.mean(plain) > 0.08  # calibrated by construction, and yet
    assert abs(np.mean(squares)) < 3 * np.std(squares) / np.sqrt(300)


def test_debiased_is_the_mean_product_over_pairs_of_patients():
    random = np.random.default_rng(3)
    y, p, patient = random.integers(0, 2, 40), random.random(40), random.integers(0, 6, 40)
    total = 0.0
    for side in (p < 0.5, p >= 0.5):
        rows = np.flatnonzero(side)
        pairs = [(y[i] - p[i]) * (y[k] - p[k]) for i in rows for k in rows if patient[i] != patient[k]]
        total += len(rows) / 40 * np.mean(pairs)
    assert ece_debiased(y, p, patient, 2) == pytest.approx(np.sqrt(max(total, 0)), abs=1e-12)


def test_a_known_miscalibration_is_what_remains():
    random = np.random.default_rng(4)
    p = random.random(200_000)
    y = random.random(200_000) < np.clip(p + 0.1, 0, 1)
    assert ece_debiased(y, np.minimum(p, 0.85), "patches", 15) == pytest.approx(0.1, abs=0.02)


def test_classwise_is_the_mean_over_classes():
    random = np.random.default_rng(2)
    p = random.dirichlet(np.ones(3), 200)
    y = random.integers(0, 3, 200)
    expected = np.mean([ece(y == k, p[:, k]) for k in range(3)])
    assert ece(y, p, of="classwise") == pytest.approx(expected, abs=1e-12)


def test_refusals():
    with pytest.raises(InputError, match="probabilities must lie in"):
        ece([0, 1], [-1.0, 2.0])
    with pytest.raises(InputError, match="must be 'top-label' or 'classwise'"):
        ece([0, 1, 2], np.full((3, 3), 1 / 3))
    with pytest.raises(InputError, match="bins must be"):
        ece([0, 1], [0.1, 0.2], bins="equal")
    with pytest.raises(InputError, match="sum to 1"):
        ece([0, 1, 2], np.full((3, 3), 0.5), of="classwise")
