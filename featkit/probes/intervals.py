"""Percentile intervals from draws of patients."""

from __future__ import annotations

import numpy as np

from featkit.results.estimate import Estimate


def percentile(value: float, draws: np.ndarray, level: float, n_patients: int) -> Estimate:
    """Return a value with the percentile interval of its patient-bootstrap draws.

    Draws in which the value is undefined are left out and not counted.
    """
    kept = draws[np.isfinite(draws)]
    tail = (1 - level) / 2
    low, high = np.quantile(kept, [tail, 1 - tail]) if len(kept) else (np.nan, np.nan)
    return Estimate(float(value), float(low), float(high), level, "percentile", len(kept), "patient", n_patients)
