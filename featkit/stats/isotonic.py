"""Calibration without bins: the isotonic reliability curve and decomposition of the Brier score."""

from __future__ import annotations

from typing import Any

import numpy as np

from featkit.core.arrays import as_binary_forecast
from featkit.results.calibration import IsotonicDecomposition


def isotonic_decomposition(y: Any, p: Any) -> IsotonicDecomposition:
    """Return the Brier score split by isotonic regression of the label on the probability.

    Parameters
    ----------
    y : array of {0, 1}, shape (n,)
        Labels.
    p : array of float, shape (n,)
        Probability of class 1; patches with one probability get one rate.

    Returns
    -------
    IsotonicDecomposition
        ``miscalibration`` is what the isotonic map would save, ``discrimination`` what its forecasts save over the
        constant prevalence, ``uncertainty`` the score of that constant. ``brier = miscalibration - discrimination +
        uncertainty`` exactly.

    References
    ----------
    Dimitriadis, Gneiting and Jordan, Stable reliability diagrams for probabilistic classifiers (CORP), PNAS
    118:e2016191118, 2021.

    Examples
    --------
    >>> found = isotonic_decomposition([0, 0, 1, 1], [0.1, 0.4, 0.3, 0.8])
    >>> round(found.miscalibration, 3), round(found.discrimination, 3), found.uncertainty
    (0.05, 0.125, 0.25)
    """
    positive, values = as_binary_forecast(y, p, "the isotonic split")
    distinct, size, rate = isotonic_rates(positive, values)
    fitted = rate[np.searchsorted(distinct, values)]
    score = float(np.mean((values - positive) ** 2))
    best = float(np.mean((fitted - positive) ** 2))
    uncertainty = float(positive.mean() * (1 - positive.mean()))
    return IsotonicDecomposition(
        score, max(score - best, 0.0), max(uncertainty - best, 0.0), uncertainty, distinct, rate, size
    )


def isotonic_rates(positive: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distinct probabilities (k,), how many patches have each, and the isotonic rate of class 1 at each."""
    from scipy.optimize import isotonic_regression

    distinct, where, size = np.unique(p, return_inverse=True, return_counts=True)
    rate = np.bincount(where, weights=positive) / size
    return distinct, size, isotonic_regression(rate, weights=size).x
