"""Differences between methods, and methods fold by fold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from featkit.core.errors import InputError, did_you_mean
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
    say_empty,
    short,
    signed,
    styled,
    whiskers,
)
from featkit.reporting.sentences import without_class
from featkit.results.comparison import Comparison, ComparisonRow
from featkit.results.estimate import Estimate
from featkit.results.variance_components import VarianceComponents

_ORDER = {"fold": 0, "mean of folds": 1, "pooled": 2}


@styled
def forest_plot(comparison: Comparison, metric: str, *, label: str | None = None) -> Figure:
    """Draw the differences of one metric: a row for each fold, then their mean and the pooled one.

    Parameters
    ----------
    comparison : Comparison
        Differences are first minus second; several pairs are drawn one below the other.
    metric : str
        Which of its metrics.
    label : str, optional
        What to call the metric; its name when not given.

    Returns
    -------
    Figure
        Diamonds for means over folds and pooled values; a row without an interval shows its value alone.
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
    shown = pairs if len(pairs) > 1 else [without_class(*pairs[0])]
    titles = [f"{short(a)} − {short(b)}" for a, b in shown]
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
        names.append((row.scope if row.aggregation == "fold" else _words(row)) + many)
        _draw_row(axes, y, row)
        text.text(0.0, y, _numbers(row), va="center", fontsize=7.5, color=INK)
        text.text(1.0, y, _p(row.p_adjusted), va="center", ha="right", fontsize=7.5, color=INK)
    axes.axvline(0, color=MUTED, lw=0.8, zorder=0)
    axes.set_yticks(height, names)
    for tick, row in zip(axes.get_yticklabels(), ordered):
        tick.set_fontweight("bold" if row is None else "normal")
    axes.set_ylim(-0.7, len(ordered) - 0.3)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    name = label or metric
    axes.set_xlabel(f"difference in {name} ({comparison.level * 100:g} % interval)")
    if len(pairs) == 1:
        axes.set_title(titles[0])
    text.set_axis_off()
    text.set_xlim(0, 1)
    text.text(0.0, len(ordered) - 0.35, "difference", fontsize=7.5, color=MUTED, va="bottom")
    adjusted = "p" if all(row.n_family <= 1 for row in rows) else f"p ({comparison.adjustment})"
    text.text(1.0, len(ordered) - 0.35, adjusted, fontsize=7.5, color=MUTED, ha="right", va="bottom")
    return figure


@styled
def performance_by_fold(
    methods: Mapping[str, Mapping[str, Estimate]], *, label: str, majority: Mapping[str, float] | None = None
) -> Figure:
    """Draw one metric of several methods, fold by fold, with intervals.

    Parameters
    ----------
    methods : mapping of method to (mapping of fold to Estimate)
        Folds may differ between methods.
    label : str
        The metric, for the axis.
    majority : mapping of fold to float, optional
        What always predicting the commonest class would reach, drawn as a short line.

    Returns
    -------
    Figure
    """
    folds = list(dict.fromkeys(fold for by_fold in methods.values() for fold in by_fold))
    figure = new_figure(PAGE if len(folds) > 3 else COLUMN * 1.4, 2.7)
    axes = figure.subplots()
    if not folds:
        say_empty(axes, "nothing was evaluated")
        return figure
    step = 0.7 / max(1, len(methods))
    for index, (method, by_fold) in enumerate(methods.items()):
        x = np.array([folds.index(fold) for fold in by_fold]) + (index - (len(methods) - 1) / 2) * step
        value, low, high = (np.array([getattr(e, f) for e in by_fold.values()]) for f in ("value", "low", "high"))
        axes.errorbar(
            x,
            value,
            yerr=whiskers(value, low, high),
            fmt=MARKERS[index % len(MARKERS)],
            color=colour(index),
            capsize=2,
            elinewidth=1.2,
            label=short(method),
        )
    if majority:
        for number, fold in enumerate(folds):
            if fold in majority:
                name = "majority class" if number == 0 else None
                axes.plot([number - 0.42, number + 0.42], [majority[fold]] * 2, color=MUTED, lw=1, ls=":", label=name)
    axes.set_xticks(range(len(folds)), [short(f, 16) for f in folds], rotation=45 if len(folds) > 8 else 0)
    axes.set_xlim(-0.6, len(folds) - 0.4)
    axes.set_ylabel(label)
    axes.set_xlabel("fold")
    axes.grid(axis="y")
    if len(methods) > 1 or majority:
        n_columns = 5 if len(folds) > 3 else 3
        figure.legend(loc="outside upper center", ncols=min(n_columns, len(methods) + bool(majority)))
    return figure


@styled
def variance_components_figure(results: Mapping[str, VarianceComponents]) -> Figure:
    """Draw where the variance of each quantity comes from, one bar each, with its standard deviation beside it.

    Parameters
    ----------
    results : mapping of str to VarianceComponents
        By the name to be shown.
    """
    figure = new_figure(PAGE * 0.8, 1.1 + 0.36 * len(results))
    axes = figure.subplots()
    if not results:
        say_empty(axes, "no repeated runs")
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
        axes.text(1.01, y, f"sd {sum(result.components.values()) ** 0.5:.3f}", va="center", fontsize=7.5)
    axes.set_yticks(height, [short(name) for name in results])
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


def _words(row: ComparisonRow) -> str:
    return row.scope if row.scope == "all patches" else row.aggregation


def _numbers(row: ComparisonRow) -> str:
    estimate = row.difference
    if not np.isfinite(estimate.value):
        return "undefined"
    if not np.isfinite([estimate.low, estimate.high]).all():
        return signed(estimate.value)
    return f"{signed(estimate.value)} [{signed(estimate.low)}, {signed(estimate.high)}]"


def _p(p: float) -> str:
    if not np.isfinite(p):
        return ""
    return f"{p:.3f}" if p >= 0.001 else "<0.001"
