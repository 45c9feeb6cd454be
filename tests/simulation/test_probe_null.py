"""Does the permutation test of a column hold its size, and do intervals of probes cover chance?

Patients and cells (the patches of one patient with one value) have effects of their own; the column has none. Small by
default; ``FEATKIT_SIMULATION=long`` repeats more often. ``-s`` prints the figures that docs/statistics.md shows.
"""

import os

import numpy as np
import pytest
from scipy import stats

from featkit.core.options import ProbeOptions, Resampling
from featkit.probes import ProbeRows, probe_column
from featkit.probes.cell_null import Cells, relabelled_cells, ridge_accuracy

pytestmark = pytest.mark.simulation

IS_LONG = os.environ.get("FEATKIT_SIMULATION") == "long"
DESIGNS = ("two values", "four values", "partly paired", "nested", "unequal cells")


def cohort(design, cell_effect, random, n_patients=20, d=10):
    """Return embeddings (n, d), values and patients without any effect of the value."""
    values = {
        "two values": lambda i: [0, 1],
        "four values": lambda i: [0, 1, 2, 3],
        "partly paired": lambda i: (
            [0, 1, 2, 3] if i < 8 else random.choice(4, 2, replace=False) if i < 16 else [random.integers(4)]
        ),
        "nested": lambda i: [i % 3],
        "unequal cells": lambda i: [0, 1],
    }[design]
    sizes = {"unequal cells": lambda m: random.integers(2, 5) if m == 0 else random.integers(15, 40)}
    parts = []
    for i in range(n_patients):
        patient = random.normal(size=d)
        for m in values(i):
            n = int(sizes.get(design, lambda m: random.integers(4, 9))(m))
            X = random.normal(size=(n, d)) + patient + cell_effect * random.normal(size=d)
            parts.append((X, np.full(n, m), np.full(n, i)))
    return tuple(np.concatenate(some) for some in zip(*parts, strict=True))


def assert_share(count, n, low, high):
    """Fail only when a probability inside [low, high] would give so extreme a count less than once in two thousand."""
    assert stats.binom.ppf(0.0005, n, low) <= count <= stats.binom.ppf(0.9995, n, high), count / n


@pytest.mark.parametrize("cell_effect", [0.0, 1.0])
@pytest.mark.parametrize("design", DESIGNS)
def test_the_p_value_of_a_column_holds_its_size(design, cell_effect):
    n, random = (2000 if IS_LONG else 150), np.random.default_rng(DESIGNS.index(design))
    p = []
    for number in range(n):
        X, y, patient = cohort(design, cell_effect, random)
        cells = Cells.of(y, patient)
        labellings = np.concatenate([cells.value[None], relabelled_cells(cells, None, 99, number)])
        found = ridge_accuracy(X, cells, labellings, [np.arange(len(y))], int(y.max()) + 1)
        p.append((1 + np.sum(found[1:] >= found[0] - 1e-12)) / 100)
    size = np.mean(np.array(p) <= 0.05)
    print(f"{design}, cell effect {cell_effect}: size at .05 {size:.3f} +- {np.sqrt(size * (1 - size) / n):.3f}, n {n}")
    assert_share(np.sum(np.array(p) <= 0.05), n, 0.03, 0.07)


@pytest.mark.parametrize(("design", "few"), [("two values", 40), ("nested", 30)])
def test_intervals_of_probes_cover_chance(design, few):
    n, random = (1000 if IS_LONG else few), np.random.default_rng(1)
    held = dict.fromkeys(("balanced_accuracy", "auc", "selectivity"), 0)
    for number in range(n):
        X, y, patient = cohort(design, 1.0, random)
        options = ProbeOptions(n_permutations=0, n_controls=3)
        found = probe_column(ProbeRows(X, y, patient), options, Resampling(n_draws=300, seed=number))
        for name in held:
            e = found.metrics[name]
            held[name] += e.low <= found.chance[name] <= e.high
    print(design, {name: round(count / n, 3) for name, count in held.items()}, n)
    for count in held.values():
        assert_share(count, n, 0.93, 1.0)
