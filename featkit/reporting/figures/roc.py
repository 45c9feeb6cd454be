"""ROC curves with their bands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from featkit.core.run_key import RunKey
from featkit.core.text import number
from featkit.reporting.figures.style import (
    MUTED,
    PAGE,
    colour,
    line_style,
    new_figure,
    short,
    styled,
    write_empty,
)
from featkit.reporting.run_groups import labels
from featkit.results.estimate import Estimate
from featkit.results.evaluation import Curve

_MOST_IN_A_ROW = 4
_MOST_INSIDE, _MOST_INSIDE_NARROW = 5, 2
_NARROW = 3
"""From so many panels in a row on, a legend inside a panel has room for two models only."""


@styled
def roc_curves(
    panels: Mapping[str, Mapping[RunKey, Curve]] | Mapping[str, Mapping[str, Curve]],
    *,
    auc: Mapping[str, Mapping[RunKey, Estimate]] | Mapping[str, Mapping[str, Estimate]] | None = None,
) -> Figure:
    """Draw ROC curves with pointwise bands, one panel per fold and one line per model.

    Parameters
    ----------
    panels : mapping of panel to (mapping of RunKey or str to Curve)
        Curves of one panel share its axes.
    auc : mapping of panel to (mapping of RunKey or str to Estimate), optional
        Written beside each model's name where there is one and the legend stands inside the panels.

    Returns
    -------
    Figure

    Examples
    --------
    >>> roc_curves({"100X": {"grl": evaluation.roc["100X"]}})  # doctest: +SKIP
    """
    n_columns = max(1, min(_MOST_IN_A_ROW, len(panels)))
    n_rows = max(1, -(-len(panels) // n_columns))
    width = min(PAGE, 3.1 * n_columns)
    side = width / n_columns
    most = max((len(curves) for curves in panels.values()), default=0)
    is_crowded = most > (_MOST_INSIDE if n_columns < _NARROW else _MOST_INSIDE_NARROW)
    figure = new_figure(width, n_rows * (side + 0.3) + 0.3 * is_crowded)
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    if not panels:
        write_empty(grid[0, 0], "no curves")
        return figure
    titles = list(panels)
    for index, axes in enumerate(grid.ravel()):
        if index >= len(panels):
            axes.set_axis_off()
            continue
        title = titles[index]
        curves: Mapping[Any, Curve] = panels[title]
        axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8, ls="--")
        for place, (name, (key, curve)) in enumerate(zip(labels(curves), curves.items())):
            x, y, low, high = (np.asarray(v, dtype=np.float64) for v in (curve.x, curve.y, curve.low, curve.high))
            known = np.isfinite(low) & np.isfinite(high)
            axes.fill_between(x, low, high, where=known, color=colour(place), alpha=0.16, lw=0)
            areas: Mapping[Any, Estimate] = (auc or {}).get(title, {})
            area = f" {number(areas[key].value)}" if key in areas and not is_crowded else ""
            label = short(name, 24 if is_crowded else 14) + area
            axes.plot(x, y, **line_style(place), label=label)
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
        handles, names = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=5)
    return figure
