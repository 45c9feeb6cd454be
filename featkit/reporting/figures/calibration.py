"""Forecasts against what happened."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from featkit.core.run_key import RunKey
from featkit.reporting.figures.style import (
    MARKERS,
    MUTED,
    PAGE,
    colour,
    new_figure,
    short,
    styled,
    write_empty,
)
from featkit.reporting.run_groups import labels
from featkit.results.calibration import ReliabilityCurve

_MOST_IN_A_ROW = 4


@styled
def reliability_diagram(curves: Mapping[RunKey, ReliabilityCurve] | Mapping[str, ReliabilityCurve]) -> Figure:
    """Draw observed frequency against probability with its band, and the share of patches per probability bin.

    Parameters
    ----------
    curves : mapping of RunKey or str to ReliabilityCurve
        One panel each.

    Returns
    -------
    Figure
        Bins with fewer than two patients show their point without a band.

    Examples
    --------
    >>> reliability_diagram({"grl": evaluation.reliability["pooled"]})  # doctest: +SKIP
    """
    n_columns = max(1, min(_MOST_IN_A_ROW, len(curves)))
    n_rows = max(1, -(-len(curves) // n_columns))
    width = min(PAGE, 2.6 * n_columns)
    side = width / n_columns
    figure = new_figure(width, n_rows * (side + 0.75))
    grid = figure.subplots(2 * n_rows, n_columns, squeeze=False, sharex=True, height_ratios=[4, 1] * n_rows)
    if not curves:
        write_empty(grid[0, 0], "no forecasts")
        grid[1, 0].set_axis_off()
        return figure
    named = list(zip(labels(curves), curves.values()))
    tallest = max(float(np.max(c.n_patches, initial=0) / max(1, np.sum(c.n_patches))) for c in curves.values())
    for index in range(n_rows * n_columns):
        row, column = 2 * (index // n_columns), index % n_columns
        axes, counts = grid[row, column], grid[row + 1, column]
        if index >= len(curves):
            axes.set_axis_off()
            counts.set_axis_off()
            continue
        name, curve = named[index]
        is_first = index % n_columns == 0
        axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8, ls="--")
        has_band = np.isfinite(curve.low) & np.isfinite(curve.high)
        axes.fill_between(curve.forecast, curve.low, curve.high, where=has_band, color=colour(index), alpha=0.2, lw=0)
        marker = MARKERS[index % len(MARKERS)]
        axes.plot(curve.forecast, curve.observed, color=colour(index), marker=marker, ms=3.5, lw=1.2)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_title(short(name, 22))
        axes.tick_params(labelbottom=False)
        share = np.asarray(curve.n_patches) / max(1, np.sum(curve.n_patches))
        counts.bar(curve.forecast, share, width=0.04, color=colour(index), alpha=0.7)
        counts.set_ylim(0, tallest * 1.1)
        counts.set_xlabel("probability")
        counts.set_xticks([0, 0.5, 1])
        counts.tick_params(labelbottom=True)
        if is_first:
            axes.set_ylabel("observed frequency")
            counts.set_ylabel("share of\npatches")
        else:
            axes.tick_params(labelleft=False)
            counts.tick_params(labelleft=False)
    return figure
