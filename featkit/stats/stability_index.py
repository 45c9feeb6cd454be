"""Nogueira's stability index of several supports, with its interval and tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from featkit.core.errors import InputError
from featkit.core.seeds import rng
from featkit.results.overlap import StabilityDifference, StabilityIndex
from featkit.stats.overlap_supports import as_support, membership

_NAN = float("nan")
_NOT_REPLICATES = (
    "The supports are not exchangeable repetitions (folds share training patients): no interval and no normal test are "
    "given for the stability index"
)


def nogueira(
    supports: Sequence[object] | Mapping[str, object],
    n_dimensions: int,
    *,
    level: float = 0.95,
    null: float = 0.0,
    are_replicates: bool = True,
    n_draws: int = 1000,
    seed: int = 0,
) -> StabilityIndex:
    """Return how stable a selection is over M supports (1: always the same; 0: as drawn at random).

    ``Phi = 1 - mean_f(M/(M-1) p_f (1 - p_f)) / (kbar/d (1 - kbar/d))`` with selection frequencies ``p_f`` and mean
    size ``kbar``; its variance is that of Theorem 7, with a plus sign before ``Phi/2`` (as influence functions give
    and simulation confirms).

    Parameters
    ----------
    supports : sequence or mapping of arrays
        M >= 2 sets of dimension indices (or masks of length ``n_dimensions``).
    n_dimensions : int
        Dimensions of the embedding, d.
    level : float
        Coverage of the interval.
    null : float
        Phi0 of the one-sided test Phi > Phi0.
    are_replicates : bool
        Whether the supports are exchangeable repetitions (subsamples, seeds). For folds say False: they share
        training patients, so the interval and the test, which assume repetitions, are withheld (NaN) and a note says
        so.
    n_draws : int
        Random sets of supports for the permutation p-value; 0 leaves it out (NaN).
    seed : int
        Seed of those draws.

    Returns
    -------
    StabilityIndex
        ``value`` is NaN, with a note, when all supports are empty or all are full.

    Raises
    ------
    InputError
        With fewer than two supports, or an index out of range.

    References
    ----------
    Nogueira, Sechidis and Brown, "On the stability of feature selection algorithms", JMLR 18(174), 2018:
    Definition 4, Theorem 7, Corollary 9.
    """
    from scipy.stats import norm

    sets = _read(supports, n_dimensions)
    m, sizes = len(sets), np.array([len(s) for s in sets])
    density = sizes.mean() / n_dimensions
    notes = []
    if density in (0.0, 1.0):
        notes.append(f"All supports are {'empty' if density == 0 else 'full'}: the stability index is not defined")
        value = variance = chance = p_permutation = _NAN
    else:
        z = membership(sets, n_dimensions)
        value, variance = _phi_and_variance(z, density)
        chance = -float(np.var(sizes, ddof=1)) / (m * n_dimensions**2 * density * (1 - density))
        p_permutation = _NAN
        if n_draws:
            drawn = _phi_by_chance(sizes, n_dimensions, density, n_draws, seed)
            p_permutation = (1 + int(np.sum(drawn >= value - 1e-12))) / (1 + n_draws)
    low = high = statistic = p_value = _NAN
    if not are_replicates:
        notes.append(_NOT_REPLICATES)
    elif variance > 1e-18:
        half = norm.ppf((1 + level) / 2) * np.sqrt(variance)
        low, high = float(value - half), float(value + half)
        statistic = float((value - null) / np.sqrt(variance))
        p_value = float(norm.sf(statistic))
    elif variance == variance:
        notes.append("The estimated variance is zero: no interval or normal test can be given")
    return StabilityIndex(
        value=float(value),
        low=low,
        high=high,
        level=level,
        variance=float(variance),
        null=null,
        statistic=statistic,
        p_value=p_value,
        chance=float(chance),
        permutation_p_value=float(p_permutation),
        n_draws=n_draws,
        n_supports=m,
        n_dimensions=n_dimensions,
        mean_size=float(sizes.mean()),
        notes=tuple(notes),
    )


def compare_stability(first: StabilityIndex, second: StabilityIndex, *, level: float = 0.95) -> StabilityDifference:
    """Test whether two procedures are equally stable, ``T = (Phi_2 - Phi_1) / sqrt(v_1 + v_2)``, two-sided.

    Parameters
    ----------
    first, second : StabilityIndex
        Of independently drawn, exchangeable supports.
    level : float
        Coverage of the interval.

    Returns
    -------
    StabilityDifference
        Second minus first; interval, statistic and p-value are NaN when both variances are zero.

    References
    ----------
    Nogueira, Sechidis and Brown (2018), section 6.2.
    """
    from scipy.stats import norm

    difference, spread = second.value - first.value, float(np.sqrt(first.variance + second.variance))
    if not spread > 1e-9:
        return StabilityDifference(difference, _NAN, _NAN, level, _NAN, _NAN)
    half = float(norm.ppf((1 + level) / 2)) * spread
    statistic = difference / spread
    return StabilityDifference(
        difference, difference - half, difference + half, level, statistic, float(2 * norm.sf(abs(statistic)))
    )


def _read(supports: Sequence[object] | Mapping[str, object], n_dimensions: int) -> list[np.ndarray]:
    named = supports if isinstance(supports, Mapping) else {str(i): s for i, s in enumerate(supports)}
    if len(named) < 2:
        raise InputError("a stability index needs at least two supports", len(named))
    return [as_support(s, n_dimensions, f"support {name}") for name, s in named.items()]


def _phi_and_variance(z: np.ndarray, density: float) -> tuple[float, float]:
    m, d = z.shape
    frequency, sizes = z.mean(axis=0), z.sum(axis=1)
    room = density * (1 - density)
    phi = 1 - m / (m - 1) * np.mean(frequency * (1 - frequency)) / room
    part = (
        z @ frequency / d - sizes * density / d + phi / 2 * (2 * sizes * density / d - sizes / d - density + 1)
    ) / room
    return float(phi), float(4 / m**2 * np.sum((part - part.mean()) ** 2))


def _phi_by_chance(sizes: np.ndarray, d: int, density: float, n_draws: int, seed: int) -> np.ndarray:
    """Draw Phi for independent uniform supports of the given sizes.

    Phi depends on the supports only through how many dimensions are selected 0, 1, ..., M times. Adding one more
    uniform support moves hypergeometric numbers of dimensions from each count to the next, so the draws cost nothing
    in d.
    """
    generator = rng(seed, "stability index by chance")
    m = len(sizes)
    selected = np.zeros((m + 1, n_draws), dtype=np.int64)  # dimensions selected t times, by draw
    selected[0] = d
    for done, size in enumerate(sizes):
        left, pool = np.full(n_draws, size), np.full(n_draws, d)
        moved = np.zeros((done + 1, n_draws), dtype=np.int64)
        for times in range(done + 1):
            here = selected[times]
            moved[times] = generator.hypergeometric(here, pool - here, left)
            left, pool = left - moved[times], pool - here
        selected[: done + 1] -= moved
        selected[1 : done + 2] += moved
    share = np.arange(m + 1) / m
    spread = share * (1 - share) @ selected / d
    return 1 - m / (m - 1) * spread / (density * (1 - density))
