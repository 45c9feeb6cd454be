"""Results that only figures show."""

import numpy as np
import pytest

from featkit.results.stability import StabilityResult


@pytest.fixture(scope="session")
def stability(make):
    frequency = make.frequencies()
    return StabilityResult(
        scheme="complementary_pairs",
        lambdas=np.geomspace(0.3, 0.01, 10),
        frequency_path=np.tile(frequency, (10, 1)),
        selection_frequency=frequency,
        stable_support=np.flatnonzero(frequency >= 0.75),
        threshold=0.75,
        q=30.0,
        is_q_controlled=True,
        pfer=1.0,
        bound="unimodal",
        mean_selected=28.0,
        n_subsamples=100,
        n_patients=40,
        n_patients_per_subsample=20,
        n_patches=2100,
        n_dimensions=512,
        n_dead=12,
        max_relative_gap=1e-5,
        n_unconverged=0,
        seed=0,
    )
