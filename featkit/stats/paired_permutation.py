"""Exchange of two forecasts for whole patients: the permutation test of a paired difference, for any metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from featkit.results.comparison import PermutationTest
from featkit.stats.draws import MetricLike, Over, prepare_metrics
from featkit.stats.forecasts import Forecasts
from featkit.stats.metrics import metric
from featkit.stats.permutation import permutation_p_value, sign_flips
from featkit.stats.resampling import patient_counts

_CELLS = 1 << 22
_ROUNDING = 1e-13  # relative


def paired_permutation_test(
    a: Forecasts,
    b: Forecasts,
    metrics: Sequence[MetricLike] = ("auc", "f1", "brier"),
    *,
    over: Over | None = None,
    n_permutations: int = 10_000,
    seed: int = 0,
) -> dict[str, PermutationTest]:
    """Test the differences ``metric(a) - metric(b)`` by exchanging the forecasts of whole patients.

    Under the null the two forecasts of a patient could as well have come in the other order. Each rearrangement
    exchanges them for a subset of patients, in all folds and on all their patches at once, and computes both metrics
    again, exactly: the stacked patches of both forecasts are drawn with counts 0 and 1 for each patient and forecast.
    Metrics of the ranking of two classes are exchanged as midranks within their forecast (Venkatraman, Biometrics
    56:1134, 2000), since two forecasts on different scales may rank equally well; class probabilities of more classes
    stay as they are.

    Parameters
    ----------
    a, b : Forecasts
        Two forecasts of the same patches in the same order.
    metrics : sequence of str or callable
        As in `featkit.stats.prepare_metrics`.
    over : {"mean of folds", "mean of domains", "within folds"}, optional
        As in `featkit.stats.prepare_metrics`; ranks are then taken within folds or domains.
    n_permutations : int
        Rearrangements at most; all ``2 ** n_patients - 1`` when there are no more.
    seed : int
        Seed of the draws.

    Returns
    -------
    dict of str to PermutationTest
        Two-sided tests; p-value NaN where a metric is undefined.

    Examples
    --------
    >>> one = Forecasts([0, 1, 0, 1], [0.1, 0.9, 0.6, 0.4], ["a", "b", "c", "d"])
    >>> two = one.with_p([0.2, 0.7, 0.6, 0.4])
    >>> paired_permutation_test(one, two, ["brier"])["brier"].n_permutations
    15
    """
    n = len(a)
    patients, patient = np.unique(a.groups, return_inverse=True)
    plan = patient_counts(np.concatenate([patient, patient + len(patients)]), n=2 * n)
    both = a.take(np.tile(np.arange(n), 2))
    parts = None if over is None else a.domains if over == "mean of domains" else a.folds
    plain = np.concatenate([a.p, b.p])
    ranked = np.concatenate([_midranks(one.p, parts) for one in (a, b)]) if a.p.ndim == 1 else plain
    prepared = {}
    for wanted in metrics:
        is_rank = isinstance(wanted, str) and metric(wanted).is_rank
        prepared.update(
            prepare_metrics(both.with_p(ranked if is_rank else plain), [wanted], over=over, plan=plan).forms
        )
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
            unit=a.unit,
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
