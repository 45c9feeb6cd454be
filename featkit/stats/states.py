"""Forecasts that rank nothing: where an empty signature or a constant forecast stands behind a metric of ranks."""

from __future__ import annotations

from collections import Counter

import numpy as np

from featkit.stats.draws import Over
from featkit.stats.forecasts import Forecasts
from featkit.stats.intervals import CONSTANT, NOTHING, UNDEFINED


def rank_state(forecasts: Forecasts, over: Over | None = None) -> str:
    """Return what keeps a metric of ranks from saying something, or an empty text.

    Parameters
    ----------
    forecasts : Forecasts
        Labels and scores.
    over : {"mean of folds", "mean of domains", "within folds"}, optional
        What the metric is a mean of.

    Returns
    -------
    str
        "constant", "nothing selected" or "undefined", of all patches or, as in "constant in 2 of 5 folds", of parts.
        Pairs within folds are defined without the folds that have one class, which are then not named.

    Examples
    --------
    >>> rank_state(Forecasts([0, 1], [0.3, 0.3], "patches"))
    'constant'
    """
    if over is None:
        return _state(forecasts)
    kind = "domains" if over == "mean of domains" else "folds"
    labels = getattr(forecasts, kind)
    members = np.unique(labels).tolist()
    states = Counter(_state(forecasts.take(np.flatnonzero(labels == member))) for member in members)
    if over == "within folds":
        del states[UNDEFINED]
    del states[""]
    return ", ".join(f"{state} in {count} of {len(members)} {kind}" for state, count in states.items())


def _state(forecasts: Forecasts) -> str:
    if len(np.unique(forecasts.y)) < forecasts.n_classes:
        return UNDEFINED
    if not forecasts.is_constant:
        return ""
    folds = set() if forecasts.folds is None else set(forecasts.folds.tolist())
    return NOTHING if folds and folds <= set(forecasts.nothing_selected) else CONSTANT
