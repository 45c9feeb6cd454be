"""How a signature comes about: the path of its coefficients, the choice of the penalty, the selection frequencies."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from featkit.reporting.figures.style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PAGE,
    RULE,
    log_axis,
    new_figure,
    short,
    styled,
    write_empty,
)
from featkit.results.path import PathResult
from featkit.results.signature import Signature
from featkit.results.stability import StabilityResult

_MOST_LINES = 1_500
_MOST_NAMED = 60  # bars beneath which a name can be read


@styled
def regularisation_path(
    path: PathResult, *, chosen: float | None = None, highlight: np.ndarray | None = None
) -> Figure:
    """Draw the coefficients along the penalties and, below, the number of dimensions kept.

    Parameters
    ----------
    path : PathResult
        Penalties whose duality gap missed its tolerance are marked on the size curve. Of several classes the norm over
        classes of each dimension's coefficients is drawn.
    chosen : float, optional
        The penalty of the signature, drawn as a line.
    highlight : ndarray of int, optional
        Dimensions in colour (the stable ones); the others are grey.

    Returns
    -------
    Figure
        At most 1,500 dimensions are drawn: those with the largest coefficients.

    Examples
    --------
    >>> regularisation_path(detail.path, chosen=signature.lambda_)  # doctest: +SKIP
    """
    figure = new_figure(PAGE * 0.85, 3.9)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[2.2, 1])
    lambdas = np.asarray(path.lambdas, dtype=np.float64)
    dense = np.stack([path.coefficients(k) for k in range(lambdas.size)]) if lambdas.size else np.zeros((0, 0))
    dense = np.linalg.norm(dense, axis=2) if path.is_multinomial and lambdas.size else dense
    peak = np.abs(dense).max(axis=0, initial=0.0)
    drawn = np.argsort(-peak)[:_MOST_LINES]
    drawn = drawn[peak[drawn] > 0]
    if not drawn.size:
        write_empty(top, "no dimension was selected at any penalty")
        bottom.set_axis_off()
        return figure
    marked = np.isin(drawn, () if highlight is None else np.asarray(highlight))
    for is_marked, tone, width, alpha in ((False, MUTED, 0.6, 0.45), (True, BLUE, 1.1, 0.95)):
        lines = [np.column_stack([lambdas, dense[:, d]]) for d in drawn[marked == is_marked]]
        top.add_collection(
            LineCollection(lines, colors=tone, linewidths=width, alpha=alpha, rasterized=len(lines) > 300)
        )
    top.axhline(0, color=RULE, lw=0.7)
    top.set_ylim(*(np.array([-0.04 if path.is_multinomial else -1.08, 1.08]) * peak.max()))
    top.set_ylabel("norm over classes" if path.is_multinomial else "coefficient")
    if marked.any():
        top.plot([], [], color=BLUE, label=f"stable ({np.count_nonzero(marked)})")
        top.plot([], [], color=MUTED, label=f"others ({np.count_nonzero(~marked)})")
        top.legend(loc="upper left")
    bottom.plot(lambdas, path.sizes, color=INK)
    missed = ~path.is_converged
    bottom.plot(lambdas[missed], path.sizes[missed], "o", color=ORANGE, ms=4, label="gap above tolerance")
    bottom.set_ylim(bottom=0)
    bottom.set_ylabel("size")
    log_axis(bottom, "penalty λ (weaker to the right)")
    bottom.set_xlim(lambdas.max() * 1.02, lambdas.min() * 0.98)
    bottom.grid(axis="y")
    if missed.any():
        bottom.legend(loc="upper left")
    if chosen is not None:
        for axes in (top, bottom):
            axes.axvline(chosen, color=GREEN, lw=1, ls="--")
        top.text(chosen, 1.0, " chosen", color=GREEN, fontsize=7.5, va="bottom", transform=top.get_xaxis_transform())
    return figure


@styled
def penalty_choice(signature: Signature) -> Figure:
    """Draw the cross-validated loss over patient folds along the penalties, with the size above it.

    Parameters
    ----------
    signature : Signature
        Without cross-validation (a given penalty) only the sizes are drawn.

    Returns
    -------
    Figure

    Examples
    --------
    >>> penalty_choice(featkit.signatures().signatures.one(fold="100X"))  # doctest: +SKIP
    """
    figure = new_figure(PAGE * 0.85, 2.8)
    axes = figure.subplots()
    lambdas = np.asarray(signature.path_lambdas, dtype=np.float64)
    if not lambdas.size:
        write_empty(axes, "no path was kept")
        return figure
    has_scores = signature.cv_mean.size == lambdas.size
    sizes = axes.twinx() if has_scores else axes
    if has_scores:
        mean, error = signature.cv_mean, signature.cv_se
        axes.fill_between(lambdas, mean - error, mean + error, color=BLUE, alpha=0.18, lw=0)
        axes.plot(lambdas, mean, color=BLUE)
        axes.set_ylabel("held-out loss ± 1 SE", color=BLUE)
        sizes.spines["right"].set_visible(True)
    sizes.plot(lambdas, signature.path_sizes, color=ORANGE, ls="--")
    sizes.set_ylim(bottom=0)
    sizes.set_ylabel("dimensions kept", color=ORANGE)
    axes.axvline(signature.lambda_, color=GREEN, lw=1, ls="-.")
    axes.set_title(f"chosen by {signature.rule}: {signature.size} of {signature.n_dimensions:,} dimensions")
    log_axis(axes, "penalty λ (weaker to the right)")
    axes.set_xlim(lambdas.max() * 1.02, lambdas.min() * 0.98)
    return figure


@styled
def selection_frequencies(result: StabilityResult | Signature) -> Figure:
    """Draw how often patient subsamples selected each dimension, the most frequent first, with the threshold.

    Parameters
    ----------
    result : StabilityResult or Signature
        A signature fitted without stability selection says so; one with few dimensions names the stable ones.

    Returns
    -------
    Figure

    Examples
    --------
    >>> selection_frequencies(featkit.signatures().signatures.one(fold="100X"))  # doctest: +SKIP
    """
    figure = new_figure(PAGE * 0.85, 2.7)
    axes = figure.subplots()
    given = np.asarray(result.selection_frequency, dtype=np.float64)
    order = np.argsort(-given, kind="stable")
    frequency = given[order]
    seen = frequency[frequency > 0]
    if not seen.size:
        write_empty(axes, "no dimension was ever selected" if frequency.size else "stability selection was not run")
        return figure
    rank = np.arange(1, seen.size + 1)
    stable = seen >= result.threshold
    axes.vlines(rank[stable], 0, seen[stable], color=BLUE, lw=np.clip(180 / seen.size, 0.5, 4))
    axes.vlines(rank[~stable], 0, seen[~stable], color="#afb8c1", lw=np.clip(180 / seen.size, 0.5, 4))
    axes.axhline(result.threshold, color=ORANGE, lw=1.1, ls="--")
    says = f"threshold {result.threshold:g}: {np.count_nonzero(stable)} stable"
    if np.isfinite(result.pfer):
        says += f", at most {result.pfer:.2g} false expected ({result.bound.replace('_', ' ')})"
    axes.text(
        0.99, result.threshold + 0.015, says, color=ORANGE, fontsize=8, ha="right", transform=axes.get_yaxis_transform()
    )
    axes.set_xlim(0, seen.size + 1)
    axes.set_ylim(0, 1.05)
    axes.set_xlabel(f"dimensions ever selected ({seen.size} of {frequency.size:,}), most frequent first")
    if isinstance(result, Signature) and stable.any() and seen.size <= _MOST_NAMED:
        names = [short(name, 16) for name in result.names_of(order[: np.count_nonzero(stable)])]
        axes.set_xticks(rank[stable], names, rotation=90, fontsize=7)
    axes.set_ylabel("selection frequency")
    return figure
