"""Expected calibration error: equal-width or equal-mass bins, of one class, of the decided class, or class by class.

Which one is meant must be said, since they differ: ``of="class-one"`` compares P(y=1) with the frequency of class 1,
``of="top-label"`` the probability of the decided class with how often the decision is right, and ``of="classwise"``
averages over classes the first of them, each class against the rest.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np

from featkit.core.arrays import as_binary, as_classes, as_groups, as_probabilities, check_count, n_rows
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
        In [0, 1]. Biased upwards, the more so the more bins and the fewer patients: read it beside its distribution
        under perfect calibration (`featkit.stats.calibration_check`), or take `ece_debiased`.

    References
    ----------
    Naeini, Cooper and Hauskrecht, AAAI 2015; Guo et al., ICML 2017, equation 3; Nixon et al., 2019 (class-wise).
    """
    pairs = compared(y, p, of)
    return float(np.mean([_gap(event, claim, n_bins, bins) for event, claim in pairs]))


def ece_debiased(y: Any, p: Any, groups: Any, n_bins: int = 15, bins: Bins = "width", of: Of = "class-one") -> float:
    """Return the root mean squared calibration error over bins, its bias removed by pairs of patients.

    The squared gap of a bin is estimated by ``sum_{i != k} s_i s_k / sum_{i != k} n_i n_k`` over pairs of patients
    with ``s_i`` the sum of ``y - p`` over the ``n_i`` patches of patient i in the bin. Patients are independent, so its
    expectation is the squared gap however alike patches of a patient are; the plug-in estimate, and corrections that
    take patches as independent (Kumar, Liang and Ma, 2019), stay too large. Squares are averaged over bins (weighted by
    patches), and over classes when class-wise, before the root is taken.

    Parameters
    ----------
    y : array of int, shape (n,)
        Labels, 0/1 or 0..K-1.
    p : array of float, shape (n,) or (n, K)
        Probability of class 1, or class probabilities.
    groups : array, shape (n,), or "patches"
        Patient of each patch.
    n_bins, bins, of
        As in `ece`. Bins with patches of one patient are left out.

    Returns
    -------
    float
        In [0, 1]; 0 where the estimated square is negative, NaN where every bin holds a single patient.

    References
    ----------
    Kumar, Liang and Ma, Verified uncertainty calibration, NeurIPS 2019, section 5, of which this is the form for
    clusters.

    Examples
    --------
    >>> round(ece_debiased([0, 0, 1, 1], [0.2, 0.2, 0.8, 0.8], ["a", "b", "c", "d"], n_bins=2), 3)
    0.2
    """
    squares = []
    for part in binned_residuals(y, p, groups, n_bins, bins, of):
        pairs = part.size.sum(axis=0) ** 2 - (part.size**2).sum(axis=0)
        products = part.residual.sum(axis=0) ** 2 - (part.residual**2).sum(axis=0)
        used, weight = pairs > 0, part.size.sum(axis=0)
        squares.append(weight[used] @ (products[used] / pairs[used]) / weight[used].sum() if used.any() else np.nan)
    return float(np.sqrt(max(0.0, float(np.mean(squares))))) if np.isfinite(squares).all() else float("nan")


@dataclasses.dataclass(frozen=True, eq=False)
class BinnedResiduals:
    """Sums of each patient in each bin.

    Parameters
    ----------
    residual : ndarray of float64, shape (n_patients, n_bins)
        Sums of event minus probability.
    size : ndarray of float64, shape (n_patients, n_bins)
        Patches.
    """

    residual: np.ndarray
    size: np.ndarray


def binned_residuals(y: Any, p: Any, groups: Any, n_bins: int, bins: Bins, of: Of) -> list[BinnedResiduals]:
    """Return each patient's residuals summed over bins, once or once per class (see `compared`); no bin is empty."""
    found = []
    for event, claim in compared(y, p, of):
        _, patient = np.unique(as_groups(groups, len(event)), return_inverse=True)
        _, where = np.unique(bin_index(claim, bin_edges(claim, n_bins, bins)), return_inverse=True)
        shape = (int(patient.max()) + 1, int(where.max()) + 1)
        place = patient * shape[1] + where
        residual = np.bincount(place, weights=event - claim, minlength=shape[0] * shape[1])
        found.append(
            BinnedResiduals(residual.reshape(shape), np.bincount(place, minlength=residual.size).reshape(shape) * 1.0)
        )
    return found


def compared(y: Any, p: Any, of: Of) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the (event, probability) pairs that ``of`` compares: one, or one for each class when class-wise."""
    values = as_probabilities(p, n_rows(y, "y"))
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
