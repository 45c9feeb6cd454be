"""Probabilities from what a logistic model adds up."""

from __future__ import annotations

import numpy as np


def probabilities(predictor: np.ndarray) -> np.ndarray:
    """Return the probability of class 1 given log odds, or of each class given the linear predictor of each.

    Parameters
    ----------
    predictor : (n,) or (n, K) array of float
        Log odds of class 1; with several classes one column for each.

    Returns
    -------
    (n,) or (n, K) array of float64
        In [0, 1]; rows of several classes add up to 1.
    """
    from scipy.special import expit, softmax

    predictor = np.asarray(predictor, dtype=np.float64)
    return np.asarray(expit(predictor) if predictor.ndim == 1 else softmax(predictor, axis=1))
