"""Differences between methods, and methods fold by fold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from featkit.core.errors import InputError, did_you_mean
from featkit.core.metric_names import metric_name
from featkit.core.run_key import RunKey
from featkit.core.text import interval, number, p_value
from featkit.reporting.comparison_tables import ADJUSTMENTS, compared_models, least_p_value
from featkit.reporting.figures.style import (
    BLUE,
    COLUMN,
    INK,
    MARKERS,
    MUTED,
    PAGE,
    RULE,
    colour,
    new_figure,
    short,
    styled,
    whiskers,
    write_empty,
)
from featkit.reporting.run_groups import labels
from featkit.results.comparison import Comparison, ComparisonRow
from featkit.results.estimate import Estimate
from featkit.results.variance_components import VarianceComponents

_ORDER = {"fold": 0, "mean of folds": 1, "within folds": 2, "pooled": 3}


@styled
def forest_plot(comparison: Comparison, metric: str) -> Figure:
    """Draw the differences of one metric: one row per fold, then their mean and the pooled one.

    Parameters
    ----------
    comparison : Comparison
        Differences are first minus second; several pairs are drawn one below the other.
    metric : str
        Which of its metrics.

    Returns
    -------
    Figure
        Diamonds for means over folds and pooled values; a row without an interval shows its value alone.

    Raises
    ------
    InputError
        If the metric was not compared.

    Examples
    --------
    >>> forest_plot(featkit.compare("grl", "baseline"), "auc")  # doctest: +SKIP
    """
    rows = [row for row in comparison.rows if row.metric == metric]
    if not rows:
        known = {row.metric for row in comparison.rows}
        raise InputError("metric must be one that was compared", repr(metric), did_you_mean(metric, known))
    pairs = list(dict.fromkeys((row.a, row.b) for row in rows))
    ordered: list[ComparisonRow | None] = []
    for pair in pairs:
        own = sorted((r for r in rows if (r.a, r.b) == pair), key=lambda r: _ORDER[r.aggregation])
        ordered += [None, *own] if len(pairs) > 1 else list(own)
    compared = [compared_models(comparison, next(r for r in rows if (r.a, r.b) == pair)) for pair in pairs]
    titles = [f"{short(models.first)} − {short(models.second)}" for models in compared]
    headings = iter(titles)
    n_patients = {row.difference.n_units for row in rows}
    figure = new_figure(PAGE, 0.95 + 0.24 * len(ordered))
    axes, text = figure.subplots(1, 2, sharey=True, width_ratios=[2.4, 1.3])
    height = np.arange(len(ordered))[::-1]
    names = []
    for y, row in zip(height, ordered):
        if row is None:
            names.append(next(headings))
            continue
        many = f" ({row.difference.n_units} pat.)" if len(n_patients) > 1 else ""
        names.append(_patches(row) + many)
        _draw_row(axes, y, row)
        text.text(0.0, y, _numbers(row), va="center", fontsize=7.5, color=INK)
        text.text(1.0, y, _p(row), va="center", ha="right", fontsize=7.5, color=INK)
    axes.axvline(0, color=MUTED, lw=0.8, zorder=0)
    axes.set_yticks(height, names)
    for tick, row in zip(axes.get_yticklabels(), ordered):
        tick.set_fontweight("bold" if row is None else "normal")
    axes.set_ylim(-0.7, len(ordered) - 0.3)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.set_xlabel(f"difference in {metric_name(metric).in_text} ({comparison.level * 100:g} % interval)")
    if len(pairs) == 1:
        axes.set_title(titles[0])
    text.set_axis_off()
    text.set_xlim(0, 1)
    text.text(0.0, len(ordered) - 0.35, "difference", fontsize=7.5, color=MUTED, va="bottom")
    adjusted = (
        "p"
        if all(row.n_family <= 1 for row in rows)
        else f"p ({ADJUSTMENTS.get(comparison.adjustment, comparison.adjustment)})"
    )
    text.text(1.0, len(ordered) - 0.35, adjusted, fontsize=7.5, color=MUTED, ha="right", va="bottom")
    return figure


@styled
def performance_by_fold(
    models: Mapping[RunKey, Mapping[str, Estimate]] | Mapping[str, Mapping[str, Estimate]],
    *,
    label: str,
    majority: Mapping[str, float] | None = None,
) -> Figure:
    """Draw one metric of several models, fold by fold, with intervals.

    Parameters
    ----------
    models : mapping of RunKey or str to (mapping of fold to Estimate)
        Folds may differ between models.
    label : str
        The metric, for the axis.
    majority : mapping of fold to float, optional
        What always predicting the commonest class would reach, drawn as a short line.

    Returns
    -------
    Figure

    Examples
    --------
    >>> performance_by_fold({"grl": {"100X": Estimate(0.9, 0.8, 0.95)}}, label="AUC")  # doctest: +SKIP
    """
    folds = list(dict.fromkeys(fold for by_fold in models.values() for fold in by_fold))
    figure = new_figure(PAGE if len(folds) > 3 else COLUMN * 1.4, 2.7)
    axes = figure.subplots()
    if not folds:
        write_empty(axes, "nothing was evaluated")
        return figure
    step = 0.7 / max(1, len(models))
    for index, (name, by_fold) in enumerate(zip(labels(models), models.values())):
        x = np.array([folds.index(fold) for fold in by_fold]) + (index - (len(models) - 1) / 2) * step
        value, low, high = (np.array([getattr(e, f) for e in by_fold.values()]) for f in ("value", "low", "high"))
        axes.errorbar(
            x,
            value,
            yerr=whiskers(value, low, high),
            fmt=MARKERS[index % len(MARKERS)],
            color=colour(index),
            capsize=2,
            elinewidth=1.2,
            label=short(name),
        )
    if majority:
        for place, fold in enumerate(folds):
            if fold in majority:
                legend = "majority class" if place == 0 else None
                axes.plot([place - 0.42, place + 0.42], [majority[fold]] * 2, color=MUTED, lw=1, ls=":", label=legend)
    axes.set_xticks(range(len(folds)), [short(f, 16) for f in folds], rotation=45 if len(folds) > 8 else 0)
    axes.set_xlim(-0.6, len(folds) - 0.4)
    axes.set_ylabel(label)
    axes.set_xlabel("fold")
    axes.grid(axis="y")
    if len(models) > 1 or majority:
        n_columns = 5 if len(folds) > 3 else 3
        figure.legend(loc="outside upper center", ncols=min(n_columns, len(models) + bool(majority)))
    return figure


@styled
def variance_components_figure(
    results: Mapping[RunKey, VarianceComponents] | Mapping[str, VarianceComponents],
) -> Figure:
    """Draw where the variance of each quantity comes from, one bar each, with its standard deviation beside it.

    Parameters
    ----------
    results : mapping of RunKey or str to VarianceComponents
        By model and quantity.

    Returns
    -------
    Figure

    Examples
    --------
    >>> variance_components_figure(featkit.evaluate().variance)  # doctest: +SKIP
    """
    figure = new_figure(PAGE * 0.8, 1.1 + 0.36 * len(results))
    axes = figure.subplots()
    if not results:
        write_empty(axes, "no repeated runs")
        return figure
    sources = list(dict.fromkeys(s for result in results.values() for s in result.components))
    height = np.arange(len(results))[::-1]
    left = np.zeros(len(results))
    for index, source in enumerate(sources):
        share = np.nan_to_num(np.array([result.shares.get(source, 0.0) for result in results.values()]))
        fill = RULE if source == "residual" else colour(index)
        axes.barh(height, share, left=left, height=0.6, color=fill, label=source, edgecolor="white", linewidth=0.6)
        left += share
    for y, result in zip(height, results.values()):
        axes.text(1.01, y, f"sd {number(sum(result.components.values()) ** 0.5)}", va="center", fontsize=7.5)
    axes.set_yticks(height, [short(name, 30) for name in labels(results)])
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the variance")
    figure.legend(loc="outside upper center", ncols=min(6, len(sources)))
    return figure


def _draw_row(axes: Axes, y: float, row: ComparisonRow) -> None:
    estimate = row.difference
    is_summary = row.aggregation != "fold"
    if np.isfinite([estimate.low, estimate.high]).all():
        axes.plot([estimate.low, estimate.high], [y, y], color=BLUE if not is_summary else INK, lw=1.6)
    if np.isfinite(estimate.value):
        marker, size, tone = ("D", 5.5, INK) if is_summary else ("s", 4.5, BLUE)
        axes.plot([estimate.value], [y], ls="none", marker=marker, ms=size, color=tone)


def _patches(row: ComparisonRow) -> str:
    return row.aggregation if row.scope == "all folds" else row.scope


def _numbers(row: ComparisonRow) -> str:
    estimate = row.difference
    if not np.isfinite(estimate.value):
        return "undefined"
    return interval(estimate.value, estimate.low, estimate.high, is_signed=True)


def _p(row: ComparisonRow) -> str:
    if not np.isfinite(row.p_adjusted):
        return ""
    return p_value(row.p_adjusted, row.p_adjusted if row.p_value <= least_p_value(row) else 0.0)
