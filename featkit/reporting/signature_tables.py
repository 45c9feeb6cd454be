"""Tables of signatures: the same on the terminal, in LaTeX and on the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from featkit.reporting.score_tables import against_the_rest
from featkit.reporting.tables import Table, table_of
from featkit.results.overlap import OverlapResult
from featkit.results.signature import Signature
from featkit.results.signature_set import ALL_SIGNATURES, SignatureSet

if TYPE_CHECKING:
    import polars as pl


def signature_table(found: SignatureSet) -> Table:
    """Return one row a signature: size, stable size with its error bound, AUC, F1, Brier, duality gap."""
    import polars as pl

    all_of = list(found.signatures.values())
    frame = found.frame().with_columns(
        pl.Series("kept", [f"{s.size} of {s.n_dimensions}" for s in all_of]),
        pl.Series("stable", [_stable(s) for s in all_of]),
        pl.Series("gap", [_gap(s.relative_gap, s.is_converged) for s in all_of]),
    )
    columns = {
        "name": "signature",
        "kept": "dimensions",
        "stable": "stable (false)",
        "auc": "AUC",
        "f1": "F1",
        "brier": "Brier",
        "gap": "gap",
    }
    caption = (
        f"Signatures{against_the_rest(found.positive)}, scored on held-out patches; intervals resample patients. In "
        "brackets the bound on the number of stable dimensions expected to be false; gap is the relative duality gap."
    )
    return table_of(frame, columns=columns, caption=caption)


def size_table(found: SignatureSet) -> Table:
    """Return one row a signature and one column a choice of penalty: the dimensions kept."""
    import polars as pl

    rows = []
    for name, detail in found.details.items():
        sizes = detail.sizes
        last_two = {c: np.asarray(by_tolerance)[-2:].tolist() for c, by_tolerance in sizes.chosen_sizes.items()}
        moved = [c for c, pair in last_two.items() if len(set(pair)) > 1]
        rows.append(
            {"signature": name}
            | {choice: int(by_tolerance[-1]) for choice, by_tolerance in sizes.chosen_sizes.items()}
            | {_MOVES: ", ".join(moved) or "none"}
        )
    frame = pl.DataFrame(rows, infer_schema_length=None)
    frame = frame.select([*(c for c in frame.columns if c != _MOVES), _MOVES]) if rows else frame
    named = {"signature": "signature", "min": "smallest loss", "1se": "1-SE rule"}
    columns = {c: named.get(c, c) for c in frame.columns}
    is_grouped = any(s.is_multinomial for s in found.signatures.values())
    caption = (
        f"Dimensions kept under other choices of the penalty (C {'is 1/(λn)' if is_grouped else 'as in scikit-learn'}),"
        " and which of these sizes still move when the solver is made a hundred times more exact."
    )
    return table_of(frame, columns=columns, caption=caption)


_MOVES = "still moving"


def refit_table(found: SignatureSet) -> Table:
    """Return two rows a refitted signature, AUC and Brier: as fitted, without shrinkage and with a ridge."""
    import polars as pl

    rows: list[dict[str, Any]] = []
    for name, detail in found.details.items():
        if detail.refit is None:
            continue
        for metric, label in (("auc", "AUC"), ("brier", "Brier")):
            row: dict[str, Any] = {"signature": name if metric == "auc" else "", "metric": label}
            fits = {
                "l1": found.evaluations[name].get(metric),
                "unshrunk": detail.refit.unshrunk[metric],
                "ridge": detail.refit.ridge[metric],
            }
            for fit, e in fits.items():
                row |= {fit: e.value, f"{fit}_low": e.low, f"{fit}_high": e.high}
            rows.append(row)
    columns = {
        "signature": "signature",
        "metric": "metric",
        "l1": "as selected (L1)",
        "unshrunk": "no shrinkage",
        "ridge": "ridge",
    }
    caption = "The same dimensions fitted again; a dash where the training classes are separable by them."
    caption += _over_classes(found)
    return table_of(pl.DataFrame(rows, infer_schema_length=None), columns=columns, caption=caption)


def _over_classes(found: SignatureSet) -> str:
    """Return what the metrics of several classes are; nothing for two."""
    if not any(s.is_multinomial for s in found.signatures.values()):
        return ""
    return " AUC is the mean over classes, each against the rest; Brier is the sum over classes."


def variance_decomposition_table(found: SignatureSet) -> Table:
    """Return one row a signature: the mean share of each source in the variance of its dimensions."""
    import polars as pl

    rows: list[dict[str, Any]] = []
    for name, detail in found.details.items():
        variance = detail.variance
        if variance is None:
            continue
        shares = np.asarray(variance.shares, dtype=np.float64).reshape(len(variance.dimension), -1)
        mean = np.nanmean(shares, axis=0) if np.isfinite(shares).any() else np.full(len(variance.sources), np.nan)
        row: dict[str, Any] = {"signature": name, "dimensions": len(variance.dimension)}
        row |= {s: f"{m:.0%} ({c:.0%})" for s, m, c in zip(variance.sources, mean, variance.chance, strict=True)}
        rows.append(row)
    columns = {c: _SOURCES.get(c, c) for c in (rows[0] if rows else {})}
    caption = "What the kept dimensions vary with: mean share of the training variance (by chance)."
    return table_of(pl.DataFrame(rows, infer_schema_length=None), columns=columns, caption=caption)


_SOURCES = {"label": "class", "domain_by_patient": "domain by patient", "residual": "rest"}


def contribution_table(found: SignatureSet) -> Table:
    """Return the dimensions of each signature that the test patches lose most without, with their intervals.

    Five of each signature, by AUC, or by Brier where a class without test patches leaves no AUC; one of each where
    there are more than four signatures.
    """
    import polars as pl

    n_most = 5 if len(found.details) <= 4 else 1
    parts = []
    for name, detail in found.details.items():
        if detail.contributions is not None:
            frame = detail.contributions.frame().sort("auc_drop", "brier_rise", descending=True).head(n_most)
            parts.append(frame.select(pl.lit(name).alias("signature"), pl.all()))
    columns = {
        "signature": "signature",
        "dimension": "without dimension",
        "auc_drop": "AUC falls by",
        "brier_rise": "Brier rises by",
    }
    caption = "What is lost without a dimension, the others fitted again: the largest of each signature."
    caption += _over_classes(found)
    frame = pl.concat(parts).with_columns(pl.col("dimension").cast(pl.String))
    return table_of(frame, columns=columns, caption=caption)


def overlap_tables(found: SignatureSet) -> Iterator[Table]:
    """Yield the overlap of each method's signatures, of its stable dimensions, and of methods in the same fold."""
    for words, overlaps in (("signatures", found.overlaps), ("stable dimensions", found.stable_overlaps)):
        for name, result in overlaps.items():
            if name == ALL_SIGNATURES:
                frame = _same_run(result.frame())
                if len(frame) > _MOST_PAIRS:
                    yield _means_table(frame, ["methods"] * len(frame), result, f"Overlap of {words} between methods.")
                elif len(frame):
                    yield _pairs_table(frame, result, f"Overlap of {words} between methods.")
            elif len(result.names) > _MOST_LISTED:
                pairs = result.frame()
                kinds = [
                    _kind(a.split("/"), b.split("/")) for a, b in zip(pairs["first"], pairs["second"], strict=True)
                ]
                yield _means_table(pairs, kinds, result, f"Overlap of {words}, {name}: means over pairs.")
            else:
                yield _pairs_table(result.frame(), result, f"Overlap of {words}, {name}.{_index(result)}")


_MOST_LISTED = 6
_MOST_PAIRS = 15


def _index(result: OverlapResult) -> str:
    """Return Nogueira's index over all supports in words; nothing for two, or where it is undefined."""
    if result.stability is None or len(result.names) < 3 or not np.isfinite(result.stability.value):
        return ""
    return f" Nogueira's index over all of them is {result.stability.value:.2f} (0 by chance, 1 for equal sets)."


def _pairs_table(frame: pl.DataFrame, result: OverlapResult, caption: str) -> Table:
    columns = {
        "first": "first",
        "second": "second",
        "size_first": "size",
        "size_second": "size ",
        "intersection": "in common",
        "observed": result.measure.replace("_", " ").capitalize(),
        "chance": "by chance",
        "corrected": "corrected",
        "p_value": "p",
    }
    return table_of(frame, columns=columns, caption=caption)


def _means_table(frame: pl.DataFrame, kinds: list[str], result: OverlapResult, caption: str) -> Table:
    import polars as pl

    means = (
        frame.with_columns(pl.Series("pairs of", kinds))
        .group_by("pairs of", maintain_order=True)
        .agg(pl.len().cast(pl.Int64).alias("pairs"), pl.col("observed", "chance", "corrected").fill_nan(None).mean())
    )
    columns = {"pairs of": "pairs of", "pairs": "pairs", "observed": result.measure.replace("_", " ").capitalize()}
    return table_of(means, columns=columns | {"chance": "by chance", "corrected": "corrected"}, caption=caption)


def _kind(first: list[str], second: list[str]) -> str:
    if first[0] == second[0]:
        return "seeds of one fold"
    return "folds of one seed" if first[1:] == second[1:] else "other folds and seeds"


def _same_run(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs of different methods in the same fold and seed."""
    import polars as pl

    runs = zip(frame["first"].to_list(), frame["second"].to_list(), strict=True)
    is_same = [a.split("/")[1:] == b.split("/")[1:] and a.split("/")[0] != b.split("/")[0] for a, b in runs]
    return frame.filter(pl.Series(is_same, dtype=pl.Boolean))


def matching_table(found: SignatureSet) -> Table:
    """Return one row a pair of encoders: kernel alignment, correlations, overlap before and after matching."""
    import polars as pl

    rows = []
    for name, match in found.matchings.items():
        by_index = np.abs(match.same_index_correlation)
        matched = np.abs(match.matched_correlation)
        rows.append(
            {
                "encoders": name.replace(" | ", " and "),
                "patches": match.n_patches,
                "dead": f"{match.n_dead[0]}, {match.n_dead[1]}",
                "rank": f"{match.effective_rank[0]:.0f}, {match.effective_rank[1]:.0f}",
                "cka": match.cka,
                "by_index": float(np.nanmedian(by_index)) if np.isfinite(by_index).any() else float("nan"),
                "matched": float(np.nanmedian(matched)) if np.isfinite(matched).any() else float("nan"),
                "before": _pair(match.overlap_before),
                "after": _pair(match.overlap_after),
            }
        )
    columns = {
        "encoders": "encoders",
        "patches": "patches",
        "dead": "dead",
        "rank": "effective rank",
        "cka": "CKA",
        "by_index": "|r| before",
        "matched": "after",
        "before": "overlap before",
        "after": "after ",
    }
    frame = pl.DataFrame(rows, infer_schema_length=None)
    if len(frame) > _MOST_PAIRS:
        frame = _matching_means(frame, list(found.matchings))
        shown = {name: columns[name] for name in ("patches", *_MATCHED)}
        columns = {"encoders": "means over pairs of", "pairs": "pairs", **shown}
    caption = (
        "Separately trained encoders on common training patches: kernel alignment, median correlation of dimensions, "
        "and overlap of the signatures corrected for chance, before and after dimensions were matched."
    )
    return table_of(frame, columns=columns, caption=caption)


_MATCHED = ("cka", "by_index", "matched", "before", "after")


def _matching_means(frame: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    import polars as pl

    methods = [[run.split("/")[0] for run in name.split(" | ")] for name in names]
    kinds = [f"folds of {a}" if a == b else f"{a} and {b}" for a, b in methods]
    return (
        frame.with_columns(pl.Series("encoders", kinds))
        .group_by("encoders", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("pairs"),
            pl.col("patches").mean().round().cast(pl.Int64),
            pl.col(*_MATCHED).fill_nan(None).mean(),
        )
    )


def reseeding_table(found: SignatureSet) -> Table:
    """Return one row a method and fold: what trainings that differ in their seed alone have in common."""
    import polars as pl

    rows = [
        {
            "run": name,
            "seeds": null.n_seeds,
            "cka": _range(null.cka),
            "matched": _range(null.matched_correlation),
            "before": _range(null.corrected_before),
            "after": _range(null.corrected_after),
        }
        for name, null in found.reseeding.items()
    ]
    columns = {
        "run": "method/fold",
        "seeds": "seeds",
        "cka": "CKA",
        "matched": "|r| matched",
        "before": "overlap by index",
        "after": "overlap matched",
    }
    caption = "Trainings that differ in their seed alone: the most that two folds or methods can be expected to share."
    return table_of(pl.DataFrame(rows, infer_schema_length=None), columns=columns, caption=caption)


def _pair(result: OverlapResult | None) -> float:
    return float("nan") if result is None else float(np.asarray(result.corrected, dtype=np.float64)[0, 1])


def _range(values: np.ndarray) -> str:
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if not known.size:
        return "–"
    low, high = f"{known.min():.3f}", f"{known.max():.3f}"
    return low if low == high else f"{low} to {high}"


def _stable(signature: Signature) -> str:
    if not signature.selection_frequency.size:
        return "–"
    return f"{signature.stable_support.size}" + (f" (≤ {signature.pfer:.2g})" if np.isfinite(signature.pfer) else "")


def _gap(value: float, is_converged: bool) -> str:
    return f"{value:.0e}".replace("-", "−") + ("" if is_converged else " NOT CONVERGED")
