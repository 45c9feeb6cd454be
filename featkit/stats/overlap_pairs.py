"""Overlap between named supports: observed, by chance, corrected and tested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.errors import InputError, did_you_mean
from featkit.core.options.resampling import Resampling
from featkit.core.seeds import rng
from featkit.core.text import first_few
from featkit.results.overlap import OverlapResult, StabilityIndex
from featkit.stats.overlap_chance import OverlapChance, corrected_overlap, overlap_chance
from featkit.stats.overlap_measures import OVERLAP_MEASURES
from featkit.stats.overlap_similarity import SIMILARITY_MEASURES, adjusted_overlap, similar_pairs
from featkit.stats.overlap_supports import as_support
from featkit.stats.stability_index import nogueira

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_NAN = float("nan")


def overlap(
    supports: Mapping[str, object],
    n_dimensions: int,
    *,
    measure: str = "jaccard",
    candidates: object = None,
    similarity: np.ndarray | csr_array | None = None,
    are_replicates: bool = False,
    resampling: Resampling | None = None,
) -> OverlapResult:
    """Compare every pair of named supports, each number next to what chance would give.

    Raw overlap is governed by the sizes: two sets of 1,074 out of 2,048 dimensions have a Jaccard overlap of 0.355
    by chance. So each pair comes with its expectation for independent uniform sets of the same sizes (exact, from the
    hypergeometric distribution), with ``(observed - chance) / (largest possible - chance)``, and with the exact
    probability of an intersection at least as large. The similarity-adjusted measures have no closed form; their
    chance and p-value come from ``n_draws`` random pairs of sets.

    A small p-value says that two sets are not unrelated. Folds that share training patches never are, so between folds
    read how far the corrected value is from 1 rather than whether the p-value is small. The p-values are not adjusted
    for the number of pairs.

    Parameters
    ----------
    supports : mapping of str to array
        Name to dimension indices, or to masks of length ``n_dimensions``.
    n_dimensions : int
        Dimensions of the embedding.
    measure : str
        A name in ``OVERLAP_MEASURES`` or, with ``similarity``, in ``SIMILARITY_MEASURES``.
    candidates : array-like of int or bool, or mapping of str to such, optional
        Dimensions that could be selected at all (the alive ones), for all supports or one by one; all of them by
        default. Chance is then computed among these: two sets limited by the same dead dimensions look alike.
    similarity : ndarray or scipy.sparse.csr_array, shape (n_dimensions, n_dimensions), optional
        Similarities in [0, 1], for the similarity-adjusted measures; those below 0.9 count as unrelated. For another
        threshold pass what `featkit.stats.overlap_similarity.similar_pairs` returns.
    are_replicates : bool
        Whether the supports are exchangeable repetitions (subsamples, seeds), so that the stability index may carry
        an interval; folds share training patients and are not.
    resampling : Resampling
        Level of that interval; draws and seed of the stability index and the similarity-adjusted measures (1,000 draws
        by default).

    Returns
    -------
    OverlapResult
        The diagonal compares each support with itself; it has no p-value and, for the similarity-adjusted measures,
        no chance either. What an empty support leaves undefined is NaN, with a note.

    Raises
    ------
    InputError
        If no support is given, an index is out of range, a support holds a dimension that is not a candidate, or the
        measure and ``similarity`` do not go together.

    Examples
    --------
    >>> found = overlap({"40X": [0, 1, 2], "100X": [1, 2, 3], "200X": []}, 10)
    >>> float(found.observed[0, 1]), found.n_pairs, found.n_undefined, found.empty
    (0.5, 3, 2, ('200X',))
    """
    resampling = resampling or Resampling(n_draws=1000)
    if not supports:
        raise InputError("overlap needs at least one support", "none")
    names = tuple(str(name) for name in supports)
    sets = [as_support(s, n_dimensions, f"support {name}") for name, s in supports.items()]
    pools = _pools(candidates, names, n_dimensions)
    for name, chosen, pool in zip(names, sets, pools, strict=True):
        strays = np.setdiff1d(chosen, pool, assume_unique=True)
        if len(strays):
            raise InputError(
                f"support {name} must hold candidates only",
                f"{len(strays)} others, the first {strays[0]}",
                "Pass the candidates of each support by name, or leave candidates out",
            )
    sizes = np.array([len(s) for s in sets], dtype=np.int64)
    is_exact = measure in OVERLAP_MEASURES
    if is_exact == (similarity is not None):
        raise InputError(
            f"overlap measure must be one of {', '.join(OVERLAP_MEASURES)}; or, with similarity=, "
            f"one of {', '.join(SIMILARITY_MEASURES)}",
            f"{measure!r} {'with' if similarity is not None else 'without'} similarity",
            did_you_mean(measure, [*OVERLAP_MEASURES, *SIMILARITY_MEASURES]) if not is_exact else "Leave it out",
        )
    neighbours = None
    if similarity is not None:
        neighbours = similar_pairs(similarity) if isinstance(similarity, np.ndarray) else similarity
    if neighbours is not None and neighbours.shape[0] != n_dimensions:
        raise InputError(f"similarity must cover {n_dimensions} dimensions", neighbours.shape[0])

    k = len(names)
    shared = np.zeros((k, k), dtype=np.int64)
    observed, chance, corrected, p_value = (np.full((k, k), _NAN) for _ in range(4))
    for i in range(k):
        for j in range(i, k):
            shared[i, j] = shared[j, i] = len(np.intersect1d(sets[i], sets[j], assume_unique=True))
            if neighbours is None:
                pair = _exact(shared[i, j], sets[i], sets[j], pools[i], pools[j], measure)
            else:
                generator = rng(resampling.seed, "similarity-adjusted overlap", i, j)
                draws = resampling.n_draws if i != j else 0
                pair = _drawn(sets[i], sets[j], pools[i], pools[j], neighbours, measure, draws, generator)
            for matrix, value in (
                (observed, pair.observed),
                (chance, pair.expected),
                (corrected, pair.corrected),
                (p_value, pair.p_value if i != j else _NAN),
            ):
                matrix[i, j] = matrix[j, i] = value

    stability, common = _stability(sets, pools, are_replicates, resampling)
    return OverlapResult(
        names=names,
        measure=measure,
        sizes=sizes,
        n_dimensions=n_dimensions,
        n_candidates=np.array([len(p) for p in pools], dtype=np.int64),
        intersection=shared,
        observed=observed,
        chance=chance,
        corrected=corrected,
        p_value=p_value,
        p_method="exact" if is_exact else "permutation",
        n_draws=0 if is_exact else resampling.n_draws,
        stability=stability,
        notes=_notes(names, sizes, pools, n_dimensions, measure, common),
    )


def _pools(candidates: object, names: tuple[str, ...], n_dimensions: int) -> list[np.ndarray]:
    if candidates is None:
        return [np.arange(n_dimensions)] * len(names)
    if not isinstance(candidates, Mapping):
        return [as_support(candidates, n_dimensions, "candidates")] * len(names)
    given = {str(name): pool for name, pool in candidates.items()}
    missing = [name for name in names if name not in given]
    if missing:
        raise InputError("candidates must be given for every support", f"none for {', '.join(missing)}")
    return [as_support(given[name], n_dimensions, f"candidates of {name}") for name in names]


def _exact(
    shared: int, first: np.ndarray, second: np.ndarray, pool_a: np.ndarray, pool_b: np.ndarray, measure: str
) -> OverlapChance:
    if pool_a is pool_b or np.array_equal(pool_a, pool_b):
        return overlap_chance(int(shared), len(first), len(second), max(1, len(pool_a)), measure=measure)
    n_shared = len(np.intersect1d(pool_a, pool_b, assume_unique=True))
    n_either = len(pool_a) + len(pool_b) - n_shared
    return overlap_chance(
        int(shared),
        len(first),
        len(second),
        n_either,
        measure=measure,
        n_a=len(pool_a),
        n_b=len(pool_b),
        n_shared=n_shared,
    )


def _drawn(
    first: np.ndarray,
    second: np.ndarray,
    pool_a: np.ndarray,
    pool_b: np.ndarray,
    neighbours: csr_array,
    measure: str,
    n_draws: int,
    generator: np.random.Generator,
) -> OverlapChance:
    observed = adjusted_overlap(first, second, neighbours, measure)
    if observed != observed or n_draws == 0:
        return OverlapChance(_NAN, 1.0, observed, _NAN, _NAN)
    by_chance = np.array(
        [
            adjusted_overlap(
                np.sort(generator.choice(pool_a, len(first), replace=False, shuffle=False)),
                np.sort(generator.choice(pool_b, len(second), replace=False, shuffle=False)),
                neighbours,
                measure,
            )
            for _ in range(n_draws)
        ]
    )
    expected = float(by_chance.mean())
    p_value = (1 + int(np.sum(by_chance >= observed - 1e-12))) / (1 + n_draws)
    return OverlapChance(expected, 1.0, observed, corrected_overlap(observed, expected, 1.0), p_value)


def _stability(
    sets: list[np.ndarray], pools: list[np.ndarray], are_replicates: bool, resampling: Resampling
) -> tuple[StabilityIndex | None, int]:
    """Return the stability index among the dimensions every support could choose, and how many these are."""
    common = pools[0]
    for pool in pools[1:]:
        common = common if pool is common else np.intersect1d(common, pool, assume_unique=True)
    if len(sets) < 2 or len(common) == 0:
        return None, len(common)
    inside = [np.searchsorted(common, np.intersect1d(s, common, assume_unique=True)) for s in sets]
    index = nogueira(
        inside,
        len(common),
        level=resampling.level,
        are_replicates=are_replicates,
        n_draws=resampling.n_draws,
        seed=resampling.seed,
    )
    return index, len(common)


def _notes(
    names: tuple[str, ...],
    sizes: np.ndarray,
    pools: list[np.ndarray],
    n_dimensions: int,
    measure: str,
    n_common: int,
) -> tuple[str, ...]:
    notes = []
    empty = [name for name, size in zip(names, sizes, strict=True) if size == 0]
    full = [name for name, size, pool in zip(names, sizes, pools, strict=True) if 0 < size == len(pool)]
    if empty:
        notes.append(
            f"No dimension was selected in {len(empty)} of {len(names)} ({first_few(empty)}): overlap with an empty "
            "support is undefined"
        )
    if full:
        notes.append(f"Every candidate was selected in {', '.join(full)}: its overlaps are fixed by the sizes alone")
    if measure in OVERLAP_MEASURES and OVERLAP_MEASURES[measure].needs_equal_sizes and len(set(sizes.tolist())) > 1:
        notes.append(f"{measure} is defined for sets of equal size only: the other pairs are left out (NaN)")
    positive = sizes[sizes > 0]
    if len(positive) > 1 and positive.max() >= 2 * positive.min():
        spread = f"{positive.min()} to {positive.max()}"
        notes.append(f"Sizes run from {spread}: compare the chance-corrected values, not the raw ones")
    if any(len(pool) < n_dimensions for pool in pools):
        counts = sorted({len(pool) for pool in pools})
        among = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        notes.append(f"Chance is computed among {among} candidates of {n_dimensions} dimensions")
        if len(counts) > 1 or n_common < counts[0]:
            notes.append(f"The stability index is computed among the {n_common} dimensions every support could hold")
    return tuple(notes)
