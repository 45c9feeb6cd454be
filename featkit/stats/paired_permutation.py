"""Exchange of two forecasts for whole patients: the permutation test of a paired difference, for any metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from featkit.results.comparison import PermutationTest
from featkit.stats._inputs import as_groups
from featkit.stats.draws import prepare_metrics
from featkit.stats.metrics import scored
from featkit.stats.permutation import permutation_p_value, sign_flips
from featkit.stats.resampling import patient_counts

RANK_METRICS = frozenset({"auc", "auc_hand_till", "average_precision"})
"""Metrics that know only the order of the scores: exchanged as ranks, so that scale makes no difference."""

_CELLS = 1 << 22
_ROUNDING = 1e-13  # relative


def paired_permutation_test(
    y: Any,
    p_a: Any,
    p_b: Any,
    groups: Any,
    metrics: Sequence[str | Callable[[np.ndarray, np.ndarray], float]] = ("auc", "f1", "brier"),
    *,
    domains: Any = None,
    threshold: float = 0.5,
    n_bins: int = 15,
    n_permutations: int = 10_000,
    seed: int = 0,
) -> dict[str, PermutationTest]:
    """Test the differences ``metric(y, p_a) - metric(y, p_b)`` by exchanging the forecasts of whole patients.

    Under the null the two forecasts of a patient could as well have come in the other order. Each rearrangement
    exchanges them for a subset of patients, in all folds and on all their patches at once, and computes both metrics
    again, exactly: the stacked patches of both forecasts are drawn with counts 0 and 1 for each patient and forecast.
    Metrics of the ranking of two classes are exchanged as midranks within their forecast (Venkatraman 2000), since two
    forecasts on different scales may rank equally well; class probabilities of more classes stay as they are.

    Parameters
    ----------
    y : array of int, shape (n,)
        Labels.
    p_a, p_b : array of float, shape (n,) or (n, K)
        Forecasts of the same patches.
    groups : array, shape (n,), or "patches"
        Patient of each patch.
    metrics : sequence of str or callable
        As in `featkit.stats.draws.prepare_metrics`.
    domains : array, shape (n,), optional
        When given, a metric is its mean over domains, and ranks are taken within each.
    threshold, n_bins : float, int
        As in `featkit.stats.draws.prepare_metrics`.
    n_permutations : int
        Rearrangements at most; all ``2 ** n_patients - 1`` when there are no more.
    seed : int
        Seed of the draws.

    Returns
    -------
    dict of str to PermutationTest
        Two-sided tests; p-value NaN where a metric is undefined.
    """
    n = len(np.asarray(y))
    patients, patient = np.unique(as_groups(groups, n), return_inverse=True)
    labels = np.concatenate([y, y])
    both_domains = None if domains is None else np.concatenate([domains, domains])
    plan = patient_counts(np.concatenate([patient, patient + len(patients)]), n=2 * n)
    forecasts = [scored(y, p, threshold, n_bins).p for p in (p_a, p_b)]
    ranked = [_midranks(p, domains) if p.ndim == 1 else p for p in forecasts]
    prepared = {}
    for wanted in metrics:
        a, b = ranked if wanted in RANK_METRICS else forecasts
        one = prepare_metrics(
            labels,
            np.concatenate([a, b]),
            None,
            [wanted],
            domains=both_domains,
            threshold=threshold,
            n_bins=n_bins,
            plan=plan,
        )
        prepared.update(one.forms)
    signs, is_exact = sign_flips(len(patients), n_permutations, seed)
    signs = np.concatenate([np.ones((1, len(patients)), dtype=np.int8), signs])
    found: dict[str, list[np.ndarray]] = {name: [] for name in prepared}
    size = max(1, _CELLS // (2 * len(patients)))
    for start in range(0, len(signs), size):
        kept = (signs[start : start + size] > 0).astype(np.float64)
        as_a, as_b = np.hstack([kept, 1 - kept]), np.hstack([1 - kept, kept])
        for name, form in prepared.items():
            found[name].append(_difference(form.values(as_a, as_a), form.values(as_b, as_b)))
    tests = {}
    for name, parts in found.items():
        observed, null = (whole := np.concatenate(parts))[0], whole[1:]
        tests[name] = PermutationTest(
            statistic=float(observed),
            p_value=permutation_p_value(observed, null),
            n_permutations=null.size,
            is_exact=is_exact,
            alternative="two-sided",
            unit="patch" if isinstance(groups, str) else "patient",
            n_units=len(patients),
            null=null,
        )
    return tests


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return ``a - b``, and 0 where they are equal up to rounding: equal forecasts must not be told apart by it."""
    difference = a - b
    difference[np.abs(difference) <= _ROUNDING * np.maximum(np.abs(a), np.abs(b))] = 0.0
    return difference


def _midranks(p: np.ndarray, domains: Any) -> np.ndarray:
    """Return midranks (n,) over (0, 1), within each domain."""
    from scipy.stats import rankdata

    if domains is None:
        return (rankdata(p) - 0.5) / len(p)
    ranks = np.empty_like(p)
    for domain in np.unique(domains):
        rows = np.asarray(domains) == domain
        ranks[rows] = _midranks(p[rows], None)
    return ranks
