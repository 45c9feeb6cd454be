"""Differences too small to matter: two one-sided tests against a margin."""

from __future__ import annotations

import math
import numbers

from featkit.core.arrays import check_level
from featkit.core.errors import InputError


def equivalence_p_value(difference: float, se: float, degrees_of_freedom: float, margin: float) -> float:
    """Return the p-value of the two one-sided t tests (Schuirmann 1987).

    It is at most ``alpha`` exactly when the ``1 - 2 alpha`` interval ``difference +- t se`` lies inside
    ``[-margin, margin]``.

    Parameters
    ----------
    difference : float
        Observed difference.
    se : float
        Its standard error, at least 0.
    degrees_of_freedom : float
        Of the t distribution, above 0.
    margin : float
        Differences within plus or minus this count as none; above 0. Chosen before the data are seen.

    Returns
    -------
    float
        In [0, 1]; NaN when the difference or its error is.

    Raises
    ------
    InputError
        If the margin is not above 0.
    """
    from scipy.stats import t

    check_margin(margin)
    if math.isnan(difference) or math.isnan(se):
        return math.nan
    distance = margin - abs(difference)
    if se == 0:
        return 0.0 if distance > 0 else 1.0
    return float(t.sf(distance / se, degrees_of_freedom))


def equivalence_margin_needed(difference: float, se: float, degrees_of_freedom: float, level: float = 0.95) -> float:
    """Return the smallest margin within which the difference would be shown equivalent.

    Parameters
    ----------
    difference, se, degrees_of_freedom : float
        As in `equivalence_p_value`.
    level : float
        ``1 - level`` is the size of the tests.

    Returns
    -------
    float
        The far end of the ``1 - 2 (1 - level)`` interval, in absolute value.
    """
    from scipy.stats import t

    if not 0.5 < check_level(level) < 1:
        raise InputError("level must lie in (0.5, 1)", level)
    return abs(difference) + float(t.isf(1 - level, degrees_of_freedom)) * se


def check_margin(margin: float) -> float:
    """Return a margin above 0 and finite."""
    if not (isinstance(margin, numbers.Real) and math.isfinite(margin) and margin > 0):
        raise InputError(
            "an equivalence margin must be above 0", margin, "Give the largest difference you would call negligible"
        )
    return float(margin)
