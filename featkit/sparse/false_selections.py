"""Bounds on the expected number of false selections, and what two of (threshold, q, pfer) say about the third.

Sources: Meinshausen and Buhlmann, JRSSB 72:417, 2010 (worst case); Shah and Samworth, JRSSB 75:55, 2013 (worst case
without exchangeability, unimodal, r-concave). All bounds take the dimensions selected with probability at most
``q / d`` on a half sample as the false ones.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from featkit.core.errors import InputError, did_you_mean

BOUNDS = ("worst_case", "unimodal", "r_concave")


def pfer_bound(q: float, threshold: float, n_dimensions: int, n_pairs: int = 50, bound: str = "unimodal") -> float:
    """Return the bound on the expected number of falsely selected dimensions.

    Parameters
    ----------
    q : float
        Dimensions a subsample may select, in (0, n_dimensions].
    threshold : float
        Share of subsamples a dimension must be selected in, in (0.5, 1]; the unimodal and r-concave bounds see it on
        the grid of ``1 / (2 n_pairs)``, rounded up as selection by ``>=`` does.
    n_dimensions : int
        Dimensions that can be selected, d.
    n_pairs : int
        Complementary pairs, B.
    bound : str
        "worst_case": ``q**2 / ((2 threshold - 1) d)``. "unimodal": also assumes that the simultaneous selection
        frequency is unimodal. "r_concave": that it is -1/2-concave and the frequency -1/4-concave.

    Returns
    -------
    float
        At most ``n_dimensions``; infinite where the unimodal bound does not apply
        (``q / d > 1 / sqrt(3)`` or a threshold too near one half).
    """
    _check(n_dimensions, n_pairs, bound)
    if not 0.0 < q <= n_dimensions:
        raise InputError(f"q must lie in (0, {n_dimensions}]", q)
    if not 0.5 < threshold <= 1.0:
        raise InputError("threshold must lie in (0.5, 1]", threshold, "Ask for a frequency above one half")
    theta = q / n_dimensions
    if bound == "worst_case":
        return q * theta / (2.0 * threshold - 1.0)
    steps = math.ceil(round(2 * n_pairs * threshold, 9))
    if bound == "unimodal":
        return q * theta * _unimodal_factor(steps / (2 * n_pairs), theta, n_pairs)
    return n_dimensions * min(
        _r_concave_tail(theta**2, n_pairs, -0.5)[steps - n_pairs], _r_concave_tail(theta, 2 * n_pairs, -0.25)[steps]
    )


def error_control(
    n_dimensions: int,
    n_pairs: int = 50,
    bound: str = "unimodal",
    *,
    threshold: float | None = None,
    q: int | None = None,
    pfer: float | None = None,
) -> tuple[float, int, float]:
    """Return ``(threshold, q, pfer)`` from two of them.

    A missing ``pfer`` is the bound; a missing ``q`` the largest whose bound is at most ``pfer``; a missing
    ``threshold`` the smallest on the grid of ``1 / (2 n_pairs)`` (for the worst case, the smallest) whose bound is at
    most ``pfer``.

    Raises
    ------
    InputError
        If not exactly two are given, or no value of the third does it.
    """
    _check(n_dimensions, n_pairs, bound)
    given = [name for name, value in (("threshold", threshold), ("q", q), ("pfer", pfer)) if value is not None]
    if len(given) != 2:
        raise InputError("exactly two of threshold, q and pfer must be given", ", ".join(given) or "none")
    if pfer is not None and not pfer > 0:
        raise InputError("pfer must be above 0", pfer, "Say how many false selections may be expected, e.g. 1")
    if pfer is None:
        assert threshold is not None
        assert q is not None
        return threshold, int(q), pfer_bound(q, threshold, n_dimensions, n_pairs, bound)
    if q is None:
        assert threshold is not None
        if pfer_bound(1, threshold, n_dimensions, n_pairs, bound) > pfer:
            raise InputError(
                f"pfer must admit at least q = 1 at threshold {threshold:g}", pfer, "Allow more errors or ask for more"
            )
        low, high = 1, n_dimensions + 1
        while high - low > 1:
            middle = (low + high) // 2
            ok = pfer_bound(middle, threshold, n_dimensions, n_pairs, bound) <= pfer
            low, high = (middle, high) if ok else (low, middle)
        return threshold, low, pfer
    if bound == "worst_case":
        threshold = 0.5 * (1.0 + q * q / (pfer * n_dimensions))
        if threshold <= 1.0:
            return threshold, int(q), pfer
    else:
        for steps in range(n_pairs + 1, 2 * n_pairs + 1):
            if pfer_bound(q, steps / (2 * n_pairs), n_dimensions, n_pairs, bound) <= pfer:
                return steps / (2 * n_pairs), int(q), pfer
    raise InputError(f"pfer must be reachable at q = {q}", pfer, "Lower q or allow more errors")


def _check(n_dimensions: int, n_pairs: int, bound: str) -> None:
    if bound not in BOUNDS:
        raise InputError("bound must be a known name", repr(bound), did_you_mean(bound, BOUNDS))
    if n_dimensions < 1 or n_pairs < 1:
        raise InputError("n_dimensions and n_pairs must be at least 1", f"{n_dimensions} and {n_pairs}")


def _unimodal_factor(tau: float, theta: float, n_pairs: int) -> float:
    """C(tau, B) of Shah and Samworth, equation (8), infinite outside its range."""
    step = 1.0 / (2 * n_pairs)
    if theta > 1.0 / math.sqrt(3.0) or tau <= min(0.5 + theta**2, 0.5 + step + 0.75 * theta**2):
        return math.inf
    if tau <= 0.75:
        return 1.0 / (2.0 * (2.0 * tau - 1.0 - step))
    return 4.0 * (1.0 - tau + step) / (1.0 + 2.0 * step)


@functools.lru_cache(maxsize=256)
def _r_concave_tail(mean: float, n_steps: int, r: float) -> np.ndarray:
    """Return D(mean, t / n, n, r) for t = 0..n: the largest ``P(X >= t / n)`` of an r-concave X with a given mean.

    X lives on {0, 1/n, ..., 1} with expectation at most ``mean`` (Shah and Samworth, appendix A.4): the extremes have
    weights ``(a + i)**(1 / r)`` on i = 0..k, and one more atom's worth at k + 1. For each k, ``a`` runs between the
    values at which 0..k and 0..k+1 alone have the mean.
    """
    n, s, center = n_steps, 1.0 / r, mean * n_steps
    tail = np.ones(n + 1)
    start = math.ceil(2.0 * center) + 1
    if start > n:
        return tail
    i, k = np.arange(n + 1.0), np.arange(start, n + 1)[:, None]
    inside = i <= k

    def weights(log_a: np.ndarray) -> np.ndarray:
        a = np.exp(log_a)[:, None]
        return np.where(inside, (a / (a + i)) ** -s, 0.0)

    low, high = np.full(k.size, math.log(1e-5)), np.full(k.size, math.log(1e5))
    for _ in range(80):
        middle = 0.5 * (low + high)
        w = weights(middle)
        above = (w @ i) / w.sum(axis=1) > center
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    ends = 0.5 * (low + high)

    def tails(log_a: np.ndarray) -> np.ndarray:
        """Return P(X >= t) for every k (rows) and t = 0..n (columns)."""
        w = weights(log_a)
        below = np.concatenate([np.zeros((k.size, 1)), np.cumsum(w, axis=1)[:, :-1]], axis=1)
        total = np.sum(np.where(inside, (k + 1 - i) * w, 0.0), axis=1, keepdims=True)
        return np.where(inside, 1.0 - (k + 1 - center) * below / total, 0.0)

    after = np.append(ends[1:], ends[-1])  # for k = n the interval is the point itself
    best = np.zeros(n + 1)
    for t in np.linspace(0.0, 1.0, 201):
        best = np.maximum(best, tails(ends + t * (after - ends)).max(axis=0))
    tail[start:] = best[start:]
    return tail
