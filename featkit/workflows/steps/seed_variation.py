"""Several trainings of one method: their mean, and where their differences come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from featkit.results.estimate import Estimate
from featkit.results.evaluation import Evaluation
from featkit.results.variance_components import VarianceComponents
from featkit.workflows.steps.forecasts import Forecast

_METRICS = ("auc", "f1", "balanced_accuracy", "brier", "ece")


def means_over_seeds(
    forecasts: Mapping[str, Forecast], evaluations: Mapping[str, Evaluation], *, level: float
) -> dict[str, dict[str, Estimate]]:
    """Return the mean over seeds of each model's pooled metrics; empty for models of one seed."""
    from featkit.stats import mean_over_seeds

    found: dict[str, dict[str, Estimate]] = {}
    for model, names in _models(forecasts).items():
        seeds = [forecasts[name].seed for name in names]
        for metric in _METRICS:
            values = [_pooled(evaluations[name], metric) for name in names]
            if np.isfinite(values).all():
                found.setdefault(model, {})[metric] = mean_over_seeds(values, seeds, level=level)
    return found


def variance_over_runs(
    forecasts: Mapping[str, Forecast], evaluations: Mapping[str, Evaluation], *, level: float
) -> dict[str, VarianceComponents]:
    """Return the variance components of AUC over seeds and folds, and of the Brier score over seeds and patients.

    A patient's Brier score is the mean over its patches of all folds, so the patients are the replicates of the
    second; folds are a source of variance in the first and never replicates.
    """
    from featkit.stats import variance_components

    found = {}
    for model, names in _models(forecasts).items():
        for quantity, values, sources in _runs([forecasts[n] for n in names], [evaluations[n] for n in names]):
            if all(1 < len(set(labels)) < len(values) for labels in sources.values()):  # each source varies and repeats
                found[f"{model}, {quantity}"] = variance_components(values, sources, quantity=quantity, level=level)
    return found


def _models(forecasts: Mapping[str, Forecast]) -> dict[str, list[str]]:
    """Return the names of each model's runs, for the models trained with several seeds."""
    models: dict[str, list[str]] = {}
    for name, forecast in forecasts.items():
        models.setdefault(name.removesuffix(f" seed {forecast.seed}"), []).append(name)
    return {model: names for model, names in models.items() if len(names) > 1}


def _runs(forecasts: list[Forecast], evaluations: list[Evaluation]) -> Iterator[tuple[str, list[float], Any]]:
    by_fold: list[tuple[float, int, str]] = []
    by_patient: list[tuple[float, int, str]] = []
    for forecast, evaluation in zip(forecasts, evaluations, strict=True):
        for row in evaluation.rows:
            if (row.scope, row.metric) == ("fold", "auc") and np.isfinite(row.estimate.value):
                by_fold.append((row.estimate.value, forecast.seed, row.aggregation))
        error = _squared_error(forecast)
        names, who = np.unique(forecast.patients.astype(str), return_inverse=True)
        scores = np.bincount(who, error) / np.bincount(who)
        by_patient += [(float(s), forecast.seed, str(n)) for s, n in zip(scores, names, strict=True)]
    for quantity, values, second in (("AUC", by_fold, "fold"), ("Brier", by_patient, "patient")):
        yield quantity, [v[0] for v in values], {"seed": [v[1] for v in values], second: [v[2] for v in values]}


def _squared_error(forecast: Forecast) -> np.ndarray:
    if forecast.p.ndim == 1:
        return np.asarray((forecast.p - forecast.y) ** 2)
    return np.asarray(((forecast.p - np.eye(forecast.p.shape[1])[forecast.y]) ** 2).sum(axis=1))


def _pooled(evaluation: Evaluation, metric: str) -> float:
    rows = [r for r in evaluation.rows if (r.scope, r.aggregation, r.metric) == ("all", "pooled", metric)]
    return rows[0].estimate.value if rows else float("nan")
