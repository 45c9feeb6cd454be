"""Embeddings and patches to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from featkit.core.errors import InputError
from featkit.core.natural_order import sort_naturally
from featkit.reporting.figures.style import MUTED, PAGE, PALETTE, new_figure, short, styled, write_empty

_MANY = 8
_SHORT = 6  # letters of names of which four stand beside each other below a panel


@styled
def embedding_map(
    points: ArrayLike,
    label: ArrayLike,
    domain: ArrayLike,
    patient: ArrayLike,
    *,
    domain_name: str = "domain",
    note: str = "",
) -> Figure:
    """Draw a two-dimensional map of the embedding three times, coloured by label, domain and patient.

    Parameters
    ----------
    points : array-like of float, shape (n, 2)
        Coordinates of the patches on the map.
    label, domain, patient : array-like of shape (n,)
        What the panels are coloured by.
    domain_name : str
        The column the second panel is coloured by ("magnification", "site").
    note : str
        How the map was made ("PCA, 41 % of the variance"), written under it.

    Returns
    -------
    Figure
        More than eight values share a continuous colour map and are counted rather than listed.

    Raises
    ------
    InputError
        If lengths differ, or points are not two-dimensional.

    Examples
    --------
    >>> embedding_map([[0.0, 1.0]], ["benign"], ["100X"], ["p1"], domain_name="magnification")  # doctest: +SKIP
    """
    xy = np.asarray(points, dtype=np.float64)
    columns = {"label": np.asarray(label), domain_name: np.asarray(domain), "patient": np.asarray(patient)}
    if xy.ndim != 2 or xy.shape[1] != 2 or any(c.shape != (len(xy),) for c in columns.values()):
        raise InputError("a map must have two coordinates and one label, domain and patient per patch", xy.shape)
    n_rows = max((_legend_rows(sort_naturally(values.tolist())) for values in columns.values()), default=1)
    figure = new_figure(PAGE, (3.0 if note else 2.85) + 0.16 * (n_rows - 1))
    panels = figure.subplots(1, 3)
    order = np.random.default_rng(0).permutation(len(xy))
    size = float(np.clip(1500 / max(1, len(xy)), 1.5, 14))
    for axes, (name, values) in zip(panels, columns.items()):
        if not len(xy):
            write_empty(axes, "no patches")
            continue
        names = sort_naturally(values.tolist())
        place = {each: index for index, each in enumerate(names)}
        codes = np.array([place[each] for each in values.astype(str).tolist()])
        if len(names) <= _MANY:
            colours = np.array(PALETTE)[codes]
            axes.scatter(*xy[order].T, s=size, c=colours[order], lw=0, alpha=0.8, rasterized=True)
            for index, each in enumerate(names):
                axes.scatter([], [], s=14, color=PALETTE[index], label=short(each, 12))
            axes.legend(
                loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=-(-len(names) // _legend_rows(names)),
                handletextpad=0.1, columnspacing=0.8, borderaxespad=0.2,
            )  # fmt: skip
            axes.set_title(name)
        else:
            shades = colormaps["turbo"](np.random.default_rng(1).permutation(len(names)) / (len(names) - 1))
            axes.scatter(*xy[order].T, s=size, c=shades[codes][order], lw=0, alpha=0.8, rasterized=True)
            axes.set_title(f"{name} ({len(names)})")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color("#d0d7de")
        axes.set_box_aspect(1)
    if note:
        figure.supxlabel(note, fontsize=7.5, color=MUTED)
    return figure


@styled
def patch_montage(
    patches: Sequence[np.ndarray], titles: Sequence[str], *, n_columns: int = 6, rows: Sequence[str] = ()
) -> Figure:
    """Draw patches in a grid.

    Parameters
    ----------
    patches : sequence of ndarray of uint8, shape (height, width, 3)
        Filled row by row.
    titles : sequence of str
        One per patch, written above it.
    n_columns : int
        Patches per row.
    rows : sequence of str, optional
        Names of the rows.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If titles are not one per patch, or a patch is no uint8 image.

    Examples
    --------
    >>> patch_montage([np.zeros((8, 8, 3), np.uint8)], ["100X"])  # doctest: +SKIP
    """
    if len(titles) != len(patches):
        raise InputError("titles must be one per patch", f"{len(titles)} for {len(patches)} patches")
    for patch in patches:
        if np.asarray(patch).dtype != np.uint8 or np.ndim(patch) != 3:
            raise InputError("patches must be uint8 arrays (height, width, 3)", f"{patch.dtype} {np.shape(patch)}")
    n_rows = max(1, -(-len(patches) // n_columns))
    ratio = max((p.shape[0] / p.shape[1] for p in patches), default=1.0)
    cell = PAGE / n_columns
    figure = new_figure(PAGE, n_rows * (cell * ratio + 0.2), gap=0.03)
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    if not len(patches):
        write_empty(grid[0, 0], "no patches")
    for index, axes in enumerate(grid.ravel()):
        if index >= len(patches):
            axes.set_axis_off()
            continue
        axes.imshow(patches[index], interpolation="lanczos")
        axes.set_title(short(titles[index], int(cell / 0.068)), fontsize=7, fontweight="normal", pad=2, loc="center")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        if index % n_columns == 0 and index // n_columns < len(rows):
            axes.set_ylabel(short(rows[index // n_columns], 18), fontsize=8)
    return figure


def _legend_rows(names: Sequence[str]) -> int:
    """Return how many rows a legend below a panel takes: four short names go beside each other, or two long ones."""
    beside = 4 if max(map(len, names), default=0) <= _SHORT else 2
    return -(-len(names) // beside) if 0 < len(names) <= _MANY else 1
