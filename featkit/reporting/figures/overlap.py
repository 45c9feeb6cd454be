"""How much supports overlap: observed, by chance, corrected for chance."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from featkit.core.text import number
from featkit.reporting.figures.style import INK, MUTED, PAGE, RULE, new_figure, short, styled, write_empty
from featkit.reporting.run_groups import labels_within_method
from featkit.results.overlap import OverlapResult


@styled
def overlap_heatmap(result: OverlapResult) -> Figure:
    """Draw the overlap of every two supports in three panels: observed | by chance | corrected.

    Parameters
    ----------
    result : OverlapResult
        Of at least one support. Pairs without a value (an empty support) are hatched, and counted below the panels.

    Returns
    -------
    Figure
        The corrected panel runs from -1 to 1 with 0 (chance) in white.

    Examples
    --------
    >>> overlap_heatmap(featkit.signatures().overlaps.one(method="grl"))  # doctest: +SKIP
    """
    names = [short(name, 14) for name in labels_within_method(result.names)]
    k = len(names)
    figure = new_figure(PAGE, 2.7 + 0.12 * max(0, k - 4))
    panels = figure.subplots(1, 3, squeeze=False)[0]
    measure = result.measure.replace("_", " ").capitalize()
    contents = [
        (f"{measure}, observed", result.observed, "cividis", 0.0, 1.0),
        ("expected by chance", result.chance, "cividis", 0.0, 1.0),
        ("corrected for chance", result.corrected, "PuOr", -1.0, 1.0),
    ]
    if k == 0:
        for axes in panels:
            write_empty(axes, "no supports")
        return figure
    for position, (axes, (title, values, cmap, low, high)) in enumerate(zip(panels, contents)):
        shown = np.array(values, dtype=np.float64)
        if low == 0 and np.nanmin(shown, initial=0.0) < 0:
            low = -1.0
        axes.set_facecolor("white")
        image = axes.imshow(np.ma.masked_invalid(shown), cmap=cmap, vmin=low, vmax=high)
        for row, column in zip(*np.nonzero(~np.isfinite(shown))):
            axes.fill_between(
                [column - 0.5, column + 0.5], row - 0.5, row + 0.5, hatch="////", fc="none", ec=RULE, lw=0
            )
        _write_values(axes, shown, image, k)
        axes.set_title(title, fontsize=8.5)
        axes.set_xticks(range(k), names, rotation=90 if k > 4 or max(map(len, names)) > 6 else 0)
        axes.set_yticks(range(k), names if position == 0 else [])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(image, ax=axes, shrink=0.85, aspect=22, pad=0.03, location="bottom")
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=7, length=2)
    i, j = np.triu_indices(k, 1)
    n_undefined = int(np.count_nonzero(~np.isfinite(np.asarray(result.corrected, dtype=np.float64)[i, j])))
    if n_undefined:
        text = f"hatched: undefined, {n_undefined} of {i.size} pairs, since one of the two is empty or full"
        figure.supxlabel(text, fontsize=7.5, color=MUTED)
    return figure


def _write_values(axes: Axes, shown: np.ndarray, image: AxesImage, k: int) -> None:
    if k > 10:
        return
    for row in range(k):
        for column in range(k):
            value = shown[row, column]
            if np.isfinite(value):
                red, green, blue, _ = image.cmap(image.norm(value))
                is_dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
                text = number(float(value), 2 if k <= 6 else 1)
                axes.text(column, row, text, ha="center", va="center", fontsize=7, color="white" if is_dark else INK)
