"""Tables of what signatures have in common, before and after dimensions were matched."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from featkit.core.run_key import RunKey, label_of
from featkit.core.text import number, p_value
from featkit.reporting.tables import Table, table_of_rows
from featkit.results.overlap import OverlapResult
from featkit.results.signature_set import MatchedRuns, SignatureSet

_MOST_LISTED = 6
_MOST_PAIRS = 15

Pair = tuple[int, int]


def overlap_tables(found: SignatureSet) -> Iterator[Table]:
    """Yield the overlap of each method's signatures, of its stable dimensions, and of methods in the same fold.

    Parameters
    ----------
    found : SignatureSet
        What ``featkit signatures`` found. A pair with an empty signature has no overlap: it is listed with a dash, and
        counted where pairs are averaged.
    """
    for what, overlaps in (("signatures", found.overlaps), ("stable dimensions", found.stable_overlaps)):
        for key, result in overlaps.items():
            if key.method is None:
                pairs = [pair for pair in pairs_of(result) if _is_same_run(result, pair)]
                caption = f"Overlap of {what} between methods."
                if len(pairs) > _MOST_PAIRS:
                    yield _means_table(result, dict.fromkeys(pairs, "methods"), caption)
                elif pairs:
                    yield _pairs_table(result, pairs, caption)
            elif len(result.names) > _MOST_LISTED:
                kinds = {pair: _kind(result, pair) for pair in pairs_of(result)}
                yield _means_table(result, kinds, f"Overlap of {what}, {key.method}: means over pairs.")
            else:
                caption = f"Overlap of {what}, {key.method}.{_index(result)}"
                yield _pairs_table(result, pairs_of(result), caption)


def pairs_of(result: OverlapResult) -> list[Pair]:
    """Return the positions of every two supports."""
    return list(itertools.combinations(range(len(result.names)), 2))


def defined_pairs(result: OverlapResult) -> list[Pair]:
    """Return the pairs whose overlap corrected for chance is defined: those without an empty support, mostly."""
    return [pair for pair in pairs_of(result) if np.isfinite(result.corrected[pair])]


def _index(result: OverlapResult) -> str:
    """Return Nogueira's index over all supports in a sentence; nothing for two, or where it is undefined."""
    if result.stability is None or len(result.names) < 3 or not np.isfinite(result.stability.value):
        return ""
    return f" Nogueira's index over all of them is {number(result.stability.value, 2)} (0 by chance, 1 for equal sets)."


def _measure(result: OverlapResult) -> str:
    return result.measure.replace("_", " ").capitalize()


def _pairs_table(result: OverlapResult, pairs: Sequence[Pair], caption: str) -> Table:
    names = [label_of(name, among=result.names) for name in result.names]
    least = 1 / (1 + result.n_draws) if result.n_draws else 0.0
    rows: list[dict[str, object]] = [
        {
            "first": names[i],
            "second": names[j],
            "sizes": f"{result.sizes[i]}, {result.sizes[j]}",
            "in common": int(result.intersection[i, j]),
            _measure(result): float(result.observed[i, j]),
            "by chance": float(result.chance[i, j]),
            "corrected": float(result.corrected[i, j]),
            "p": p_value(float(result.p_value[i, j]), least),
        }
        for i, j in pairs
    ]
    n_undefined = sum(not np.isfinite(result.corrected[pair]) for pair in pairs)
    if n_undefined:
        caption += f" Undefined for {n_undefined} of {len(pairs)} pairs (a dash): one of the two is empty or full."
    return table_of_rows(rows, texts=("first", "second"), caption=caption)


def _means_table(result: OverlapResult, kinds: dict[Pair, str], caption: str) -> Table:
    rows: list[dict[str, object]] = []
    for kind in dict.fromkeys(kinds.values()):
        own = [pair for pair, its in kinds.items() if its == kind]
        known = [pair for pair in own if np.isfinite(result.corrected[pair])]
        row: dict[str, object] = {"pairs of": kind, "pairs": len(own), "undefined": len(own) - len(known)}
        columns = {_measure(result): result.observed, "by chance": result.chance, "corrected": result.corrected}
        for heading, values in columns.items():
            row[heading] = float(np.mean([values[pair] for pair in known])) if known else None
        rows.append(row)
    return table_of_rows(rows, texts=("pairs of",), caption=caption)


def _keys(result: OverlapResult, pair: Pair) -> tuple[RunKey, RunKey] | None:
    first, second = (result.names[i] for i in pair)
    return (first, second) if isinstance(first, RunKey) and isinstance(second, RunKey) else None


def _kind(result: OverlapResult, pair: Pair) -> str:
    keys = _keys(result, pair)
    if keys is None:
        return "all"
    first, second = keys
    if first.fold == second.fold:
        return "seeds of one fold"
    return "folds of one seed" if first.seed == second.seed else "other folds and seeds"


def _is_same_run(result: OverlapResult, pair: Pair) -> bool:
    """Return whether a pair is of different methods in the same fold and with the same seed."""
    keys = _keys(result, pair)
    if keys is None:
        return True
    first, second = keys
    return first.method != second.method and first.without("method") == second.without("method")


def matching_table(found: SignatureSet) -> Table:
    """Return one row per pair of encoders: kernel alignment, correlations, overlap before and after matching.

    Many pairs are averaged: the folds of each method, and each two methods.
    """
    keys = [key for match in found.matchings for key in (match.first, match.second)]
    if len(found.matchings) > _MOST_PAIRS:
        groups: dict[str, list[MatchedRuns]] = {}
        for match in found.matchings:
            a, b = match.first.method, match.second.method
            groups.setdefault(f"folds of {a}" if a == b else f"{a} and {b}", []).append(match)
        heading = "means over pairs of"
        rows = [{heading: kind, "pairs": len(own)} | _matching_means(own) for kind, own in groups.items()]
    else:
        heading = "encoders"
        rows = []
        for match in found.matchings:
            one = match.matching
            row: dict[str, object] = {
                heading: " and ".join(key.label(among=keys) for key in (match.first, match.second)),
                "patches": one.n_patches,
                "dead": f"{one.n_dead[0]}, {one.n_dead[1]}",
                "effective rank": f"{one.effective_rank[0]:.0f}, {one.effective_rank[1]:.0f}",
            }
            rows.append(row | _matched(match))
    caption = (
        "Separately trained encoders on common training patches: kernel alignment (CKA), median absolute correlation "
        "|r| of dimensions, and overlap of the signatures corrected for chance, before and after matching dimensions."
    )
    return table_of_rows(rows, texts=(heading,), caption=caption)


def _matched(match: MatchedRuns) -> dict[str, object]:
    one = match.matching
    return {
        "CKA": one.cka,
        "|r| before": _median(one.same_index_correlation),
        "|r| after": _median(one.matched_correlation),
        "overlap before": _overlap(one.overlap_before),
        "overlap after": _overlap(one.overlap_after),
    }


def _matching_means(matches: Sequence[MatchedRuns]) -> dict[str, object]:
    rows = [_matched(match) for match in matches]
    known = {h: [v for row in rows if isinstance(v := row[h], float) and np.isfinite(v)] for h in rows[0]}
    return {heading: float(np.mean(values)) if values else None for heading, values in known.items()}


def _median(correlation: np.ndarray) -> float | None:
    known = np.abs(np.asarray(correlation, dtype=np.float64))
    known = known[np.isfinite(known)]
    return float(np.median(known)) if known.size else None


def _overlap(result: OverlapResult | None) -> float | None:
    return None if result is None else float(np.asarray(result.corrected, dtype=np.float64)[0, 1])


def reseeding_table(found: SignatureSet) -> Table:
    """Return one row per method and fold: what trainings that differ in their seed alone have in common."""
    rows: list[dict[str, object]] = [
        {
            "runs": name,
            "seeds": found.reseeding[key].n_seeds,
            "CKA": _range(found.reseeding[key].cka),
            "|r| after": _range(found.reseeding[key].matched_correlation),
            "overlap before": _range(found.reseeding[key].corrected_before),
            "overlap after": _range(found.reseeding[key].corrected_after),
        }
        for key, name in found.reseeding.labels().items()
    ]
    caption = (
        "Trainings that differ in their seed alone, before and after matching dimensions: the most that two folds or "
        "methods can be expected to share."
    )
    return table_of_rows(rows, texts=("runs",), caption=caption)


def _range(values: np.ndarray) -> str | None:
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if not known.size:
        return None
    low, high = number(known.min()), number(known.max())
    return low if low == high else f"{low} to {high}"
