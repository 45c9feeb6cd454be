"""Tables of evaluations and comparisons: the same on the terminal, in LaTeX and on the page."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from featkit.reporting.sentences import without_class, without_seed
from featkit.reporting.tables import Table, table_of
from featkit.results.calibration import RecalibrationEffect
from featkit.results.comparison import Comparison
from featkit.results.estimate import Estimate
from featkit.results.evaluation import Evaluation
from featkit.results.evaluation_set import EvaluationSet
from featkit.results.signature import REST

LABELS = {
    "auc": "AUC",
    "average_precision": "average precision",
    "auc_hand_till": "AUC (Hand and Till)",
    "f1": "F1",
    "balanced_accuracy": "balanced accuracy",
    "mcc": "MCC",
    "recognition_rate": "recognition rate",
    "brier": "Brier",
    "ece": "ECE",
    "ece_top_label": "ECE (top label)",
    "ece_classwise": "ECE (class-wise)",
    "calibration_slope": "calibration slope",
}
DISCRIMINATION = ("auc", "f1", "balanced_accuracy", "recognition_rate")
CALIBRATION = ("brier", "ece", "calibration_slope", "ece_top_label", "ece_classwise")
MAPS = {"platt": "Platt", "temperature": "temperature", "isotonic": "isotonic", "beta": "beta"}


MOST_ROWS = 24
"""A longer table is summed up; CSV and JSON have every row."""

_ROUNDING = 1e-12


def scopes_of(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return the sets of patches to show: folds and all, without "all" where there is one fold only."""
    found = list(dict.fromkeys((r.scope, r.aggregation) for r in evaluation.rows if r.scope in ("fold", "all")))
    return [s for s in found if s[0] == "fold"] if sum(s[0] == "fold" for s in found) == 1 else found


def by_task(evaluations: Mapping[str, Evaluation]) -> dict[str, dict[str, Evaluation]]:
    """Return the models by what they tell apart: "" for all classes, else the one told from the rest.

    A metric of one class against the rest and the same metric over all classes do not belong side by side.
    """
    found: dict[str, dict[str, Evaluation]] = {}
    for name, evaluation in evaluations.items():
        found.setdefault(positive_of(evaluation), {})[name] = evaluation
    return dict(sorted(found.items(), key=lambda item: bool(item[0])))


def positive_of(evaluation: Evaluation) -> str:
    """Return the class that is told from the rest; empty where all classes are told apart."""
    names = tuple(evaluation.class_names)
    return names[1] if len(names) == 2 and names[0] == REST else ""


def against_the_rest(positive: str) -> str:
    """Return ", ductal against the rest" or nothing, for captions and titles."""
    return f", {positive} against the rest" if positive else ""


def metrics_tables(evaluations: Mapping[str, Evaluation], metrics: Sequence[str], caption: str) -> dict[str, Table]:
    """Return a table of metrics for all classes ("") and one for each class that is told from the rest."""
    return {
        positive: metrics_table(models, metrics, (f"Class {positive} against the rest. " if positive else "") + caption)
        for positive, models in by_task(evaluations).items()
    }


def metrics_table(evaluations: Mapping[str, Evaluation], metrics: Sequence[str], caption: str) -> Table:
    """Return one row a model and set of patches, one column a metric, and the majority baseline last."""
    import polars as pl

    shown = {row.metric for e in evaluations.values() for row in e.rows if row.scope in ("fold", "all")}
    there = [m for m in metrics if m in shown]
    rows: list[dict[str, Any]] = []
    majority: dict[str, float] = {}
    scopes = {name: scopes_of(evaluation) for name, evaluation in evaluations.items()}
    if sum(map(len, scopes.values())) > MOST_ROWS:
        scopes = {name: [s for s in own if s[0] == "all"] or own for name, own in scopes.items()}
        caption += " Single folds are in evaluation.csv."
    for name, evaluation in evaluations.items():
        by = {(r.scope, r.aggregation, r.metric): r for r in evaluation.rows}
        for scope, aggregation in scopes[name]:
            row: dict[str, Any] = {"model": name, "patches": aggregation}
            for metric in there:
                if (scope, aggregation, metric) in by:
                    row |= _cell(metric, by[scope, aggregation, metric].estimate)
            rows.append(row)
        majority |= {m: _plain(by["all", "pooled", m].majority) for m in there if ("all", "pooled", m) in by}
    rows.append({"model": "majority class", "patches": "pooled", **majority})
    columns = {"model": "model", "patches": "patches", **{m: LABELS.get(m, m) for m in there}}
    return table_of(_once(pl.DataFrame(rows, infer_schema_length=None), "model"), columns=columns, caption=caption)


def brier_table(found: EvaluationSet) -> Table:
    """Return one row a model and set of patches: the Brier score and its parts, over bins and by CORP."""
    import polars as pl

    rows = []
    is_long = sum(map(len, found.brier_terms.values())) > MOST_ROWS
    for name, by_scope in found.brier_terms.items():
        is_one_fold = len(by_scope) == 2
        for scope in by_scope:
            if (is_one_fold and scope == "pooled") or (is_long and not is_one_fold and scope != "pooled"):
                continue
            terms, binned = by_scope[scope], by_scope[scope].binned
            rows.append(
                {
                    "model": name,
                    "patches": scope,
                    "Brier": _three(binned.brier),
                    "uncertainty": _three(binned.uncertainty),
                    "reliability": f"{_three(binned.reliability)} ({_three(binned.corrected_reliability)})",
                    "resolution": f"{_three(binned.resolution)} ({_three(binned.corrected_resolution)})",
                    "within bins": _three(binned.within_variance - binned.within_covariance),
                    "MCB": _three(terms.miscalibration),
                    "DSC": _three(terms.discrimination),
                }
            )
    caption = (
        "The Brier score taken apart: uncertainty + reliability − resolution + within bins (in brackets corrected for "
        "the bias of few patches a bin); or, by CORP without bins, uncertainty + miscalibration (MCB) − discrimination "
        "(DSC)."
    )
    table = table_of(_once(pl.DataFrame(rows, infer_schema_length=None), "model"), caption=caption)
    return dataclasses.replace(table, is_number=tuple(k > 1 for k in range(len(table.columns))))


def recalibration_table(effects: Mapping[str, RecalibrationEffect], metric: str) -> Table:
    """Return one row a model and fold: the metric before, and what each map fitted on source patients changes."""
    kinds = [kind for kind in MAPS if any(metric in e.changes.get(kind, {}) for e in effects.values())]
    if len(effects) > MOST_ROWS:
        return _recalibration_summary(effects, metric, kinds)
    rows, last = [], ""
    for name, effect in effects.items():
        model, fold = _model_and_fold(name)
        changes = [effect.changes.get(kind, {}).get(metric) for kind in kinds]
        before = effect.estimates["none"][metric].value
        cells = ("" if model == last else model, fold, _three(before))
        rows.append((*cells, *("–" if change is None else _change(change) for change in changes)))
        last = model
    caption = (
        f"{LABELS[metric]} on held-out patches before recalibration, and its change by each map: below 0 is better, a "
        "star where the interval of the change leaves out 0. Maps are fitted on source validation patients only."
    )
    columns = ("model", "held out", "before", *(MAPS[kind] for kind in kinds))
    return Table(columns, tuple(rows), (False, False, *(True for _ in columns[2:])), caption)


def _recalibration_summary(effects: Mapping[str, RecalibrationEffect], metric: str, kinds: list[str]) -> Table:
    models: dict[str, list[RecalibrationEffect]] = {}
    for name, effect in effects.items():
        models.setdefault(_model_and_fold(name)[0], []).append(effect)
    rows = []
    for model, own in models.items():
        cells = [model, str(len(own)), _three(sum(e.estimates["none"][metric].value for e in own) / len(own))]
        for kind in kinds:
            changes = [e.changes[kind][metric].value for e in own if metric in e.changes.get(kind, {})]
            mean = _three(sum(changes) / len(changes), is_signed=True) if changes else "–"
            cells.append(f"{mean} ({sum(change < 0 for change in changes)})")
        rows.append(tuple(cells))
    caption = (
        f"{LABELS[metric]} on held-out patches before recalibration and its change by each map, means over folds and "
        "seeds; in brackets how many became better. Maps are fitted on source validation patients only."
    )
    columns = ("model", "runs", "before", *(MAPS[kind] for kind in kinds))
    return Table(columns, tuple(rows), (False, *(True for _ in columns[1:])), caption)


def _model_and_fold(name: str) -> tuple[str, str]:
    """Return "grl signature, ductal" and "100X, seed 1" of "grl signature, ductal, 100X held out, seed 1"."""
    run, held_out, seed = name.rpartition(" held out")
    model, _, fold = run.rpartition(", ")
    return (model, fold + seed) if held_out else (name, "")


def _change(change: Estimate) -> str:
    return _three(change.value, is_signed=True) + ("*" if change.low > 0 or change.high < 0 else "")


def seeds_tables(found: EvaluationSet) -> dict[str, Table]:
    """Return the means over seeds for all classes ("") and for each class that is told from the rest."""
    task = {without_seed(name): positive_of(e) for name, e in found.evaluations.items()}
    models: dict[str, dict[str, dict[str, Estimate]]] = {}
    for name, metrics in found.over_seeds.items():
        models.setdefault(task.get(name, ""), {})[name] = metrics
    return {positive: _seeds_table(own, positive) for positive, own in models.items()}


def _seeds_table(over_seeds: Mapping[str, Mapping[str, Estimate]], positive: str) -> Table:
    """Return one row a model: the mean over training seeds of each pooled metric."""
    import polars as pl

    rows: list[dict[str, Any]] = []
    for name, metrics in over_seeds.items():
        row: dict[str, Any] = {"model": name, "seeds": max(e.n_units for e in metrics.values())}
        for metric, estimate in metrics.items():
            row |= _cell(metric, estimate)
        rows.append(row)
    shown = {m: LABELS.get(m, m) for m in dict.fromkeys(m for e in over_seeds.values() for m in e)}
    caption = (
        f"Mean over training seeds of the pooled value{against_the_rest(positive)}. The interval says how far other "
        "seeds would move it on the same patients; folds are not counted as repetitions."
    )
    columns = {"model": "model", "seeds": "seeds", **shown}
    return table_of(pl.DataFrame(rows, infer_schema_length=None), columns=columns, caption=caption)


def variance_table(found: EvaluationSet) -> Table:
    """Return one row a model and quantity: the standard deviation each source contributes, and its share."""
    import polars as pl

    rows = []
    for name, result in found.variance.items():
        row: dict[str, Any] = {"model and quantity": name}
        for source, variance in result.components.items():
            row[source] = f"{variance**0.5:.3f} ({result.shares[source]:.0%})"
        rows.append(row)
    caption = "Where the variance of repeated runs comes from: standard deviation (share of the variance)."
    return table_of(pl.DataFrame(rows, infer_schema_length=None), caption=caption)


def comparison_table(found: Comparison) -> Table:
    """Return one row a metric and set of patches: both values, the difference, p-values, the verdict."""
    import polars as pl

    pairs = list(dict.fromkeys((row.a, row.b) for row in found.rows))
    rows: list[dict[str, Any]] = []
    for row in found.rows:
        a, b = without_class(row.a, row.b) if len(pairs) == 1 else (row.a, row.b)
        record: dict[str, Any] = {} if len(pairs) == 1 else {"first": a, "second": b}
        record |= {
            "metric": LABELS.get(row.metric, row.metric),
            "patches": row.scope if row.aggregation == "fold" or row.scope != "all folds" else row.aggregation,
            "a": _plain(row.value_a),
            "b": _plain(row.value_b),
            **_cell("difference", row.difference),
            "p": row.p_value,
            "p_adjusted": row.p_adjusted,
        }
        if row.margin == row.margin:
            record["p_equivalence"] = row.p_equivalence
        rows.append(record | {"verdict": _verdict(row.verdict, a, b)})
    frame = pl.DataFrame(rows, infer_schema_length=None)
    columns = {name: name for name in frame.columns if name not in ("difference_low", "difference_high")}
    columns |= {"p_adjusted": f"p ({found.adjustment})"}
    if len(pairs) == 1:
        columns |= dict(zip("ab", without_class(*pairs[0])))
    if "p_equivalence" in columns:
        columns["p_equivalence"] = "p (equivalent)"
    if all(row.n_family <= 1 for row in found.rows):
        del columns["p_adjusted"]
    what = f"{pairs[0][0]} minus {pairs[0][1]}" if len(pairs) == 1 else "First minus second"
    caption = f"{what}, on {found.n_patches} held-out patches of {found.n_patients} patients."
    return table_of(frame, columns=columns, caption=caption)


def _three(value: float, *, is_signed: bool = False) -> str:
    text = f"{value:+.3f}" if is_signed else f"{value:.3f}"
    return (text.lstrip("+-") if float(text) == 0 else text).replace("-", "−")


def _verdict(verdict: str, a: str, b: str) -> str:
    return {"a better": f"{a} better", "b better": f"{b} better"}.get(verdict, verdict)


def _cell(name: str, estimate: Estimate) -> dict[str, float]:
    ends = {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return {key: _plain(value) for key, value in ends.items()}


def _plain(value: float) -> float:
    """Return 0 for what is rounding alone: a table would show it in powers of ten."""
    return 0.0 if abs(value) < _ROUNDING else value


def _once(frame: Any, column: str) -> Any:
    """Return a frame whose column names each block of equal values once."""
    import polars as pl

    if not len(frame):
        return frame
    is_new = frame[column] != frame[column].shift()
    return frame.with_columns(pl.when(is_new.fill_null(True)).then(pl.col(column)).otherwise(pl.lit("")).alias(column))
