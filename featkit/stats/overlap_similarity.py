"""Overlap between sets of dimensions that stand in for one another because they are collinear."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.errors import InputError, did_you_mean
from featkit.core.seeds import rng
from featkit.results.overlap import StabilityIndex
from featkit.stats.overlap_supports import as_support, membership

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclasses.dataclass(frozen=True)
class SimilarityMeasure:
    """An overlap measure that also counts similar dimensions.

    Parameters
    ----------
    function : callable
        ``(first, second, neighbours) -> float``: the adjusted intersection, at least the plain one.
    maximum : callable
        ``(a, b) -> float``: what it is divided by.
    source : str
        Where it was proposed.
    """

    function: Callable[[np.ndarray, np.ndarray, csr_array], float]
    maximum: Callable[[int, int], float]
    source: str


def similar_pairs(similarity: np.ndarray, threshold: float = 0.9) -> csr_array:
    """Keep the similarities that count.

    Parameters
    ----------
    similarity : ndarray of shape (d, d)
        Symmetric, in [0, 1], for instance absolute correlations (`geometry.cross_correlation` of an embedding with
        itself).
    threshold : float
        Pairs below it count as unrelated.

    Returns
    -------
    scipy.sparse.csr_array of shape (d, d)
        Without its diagonal.

    Raises
    ------
    InputError
        If the matrix is not square, not symmetric or leaves [0, 1].
    """
    from scipy.sparse import csr_array

    similarity = np.asarray(similarity)
    if similarity.ndim != 2 or similarity.shape[0] != similarity.shape[1]:
        raise InputError("similarity must be a square matrix", f"shape {similarity.shape}")
    if not np.all((similarity >= -1e-6) & (similarity <= 1 + 1e-6)):
        raise InputError("similarity must lie in [0, 1]", fix="Take absolute correlations, with 0 for dead dimensions")
    if not np.allclose(similarity, similarity.T, atol=1e-5):
        raise InputError("similarity must be symmetric")
    if not 0 <= threshold <= 1:
        raise InputError("the similarity threshold must lie in [0, 1]", threshold)
    kept = similarity >= threshold
    np.fill_diagonal(kept, False)
    rows, columns = np.nonzero(kept)
    return csr_array((similarity[rows, columns].astype(np.float64), (rows, columns)), shape=similarity.shape)


def adjusted_overlap(first: np.ndarray, second: np.ndarray, neighbours: csr_array, measure: str) -> float:
    """Return a similarity-adjusted overlap divided by its largest value for these sizes.

    Parameters
    ----------
    first, second : ndarray of int
        Two supports, sorted.
    neighbours : scipy.sparse.csr_array of shape (d, d)
        From `similar_pairs`.
    measure : str
        A name in ``SIMILARITY_MEASURES``.

    Returns
    -------
    float
        In [0, 1] for sets of equal size (``intersection_mean`` and ``zucknick`` weigh by similarity and so stay
        below 1 unless it is 1); NaN when either set is empty.
    """
    entry = similarity_measure(measure)
    if len(first) == 0 or len(second) == 0:
        return float("nan")
    return entry.function(first, second, neighbours) / entry.maximum(len(first), len(second))


def similarity_measure(name: str) -> SimilarityMeasure:
    """Return the entry of ``SIMILARITY_MEASURES``, or say which names exist."""
    if name not in SIMILARITY_MEASURES:
        raise InputError("similarity measure must be a known name", repr(name), did_you_mean(name, SIMILARITY_MEASURES))
    return SIMILARITY_MEASURES[name]


def sechidis(
    supports: Sequence[object] | Mapping[str, object],
    similarity: np.ndarray,
    *,
    threshold: float = 0.9,
    n_draws: int = 1000,
    seed: int = 0,
) -> StabilityIndex:
    """Return the stability of M supports where similar dimensions count as partly the same.

    ``1 - tr(C S) / tr(C S0)`` with the supports' sample covariance ``S`` and its expectation ``S0`` for random
    supports of their mean size. With ``C`` the identity it is Nogueira's index.

    Parameters
    ----------
    supports : sequence or mapping of arrays
        M >= 2 sets of dimension indices or masks.
    similarity : ndarray of shape (d, d)
        Symmetric, in [0, 1], ones on the diagonal.
    threshold : float
        Entries below it are taken as 0; 0 keeps all.
    n_draws : int
        Random sets of supports for the permutation p-value; 0 leaves it out (NaN).
    seed : int
        Seed of those draws.

    Returns
    -------
    StabilityIndex
        Without an interval or a normal test. ``value`` is at most 1 when the thresholded matrix is positive
        semi-definite, and NaN when all supports are empty or full. ``chance`` is exact.

    Raises
    ------
    InputError
        With fewer than two supports, an index out of range, or a matrix that is not a similarity.

    References
    ----------
    Sechidis, Papangelou, Nogueira, Weatherall and Brown, "On the stability of feature selection in the presence of
    feature correlations", ECML PKDD 2019; formula as documented in Bommert's R package stabm, ``stabilitySechidis``.
    """
    pairs = similar_pairs(similarity, threshold)
    d = pairs.shape[0]
    named = supports if isinstance(supports, Mapping) else {str(i): s for i, s in enumerate(supports)}
    if len(named) < 2:
        raise InputError("a stability index needs at least two supports", len(named))
    sets = [as_support(s, d, f"support {name}") for name, s in named.items()]
    sizes = np.array([len(s) for s in sets], dtype=np.float64)
    m, density, everything = len(sets), float(sizes.mean()) / d, float(pairs.sum())

    def weighted(variance: float, covariance: float) -> float:
        return variance * d + covariance * everything  # tr(C M) for one variance and one covariance throughout

    def drawn_together(size: np.ndarray) -> np.ndarray:
        return size * (size - 1) / (d * max(1, d - 1))

    by_chance = weighted(density * (1 - density), float(drawn_together(sizes).mean()) - density**2)
    share, spread = sizes / d, float(np.var(sizes / d, ddof=1))
    expected = weighted(
        float(np.mean(share * (1 - share))) + spread,
        float(np.mean(drawn_together(sizes) - share**2)) + spread,
    )

    def index(chosen: list[np.ndarray]) -> float:
        centred = membership(chosen, d)
        centred -= centred.mean(axis=0)
        covered = float(np.sum(np.square(centred)) + np.sum(centred * (pairs @ centred.T).T)) / (m - 1)
        return 1 - covered / by_chance

    nan = float("nan")
    notes: tuple[str, ...] = ("No interval is given for the similarity-adjusted index",)
    value = chance = p_value = nan
    if not by_chance > 1e-12:
        notes = ("All supports are empty or full: the stability index is not defined",)
    else:
        value, chance = index(sets), 1 - expected / by_chance
        if n_draws:
            generator = rng(seed, "similarity-adjusted stability by chance")
            drawn = [
                index([generator.choice(d, len(s), replace=False, shuffle=False) for s in sets]) for _ in range(n_draws)
            ]
            p_value = (1 + int(np.sum(np.array(drawn) >= value - 1e-12))) / (1 + n_draws)
    return StabilityIndex(
        value=value,
        low=nan,
        high=nan,
        level=nan,
        variance=nan,
        null=0.0,
        statistic=nan,
        p_value=nan,
        chance=chance,
        permutation_p_value=p_value,
        n_draws=n_draws,
        n_supports=m,
        n_dimensions=d,
        mean_size=float(sizes.mean()),
        notes=notes,
    )


def _parts(first: np.ndarray, second: np.ndarray, neighbours: csr_array) -> tuple[int, csr_array]:
    """Return the plain intersection, and the similar pairs between what is only in one and only in the other."""
    only_first = np.setdiff1d(first, second, assume_unique=True)
    only_second = np.setdiff1d(second, first, assume_unique=True)
    return len(first) - len(only_first), neighbours[only_first][:, only_second]


def _count(first: np.ndarray, second: np.ndarray, neighbours: csr_array) -> float:
    shared, block = _parts(first, second, neighbours)
    return shared + min(_partnered(block))


def _mean(first: np.ndarray, second: np.ndarray, neighbours: csr_array) -> float:
    shared, block = _parts(first, second, neighbours)
    return shared + min(_mean_similarity(block), _mean_similarity(block.T.tocsr()))


def _matching(first: np.ndarray, second: np.ndarray, neighbours: csr_array) -> float:
    from scipy.sparse.csgraph import maximum_bipartite_matching

    shared, block = _parts(first, second, neighbours)
    if block.nnz == 0:
        return float(shared)
    return shared + float(np.sum(maximum_bipartite_matching(block, perm_type="column") >= 0))


def _yu(first: np.ndarray, second: np.ndarray, neighbours: csr_array) -> float:
    shared, block = _parts(first, second, neighbours)
    return shared + sum(_partnered(block)) / 2


def _zucknick(first: np.ndarray, second: np.ndarray, neighbours: csr_array) -> float:
    only_first = np.setdiff1d(first, second, assume_unique=True)
    only_second = np.setdiff1d(second, first, assume_unique=True)
    shared = len(first) - len(only_first)
    carried = neighbours[first][:, only_second].sum() / len(second) + neighbours[second][:, only_first].sum() / len(
        first
    )
    return float(shared + carried) / (len(first) + len(second) - shared)


def _partnered(block: csr_array) -> tuple[int, int]:
    """Return how many rows and how many columns hold at least one similar pair."""
    return int(np.count_nonzero(np.diff(block.indptr))), len(np.unique(block.indices))


def _mean_similarity(block: csr_array) -> float:
    counts = np.diff(block.indptr)
    sums = np.asarray(block.sum(axis=1)).ravel()
    return float(np.sum(sums[counts > 0] / counts[counts > 0]))


def _geometric_mean(a: int, b: int) -> float:
    return float(np.sqrt(a * b))


SIMILARITY_MEASURES: dict[str, SimilarityMeasure] = {
    "intersection_count": SimilarityMeasure(_count, _geometric_mean, "Bommert and Rahnenführer 2020"),
    "intersection_mean": SimilarityMeasure(_mean, _geometric_mean, "Bommert and Rahnenführer 2020"),
    "intersection_matching": SimilarityMeasure(_matching, _geometric_mean, "Bommert and Rahnenführer 2020"),
    "yu": SimilarityMeasure(_yu, lambda a, b: (a + b) / 2, "Yu, Han and Berens 2012, after Zhang et al. 2009"),
    "zucknick": SimilarityMeasure(_zucknick, lambda a, b: 1.0, "Zucknick, Richardson and Stronach 2008"),
}
