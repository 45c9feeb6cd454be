"""How far signatures agree: between folds and seeds of a method, between methods, and after matching dimensions."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.fingerprint import Fingerprint
from featkit.core.options import Resampling, SignatureOptions
from featkit.core.progress import track
from featkit.core.run_key import FROZEN, RunKey
from featkit.core.text import listed
from featkit.results.by_run import ByRun
from featkit.results.copied_dimensions import CopiedDimensions
from featkit.results.evaluation import Evaluation
from featkit.results.matching import ReseedingNull
from featkit.results.overlap import OverlapResult
from featkit.results.signature import Signature
from featkit.results.signature_detail import SignatureDetail
from featkit.results.signature_set import MatchedRuns
from featkit.results.sparsity_price import SparsityPrice
from featkit.workflows.steps.sources import Source

if TYPE_CHECKING:
    from featkit.data.split import Split


@dataclasses.dataclass(frozen=True, eq=False)
class Fitted:
    """A signature and what it was fitted on.

    Parameters
    ----------
    key : RunKey
        The run.
    source : Source
        The store.
    split : Split
        The fold's roles.
    signature : Signature
        The result.
    evaluation : Evaluation
        How it does on the fold's test rows.
    detail : SignatureDetail or None
        The closer look, where it was asked for.
    dense : Evaluation or None
        How a model on all dimensions does on the same rows, where it was asked for.
    price : SparsityPrice or None
        Signature minus that model.
    copies : CopiedDimensions or None
        Dimensions that are copies of one another on the training rows.
    """

    key: RunKey
    source: Source
    split: Split
    signature: Signature
    evaluation: Evaluation
    detail: SignatureDetail | None = None
    dense: Evaluation | None = None
    price: SparsityPrice | None = None
    copies: CopiedDimensions | None = None

    @property
    def candidates(self) -> np.ndarray:
        """Dimensions that could be selected: the store's live ones."""
        alive = np.flatnonzero(~self.source.store.var["is_dead"].to_numpy())
        return np.union1d(alive, np.union1d(self.signature.support, self.signature.stable_support))


_MATCHING = "matching 2"
_SHARED_NOTE = (
    "Folds and methods share training patients: that their signatures agree more than sets drawn at random, which is "
    "what p says, does not show that other patients would give them"
)


def _groups(fitted: Sequence[Fitted]) -> dict[RunKey, list[Fitted]]:
    """Return which signatures belong together: those of each method, and all where there are several methods."""
    groups: dict[RunKey, list[Fitted]] = {}
    for one in fitted:
        groups.setdefault(one.key.only("method", "positive"), []).append(one)
    if len(groups) > 1:
        groups[fitted[0].key.only("positive")] = list(fitted)
    return {key: members for key, members in groups.items() if len(members) > 1}


def _mismatch(members: Sequence[Fitted]) -> list[str]:
    """Return what differs between the encoders of signatures, by the keys of `featkit.store.COMPARED`.

    Trainings of one study start from one encoder, so that their weights differ by design.
    """
    from featkit.store.comparable import differences

    stores = list({one.source.store.store_id: one.source for one in members}.values())
    found: dict[str, None] = {}
    for other in stores[1:]:
        by_design = {"weights_sha256"} if _is_trained(stores[0]) and _is_trained(other) else set()
        found |= dict.fromkeys(key for key in differences(stores[0].store, other.store) if key not in by_design)
    return list(found)


def _is_trained(source: Source) -> bool:
    return source.workspace is not None and source.store.provenance.get("method") not in (None, FROZEN)


def mismatch_notes(fitted: Sequence[Fitted], options: SignatureOptions) -> list[str]:
    """Return which signatures are not compared because their encoders were made differently, and how they would be."""
    from featkit.store.comparable import COMPARED

    notes = []
    for key, members in _groups(fitted).items():
        found = _mismatch(members)
        if found and ("n_dimensions" in found or not options.allow_mismatch):
            what = f"Overlap of {key.method or 'methods'} is not computed: the stores differ in "
            how = "" if "n_dimensions" in found else ". --allow-mismatch compares them all the same"
            notes.append(what + listed([COMPARED[name] for name in found]) + how)
    return notes


def overlap_groups(
    fitted: Sequence[Fitted], options: SignatureOptions, *, is_stable: bool = False
) -> ByRun[OverlapResult]:
    """Return the overlap of every group of signatures, or of their stable supports, next to chance.

    Dimensions of encoders that were made differently are compared only where that is allowed, with a note. A
    similarity-adjusted measure takes the absolute correlations of dimensions on training patches, averaged over the
    stores of the group.
    """
    from featkit.stats.overlap_pairs import overlap
    from featkit.stats.overlap_similarity import SIMILARITY_MEASURES
    from featkit.store.comparable import COMPARED

    found, measure = {}, options.measure
    for group, members in _groups(fitted).items():
        mismatch = _mismatch(members)
        if mismatch and ("n_dimensions" in mismatch or not options.allow_mismatch):
            continue
        chosen = [one for one in members if not is_stable or one.signature.selection_frequency.size]
        if len(chosen) < 2:
            continue
        are_replicates = len({one.key.without("seed") for one in chosen}) == 1
        names = [one.key.label() for one in chosen]
        supports = [one.signature.stable_support if is_stable else one.signature.support for one in chosen]
        result = overlap(
            dict(zip(names, supports, strict=True)),
            chosen[0].signature.n_dimensions,
            measure=measure,
            candidates=dict(zip(names, (one.candidates for one in chosen), strict=True)),
            similarity=_similarity(chosen) if measure in SIMILARITY_MEASURES else None,
            are_replicates=are_replicates,
            resampling=Resampling(n_draws=1000, seed=chosen[0].source.design.seed),
        )
        notes = result.notes if are_replicates else (*result.notes, _SHARED_NOTE)
        if mismatch:
            differ = listed([COMPARED[name] for name in mismatch])
            notes = (f"Dimensions are compared although the stores differ in {differ}", *notes)
        found[group] = dataclasses.replace(result, names=tuple(one.key for one in chosen), notes=notes, key=group)
    return ByRun(found)


def match_encoders(
    fitted: Sequence[Fitted], *, measure: str, is_asked: bool, again: bool = False
) -> tuple[tuple[MatchedRuns, ...], ByRun[ReseedingNull]]:
    """Match the dimensions of separately trained encoders on patches that are training patches of both.

    Parameters
    ----------
    fitted : sequence of Fitted
        The signatures.
    measure : str
        How overlap is measured; a similarity-adjusted measure gives way to Jaccard here.
    is_asked : bool
        Whether to match what was not matched yet; else only what is saved and still holds is returned.
    again : bool
        Match also what is saved.

    Returns
    -------
    tuple of MatchedRuns
        Folds of one method and seed, and methods of one fold and seed. One encoder in two folds needs no matching.
    ByRun of ReseedingNull
        By method and fold, where there are several seeds.
    """
    from featkit.stats.overlap_measures import OVERLAP_MEASURES

    measure = measure if measure in OVERLAP_MEASURES else "jaccard"
    pairs = [
        (a, b)
        for a, b in itertools.combinations(fitted, 2)
        if a.source.store.store_id != b.source.store.store_id
        and a.key.seed == b.key.seed
        and (a.key.method == b.key.method) != (a.key.fold == b.key.fold)
    ]
    matched = []
    for a, b in track(pairs, "Matching dimensions") if pairs and is_asked else pairs:
        key, made_from = _pair_key(a.key, b.key), _matching_fingerprint([a, b], measure)
        found = None if again else a.source.results.finished(MatchedRuns, key, made_from)
        if found is None and is_asked:
            found = _matched(a, b, key, measure)
            if found is not None:
                found = dataclasses.replace(found, made_from=made_from)
                a.source.results.save(found)
        if found is not None:
            matched.append(found)
    return tuple(matched), _reseeding_nulls(fitted, measure, is_asked, again)


def _matched(a: Fitted, b: Fitted, key: RunKey, measure: str) -> MatchedRuns | None:
    from featkit.stats.matching import match_dimensions

    X_a, X_b = common_rows([a, b])
    if len(X_a) < _FEWEST_ROWS:
        return None
    matching = match_dimensions(
        X_a,
        X_b,
        support_a=a.signature.support,
        support_b=b.signature.support,
        names=(a.key.label(), b.key.label()),
        measure=measure,
        seed=a.source.design.seed,
    )
    return MatchedRuns(a.key, b.key, matching, key=key)


def _reseeding_nulls(fitted: Sequence[Fitted], measure: str, is_asked: bool, again: bool) -> ByRun[ReseedingNull]:
    from featkit.stats.matching import reseeding_null

    nulls = {}
    runs: dict[RunKey, list[Fitted]] = {}
    for one in fitted:
        runs.setdefault(one.key.without("seed"), []).append(one)
    for key, seeds in runs.items():
        if len({one.source.store.store_id for one in seeds}) < 2:
            continue
        results, made_from = seeds[0].source.results, _matching_fingerprint(seeds, measure)
        null = None if again else results.finished(ReseedingNull, key, made_from)
        if null is None and is_asked:
            embeddings = common_rows(seeds)
            if len(embeddings[0]) >= _FEWEST_ROWS:
                supports = [one.signature.support for one in seeds]
                null = reseeding_null(embeddings, supports, measure=measure, seed=seeds[0].source.design.seed)
                null = dataclasses.replace(null, key=key, made_from=made_from)
                results.save(null)
        if null is not None:
            nulls[key] = null
    return ByRun(nulls)


def _pair_key(a: RunKey, b: RunKey) -> RunKey:
    """Return the key of two runs that differ in their method or in their fold."""
    part = "method" if a.method != b.method else "fold"
    pair = (("a", str(getattr(a, part))), ("b", str(getattr(b, part))))
    return dataclasses.replace(a.without(part), variant=pair)


def _matching_fingerprint(several: Sequence[Fitted], measure: str) -> Fingerprint:
    """Return what a matching is made from: signatures, which know their stores and splits, in this order."""
    inputs = {str(k): one.signature.made_from.sha256 for k, one in enumerate(several) if one.signature.made_from}
    return Fingerprint(_MATCHING, inputs, {"measure": measure, "seed": several[0].source.design.seed})


_FEWEST_ROWS = 4
"""Below this, kernel alignment has no unbiased estimate."""


def common_rows(several: Sequence[Fitted]) -> list[np.ndarray]:
    """Return each store's embeddings (n, d) of the patches that are training patches of all, in one order."""
    sets = [set(one.split.patch_ids[one.split.rows("train")].tolist()) for one in several]
    shared = set.intersection(*sets)
    ordered = [p for p in several[0].split.patch_ids.tolist() if p in shared]
    found = []
    for one in several:
        place = {p: row for row, p in enumerate(one.split.patch_ids.tolist())}
        found.append(one.source.store.X(np.array([place[p] for p in ordered], dtype=np.int64)))
    return found


def _similarity(members: Sequence[Fitted]) -> np.ndarray:
    from featkit.stats.geometry import cross_correlation

    by_store = {one.source.store.store_id: one for one in members}
    total: np.ndarray | float = 0.0
    for one in by_store.values():
        X = one.source.store.X(one.split.rows("train"))
        total = total + np.abs(cross_correlation(X, X))
    mean = np.asarray(total) / len(by_store)
    return np.clip((mean + mean.T) / 2, 0.0, 1.0)
