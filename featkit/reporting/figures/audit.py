"""Who is on which side of a split."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from featkit.core.natural_order import natural_key
from featkit.reporting.figures.style import INK, PAGE, new_figure, short, styled, write_empty
from featkit.results.audit import SplitAudit

_ROLES = ("train", "val", "test", "unused")


@styled
def split_matrix(audit: SplitAudit) -> Figure:
    """Draw patches of each role (columns) by domain and label (rows), the patients in brackets.

    Parameters
    ----------
    audit : SplitAudit
        Roles without patches are left out.

    Returns
    -------
    Figure

    Examples
    --------
    >>> split_matrix(split.audit).savefig("split.pdf")  # doctest: +SKIP
    """
    roles = [r for r in _ROLES if any(c["role"] == r for c in audit.counts)]
    roles += sorted({str(c["role"]) for c in audit.counts} - set(_ROLES))
    cells = {(str(c["role"]), _text(c["domain"]), _text(c["label"])): c for c in audit.counts}
    rows = sorted({key[1:] for key in cells}, key=lambda row: tuple(map(natural_key, row)))
    figure = new_figure(PAGE * 0.8, 1.1 + 0.27 * max(2, len(rows)))
    axes = figure.subplots()
    if not rows:
        write_empty(axes, "the split is empty")
        return figure
    counts = np.array(
        [[cells.get((role, *row), {}).get("n_patches", 0) for role in roles] for row in rows], dtype=float
    )
    top = float(counts.max()) * 1.15
    axes.imshow(np.ma.masked_equal(counts, 0), cmap="Blues", vmin=0, vmax=top, aspect="auto")
    for i, row in enumerate(rows):
        for j, role in enumerate(roles):
            cell = cells.get((role, *row))
            text = f"{cell['n_patches']:,}  ({cell['n_patients']})" if cell and cell["n_patches"] else "–"
            is_dark = counts[i, j] > 0.62 * top
            axes.text(j, i, text, ha="center", va="center", fontsize=8, color="white" if is_dark else INK)
    totals = [f"{role}\n{audit.n_patches.get(role, 0):,} ({audit.n_patients.get(role, 0)})" for role in roles]
    axes.set_xticks(range(len(roles)), totals)
    axes.set_yticks(range(len(rows)), [" · ".join(short(part, 18) for part in row if part) for row in rows])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    last = None
    for i, row in enumerate(rows):
        if last is not None and row[0] != last:
            axes.axhline(i - 0.5, color="white", lw=3)
        last = row[0]
    axes.set_xlabel("patches (patients)")
    return figure


def _text(value: object) -> str:
    return "" if value is None else str(value)
