"""Tables of evaluations: the same on the terminal, in LaTeX and on the page."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

from featkit.core.metric_names import metric_name
from featkit.core.run_key import RunKey
from featkit.core.text import interval, number, p_value
from featkit.reporting.headline import empty_folds, nothing_selected
from featkit.reporting.run_groups import against_the_rest, by_class, by_model, model_labels
from featkit.reporting.tables import Table, table_of_rows
from featkit.results.calibration import RecalibrationEffect
from featkit.results.estimate import Estimate
from featkit.results.evaluation import Evaluation
from featkit.results.evaluation_set import EvaluationSet

DISCRIMINATION = ("auc", "f1", "balanced_accuracy", "recognition_rate")
CALIBRATION = ("brier", "calibration_slope", "calibration_intercept")
_UNITS = ("patients", "slides")
_NOTHING = "nothing selected"
MAPS = {"platt": "Platt", "temperature": "temperature", "isotonic": "isotonic", "beta": "beta"}

MOST_ROWS = 24
"""A longer table is summed up; CSV and JSON have every row."""


def evaluation_tables(found: EvaluationSet) -> dict[str, Table]:
    """Return every table of an evaluation by its name, for LaTeX.

    Parameters
    ----------
    found : EvaluationSet
        What ``featkit evaluate`` found.

    Returns
    -------
    dict of str to Table
        "discrimination", "calibration", "calibration-error", "brier", "recalibration-brier", "recalibration-ece",
        "seeds" and "variance", as far as there is something to show; tables of one class against the rest end in "-2",
        "-3", ..., in the order of classes, and name the class in their caption.
    """
    named: dict[str, list[Table]] = {
        "discrimination": list(metrics_tables(found.evaluations, DISCRIMINATION, "On held-out patches.").values()),
        "calibration": list(metrics_tables(found.evaluations, CALIBRATION, "On held-out patches.").values()),
        "calibration-error": list(calibration_tables(found.evaluations).values()),
        "brier": [brier_table(found)] if found.brier_terms else [],
        "seeds": list(seeds_tables(found).values()),
        "variance": [variance_table(found)] if found.variance else [],
    }
    if found.recalibrations:
        for metric in ("brier", "ece"):
            named[f"recalibration-{metric}"] = [recalibration_table(found.recalibrations, metric)]
    return {
        name if place == 1 else f"{name}-{place}": table
        for name, tables in named.items()
        for place, table in enumerate(tables, 1)
    }


def scopes_of(evaluation: Evaluation, metrics: Sequence[str]) -> list[tuple[str, str]]:
    """Return the sets of patches to show: the one over all folds to quote, then patients or slides, then each fold.

    Over all folds that is their mean where a metric ranks patches (and pairs within folds where a fold leaves the mean
    undefined), else the pooled set; of a single fold it is that fold. CSV and JSON have every set.
    """
    found = dict.fromkeys((r.scope, r.aggregation) for r in evaluation.rows)
    folds = [s for s in found if s[0] == "fold"]
    wanted = ["pooled"]
    if len(folds) != 1 and any(metric_name(m).is_rank for m in metrics) and ("all", "mean of folds") in found:
        wanted = ["mean of folds"]
        rows = [r for r in evaluation.rows if (r.scope, r.aggregation, r.metric) == ("all", "mean of folds", "auc")]
        if rows and not math.isfinite(rows[0].estimate.value):
            wanted.append("within folds")
    quoted = [(scope, name) for scope in ("all", *_UNITS) for name in wanted if (scope, name) in found]
    if len(folds) == 1:
        return [*folds, *(s for s in quoted if s[0] != "all")]
    return [*quoted, *folds]


def metrics_tables(
    evaluations: Mapping[RunKey, Evaluation],
    metrics: Sequence[str],
    caption: str,
    empty: Collection[RunKey] = (),
) -> dict[str | None, Table]:
    """Return a table of metrics for all classes (None) and one for each class that is told from the rest."""
    return {
        positive: metrics_table(
            models, metrics, (f"Class {positive} against the rest. " if positive else "") + caption, empty
        )
        for positive, models in by_class(evaluations).items()
    }


def metrics_table(
    evaluations: Mapping[RunKey, Evaluation],
    metrics: Sequence[str],
    caption: str,
    empty: Collection[RunKey] = (),
) -> Table:
    """Return one row per model and set of patches, one column per metric, and the majority baseline last.

    Parameters
    ----------
    evaluations : mapping of RunKey to Evaluation
        By model.
    metrics : sequence of str
        Their names; those that no model has are left out.
    caption : str
        What the table shows.
    empty : collection of RunKey
        Signatures in which nothing was selected: they rank no patch, which is said instead of the AUC of a constant.
    """
    shown = {row.metric for e in evaluations.values() for row in e.rows if row.scope in ("fold", "all")}
    there = [m for m in metrics if m in shown]
    scopes = {key: scopes_of(one, there) for key, one in evaluations.items()}
    caption += _whose_label(evaluations)
    if sum(map(len, scopes.values())) > MOST_ROWS:
        scopes = {key: [s for s in own if s[0] != "fold"] or own for key, own in scopes.items()}
        caption += " Single folds are in evaluation.csv."
    rows: list[dict[str, object]] = []
    majority: dict[str, object] = {}
    quoted: tuple[str, str] = ("", "")
    for key, name in model_labels(evaluations).items():
        evaluation = evaluations[key]
        by = {(r.scope, r.aggregation, r.metric): r for r in evaluation.rows}
        folds = list(dict.fromkeys(r.aggregation for r in evaluation.rows if r.scope == "fold"))
        stated = {r.aggregation for r in evaluation.rows if r.scope == "fold" and r.estimate.state == _NOTHING}
        nothing = (empty_folds(key, empty) & set(folds)) | stated
        for scope, aggregation in scopes[key]:
            is_empty = aggregation in nothing if scope == "fold" else len(nothing) == len(folds) > 0
            quoted = quoted if quoted[0] else (("all", "pooled") if scope == "fold" else (scope, aggregation))
            remark = ""
            if nothing and scope != "fold":
                remark = f", {nothing_selected(len(nothing), len(folds))}"
            elif is_empty:
                remark = f", {_NOTHING}"
            unit = f"per {scope.removesuffix('s')}, " if scope in _UNITS else ""
            where = folds[0] if scope in _UNITS and len(folds) == 1 else aggregation
            row: dict[str, object] = {"model": name, "patches": unit + where + remark}
            for metric in there:
                if (scope, aggregation, metric) in by and not (is_empty and metric_name(metric).is_rank):
                    row[metric_name(metric).short] = by[scope, aggregation, metric].estimate
            rows.append(row)
        majority |= {metric_name(m).short: by[*quoted, m].majority for m in there if (*quoted, m) in by}
    order = ["model", "patches", *(metric_name(m).short for m in there)]
    rows.append({"model": "majority class", "patches": quoted[1], **majority})
    ordered = [{heading: row.get(heading) for heading in order} for row in rows]
    return table_of_rows(ordered, texts=("model", "patches"), named_once="model", caption=caption)


def calibration_tables(evaluations: Mapping[RunKey, Evaluation]) -> dict[str | None, Table]:
    """Return the calibration errors for all classes (None) and for each class that is told from the rest."""
    shown = {key: one for key, one in evaluations.items() if one.calibration}
    return {positive: _calibration_table(models, positive) for positive, models in by_class(shown).items()}


def _calibration_table(evaluations: Mapping[RunKey, Evaluation], positive: str | None) -> Table:
    """Return one row per model and set of patches: the ECE beside what perfect calibration would show."""
    n_rows = sum(len(tests) for one in evaluations.values() for tests in one.calibration.values())
    rows: list[dict[str, object]] = []
    for key, name in model_labels(evaluations).items():
        for metric, tests in evaluations[key].calibration.items():
            folds = [fold for fold in tests if fold != "pooled"]
            shown = folds if len(folds) == 1 else ["pooled"] if n_rows > MOST_ROWS else list(tests)
            for aggregation in (fold for fold in shown if fold in tests):
                test = tests[aggregation]
                row = {"model": name, "patches": aggregation, "error": metric_name(metric).short, "value": test.ece}
                row["if calibrated"] = interval(test.ece_by_chance, test.chance_low, test.chance_high)
                row["debiased (RMS)"] = test.rms_debiased
                row["p"] = p_value(test.p_value, test.least_p_value)
                rows.append(row)
    caption = (
        f"Calibration errors{against_the_rest(positive)}, beside those that perfectly calibrated probabilities would "
        "show with these patients (mean and range), and the p-value of perfect calibration. They are biased upwards, "
        "so they have no interval; the root mean squared error over bins is free of that bias."
    )
    return table_of_rows(rows, texts=("model", "patches", "error"), named_once="model", caption=caption)


def _whose_label(evaluations: Mapping[RunKey, Evaluation]) -> str:
    """Return what a label belongs to and which class is the positive one, for a caption."""
    units = {one.label_unit for one in evaluations.values()}
    text = ""
    if len(units) == 1 and (unit := units.pop()) != "patch":
        text = f" The label belongs to the {unit}: scores per {unit} are means over its patches."
    said = {one.positive for one in evaluations.values() if one.positive}
    return f"{text} Positive class: {said.pop()}." if len(said) == 1 else text


def brier_table(found: EvaluationSet) -> Table:
    """Return one row per model and set of patches: the Brier score and its parts, over bins and by CORP."""
    models = by_model(found.brier_terms, "fold")
    names = model_labels(models)
    is_long = len(found.brier_terms) > MOST_ROWS
    rows: list[dict[str, object]] = []
    for model, terms_by_fold in models.items():
        is_one_fold = len(terms_by_fold) == 2
        for key, terms in terms_by_fold.items():
            is_pooled = key.fold is None
            if (is_one_fold and is_pooled) or (is_long and not is_one_fold and not is_pooled):
                continue
            binned = terms.binned
            rows.append(
                {
                    "model": names[model],
                    "patches": key.fold or "pooled",
                    "Brier": binned.brier,
                    "uncertainty": binned.uncertainty,
                    "reliability": f"{number(binned.reliability)} ({number(binned.corrected_reliability)})",
                    "resolution": f"{number(binned.resolution)} ({number(binned.corrected_resolution)})",
                    "within bins": binned.within_variance - binned.within_covariance,
                    "MCB": terms.miscalibration,
                    "DSC": terms.discrimination,
                }
            )
    caption = (
        "Parts of the Brier score: uncertainty + reliability − resolution + within bins (in brackets corrected for the "
        "bias of few patches per bin); or, by CORP without bins, uncertainty + miscalibration (MCB) − discrimination "
        "(DSC)."
    )
    return table_of_rows(rows, texts=("model", "patches"), named_once="model", caption=caption)


def recalibration_table(
    effects: Mapping[RunKey, RecalibrationEffect], metric: str, empty: Collection[RunKey] = ()
) -> Table:
    """Return one row per model and fold: the metric before, and what each map fitted on source patients changes.

    Parameters
    ----------
    effects : mapping of RunKey to RecalibrationEffect
        By model and fold.
    metric : str
        "brier" or "ece".
    empty : collection of RunKey
        Signatures in which nothing was selected: what a map gains over a constant forecast gets no star.
    """
    kinds = [kind for kind in MAPS if any(metric in e.changes.get(kind, {}) for e in effects.values())]
    if len(effects) > MOST_ROWS:
        return _recalibration_summary(effects, metric, kinds)
    models = by_model(effects, "fold")
    names = model_labels(models)
    rows: list[dict[str, object]] = []
    for model, by_fold in models.items():
        for key, effect in by_fold.items():
            state = effect.state or ("nothing selected" if key in empty else "")
            held_out = f"{key.fold}, {state}" if state else str(key.fold)
            row: dict[str, object] = {"model": names[model], "held out": held_out}
            row["before"] = effect.estimates["none"][metric].value
            for kind in kinds:
                change = effect.changes.get(kind, {}).get(metric)
                row[MAPS[kind]] = None if change is None else _change(change, has_star=not state)
            rows.append(row)
    caption = (
        f"{metric_name(metric).short} on held-out patches before recalibration, and its change by each map: below 0 is "
        "better; a star where the interval of the change excludes 0. Maps are fitted on source validation patients "
        "only."
    )
    return table_of_rows(rows, texts=("model", "held out"), named_once="model", caption=caption)


def _recalibration_summary(effects: Mapping[RunKey, RecalibrationEffect], metric: str, kinds: Sequence[str]) -> Table:
    models = by_model(effects, "fold", "seed")
    names = model_labels(models)
    rows: list[dict[str, object]] = []
    for model, runs in models.items():
        own = list(runs.values())
        row: dict[str, object] = {"model": names[model], "runs": len(own)}
        row["before"] = sum(e.estimates["none"][metric].value for e in own) / len(own)
        for kind in kinds:
            changes = [e.changes[kind][metric].value for e in own if metric in e.changes.get(kind, {})]
            mean = number(sum(changes) / len(changes), is_signed=True) if changes else "–"
            row[MAPS[kind]] = f"{mean} ({sum(change < 0 for change in changes)})"
        rows.append(row)
    caption = (
        f"{metric_name(metric).short} on held-out patches before recalibration and its change by each map, means over "
        "folds and seeds; in brackets how many runs improved. Maps are fitted on source validation patients only."
    )
    return table_of_rows(rows, texts=("model",), caption=caption)


def _change(change: Estimate, *, has_star: bool) -> str:
    is_sure = has_star and (change.low > 0 or change.high < 0)
    return number(change.value, is_signed=True) + ("*" if is_sure else "")


def seeds_tables(found: EvaluationSet) -> dict[str | None, Table]:
    """Return the means over seeds for all classes (None) and for each class that is told from the rest."""
    return {positive: _seeds_table(own, positive) for positive, own in by_class(found.over_seeds).items()}


def _seeds_table(over_seeds: Mapping[RunKey, Mapping[str, Estimate]], positive: str | None) -> Table:
    """Return one row per model: the mean over training seeds of each metric."""
    rows: list[dict[str, object]] = []
    for key, name in model_labels(over_seeds).items():
        metrics = over_seeds[key]
        row: dict[str, object] = {"model": name, "seeds": max(e.n_units for e in metrics.values())}
        rows.append(row | {metric_name(metric).short: estimate for metric, estimate in metrics.items()})
    caption = (
        f"Means over training seeds{against_the_rest(positive)}. The interval says how far other seeds would move the "
        "mean on the same patients; folds are not counted as repetitions."
    )
    return table_of_rows(rows, texts=("model",), caption=caption)


def variance_table(found: EvaluationSet) -> Table:
    """Return one row per model and quantity: the standard deviation each source contributes, and its share."""
    rows: list[dict[str, object]] = []
    for name, quantity, key in variance_names(found):
        result = found.variance[key]
        row: dict[str, object] = {"model": name, "quantity": quantity}
        for source, variance in result.components.items():
            row[source] = f"{number(variance**0.5)} ({result.shares[source]:.0%})"
        rows.append(row)
    caption = "Where the variance of repeated runs comes from: standard deviation (share of the variance)."
    return table_of_rows(rows, texts=("model", "quantity"), named_once="model", caption=caption)


def variance_names(found: EvaluationSet) -> Iterator[tuple[str, str, RunKey]]:
    """Yield model, quantity and key of each variance decomposition over runs."""
    names = model_labels(key.without("variant") for key in found.variance)
    for key, result in found.variance.items():
        yield names[key.without("variant")], result.quantity, key
