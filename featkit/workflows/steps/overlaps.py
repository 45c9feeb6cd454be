"""How far signatures agree: between folds and seeds of a method, between methods, and after matching dimensions."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.progress import track
from featkit.results.matching import MatchingResult, ReseedingNull
from featkit.results.overlap import OverlapResult
from featkit.results.signature import Signature
from featkit.results.signature_set import ALL_SIGNATURES
from featkit.workflows.steps.sources import Source

if TYPE_CHECKING:
    from featkit.data.split import Split


@dataclasses.dataclass(frozen=True, eq=False)
class Fitted:
    """A signature and what it was fitted on.

    Parameters
    ----------
    key : str
        "method/fold" or "method/fold/seedK".
    source : Source
        The store.
    split : Split
        The fold's roles.
    signature : Signature
        The result.
    rows : (n,) int64
        Rows of the store it was fitted on.
    """

    key: str
    source: Source
    split: Split
    signature: Signature
    rows: np.ndarray

    @property
    def candidates(self) -> np.ndarray:
        """Dimensions that could be selected: the store's live ones."""
        alive = np.flatnonzero(~self.source.store.var["is_dead"].to_numpy())
        return np.union1d(alive, np.union1d(self.signature.support, self.signature.stable_support))


_SHARED_NOTE = (
    "Folds and methods share training patients: that their signatures agree more than sets drawn at random, which is "
    "what p says, does not show that other patients would give them"
)


def groups_of(fitted: list[Fitted]) -> dict[str, dict[str, Fitted]]:
    """Return which signatures to compare by index: those of each method, and all where there are several methods."""
    groups: dict[str, dict[str, Fitted]] = {}
    for one in fitted:
        groups.setdefault(one.source.method, {})[one.key.removeprefix(f"{one.source.method}/")] = one
    if len(groups) > 1:
        groups[ALL_SIGNATURES] = {one.key: one for one in fitted}
    return {
        name: members
        for name, members in groups.items()
        if len(members) > 1 and len({one.signature.n_dimensions for one in members.values()}) == 1
    }


def overlap_groups(fitted: list[Fitted], *, measure: str, is_stable: bool = False) -> dict[str, OverlapResult]:
    """Return the overlap of every group of signatures, or of their stable supports, next to chance.

    A similarity-adjusted measure takes the absolute correlations of dimensions on training patches, averaged over
    the stores of the group.
    """
    from featkit.stats.overlap_pairs import overlap
    from featkit.stats.overlap_similarity import SIMILARITY_MEASURES

    found = {}
    for name, members in groups_of(fitted).items():
        chosen = {key: one for key, one in members.items() if not is_stable or one.signature.selection_frequency.size}
        if len(chosen) < 2:
            continue
        seeds_only = len({(one.source.method, one.split.fold) for one in chosen.values()}) == 1
        result = overlap(
            {key: one.signature.stable_support if is_stable else one.signature.support for key, one in chosen.items()},
            next(iter(chosen.values())).signature.n_dimensions,
            measure=measure,
            candidates={key: one.candidates for key, one in chosen.items()},
            similarity=_similarity(list(chosen.values())) if measure in SIMILARITY_MEASURES else None,
            are_replicates=seeds_only,
            seed=next(iter(chosen.values())).source.config.split.seed,
        )
        found[name] = result if seeds_only else dataclasses.replace(result, notes=(*result.notes, _SHARED_NOTE))
    return found


def match_encoders(fitted: list[Fitted], *, measure: str) -> tuple[dict[str, MatchingResult], dict[str, ReseedingNull]]:
    """Match the dimensions of separately trained encoders on patches that are training patches of both.

    Returns
    -------
    dict of str to MatchingResult
        Folds of one method and seed, and methods of one fold and seed. One encoder in two folds needs no matching.
        A similarity-adjusted measure gives way to Jaccard here.
    dict of str to ReseedingNull
        By "method/fold", where there are several seeds.
    """
    from featkit.stats.matching import match_dimensions, reseeding_null
    from featkit.stats.overlap_measures import OVERLAP_MEASURES

    measure = measure if measure in OVERLAP_MEASURES else "jaccard"
    pairs = [
        (a, b)
        for a, b in itertools.combinations(fitted, 2)
        if a.source.store.store_id != b.source.store.store_id
        and a.source.seed == b.source.seed
        and (a.source.method == b.source.method) != (a.split.fold == b.split.fold)
    ]
    matched = {}
    for a, b in track(pairs, "Matching dimensions") if pairs else ():
        X_a, X_b = common_rows([a, b])
        if len(X_a) < _FEWEST_ROWS:
            continue
        matched[f"{a.key} | {b.key}"] = match_dimensions(
            X_a,
            X_b,
            support_a=a.signature.support,
            support_b=b.signature.support,
            names=(a.key, b.key),
            measure=measure,
            seed=a.source.config.split.seed,
        )
    nulls = {}
    runs: dict[str, list[Fitted]] = {}
    for one in fitted:
        runs.setdefault(f"{one.source.method}/{one.split.fold}", []).append(one)
    for name, seeds in runs.items():
        if len({one.source.store.store_id for one in seeds}) < 2:
            continue
        embeddings = common_rows(seeds)
        if len(embeddings[0]) >= _FEWEST_ROWS:
            nulls[name] = reseeding_null(
                embeddings,
                [one.signature.support for one in seeds],
                measure=measure,
                seed=seeds[0].source.config.split.seed,
            )
    return matched, nulls


_FEWEST_ROWS = 4
"""Below this, kernel alignment has no unbiased estimate."""


def common_rows(several: list[Fitted]) -> list[np.ndarray]:
    """Return each store's embeddings (n, d) of the patches that are training patches of all, in one order."""
    sets = [set(one.split.patch_ids[one.rows].tolist()) for one in several]
    shared = set.intersection(*sets)
    ordered = [p for p in several[0].split.patch_ids.tolist() if p in shared]
    found = []
    for one in several:
        place = {p: row for row, p in enumerate(one.split.patch_ids.tolist())}
        found.append(one.source.store.X(np.array([place[p] for p in ordered], dtype=np.int64)))
    return found


def _similarity(members: list[Fitted]) -> np.ndarray:
    from featkit.stats.geometry import cross_correlation

    by_store = {one.source.store.store_id: one for one in members}
    total: np.ndarray | float = 0.0
    for one in by_store.values():
        X = one.source.store.X(one.rows)
        total = total + np.abs(cross_correlation(X, X))
    mean = np.asarray(total) / len(by_store)
    return np.clip((mean + mean.T) / 2, 0.0, 1.0)
