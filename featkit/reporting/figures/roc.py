"""ROC curves with their bands."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from featkit.reporting.figures.style import (
    MUTED,
    PAGE,
    colour,
    line_style,
    new_figure,
    say_empty,
    short,
    styled,
)
from featkit.results.estimate import Estimate
from featkit.results.evaluation import Curve

_MOST_IN_A_ROW = 4
_MOST_INSIDE = 5


@styled
def roc_curves(
    panels: Mapping[str, Mapping[str, Curve]], *, auc: Mapping[str, Mapping[str, Estimate]] | None = None
) -> Figure:
    """Draw ROC curves with pointwise bands, a panel for each fold and a line for each method.

    Parameters
    ----------
    panels : mapping of panel to (mapping of method to Curve)
        Curves of one panel share its axes.
    auc : mapping of panel to (mapping of method to Estimate), optional
        Written beside each method's name where there is one and there are no more than five methods.

    Returns
    -------
    Figure
    """
    n_columns = max(1, min(_MOST_IN_A_ROW, len(panels)))
    n_rows = max(1, -(-len(panels) // n_columns))
    width = min(PAGE, 3.1 * n_columns)
    side = width / n_columns
    most = max((len(curves) for curves in panels.values()), default=0)
    is_crowded = most > _MOST_INSIDE
    figure = new_figure(width, n_rows * (side + 0.3) + 0.3 * is_crowded)
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    if not panels:
        say_empty(grid[0, 0], "no curves")
        return figure
    for index, axes in enumerate(grid.ravel()):
        if index >= len(panels):
            axes.set_axis_off()
            continue
        title, curves = list(panels.items())[index]
        axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8, ls="--")
        for number, (method, curve) in enumerate(curves.items()):
            x, y, low, high = (np.asarray(v, dtype=np.float64) for v in (curve.x, curve.y, curve.low, curve.high))
            known = np.isfinite(low) & np.isfinite(high)
            axes.fill_between(x, low, high, where=known, color=colour(number), alpha=0.16, lw=0)
            estimate = (auc or {}).get(title, {}).get(method)
            label = short(method, 14) + (f" {estimate.value:.3f}" if estimate is not None and not is_crowded else "")
            axes.plot(x, y, **line_style(number), label=label)
        axes.set_title(short(title, 22))
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("1 − specificity")
        if index % n_columns == 0:
            axes.set_ylabel("sensitivity")
        else:
            axes.tick_params(labelleft=False)
        if not is_crowded:
            axes.legend(loc="lower right", fontsize=7, handlelength=1.4, labelspacing=0.2, borderaxespad=0.2)
    if is_crowded:
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=5)
    return figure
