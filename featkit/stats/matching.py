"""Which dimensions of two separately trained encoders correspond, and what that does to the overlap of supports."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from featkit.core.errors import InputError
from featkit.core.options.resampling import Resampling
from featkit.results.matching import MatchingResult, ReseedingNull
from featkit.results.overlap import OverlapResult
from featkit.stats.geometry import cross_correlation, dead_dimensions, effective_rank, linear_cka
from featkit.stats.overlap_pairs import overlap
from featkit.stats.overlap_supports import as_support


def match_dimensions(
    X_a: np.ndarray,
    X_b: np.ndarray,
    *,
    support_a: object = None,
    support_b: object = None,
    names: tuple[str, str] = ("first", "second"),
    measure: str = "jaccard",
    seed: int = 0,
) -> MatchingResult:
    """Compare two encoders on the same patches and match their dimensions.

    Dimension 17 of one trained network need not mean what dimension 17 of another does. The matching is the one-to-one
    assignment with the largest sum of absolute correlations (Hungarian algorithm); constant dimensions are matched to
    nothing. Overlap of two supports is given by index and after the first was carried over by the matching, both
    against chance among the dimensions that could have been selected.

    Parameters
    ----------
    X_a : ndarray of shape (n, d_a)
    X_b : ndarray of shape (n, d_b)
        Embeddings of the same patches in the same order. Use training patches: the held-out domain has no say.
    support_a, support_b : array-like of int or bool, optional
        Dimensions selected in each; both or neither.
    names : tuple of str
        What the result calls the two.
    measure : str
        A name in ``OVERLAP_MEASURES``.
    seed : int
        Seed of the random supports behind the stability index of the overlaps.

    Returns
    -------
    MatchingResult

    Raises
    ------
    InputError
        If the rows differ in number, or only one support is given.

    References
    ----------
    Kuhn, "The Hungarian method for the assignment problem", 1955; Li, Yosinski, Clune, Lipson and Hopcroft,
    "Convergent learning: do different neural networks learn the same representations?", ICLR 2016.
    """
    from scipy.optimize import linear_sum_assignment

    if (support_a is None) != (support_b is None):
        raise InputError("supports must be given for both encoders or for neither", "one")
    correlation = cross_correlation(X_a, X_b)
    dead = dead_dimensions(X_a), dead_dimensions(X_b)
    alive_a, alive_b = (np.flatnonzero(~is_dead) for is_dead in dead)
    d_a, d_b = correlation.shape
    matched = np.full(d_a, -1, dtype=np.int64)
    rows, columns = linear_sum_assignment(np.abs(correlation[np.ix_(alive_a, alive_b)]), maximize=True)
    matched[alive_a[rows]] = alive_b[columns]

    same_index, matched_correlation = np.full(d_a, np.nan), np.full(d_a, np.nan)
    both = np.flatnonzero(~dead[0][: min(d_a, d_b)] & ~dead[1][: min(d_a, d_b)])
    same_index[both] = correlation[both, both]
    found = np.flatnonzero(matched >= 0)
    matched_correlation[found] = correlation[found, matched[found]]

    notes = []
    before: OverlapResult | None = None
    after: OverlapResult | None = None
    if support_a is not None:
        first = as_support(support_a, d_a, f"support {names[0]}")
        second = as_support(support_b, d_b, f"support {names[1]}")
        if d_a == d_b:
            pools = {names[0]: np.union1d(alive_a, first), names[1]: np.union1d(alive_b, second)}
            supports = {names[0]: first, names[1]: second}
            before = overlap(
                supports, d_a, measure=measure, candidates=pools, resampling=Resampling(n_draws=1000, seed=seed)
            )
        else:
            notes.append(f"The encoders have {d_a} and {d_b} dimensions: overlap by index has no meaning")
        carried = matched[first]
        if np.any(carried < 0):
            notes.append(f"{int(np.sum(carried < 0))} selected dimensions of {names[0]} have no match and are left out")
        carried_over = np.sort(carried[carried >= 0])
        pools = {names[0]: np.sort(matched[found]), names[1]: np.union1d(alive_b, second)}
        after = overlap(
            {names[0]: carried_over, names[1]: second},
            d_b,
            measure=measure,
            candidates=pools,
            resampling=Resampling(n_draws=1000, seed=seed),
        )
        notes.append(
            "The matching was chosen on these patches: its correlations are the best that could be found, not a sample"
        )
    return MatchingResult(
        n_patches=len(X_a),
        n_dimensions=(d_a, d_b),
        n_dead=(int(dead[0].sum()), int(dead[1].sum())),
        effective_rank=(effective_rank(X_a), effective_rank(X_b)),
        cka=linear_cka(X_a, X_b),
        same_index_correlation=same_index,
        matched=matched,
        matched_correlation=matched_correlation,
        overlap_before=before,
        overlap_after=after,
        notes=tuple(notes),
    )


def reseeding_null(
    embeddings: Sequence[np.ndarray], supports: Sequence[object], *, measure: str = "jaccard", seed: int = 0
) -> ReseedingNull:
    """Match every pair of trainings that differ in their seed alone.

    Two folds or two methods cannot be expected to agree more than two seeds of one of them do: an overlap is low only
    in comparison with this one.

    Parameters
    ----------
    embeddings : sequence of ndarray of shape (n, d)
        One a seed, of the same patches in the same order.
    supports : sequence of array-like
        One a seed.
    measure : str
        A name in ``OVERLAP_MEASURES``.
    seed : int
        Seed of the random supports behind the stability index of the overlaps.

    Returns
    -------
    ReseedingNull

    Raises
    ------
    InputError
        With fewer than two seeds, or other numbers of supports than of embeddings.
    """
    if len(embeddings) != len(supports):
        raise InputError("every seed must have one embedding and one support", f"{len(embeddings)} and {len(supports)}")
    if len(embeddings) < 2:
        raise InputError("a null from re-seeded training needs at least two seeds", len(embeddings))
    pairs = list(itertools.combinations(range(len(embeddings)), 2))
    matches = [
        match_dimensions(
            embeddings[i], embeddings[j], support_a=supports[i], support_b=supports[j], measure=measure, seed=seed
        )
        for i, j in pairs
    ]
    return ReseedingNull(
        measure=measure,
        first=np.array([i for i, _ in pairs]),
        second=np.array([j for _, j in pairs]),
        overlap_before=np.array([_pair(m.overlap_before, "observed") for m in matches]),
        overlap_after=np.array([_pair(m.overlap_after, "observed") for m in matches]),
        corrected_before=np.array([_pair(m.overlap_before, "corrected") for m in matches]),
        corrected_after=np.array([_pair(m.overlap_after, "corrected") for m in matches]),
        cka=np.array([m.cka for m in matches]),
        matched_correlation=np.array([np.nanmedian(np.abs(m.matched_correlation)) for m in matches]),
        n_seeds=len(embeddings),
        notes=(f"{len(pairs)} pairs of {len(embeddings)} seeds share trainings: read their range, not a p-value",),
    )


def _pair(result: OverlapResult | None, field: str) -> float:
    return float("nan") if result is None else float(getattr(result, field)[0, 1])
