"""Two or more forecasts of the same patches, compared with the patient as the unit."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from featkit.core.errors import InputError, did_you_mean
from featkit.core.seeds import derive_seed
from featkit.results.comparison import Comparison, ComparisonRow
from featkit.results.estimate import Estimate
from featkit.stats._inputs import as_groups, check_count, check_level
from featkit.stats.auc_inference import auc_difference
from featkit.stats.comparison_words import sentence, verdict
from featkit.stats.draws import prepare_metrics
from featkit.stats.equivalence import check_margin, equivalence_margin_needed, equivalence_p_value
from featkit.stats.metrics import Scored, metric, scored
from featkit.stats.multiplicity import adjust
from featkit.stats.paired_permutation import paired_permutation_test
from featkit.stats.power import patients_needed
from featkit.stats.resampling import PatientCounts, patient_counts

_NAIVE_NOTE = "DeLong's p-value takes patches for independent: too small when a patient has many; a reference only"
_FOLDS_NOTE = (
    "folds share training patches and patients: their differences are no independent replicates, and the mean of "
    "folds is taken inside each draw of patients"
)


def compare(
    y: Any,
    p_a: Any,
    p_b: Any,
    groups: Any,
    *,
    names: tuple[str, str] = ("a", "b"),
    **options: Any,
) -> Comparison:
    """Compare two forecasts of the same patches.

    Parameters
    ----------
    y : array of int, shape (n,)
        Labels, 0/1 or 0..K-1.
    p_a, p_b : array of float, shape (n,) or (n, K)
        Scores or class probabilities of the same patches in the same order.
    groups : array, shape (n,), or "patches"
        Patient of each patch.
    names : tuple of str
        What to call the two.
    **options
        As in `compare_many`.

    Returns
    -------
    Comparison
        Differences are first minus second.
    """
    if len(names) != 2 or names[0] == names[1]:
        raise InputError("names must be two different names", repr(names))
    return compare_many(y, {names[0]: p_a, names[1]: p_b}, groups, **options)


def compare_many(
    y: Any,
    forecasts: Mapping[str, Any],
    groups: Any,
    *,
    reference: str | None = None,
    metrics: Sequence[str] = ("auc", "f1", "brier"),
    folds: Any = None,
    margin: float | Mapping[str, float] | None = None,
    threshold: float = 0.5,
    n_draws: int = 2000,
    n_permutations: int = 10_000,
    level: float = 0.95,
    adjustment: str = "holm",
    seed: int = 0,
) -> Comparison:
    """Compare every pair of forecasts of the same patches, or each with a reference.

    Parameters
    ----------
    y : array of int, shape (n,)
        Labels, 0/1 or 0..K-1.
    forecasts : mapping of str to array of float, shape (n,) or (n, K)
        At least two, of the same patches in the same order.
    groups : array, shape (n,), or "patches"
        Patient of each patch; the literal ``"patches"`` says that patches are independent.
    reference : str, optional
        Compare the others with this one only (other minus reference).
    metrics : sequence of str
        Names in `featkit.stats.metrics.METRICS`.
    folds : array, shape (n,), optional
        Fold of each patch: adds a row for each fold and one for the mean of folds beside the pooled one, where there
        are at least two.
    margin : float or mapping of metric to float, optional
        Equivalence margin.
    threshold : float
        Decision threshold on class 1.
    n_draws, n_permutations : int
        Bootstrap draws of patients, and rearrangements of the exchange test at most.
    level : float
        Coverage of the intervals; tests have size ``1 - level``.
    adjustment : {"holm", "bh", "none"}
        Correction of the permutation p-values. A family is one metric at one aggregation: its pairs, and for
        single folds its folds.
    seed : int
        Seed of draws and rearrangements.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If forecasts differ in shape, are fewer than two, or options are out of range.

    Notes
    -----
    The interval is ``difference +- t s``: ``s`` is the standard deviation of the paired difference over draws of
    patients within class, times ``sqrt(n / (n - c))`` for ``n`` patients in ``c`` classes, and ``t`` has ``n - c``
    degrees of freedom. On simulated clustered cohorts (``tests/simulation/test_comparison.py``) of 20 patients (1,000
    cohorts) and 80 patients (500) it covered the true difference in AUC 95.0 and 95.2 % of the time, in Brier score
    94.9 and 95.0 %, in F1 95.8 and 95.4 %, in ECE 97.2 and 97.0 %; percentiles of the same draws 89.7 and 94.4 % for
    AUC; resampling patches 38.2 and 39.4 %.
    The p-value is that of `paired_permutation_test`; equivalence is two one-sided t tests on the same error.
    """
    check_level(level), check_count(n_draws, "n_draws", 2)
    given = {name: scored(y, p, threshold) for name, p in forecasts.items()}
    pairs = _pairs(given, reference)
    first = given[pairs[0][0]]
    n, is_binary = len(first.y), first.n_classes == 2
    question = _Question(
        y=np.asarray(y),
        forecasts={name: data.p for name, data in given.items()},
        group=as_groups(groups, n),
        unit="patch" if isinstance(groups, str) else "patient",
        pairs=pairs,
        metrics=tuple(metrics),
        margins={name: _margin(margin, metric(name).name) for name in metrics},
        threshold=threshold,
        n_draws=n_draws,
        n_permutations=n_permutations,
        level=level,
        seed=seed,
    )
    notes = [_NAIVE_NOTE] if "auc" in metrics and is_binary else []
    scopes = list(_scopes(n, folds))
    notes += [_FOLDS_NOTE] if len(scopes) > 1 else []
    rows: list[ComparisonRow] = []
    for scope in scopes:
        plan = patient_counts(question.group[scope.rows], strata=question.y[scope.rows])
        notes += _scope_notes(scope, plan, question.y[scope.rows], n_permutations)
        rows += _answers(question, scope, plan)
    return Comparison(
        names=tuple(given),
        rows=tuple(_judged(rows, adjustment, level)),
        n_patches=n,
        n_patients=len(np.unique(question.group)),
        level=level,
        adjustment=adjustment,
        seed=seed,
        notes=tuple(notes),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Question:
    y: np.ndarray
    forecasts: dict[str, np.ndarray]
    group: np.ndarray
    unit: str
    pairs: list[tuple[str, str]]
    metrics: tuple[str, ...]
    margins: dict[str, float]
    threshold: float
    n_draws: int
    n_permutations: int
    level: float
    seed: int


@dataclasses.dataclass(frozen=True)
class _Scope:
    name: str
    aggregation: str
    rows: np.ndarray
    domains: np.ndarray | None = None


def _pairs(given: Mapping[str, Scored], reference: str | None) -> list[tuple[str, str]]:
    shapes = {name: data.p.shape for name, data in given.items()}
    if len(given) < 2 or len(set(shapes.values())) > 1:
        shown = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise InputError("forecasts must be at least two of one shape", shown, "Score the same patches with each")
    if reference is None:
        return list(itertools.combinations(given, 2))
    if reference not in given:
        raise InputError("reference must be one of the forecasts", repr(reference), did_you_mean(reference, given))
    return [(name, reference) for name in given if name != reference]


def _answers(question: _Question, scope: _Scope, plan: PatientCounts) -> Iterator[ComparisonRow]:
    """Yield the rows of one scope, not yet judged."""
    y, group = question.y[scope.rows], question.group[scope.rows]
    forecasts = {name: p[scope.rows] for name, p in question.forecasts.items()}
    options: dict[str, Any] = {"domains": scope.domains, "threshold": question.threshold}
    values, draws = {}, {}
    for name, p in forecasts.items():
        prepared = prepare_metrics(y, p, None, question.metrics, plan=plan, **options)
        values[name], draws[name] = prepared.values(), prepared.bootstrap(question.n_draws, question.seed)
    for a, b in question.pairs:
        tests = paired_permutation_test(
            y,
            forecasts[a],
            forecasts[b],
            group,
            question.metrics,
            n_permutations=question.n_permutations,
            seed=derive_seed(question.seed, "exchange"),
            **options,
        )
        is_identical = bool((forecasts[a] == forecasts[b]).all())
        for name in question.metrics:
            difference = values[a][name] - values[b][name]
            gaps = draws[a][name] - draws[b][name]
            estimate, se, freedom = _interval(difference, gaps, plan, question.level, question.unit)
            margin = question.margins[name]
            has_margin = not math.isnan(margin)
            yield ComparisonRow(
                a=a,
                b=b,
                metric=name,
                scope=scope.name,
                aggregation=scope.aggregation,
                value_a=values[a][name],
                value_b=values[b][name],
                difference=estimate,
                p_value=tests[name].p_value,
                p_adjusted=math.nan,
                n_family=0,
                n_permutations=tests[name].n_permutations,
                is_exact=tests[name].is_exact,
                p_naive=_naive(name, y, forecasts[a], forecasts[b], scope),
                margin=margin,
                p_equivalence=equivalence_p_value(difference, se, freedom, margin) if has_margin else math.nan,
                margin_needed=equivalence_margin_needed(difference, se, freedom, question.level),
                n_patients_needed=_needed(difference, se, plan.n_patients, question.level),
                verdict="identical" if is_identical else "",
                sentence="",
            )


def _scopes(n: int, folds: Any) -> Iterator[_Scope]:
    everything = np.arange(n)
    if folds is None:
        yield _Scope("all patches", "pooled", everything)
        return
    fold = as_groups(folds, n, "folds")
    if len(np.unique(fold)) == 1:
        yield _Scope(str(fold[0]), "pooled", everything)
        return
    yield _Scope("all folds", "pooled", everything)
    yield _Scope("all folds", "mean of folds", everything, fold)
    for name in sorted(np.unique(fold).tolist(), key=_by_number):
        yield _Scope(str(name), "fold", np.flatnonzero(fold == name))


def _by_number(name: Any) -> tuple[int, str]:
    digits = "".join(ch for ch in str(name) if ch.isdigit())
    return (int(digits) if digits else -1), str(name)


def _scope_notes(scope: _Scope, plan: PatientCounts, y: np.ndarray, n_permutations: int) -> Iterator[str]:
    where = scope.name if scope.aggregation == "fold" else f"{scope.name}, {scope.aggregation}"
    if len(np.unique(y)) < 2:
        yield f"{where}: one class only, so metrics that need both are undefined there"
    size = np.bincount(plan.stratum_of_patient)
    if size.min() == 1:
        yield f"{where}: no interval, since a class has a single patient"
    floor = max(2.0 / 2**plan.n_patients, 1 / (1 + n_permutations))
    if floor > 0.01:
        yield f"{where}: with {plan.n_patients} patients no permutation p-value is below {floor:.3g}"


def _interval(
    difference: float, draws: np.ndarray, plan: PatientCounts, level: float, unit: str
) -> tuple[Estimate, float, float]:
    """Return the difference with its t interval, its standard error and the degrees of freedom."""
    from scipy.stats import t

    n_classes = int(plan.stratum_of_patient.max()) + 1
    freedom = plan.n_patients - n_classes
    found = draws[np.isfinite(draws)]
    se = math.nan
    can_vary = np.bincount(plan.stratum_of_patient).min() > 1
    if can_vary and found.size > 1 and math.isfinite(difference):
        se = float(found.std(ddof=1)) * math.sqrt(plan.n_patients / freedom)
    half = float(t.isf((1 - level) / 2, max(freedom, 1))) * se
    estimate = Estimate(
        value=difference,
        low=difference - half,
        high=difference + half,
        level=level,
        method="paired cluster bootstrap, t",
        n_draws=int(found.size),
        unit=unit,
        n_units=plan.n_patients,
    )
    return estimate, se, float(max(freedom, 1))


def _naive(name: str, y: np.ndarray, p_a: np.ndarray, p_b: np.ndarray, scope: _Scope) -> float:
    if name != "auc" or scope.domains is not None or p_a.ndim > 1 or len(np.unique(y)) < 2:
        return math.nan
    return auc_difference(y, p_a, p_b, "patches", unit="patch")[1]


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
    """Adjust each family's p-values and put every row into words."""
    adjusted, n_family = np.full(len(rows), np.nan), np.zeros(len(rows), dtype=int)
    families = {(row.metric, row.aggregation) for row in rows}
    for family in families:
        own = [k for k, row in enumerate(rows) if (row.metric, row.aggregation) == family]
        p_values = np.array([rows[k].p_value for k in own])
        adjusted[own] = adjust(p_values, adjustment)
        n_family[own] = np.count_nonzero(~np.isnan(p_values))
    for row, p_adjusted, size in zip(rows, adjusted, n_family):
        judged = dataclasses.replace(row, p_adjusted=float(p_adjusted), n_family=int(size))
        judged = dataclasses.replace(judged, verdict=verdict(judged, metric(row.metric).higher_is_better, level))
        yield dataclasses.replace(judged, sentence=sentence(judged, metric(row.metric).label, level))
