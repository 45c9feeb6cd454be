"""Named rules for which epoch's weights to keep, all of them blind to the held-out domain."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from featkit.core.registry import Registry

SELECTION_RULES = Registry(
    "selection rule",
    {
        "last-epoch": "featkit.training.selection:LAST_EPOCH",
        "source-val-balanced-accuracy": "featkit.training.selection:BALANCED_ACCURACY",
        "source-val-balanced-cross-entropy": "featkit.training.selection:BALANCED_CROSS_ENTROPY",
    },
    entry_points="featkit.selection_rules",
)


@dataclasses.dataclass(frozen=True)
class SelectionRule:
    """A number per epoch and which way is better; without a number the latest epoch wins."""

    name: str
    measure: Callable[[np.ndarray, np.ndarray, np.ndarray], float] | None
    is_larger_better: bool = False

    def improves(self, value: float, best: float | None) -> bool:
        """Return whether ``value`` beats the best so far (a tie keeps the earlier epoch)."""
        if self.measure is None or best is None:
            return True
        return value > best if self.is_larger_better else value < best


def balanced_cross_entropy(labels: np.ndarray, probabilities: np.ndarray, domains: np.ndarray) -> float:
    """Return the cross-entropy in nats, averaged within class, then over classes, then over domains.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
    probabilities : ndarray of float, shape (n, c)
        Bounded below by 1e-7 before the logarithm.
    domains : ndarray of int, shape (n,)
    """
    chosen = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return _balanced_mean(-np.log(np.clip(chosen, 1e-7, 1.0)), labels, domains)


def balanced_accuracy(labels: np.ndarray, probabilities: np.ndarray, domains: np.ndarray) -> float:
    """Return the share of correct patches, averaged within class, then over classes, then over domains."""
    return _balanced_mean((probabilities.argmax(axis=1) == labels).astype(np.float64), labels, domains)


def _balanced_mean(values: np.ndarray, labels: np.ndarray, domains: np.ndarray) -> float:
    per_domain = []
    for domain in np.unique(domains):
        inside = domains == domain
        classes = np.unique(labels[inside])
        per_domain.append(np.mean([values[inside & (labels == c)].mean() for c in classes]))
    return float(np.mean(per_domain))


LAST_EPOCH = SelectionRule("last-epoch", None)
BALANCED_ACCURACY = SelectionRule("source-val-balanced-accuracy", balanced_accuracy, is_larger_better=True)
BALANCED_CROSS_ENTROPY = SelectionRule("source-val-balanced-cross-entropy", balanced_cross_entropy)
