"""Two or more forecasts of the same patches, compared with the patient as the unit."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from featkit.core.errors import InputError, did_you_mean
from featkit.core.natural_order import natural_key
from featkit.core.options.resampling import Resampling
from featkit.core.run_key import RunKey
from featkit.core.seeds import derive_seed
from featkit.results.comparison import Comparison, ComparisonRow
from featkit.results.comparison_words import at_most, leaves_out_zero
from featkit.stats.auc_inference import auc_difference
from featkit.stats.draws import Over, patient_plan, prepare_metrics
from featkit.stats.equivalence import check_margin, equivalence_margin_needed, equivalence_p_value
from featkit.stats.forecasts import Forecasts
from featkit.stats.metrics import metric
from featkit.stats.multiplicity import adjust
from featkit.stats.paired import paired_differences
from featkit.stats.paired_permutation import paired_permutation_test
from featkit.stats.power import patients_needed
from featkit.stats.resampling import PatientCounts
from featkit.stats.states import rank_state

Name = str | RunKey

_NAIVE_NOTE = "DeLong's p-value treats patches as independent: too small when a patient has many; a reference only"
_FOLDS_NOTE = "folds share training patches and patients: their differences are not independent replicates"


def compare(a: Forecasts, b: Forecasts, *, names: tuple[Name, Name] = ("a", "b"), **options: Any) -> Comparison:
    """Compare two forecasts of the same patches.

    Parameters
    ----------
    a, b : Forecasts
        Of the same patches in the same order. Labels, patients and folds are those of ``a``.
    names : tuple of (str or RunKey)
        What the two are.
    **options
        As in `compare_many`.

    Returns
    -------
    Comparison
        Differences are first minus second.

    Examples
    --------
    >>> one = Forecasts([0, 1, 0, 1], [0.1, 0.9, 0.6, 0.4], ["a", "b", "c", "d"])
    >>> found = compare(one, one.with_p([0.2, 0.7, 0.6, 0.4]), metrics=["brier"])
    >>> round(found.rows[0].difference.value, 4)
    -0.0275
    """
    if len(names) != 2 or names[0] == names[1]:
        raise InputError("names must be two different names", repr(names))
    return compare_many({names[0]: a, names[1]: b}, **options)


def compare_many(
    forecasts: Mapping[Name, Forecasts],
    *,
    reference: Name | None = None,
    metrics: Sequence[str] = ("auc", "f1", "brier"),
    margin: float | Mapping[str, float] | None = None,
    n_permutations: int = 10_000,
    adjustment: str = "holm",
    resampling: Resampling | None = None,
) -> Comparison:
    """Compare every pair of forecasts of the same patches, or each with a reference.

    Parameters
    ----------
    forecasts : mapping of (str or RunKey) to Forecasts
        At least two, of the same patches in the same order. With several folds, each fold gets rows, and so do the
        mean of folds, the AUC over pairs within folds, and all patches pooled; metrics of ranks are pooled only where
        ``is_one_scale`` is set.
    reference : str or RunKey, optional
        Compare the others with this one only (other minus reference).
    metrics : sequence of str
        Names in `featkit.stats.METRICS`.
    margin : float or mapping of metric to float, optional
        Equivalence margin.
    n_permutations : int
        Rearrangements of the exchange test at most.
    adjustment : {"holm", "bh", "none"}
        Correction of the permutation p-values. A family is one metric at one aggregation: its pairs, and for
        single folds its folds.
    resampling : Resampling, optional
        Level, method and design of the intervals, seed of the rearrangements; tests have size ``1 - level``.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If forecasts are not of the same patches, are fewer than two, or options are out of range.

    Notes
    -----
    The interval is that of `featkit.stats.paired_differences`, with Satterthwaite's degrees of freedom as in
    `featkit.stats.evaluate`; the p-value that of `paired_permutation_test`; equivalence is two one-sided t tests on the
    same error. Measured coverage is in the page on statistics.

    Examples
    --------
    >>> one = Forecasts([0, 1, 0, 1], [0.1, 0.9, 0.6, 0.4], ["a", "b", "c", "d"])
    >>> found = compare_many({"x": one, "y": one.with_p([0.2, 0.7, 0.6, 0.4]), "z": one}, metrics=["brier"])
    >>> [(row.a, row.b) for row in found.rows]
    [('x', 'y'), ('x', 'z'), ('y', 'z')]
    """
    how = resampling or Resampling()
    pairs = _pairs(forecasts, reference)
    margins = {name: _margin(margin, metric(name).name) for name in metrics}
    first = forecasts[pairs[0][0]]
    notes = [_NAIVE_NOTE] if "auc" in metrics and first.n_classes == 2 else []
    scopes = list(_scopes(first, metrics))
    notes += [_FOLDS_NOTE] if len(scopes) > 1 else []
    rows: list[ComparisonRow] = []
    for scope in scopes:
        given = {name: one.take(scope.rows) for name, one in forecasts.items()}
        plan = patient_plan(given[pairs[0][0]], how)
        if scope.over is None:
            notes += _scope_notes(scope, plan, given[pairs[0][0]], n_permutations)
        rows += _answers(scope, given, pairs, _Question(margins, n_permutations, how), plan)
    return Comparison(
        names=tuple(forecasts),
        rows=tuple(_judged(rows, adjustment, how.level)),
        n_patches=len(first),
        n_patients=len(np.unique(first.groups)),
        level=how.level,
        adjustment=adjustment,
        seed=how.seed,
        notes=tuple(notes),
    )


def verdict(row: ComparisonRow, level: float) -> str:
    """Return what a row shows.

    "a better" and "b better" ask for both: an interval that leaves out 0 and an adjusted permutation p-value of at
    most ``1 - level``.

    Parameters
    ----------
    row : ComparisonRow
        With p-values and interval; a ``verdict`` of "identical" stays.
    level : float
        Coverage of the interval.

    Returns
    -------
    str
        See `ComparisonRow`.
    """
    estimate = row.difference
    if row.verdict == "identical" and not math.isnan(estimate.value):
        return "identical"
    if not estimate.has_interval or math.isnan(row.p_value):
        return "undefined"
    if leaves_out_zero(row) and at_most(row.p_adjusted, level):
        higher_is_better = metric(row.metric).higher_is_better
        if higher_is_better is None:
            return "different"
        return "a better" if (estimate.value > 0) == higher_is_better else "b better"
    return "equivalent" if at_most(row.p_equivalence, level) else "not distinguishable"


@dataclasses.dataclass(frozen=True, eq=False)
class _Question:
    margins: dict[str, float]
    n_permutations: int
    how: Resampling


@dataclasses.dataclass(frozen=True, eq=False)
class _Scope:
    name: str
    aggregation: str
    rows: np.ndarray
    metrics: tuple[str, ...]
    over: Over | None = None


def _pairs(forecasts: Mapping[Name, Forecasts], reference: Name | None) -> list[tuple[Name, Name]]:
    shapes = {name: one.p.shape for name, one in forecasts.items()}
    if len(forecasts) < 2 or len(set(shapes.values())) > 1:
        shown = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise InputError("forecasts must be at least two of one shape", shown, "Score the same patches with each")
    first = next(iter(forecasts.values()))
    for name, one in forecasts.items():
        if not (np.array_equal(one.y, first.y) and np.array_equal(one.groups, first.groups)):
            raise InputError(
                "forecasts must be of the same patches, in one order", f"other labels or patients in {name}"
            )
    if reference is None:
        return list(itertools.combinations(forecasts, 2))
    if reference not in forecasts:
        known = [str(name) for name in forecasts]
        raise InputError("reference must be one of the forecasts", repr(reference), did_you_mean(str(reference), known))
    return [(name, reference) for name in forecasts if name != reference]


def _answers(
    scope: _Scope,
    forecasts: Mapping[Name, Forecasts],
    pairs: Sequence[tuple[Name, Name]],
    question: _Question,
    plan: PatientCounts,
) -> Iterator[ComparisonRow]:
    """Yield the rows of one scope, not yet judged."""
    how, over = question.how, scope.over
    prepared = {name: prepare_metrics(one, scope.metrics, over=over, plan=plan) for name, one in forecasts.items()}
    for a, b in pairs:
        one, two = forecasts[a], forecasts[b]
        seed = derive_seed(how.seed, "exchange")
        tests = paired_permutation_test(
            one, two, scope.metrics, over=over, n_permutations=question.n_permutations, seed=seed
        )
        found = paired_differences(prepared[a], prepared[b], one, how)
        is_identical = bool((one.p == two.p).all())
        for name in scope.metrics:
            gap, margin = found[name], question.margins[name]
            if is_identical and math.isfinite(gap.estimate.value):
                estimate = dataclasses.replace(gap.estimate, low=0.0, high=0.0, state="")
                gap = dataclasses.replace(gap, estimate=estimate, se=0.0, freedom=1.0)
            difference, se, freedom = gap.estimate.value, gap.se, gap.freedom
            is_tested = not (math.isnan(margin) or math.isnan(se))
            is_rank = metric(name).is_rank
            yield ComparisonRow(
                a=a,
                b=b,
                metric=name,
                scope=scope.name,
                aggregation=scope.aggregation,
                value_a=gap.value_a,
                value_b=gap.value_b,
                difference=gap.estimate,
                p_value=tests[name].p_value,
                p_adjusted=math.nan,
                n_family=0,
                n_permutations=tests[name].n_permutations,
                is_exact=tests[name].is_exact,
                p_naive=_naive(name, one, two, over),
                margin=margin,
                p_equivalence=equivalence_p_value(difference, se, freedom, margin) if is_tested else math.nan,
                margin_needed=equivalence_margin_needed(difference, se, freedom, how.level),
                n_patients_needed=_needed(difference, se, plan.n_patients, how.level),
                verdict="identical" if is_identical else "",
                state_a=rank_state(one, over) if is_rank else "",
                state_b=rank_state(two, over) if is_rank else "",
            )


def _scopes(forecasts: Forecasts, metrics: Sequence[str]) -> Iterator[_Scope]:
    everything, wanted, folds = np.arange(len(forecasts)), tuple(metrics), forecasts.folds
    names = [] if folds is None else sorted(np.unique(folds).tolist(), key=natural_key)
    if len(names) < 2:
        yield _Scope(names[0] if names else "all patches", "pooled", everything, wanted)
        return
    pooled = tuple(name for name in wanted if forecasts.is_one_scale or not metric(name).is_rank)
    if pooled:
        yield _Scope("all folds", "pooled", everything, pooled)
    yield _Scope("all folds", "mean of folds", everything, wanted, "mean of folds")
    if "auc" in wanted and forecasts.n_classes == 2:
        yield _Scope("all folds", "within folds", everything, ("auc",), "within folds")
    for name in names:
        yield _Scope(name, "fold", np.flatnonzero(folds == name), wanted)


def _scope_notes(scope: _Scope, plan: PatientCounts, forecasts: Forecasts, n_permutations: int) -> Iterator[str]:
    where = scope.name if scope.aggregation == "fold" else f"{scope.name}, {scope.aggregation}"
    carriers = np.zeros(0) if plan.n_carriers is None else plan.n_carriers
    if (carriers > 0).sum() < 2:
        yield f"{where}: one class only, so metrics that need both are undefined"
    elif carriers.min() == 1:
        name = forecasts.names[int(np.argmin(carriers))]
        yield f"{where}: no interval for metrics that need class {name}, which has a single {forecasts.unit}"
    floor = max(2.0 / 2**plan.n_patients, 1 / (1 + n_permutations))
    if floor > 0.01:
        yield f"{where}: with {plan.n_patients} {forecasts.unit}s no permutation p-value is below {floor:.3g}"


def _naive(name: str, a: Forecasts, b: Forecasts, over: Over | None) -> float:
    if name != "auc" or over is not None or a.p.ndim > 1 or len(np.unique(a.y)) < 2:
        return math.nan
    return auc_difference(a.y, a.p, b.p, "patches", unit="patch")[1]


def _needed(difference: float, se: float, n_patients: int, level: float) -> float:
    if not (math.isfinite(difference) and math.isfinite(se) and difference != 0 and se > 0) or n_patients < 2:
        return math.nan
    try:
        return float(patients_needed(difference, se, n_patients, level=level).n_patients)
    except InputError:
        return math.inf


def _margin(margin: float | Mapping[str, float] | None, name: str) -> float:
    chosen = margin.get(name) if isinstance(margin, Mapping) else margin
    return math.nan if chosen is None else check_margin(chosen)


def _judged(rows: list[ComparisonRow], adjustment: str, level: float) -> Iterator[ComparisonRow]:
    """Adjust each family's p-values and judge every row."""
    adjusted, n_family = np.full(len(rows), np.nan), np.zeros(len(rows), dtype=int)
    families = {(row.metric, row.aggregation) for row in rows}
    for family in families:
        own = [k for k, row in enumerate(rows) if (row.metric, row.aggregation) == family]
        p_values = np.array([rows[k].p_value for k in own])
        adjusted[own] = adjust(p_values, adjustment)
        n_family[own] = np.count_nonzero(~np.isnan(p_values))
    for row, p_adjusted, size in zip(rows, adjusted, n_family):
        judged = dataclasses.replace(row, p_adjusted=float(p_adjusted), n_family=int(size))
        yield dataclasses.replace(judged, verdict=verdict(judged, level))
