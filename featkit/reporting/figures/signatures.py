"""How large signatures are, and what size buys."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from featkit.core.errors import InputError, did_you_mean
from featkit.reporting.figures.style import (
    BLUE,
    MARKERS,
    MUTED,
    PAGE,
    PALETTE,
    RULE,
    colour,
    line_style,
    log_axis,
    new_figure,
    say_empty,
    short,
    styled,
)
from featkit.results.refit import PerformanceCurve
from featkit.results.size import SizeCurve
from featkit.results.variance_decomposition import VarianceDecomposition

_METRICS = {"auc": "AUC", "f1": "F1", "brier": "Brier score"}
_OVER_CLASSES = {"auc": "mean over classes", "f1": "mean over classes", "brier": "sum over classes"}


@styled
def signature_sizes(sizes: Mapping[str, Mapping[str, int]], n_dimensions: int) -> Figure:
    """Draw the size of each method's signature, fold by fold.

    Parameters
    ----------
    sizes : mapping of method to (mapping of fold to int)
        Selected dimensions.
    n_dimensions : int
        Dimensions of the embedding, written on the axis.

    Returns
    -------
    Figure
        An empty signature is a bar of height 0 with its 0 written on it.
    """
    folds = list(dict.fromkeys(fold for by_fold in sizes.values() for fold in by_fold))
    figure = new_figure(PAGE if len(folds) > 3 else PAGE * 0.7, 2.6)
    axes = figure.subplots()
    if not folds:
        say_empty(axes, "no signature was fitted")
        return figure
    width = 0.8 / len(sizes)
    tallest = max(1, *(size for by_fold in sizes.values() for size in by_fold.values()))
    for index, (method, by_fold) in enumerate(sizes.items()):
        x = np.array([folds.index(fold) for fold in by_fold]) + (index - (len(sizes) - 1) / 2) * width
        axes.bar(x, list(by_fold.values()), width=width * 0.92, color=colour(index), label=short(method))
        if len(folds) * len(sizes) <= 24:
            for where, size in zip(x, by_fold.values()):
                axes.text(where, size + tallest * 0.015, str(size), ha="center", va="bottom", fontsize=7.5)
    axes.set_xticks(range(len(folds)), [short(f, 16) for f in folds], rotation=45 if len(folds) > 8 else 0)
    axes.set_xlim(-0.6, len(folds) - 0.4)
    axes.set_ylim(0, tallest * 1.12)
    axes.set_xlabel("fold")
    axes.set_ylabel(f"selected of {n_dimensions:,} dimensions")
    if len(sizes) > 1:
        figure.legend(loc="outside upper center", ncols=min(5, len(sizes)))
    return figure


@styled
def size_curves(curve: SizeCurve) -> Figure:
    """Draw signature size against the penalty at each solver tolerance, and against the selection threshold.

    Parameters
    ----------
    curve : SizeCurve
        Lines that coincide say that the size is no artefact of the solver; open circles mark penalties at which the
        gap did not reach its tolerance.
    """
    has_thresholds = len(curve.thresholds) > 0
    figure = new_figure(PAGE, 2.9)
    panels = figure.subplots(1, 2 if has_thresholds else 1, squeeze=False, sharey=False)[0]
    lambdas, sizes = np.asarray(curve.lambdas, dtype=float), np.asarray(curve.sizes).reshape(-1, len(curve.lambdas))
    for index, (tolerance, size) in enumerate(zip(curve.tolerances, sizes)):
        panels[0].plot(lambdas, size, **line_style(index), label=f"gap ≤ {tolerance:.0e}")
        missed = ~np.asarray(curve.is_converged, dtype=bool).reshape(sizes.shape)[index]
        panels[0].plot(lambdas[missed], size[missed], "o", mfc="white", mec=colour(index), ms=4)
    log_axis(panels[0], "penalty λ (weaker to the right)")
    panels[0].invert_xaxis()
    panels[0].set_ylabel(f"selected of {curve.n_dimensions:,} dimensions")
    for name, value in curve.chosen.items():
        panels[0].axvline(value, color=MUTED, lw=0.8, ls=":")
        across = panels[0].get_xaxis_transform()
        panels[0].text(value, 1.0, name, fontsize=7, color=MUTED, ha="center", va="bottom", transform=across)
    panels[0].grid(axis="y")
    panels[0].legend(loc="upper left")
    if has_thresholds:
        panels[1].step(curve.thresholds, curve.threshold_sizes, where="post", color=BLUE)
        panels[1].set_xlabel("threshold on the selection frequency")
        panels[1].set_ylabel("stable dimensions")
        panels[1].set_ylim(bottom=0)
        panels[1].grid(axis="y")
    return figure


@styled
def performance_by_size(curves: Mapping[str, PerformanceCurve], *, metric: str = "auc") -> Figure:
    """Draw test performance against the number of dimensions kept, with patient-bootstrap bands.

    Parameters
    ----------
    curves : mapping of str to PerformanceCurve
        By method or fold.
    metric : {"auc", "f1", "brier"}
        Which metric.
    """
    if metric not in _METRICS:
        raise InputError("metric must be one of the curve's", repr(metric), did_you_mean(metric, _METRICS))
    figure = new_figure(PAGE * 0.85, 2.8)
    axes = figure.subplots()
    if not curves:
        say_empty(axes, "no signature was refitted")
        return figure
    if not any(np.isfinite(getattr(curve, metric)).any() for curve in curves.values()):
        say_empty(axes, f"{_METRICS[metric]} is undefined on these test patches")
        return figure
    for index, (name, curve) in enumerate(curves.items()):
        value, low, high = (np.asarray(getattr(curve, metric + end), dtype=float) for end in ("", "_low", "_high"))
        marker = MARKERS[index % len(MARKERS)]
        axes.plot(curve.sizes, value, **line_style(index), marker=marker, ms=3.5, label=short(name))
        axes.fill_between(curve.sizes, low, high, color=PALETTE[index % len(PALETTE)], alpha=0.15, lw=0)
    log_axis(axes, "dimensions kept")
    several = any(curve.n_classes > 2 for curve in curves.values())
    axes.set_ylabel(f"{_METRICS[metric]} on test patients" + (f",\n{_OVER_CLASSES[metric]}" if several else ""))
    axes.grid(axis="y")
    if len(curves) > 1:
        figure.legend(loc="outside upper center", ncols=min(5, len(curves)))
    return figure


@styled
def variance_decomposition_figure(variance: VarianceDecomposition, *, n_most: int = 40) -> Figure:
    """Draw where the variance of each dimension comes from, one stacked column each, beside what chance would give.

    Parameters
    ----------
    variance : VarianceDecomposition
        Dimensions are ordered by their selection frequency, else by the size of their coefficient.
    n_most : int
        Dimensions drawn at most; a constant one has no column.
    """
    figure = new_figure(PAGE, 3.0)
    axes = figure.subplots()
    dimension = np.asarray(variance.dimension, dtype=int)
    if not dimension.size:
        say_empty(axes, "the signature is empty")
        return figure
    frequency = np.nan_to_num(np.asarray(variance.selection_frequency, dtype=float), nan=-1.0)
    strength = np.nan_to_num(np.abs(np.asarray(variance.coefficient, dtype=float)))
    drawn = np.lexsort((dimension, -strength, -frequency))[:n_most]
    shares = np.nan_to_num(np.asarray(variance.shares, dtype=float).reshape(dimension.size, -1)[drawn])
    stacked = np.vstack([shares, np.asarray(variance.chance, dtype=float)])
    x = np.append(np.arange(drawn.size), drawn.size + 0.8)
    base = np.zeros(x.size)
    for index, source in enumerate(variance.sources):
        fill = RULE if source == "residual" else colour(index)
        axes.bar(x, stacked[:, index], bottom=base, width=0.85, color=fill, label=source.replace("_", " "))
        base += stacked[:, index]
    names = [str(d) for d in dimension[drawn]] if drawn.size <= 60 else [""] * drawn.size
    axes.set_xticks(x, [*names, "chance"], rotation=90, fontsize=7)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.7, x[-1] + 0.7)
    axes.set_ylim(0, 1)
    axes.set_ylabel("share of the variance")
    left_out = dimension.size - drawn.size
    axes.set_xlabel("dimension" + (f" ({left_out} more not drawn)" if left_out else ""))
    figure.legend(loc="outside upper center", ncols=len(variance.sources))
    return figure
