"""Expected calibration error: equal-width or equal-mass bins, of one class, of the decided class, or class by class.

Which one is meant must be said, since they differ: ``of="class-one"`` compares P(y=1) with the frequency of class 1,
``of="top-label"`` the probability of the decided class with how often the decision is right, and ``of="classwise"``
averages over classes the first of them, each class against the rest.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from featkit.core.arrays import as_binary, as_classes, as_probabilities, check_count
from featkit.core.errors import InputError

Bins = Literal["width", "mass"]
Of = Literal["class-one", "top-label", "classwise"]


def bin_edges(p: np.ndarray, n_bins: int = 15, bins: Bins = "width") -> np.ndarray:
    """Return the inner edges of probability bins, increasing; a bin holds its lower edge and not its upper.

    Parameters
    ----------
    p : ndarray of float, shape (n,)
        Probabilities in [0, 1].
    n_bins : int
        Number of bins asked for; equal-mass bins become fewer where ties leave no room for an edge.
    bins : {"width", "mass"}
        Equal widths of [0, 1], or equal numbers of patches; patches with one probability stay together.

    Returns
    -------
    ndarray of float, shape (at most n_bins - 1,)
    """
    n_bins = check_count(n_bins, "n_bins")
    if bins == "width":
        return np.arange(1, n_bins) / n_bins
    if bins == "mass":
        inner = np.unique(np.quantile(p, np.arange(1, n_bins) / n_bins, method="higher"))
        return inner[inner > p.min()]
    raise InputError("bins must be 'width' or 'mass'", repr(bins))


def bin_index(p: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the bin of each probability, shape (n,), in ``[0, len(edges)]``."""
    return np.searchsorted(edges, p, side="right")


def ece(y: Any, p: Any, n_bins: int = 15, bins: Bins = "width", of: Of = "class-one") -> float:
    """Return ``sum_b n_b / n |mean p - mean y|`` over bins.

    Parameters
    ----------
    y : array of int, shape (n,)
        Labels, 0/1 or 0..K-1.
    p : array of float, shape (n,) or (n, K)
        Probability of class 1, or class probabilities.
    n_bins : int
        Bins.
    bins : {"width", "mass"}
        See `bin_edges`.
    of : {"class-one", "top-label", "classwise"}
        Which probability is compared with which frequency; ``"class-one"`` is for two classes.

    Returns
    -------
    float
        In [0, 1]. Biased upwards, the more so the more bins; see `ece_debiased`.

    References
    ----------
    Naeini, Cooper and Hauskrecht, AAAI 2015; Guo et al., ICML 2017, equation 3; Nixon et al., 2019 (class-wise).
    """
    pairs = compared(y, p, of)
    return float(np.mean([_gap(event, claim, n_bins, bins) for event, claim in pairs]))


def ece_debiased(y: Any, p: Any, n_bins: int = 15, bins: Bins = "mass", of: Of = "class-one") -> float:
    """Return the debiased root mean squared calibration error.

    ``sqrt(max(0, sum_b n_b / n [(mean p - mean y)^2 - mean y (1 - mean y) / (n_b - 1)]))``, averaged over
    classes before the root when class-wise. The correction takes patches as independent.

    Parameters
    ----------
    y, p, n_bins, bins, of
        As in `ece`.

    Returns
    -------
    float
        In [0, 1].

    References
    ----------
    Kumar, Liang and Ma, NeurIPS 2019, section 5 (definition 5.1).
    """
    pairs = compared(y, p, of)
    square = float(np.mean([_debiased_square(event, claim, n_bins, bins) for event, claim in pairs]))
    return float(np.sqrt(max(0.0, square)))


def compared(y: Any, p: Any, of: Of) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the (event, probability) pairs that ``of`` compares: one, or one for each class when class-wise."""
    values = as_probabilities(p, len(np.asarray(y)))
    if values.ndim == 1:
        positive = as_binary(y)
        if of == "top-label":
            called = values >= 0.5
            return [(called == positive, np.where(called, values, 1 - values))]
        if of == "classwise":
            return [(~positive, 1 - values), (positive, values)]
        labels, n_classes = positive, 2
    else:
        n_classes = values.shape[1]
        labels = as_classes(y, n_classes)
        if of == "top-label":
            called = np.argmax(values, axis=1)
            return [(called == labels, values.max(axis=1))]
        if of == "classwise":
            return [(labels == k, values[:, k]) for k in range(n_classes)]
    if of != "class-one" or n_classes > 2:
        raise InputError(
            "of must be 'top-label' or 'classwise' (or 'class-one' for two classes)", f"{of!r} with {n_classes} classes"
        )
    return [(labels, values)]


def _gap(event: np.ndarray, claim: np.ndarray, n_bins: int, bins: Bins) -> float:
    where = bin_index(claim, bin_edges(claim, n_bins, bins))
    return float(np.abs(np.bincount(where, weights=claim - event)).sum() / len(claim))


def _debiased_square(event: np.ndarray, claim: np.ndarray, n_bins: int, bins: Bins) -> float:
    where = bin_index(claim, bin_edges(claim, n_bins, bins))
    size = np.bincount(where)
    used = size > 0
    size = size[used]
    rate = np.bincount(where, weights=event)[used] / size
    gap = np.bincount(where, weights=claim - event)[used] / size
    return float(size @ (gap**2 - rate * (1 - rate) / np.maximum(size - 1, 1)) / len(claim))
