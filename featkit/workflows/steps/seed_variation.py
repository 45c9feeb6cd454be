"""Several trainings of one method: their mean, and where their differences come from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from featkit.core.run_key import RunKey
from featkit.results.by_run import ByRun
from featkit.results.estimate import Estimate
from featkit.results.evaluation import Evaluation
from featkit.results.variance_components import VarianceComponents
from featkit.workflows.steps.forecasts import Forecast

_METRICS = ("auc", "f1", "balanced_accuracy", "brier", "ece")


def means_over_seeds(evaluations: Mapping[RunKey, Evaluation], *, level: float) -> ByRun[dict[str, Estimate]]:
    """Return the mean over seeds of each model's metrics, by its key without the seed; none for models of one seed."""
    from featkit.stats import mean_over_seeds

    found: dict[RunKey, dict[str, Estimate]] = {}
    for model, keys in _models(evaluations).items():
        for metric in _METRICS:
            values = [_headline(evaluations[key], metric) for key in keys]
            if np.isfinite(values).all():
                seeds = [int(key.seed or 0) for key in keys]
                found.setdefault(model, {})[metric] = mean_over_seeds(values, seeds, level=level)
    return ByRun(found)


def variance_over_runs(
    forecasts: Mapping[RunKey, Forecast], evaluations: Mapping[RunKey, Evaluation], *, level: float
) -> ByRun[VarianceComponents]:
    """Return the variance components of AUC over seeds and folds, and of the Brier score over seeds and patients.

    A patient's Brier score is the mean over its patches of all folds, so the patients are the replicates of the
    second; folds are a source of variance in the first and never replicates.
    """
    from featkit.stats import variance_components

    found = {}
    for model, keys in _models(evaluations).items():
        for quantity, values, sources in _quantities(keys, forecasts, evaluations):
            if all(1 < len(set(labels)) < len(values) for labels in sources.values()):  # each source varies and repeats
                key = dataclasses.replace(model, variant=(("quantity", quantity),))
                components = variance_components(values, sources, quantity=quantity, level=level)
                found[key] = dataclasses.replace(components, key=key)
    return ByRun(found)


def _models(evaluations: Mapping[RunKey, Evaluation]) -> dict[RunKey, list[RunKey]]:
    """Return each model's runs, for the models trained with several seeds."""
    models: dict[RunKey, list[RunKey]] = {}
    for key in evaluations:
        models.setdefault(key.without("seed"), []).append(key)
    return {model: keys for model, keys in models.items() if len(keys) > 1}


def _quantities(
    keys: Sequence[RunKey], forecasts: Mapping[RunKey, Forecast], evaluations: Mapping[RunKey, Evaluation]
) -> Iterator[tuple[str, list[float], Any]]:
    by_fold: list[tuple[float, int, str]] = []
    by_patient: list[tuple[float, int, str]] = []
    for key in keys:
        seed = int(key.seed or 0)
        for row in evaluations[key].rows:
            if (row.scope, row.metric) == ("fold", "auc") and np.isfinite(row.estimate.value):
                by_fold.append((row.estimate.value, seed, row.aggregation))
        error = _squared_error(forecasts[key])
        names, patient = np.unique(forecasts[key].patients.astype(str), return_inverse=True)
        scores = np.bincount(patient, error) / np.bincount(patient)
        by_patient += [(float(s), seed, str(n)) for s, n in zip(scores, names, strict=True)]
    for quantity, values, second in (("AUC", by_fold, "fold"), ("Brier", by_patient, "patient")):
        yield quantity, [v[0] for v in values], {"seed": [v[1] for v in values], second: [v[2] for v in values]}


def _squared_error(forecast: Forecast) -> np.ndarray:
    if forecast.p.ndim == 1:
        return np.asarray((forecast.p - forecast.y) ** 2)
    return np.asarray(((forecast.p - np.eye(forecast.p.shape[1])[forecast.y]) ** 2).sum(axis=1))


def _headline(evaluation: Evaluation, metric: str) -> float:
    is_there = any((row.scope, row.metric) == ("all", metric) for row in evaluation.rows)
    return evaluation.get(metric).value if is_there else float("nan")
