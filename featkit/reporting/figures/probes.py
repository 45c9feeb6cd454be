"""What a probe reads from an embedding, against chance and against relabelled patients."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from featkit.core.run_key import RunKey
from featkit.core.text import number, p_value
from featkit.reporting.figures.style import (
    INK,
    MUTED,
    PAGE,
    RULE,
    colour,
    new_figure,
    short,
    styled,
    whiskers,
    write_empty,
)
from featkit.reporting.probe_tables import least_p_value, metric_label
from featkit.reporting.run_groups import labels
from featkit.results.probe import ProbeResult


@styled
def probe_bars(
    probes: Mapping[RunKey, ProbeResult] | Mapping[str, ProbeResult], *, metric: str | None = None
) -> Figure:
    """Draw one bar per probe, from chance to what it reached, with its interval and the band of the null.

    Parameters
    ----------
    probes : mapping of RunKey or str to ProbeResult
        By run.
    metric : str, optional
        Which metric; each probe's headline when not given. A value below chance is drawn below chance.

    Returns
    -------
    Figure
        The grey band holds the central 95 % of the metric after relabelling, where that was computed.

    Examples
    --------
    >>> probe_bars(featkit.probe("magnification").probes)  # doctest: +SKIP
    """
    figure = new_figure(PAGE * 0.9, 1.15 + 0.42 * max(1, len(probes)))
    axes = figure.subplots()
    if not probes:
        write_empty(axes, "no probe was run")
        return figure
    chosen = [metric or probe.headline for probe in probes.values()]
    height = np.arange(len(probes))[::-1]
    has_null = False
    tones = _tones([*probes])
    for index, (y, name, probe) in enumerate(zip(height, chosen, probes.values())):
        estimate, chance = probe.metrics[name], probe.chance.get(name, float("nan"))
        null = np.asarray(probe.null.get(name, ()), dtype=np.float64)
        if null.size:
            low, high = np.quantile(null, [0.025, 0.975])
            label = None if has_null else "95 % of relabelled runs"
            axes.fill_betweenx([y - 0.38, y + 0.38], low, high, color=RULE, lw=0, zorder=1, label=label)
            has_null = True
        start = chance if np.isfinite(chance) else 0.0
        axes.barh(y, estimate.value - start, left=start, height=0.42, color=tones[index], alpha=0.85, zorder=2)
        value, low_end, high_end = (np.array([v]) for v in (estimate.value, estimate.low, estimate.high))
        axes.errorbar(value, [y], xerr=whiskers(value, low_end, high_end), fmt="none", color=INK, capsize=2.5, zorder=3)
        if np.isfinite(chance):
            axes.plot(
                [chance] * 2, [y - 0.4, y + 0.4], color=INK, ls="--", lw=1, label="chance" if index == 0 else None
            )
        p = probe.p_value.get(name)
        shown = number(estimate.value, 2)
        if p is not None and np.isfinite(p):
            text = p_value(p, least_p_value(probe, name))
            shown += f"  p {text if text[0] in '<≤' else f'= {text}'}"
        axes.text(1.02, y, shown, va="center", fontsize=8, transform=axes.get_yaxis_transform())
    axes.set_yticks(height, [short(name, 30) for name in labels(probes)])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.6, len(probes) - 0.4)
    axes.set_xlim(0, 1)
    axes.grid(axis="x")
    axes.set_xlabel(" / ".join(metric_label(name) for name in sorted(set(chosen))))
    axes.spines["left"].set_color(MUTED)
    if axes.get_legend_handles_labels()[1]:
        figure.legend(loc="outside upper center", ncols=2)
    return figure


def _tones(names: list[RunKey | str]) -> list[str]:
    """Return a colour for each bar: one per method, or one per name where names are no runs."""
    methods = [name.method if isinstance(name, RunKey) else name for name in names]
    order = list(dict.fromkeys(methods))
    return [colour(order.index(method)) for method in methods]
