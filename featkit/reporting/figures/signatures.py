"""How large signatures are, and what size buys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from featkit.core.errors import InputError, did_you_mean
from featkit.core.metric_names import metric_name
from featkit.core.natural_order import sort_naturally
from featkit.core.run_key import RunKey
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
    short,
    styled,
    write_empty,
)
from featkit.reporting.run_groups import by_model, labels
from featkit.results.refit import PerformanceCurve
from featkit.results.signature import Signature, dimension_names
from featkit.results.size import SizeCurve
from featkit.results.variance_decomposition import VarianceDecomposition

_METRICS = ("auc", "f1", "brier")
_OVER_CLASSES = {"auc": "mean over classes", "f1": "mean over classes", "brier": "sum over classes"}


@styled
def signature_sizes(signatures: Mapping[RunKey, Signature]) -> Figure:
    """Draw the size of each signature, fold by fold, one colour per method and seed.

    Parameters
    ----------
    signatures : mapping of RunKey to Signature
        By method, fold and seed.

    Returns
    -------
    Figure
        An empty signature is a bar of height 0 with its 0 written on it.

    Examples
    --------
    >>> signature_sizes(featkit.signatures().signatures)  # doctest: +SKIP
    """
    folds = sort_naturally(_fold(key) for key in signatures)
    series = by_model(signatures, "fold")
    figure = new_figure(PAGE if len(folds) > 3 else PAGE * 0.7, 2.6)
    axes = figure.subplots()
    if not folds:
        write_empty(axes, "no signature was fitted")
        return figure
    width = 0.8 / len(series)
    tallest = max(1, *(signature.size for signature in signatures.values()))
    for index, (name, own) in enumerate(zip(labels(series), series.values())):
        x = np.array([folds.index(_fold(key)) for key in own]) + (index - (len(series) - 1) / 2) * width
        sizes = [signature.size for signature in own.values()]
        axes.bar(x, sizes, width=width * 0.92, color=colour(index), label=short(name))
        if len(signatures) <= 24:
            for where, size in zip(x, sizes):
                axes.text(where, size + tallest * 0.015, str(size), ha="center", va="bottom", fontsize=7.5)
    axes.set_xticks(range(len(folds)), [short(f, 16) for f in folds], rotation=45 if len(folds) > 8 else 0)
    axes.set_xlim(-0.6, len(folds) - 0.4)
    axes.set_ylim(0, tallest * 1.12)
    axes.set_xlabel("fold")
    axes.set_ylabel(f"selected of {max(s.n_dimensions for s in signatures.values()):,} dimensions")
    if len(series) > 1:
        figure.legend(loc="outside upper center", ncols=min(5, len(series)))
    return figure


def _fold(key: RunKey) -> str:
    return key.fold or "all"


@styled
def size_curves(curve: SizeCurve) -> Figure:
    """Draw signature size against the penalty at each solver tolerance, and against the selection threshold.

    Parameters
    ----------
    curve : SizeCurve
        Lines that coincide say that the size is no artefact of the solver; open circles mark penalties at which the
        gap did not reach its tolerance.

    Returns
    -------
    Figure

    Examples
    --------
    >>> size_curves(detail.sizes)  # doctest: +SKIP
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
def performance_by_size(
    curves: Mapping[RunKey, PerformanceCurve] | Mapping[str, PerformanceCurve], *, metric: str = "auc"
) -> Figure:
    """Draw test performance against the number of dimensions kept, with patient-bootstrap bands.

    Parameters
    ----------
    curves : mapping of RunKey or str to PerformanceCurve
        By run.
    metric : {"auc", "f1", "brier"}
        Which metric.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If the metric is none of the three.

    Examples
    --------
    >>> performance_by_size({"grl": detail.performance}, metric="brier")  # doctest: +SKIP
    """
    if metric not in _METRICS:
        raise InputError("metric must be one of the curve's", repr(metric), did_you_mean(metric, _METRICS))
    figure = new_figure(PAGE * 0.85, 2.8)
    axes = figure.subplots()
    if not curves:
        write_empty(axes, "no signature was refitted")
        return figure
    if not any(np.isfinite(getattr(curve, metric)).any() for curve in curves.values()):
        write_empty(axes, f"{metric_name(metric).label} is undefined on these test patches")
        return figure
    for index, (name, curve) in enumerate(zip(labels(curves), curves.values())):
        value, low, high = (np.asarray(getattr(curve, metric + end), dtype=float) for end in ("", "_low", "_high"))
        marker = MARKERS[index % len(MARKERS)]
        axes.plot(curve.sizes, value, **line_style(index), marker=marker, ms=3.5, label=short(name))
        axes.fill_between(curve.sizes, low, high, color=PALETTE[index % len(PALETTE)], alpha=0.15, lw=0)
    log_axis(axes, "dimensions kept")
    several = any(curve.n_classes > 2 for curve in curves.values())
    axes.set_ylabel(
        f"{metric_name(metric).label} on test patients" + (f",\n{_OVER_CLASSES[metric]}" if several else "")
    )
    axes.grid(axis="y")
    if len(curves) > 1:
        figure.legend(loc="outside upper center", ncols=min(5, len(curves)))
    return figure


@styled
def variance_decomposition_figure(
    variance: VarianceDecomposition, *, n_most: int = 40, names: Sequence[str] = ()
) -> Figure:
    """Draw where the variance of each dimension comes from, one stacked column each, beside chance.

    Parameters
    ----------
    variance : VarianceDecomposition
        Dimensions are ordered by their selection frequency, else by the size of their coefficient.
    n_most : int
        Dimensions drawn at most; a constant one has no column.
    names : sequence of str
        The name of every dimension of the embedding; d0, d1, ... when not given.

    Returns
    -------
    Figure

    Examples
    --------
    >>> variance_decomposition_figure(detail.variance)  # doctest: +SKIP
    """
    figure = new_figure(PAGE, 3.0)
    axes = figure.subplots()
    dimension = np.asarray(variance.dimension, dtype=int)
    if not dimension.size:
        write_empty(axes, "the signature is empty")
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
    shown = [short(name, 16) for name in dimension_names(dimension[drawn].tolist(), names)]
    shown = shown if drawn.size <= 60 else [""] * drawn.size
    axes.set_xticks(x, [*shown, "chance"], rotation=90, fontsize=7)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.7, x[-1] + 0.7)
    axes.set_ylim(0, 1)
    axes.set_ylabel("share of the variance")
    left_out = dimension.size - drawn.size
    axes.set_xlabel("dimension" + (f" ({left_out} more not drawn)" if left_out else ""))
    figure.legend(loc="outside upper center", ncols=len(variance.sources))
    return figure
