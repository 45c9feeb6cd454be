"""Brier score, its parts over bins, and the calibration line."""

from __future__ import annotations

from typing import Any

import numpy as np

from featkit.core.arrays import (
    as_binary,
    as_binary_forecast,
    as_classes,
    as_probabilities,
    as_two_classes,
    as_weights,
)
from featkit.core.errors import InputError
from featkit.results.calibration import BrierParts, CalibrationLine
from featkit.stats.calibration_error import Bins, bin_edges, bin_index
from featkit.stats.metrics import LOGIT_CLIP


def brier(y: Any, p: Any, sample_weight: Any = None) -> float:
    """Return the mean squared difference of probability and label.

    Parameters
    ----------
    y : array of int, shape (n,)
        Labels, 0/1 or 0..K-1.
    p : array of float, shape (n,) or (n, K)
        Probability of class 1, or class probabilities.
    sample_weight : array of float, shape (n,), optional
        Weights of the patches.

    Returns
    -------
    float
        In [0, 1] for two classes; summed over K > 2 classes, in [0, 2] (Brier, Monthly Weather Review 78:1, 1950).
    """
    values = as_probabilities(p, len(np.asarray(y)))
    if values.ndim == 1:
        error = (values - as_binary(y)) ** 2
    else:
        error = ((values - np.eye(values.shape[1])[as_classes(y, values.shape[1])]) ** 2).sum(axis=1)
    return float(np.average(error, weights=as_weights(sample_weight, len(error))))


def brier_parts(y: Any, p: Any, n_bins: int = 15, bins: Bins = "width", where: Any = None) -> BrierParts:
    """Return the Brier score split into reliability, resolution, uncertainty and the two terms within bins.

    Parameters
    ----------
    y : array of {0, 1}, shape (n,)
        Labels.
    p : array of float, shape (n,)
        Probability of class 1.
    n_bins, bins
        As in `featkit.stats.calibration_error.bin_edges`.
    where : array of int, shape (n,), optional
        A bin for each patch, instead of ``n_bins`` and ``bins``; the identity holds for any.

    Returns
    -------
    BrierParts

    References
    ----------
    Murphy, Journal of Applied Meteorology 12:595, 1973; Stephenson, Coelho and Jolliffe, Weather and Forecasting
    23:752, 2008, equation 8 (terms within bins); Ferro and Fricker, QJRMS 138:1954, 2012, section 3 (bias correction;
    it takes patches as independent).
    """
    positive, values = as_binary_forecast(y, p, "the split of the Brier score")
    index = bin_index(values, bin_edges(values, n_bins, bins)) if where is None else np.asarray(where)
    if index.shape != values.shape:
        raise InputError(f"where must have shape ({len(values)},)", f"shape {index.shape}")
    _, index = np.unique(index, return_inverse=True)
    size = np.bincount(index)
    share, n = size / len(values), len(values)
    forecast, rate = np.bincount(index, weights=values) / size, np.bincount(index, weights=positive) / size
    prevalence = float(positive.mean())
    aside, off = values - forecast[index], positive - rate[index]
    correction = float(share @ (rate * (1 - rate) / np.maximum(size - 1, 1)))
    of_prevalence = prevalence * (1 - prevalence) / max(n - 1, 1)
    reliability = float(share @ (forecast - rate) ** 2)
    resolution = float(share @ (rate - prevalence) ** 2)
    uncertainty = prevalence * (1 - prevalence)
    return BrierParts(
        brier=float(np.mean((values - positive) ** 2)),
        reliability=reliability,
        resolution=resolution,
        uncertainty=uncertainty,
        within_variance=float(np.mean(aside**2)),
        within_covariance=float(2 * np.mean(off * aside)),
        corrected_reliability=reliability - correction,
        corrected_resolution=resolution - correction + of_prevalence,
        corrected_uncertainty=uncertainty + of_prevalence,
        n_bins=len(size),
        n_patches=n,
    )


def calibration_line(y: Any, p: Any, sample_weight: Any = None) -> CalibrationLine:
    """Return slope and intercept of the logistic recalibration, and the intercept with the slope held at 1.

    Parameters
    ----------
    y : array of {0, 1}, shape (n,)
        Labels; both classes must occur.
    p : array of float, shape (n,)
        Probability of class 1, kept 1e-6 away from 0 and 1 before the logit is taken.
    sample_weight : array of float, shape (n,), optional
        Weights of the patches.

    Returns
    -------
    CalibrationLine
        Slope and intercept are NaN when the labels are separable or all probabilities are equal.

    References
    ----------
    Cox, Biometrika 45:562, 1958; Van Calster et al., Journal of Clinical Epidemiology 74:167, 2016.
    """
    from featkit.stats._kernels import logistic_recalibration

    positive, values = as_binary_forecast(y, p, "the calibration line")
    as_two_classes(y)
    logit = to_logit(values)
    weights, unit = as_weights(sample_weight, len(positive))[None], np.arange(len(positive))
    intercept, slope = logistic_recalibration(weights, unit, logit, positive, True, (0.0, 0.0))[0]
    in_the_large = logistic_recalibration(weights, unit, logit, positive, False, (0.0, 1.0))[0, 0]
    return CalibrationLine(float(slope), float(intercept), float(in_the_large), len(positive))


def to_logit(p: np.ndarray) -> np.ndarray:
    """Return ``log(p / (1 - p))`` of probabilities kept 1e-6 away from 0 and 1."""
    kept = np.clip(p, LOGIT_CLIP, 1 - LOGIT_CLIP)
    return np.log(kept / (1 - kept))
