"""One look for every figure: print sizes, a colour-blind-safe palette, vector output that repeats byte for byte."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from featkit.core.errors import InputError
from featkit.core.files import write_bytes

P = ParamSpec("P")
R = TypeVar("R")

BLUE, ORANGE, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY, AMBER, YELLOW, BLACK = "#56B4E9", "#E69F00", "#F0E442", "#000000"
PALETTE = (BLUE, ORANGE, GREEN, PINK, SKY, AMBER, BLACK, YELLOW)
"""Okabe and Ito's colours, told apart by readers with any common colour vision deficiency."""
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
INK, MUTED, RULE = "#1f2328", "#57606a", "#d0d7de"
COLUMN, PAGE = 3.5, 7.0
"""Widths in inches of a figure over one and over two columns of print."""

_RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.5,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "image.cmap": "cividis",
    "svg.fonttype": "path",
    "svg.hashsalt": "featkit",
    "pdf.fonttype": 42,
    "text.parse_math": False,
}
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": "featkit"},
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": "featkit", "Producer": None},
    "png": {"Software": None},
}


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run a figure function under featkit's style; matplotlib's own settings stay as they were."""

    @functools.wraps(draw)
    def within(*args: P.args, **kwargs: P.kwargs) -> R:
        with matplotlib.rc_context(_RC):
            return draw(*args, **kwargs)

    return within


def new_figure(width: float = PAGE, height: float = 3.0, *, gap: float = 0.05) -> Figure:
    """Return an empty figure, off pyplot's books; width, height and the gap around panels in inches."""
    layout = ConstrainedLayoutEngine(w_pad=gap, h_pad=gap * 1.2, wspace=0.02, hspace=0.02)
    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def colour(index: int) -> str:
    """Return the palette's colour for the index-th series; it starts again after eight."""
    return PALETTE[index % len(PALETTE)]


def line_style(index: int) -> dict[str, Any]:
    """Return colour and dash of the index-th series, so that colour is never the only sign."""
    return {"color": colour(index), "linestyle": DASHES[(index // len(PALETTE) + index) % len(DASHES)]}


def log_axis(axes: Axes, label: str) -> None:
    """Make the horizontal axis logarithmic, with plain numbers on it."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: "")
    axes.set_xlabel(label)


def write_empty(axes: Axes, message: str) -> None:
    """Write why there is nothing to draw."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, message, ha="center", va="center", color=MUTED, transform=axes.transAxes, wrap=True)


def whiskers(value: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return error-bar lengths of shape (2, n) for bounds; NaN (no bar drawn) where a bound is missing."""
    return np.vstack([value - low, high - value]).clip(min=0)


def short(name: str, length: int = 24) -> str:
    """Return a name cut in the middle to at most ``length`` characters."""
    if len(name) <= length:
        return name
    keep = length - 1
    return name[: (keep + 1) // 2] + "…" + name[len(name) - keep // 2 :]


def figure_bytes(figure: Figure, kind: str = "svg") -> bytes:
    """Return the figure as a file's bytes, the same at every call.

    Parameters
    ----------
    figure : Figure
        What a figure function returned.
    kind : {"svg", "pdf", "png"}
        SVG text is drawn as outlines, so that it looks the same where the font is missing; PDF text stays text.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    InputError
        If the kind is none of the three.

    Examples
    --------
    >>> figure_bytes(new_figure(1, 1), "png")[1:4]
    b'PNG'
    """
    if kind not in _METADATA:
        raise InputError("a figure must be saved as svg, pdf or png", repr(kind))
    buffer = io.BytesIO()
    with matplotlib.rc_context(_RC):
        figure.savefig(buffer, format=kind, metadata=_METADATA[kind])
    return buffer.getvalue()


def save_figure(
    figure: Figure, folder: str | Path, name: str, kinds: Sequence[str] = ("svg", "pdf", "png")
) -> list[Path]:
    """Write a figure as ``folder/name.<kind>`` for each kind.

    Parameters
    ----------
    figure : Figure
        What a figure function returned.
    folder : path
        Made when missing.
    name : str
        File name without suffix.
    kinds : sequence of {"svg", "pdf", "png"}
        Formats; the same figure gives the same bytes at every call.

    Returns
    -------
    list of Path
        The files written; each is whole or as it was before.

    Raises
    ------
    InputError
        If a kind is unknown, or the disk is full or read-only.

    Examples
    --------
    >>> save_figure(new_figure(), "figures", "sizes", kinds=["pdf"])  # doctest: +SKIP
    [PosixPath('figures/sizes.pdf')]
    """
    return [write_bytes(Path(folder) / f"{name}.{kind}", figure_bytes(figure, kind)) for kind in kinds]
