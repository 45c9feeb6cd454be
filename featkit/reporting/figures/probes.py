"""What a probe reads from an embedding, against chance and against relabelled patients."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from featkit.reporting.figures.style import (
    INK,
    MUTED,
    PAGE,
    RULE,
    colour,
    new_figure,
    say_empty,
    short,
    styled,
    whiskers,
)
from featkit.results.probe import ProbeResult


@styled
def probe_bars(probes: Mapping[str, ProbeResult], *, metric: str | None = None) -> Figure:
    """Draw one bar a probe, from chance to what it reached, with its interval and the band of the null.

    Parameters
    ----------
    probes : mapping of str to ProbeResult
        By the name to be shown.
    metric : str, optional
        Which metric; each probe's headline when not given. A value below chance is drawn below chance.

    Returns
    -------
    Figure
        The grey band holds the central 95 % of the metric after relabelling, where that was computed.
    """
    figure = new_figure(PAGE * 0.9, 1.15 + 0.42 * max(1, len(probes)))
    axes = figure.subplots()
    if not probes:
        say_empty(axes, "no probe was run")
        return figure
    chosen = {name: metric or probe.headline for name, probe in probes.items()}
    height = np.arange(len(probes))[::-1]
    has_null = False
    for index, (y, (name, probe)) in enumerate(zip(height, probes.items())):
        estimate, chance = probe.metrics[chosen[name]], probe.chance.get(chosen[name], float("nan"))
        null = np.asarray(probe.null.get(chosen[name], ()), dtype=np.float64)
        if null.size:
            low, high = np.quantile(null, [0.025, 0.975])
            label = None if has_null else "95 % of relabelled runs"
            axes.fill_betweenx([y - 0.38, y + 0.38], low, high, color=RULE, lw=0, zorder=1, label=label)
            has_null = True
        start = chance if np.isfinite(chance) else 0.0
        axes.barh(y, estimate.value - start, left=start, height=0.42, color=colour(index), alpha=0.85, zorder=2)
        value, low_end, high_end = (np.array([v]) for v in (estimate.value, estimate.low, estimate.high))
        axes.errorbar(value, [y], xerr=whiskers(value, low_end, high_end), fmt="none", color=INK, capsize=2.5, zorder=3)
        if np.isfinite(chance):
            axes.plot(
                [chance] * 2, [y - 0.4, y + 0.4], color=INK, ls="--", lw=1, label="chance" if index == 0 else None
            )
        p = probe.p_value.get(chosen[name])
        tested = "" if p is None or not np.isfinite(p) else f"  p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"
        axes.text(
            1.02, y, f"{estimate.value:.2f}{tested}", va="center", fontsize=8, transform=axes.get_yaxis_transform()
        )
    axes.set_yticks(height, [short(name, 30) for name in probes])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.6, len(probes) - 0.4)
    axes.set_xlim(0, 1)
    axes.grid(axis="x")
    names = sorted(set(chosen.values()))
    axes.set_xlabel(" / ".join(name.replace("_", " ") for name in names))
    axes.spines["left"].set_color(MUTED)
    if axes.get_legend_handles_labels()[1]:
        figure.legend(loc="outside upper center", ncols=2)
    return figure
