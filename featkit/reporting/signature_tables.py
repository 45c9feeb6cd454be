"""Tables of signatures: the same on the terminal, in LaTeX and on the page."""

from __future__ import annotations

import numpy as np

from featkit.core.metric_names import metric_name
from featkit.core.run_key import RunKey
from featkit.core.text import first_few, number
from featkit.reporting.headline import nothing_selected
from featkit.reporting.run_groups import against_the_rest
from featkit.reporting.tables import Table, table_of_rows
from featkit.results.copied_dimensions import CopiedDimensions
from featkit.results.estimate import Estimate
from featkit.results.signature import Signature
from featkit.results.signature_set import SignatureSet

_SOURCES = {"label": "class", "domain_by_patient": "domain by patient", "residual": "rest"}
_MOST_NAMED = 10
_MOST_SIGNATURES = 4
"""Up to so many signatures have five contributions each in the table; beyond, one."""


def signature_table(found: SignatureSet) -> Table:
    """Return one row per signature: size, stable size with its error bound, AUC, F1, Brier, duality gap.

    Parameters
    ----------
    found : SignatureSet
        What ``featkit signatures`` found. A signature in which nothing was selected says so and has no AUC.
    """
    rows: list[dict[str, object]] = []
    for key, name in found.signatures.labels().items():
        signature, evaluation = found.signatures[key], found.evaluations[key]
        row: dict[str, object] = {
            "signature": name,
            "dimensions": f"{signature.size} of {signature.n_dimensions}" if signature.size else "nothing selected",
            "stable (false)": _stable(signature),
        }
        if any(one.dimension.size for one in found.copies.values()):
            row["with copies"] = _with_copies(signature, found.copies.get(key))
        for metric in ("auc", "f1", "brier"):
            estimate = evaluation.get(metric, str(key.fold), "fold")
            is_shown = signature.size or not metric_name(metric).is_rank
            row[metric_name(metric).short] = estimate if is_shown else None
        if found.prices:
            row |= _price(found, key)
        rows.append(row | {"gap": _gap(signature.relative_gap, signature.is_converged)})
    caption = (
        f"Signatures{against_the_rest(found.key.positive)}, scored on held-out patches; intervals resample patients. "
        "In brackets the bound on the expected number of falsely selected stable dimensions; gap is the relative "
        "duality gap."
    )
    if found.prices:
        caption += (
            " All dimensions is a ridge-logistic model on every dimension of the same training patches; AUC price is "
            "the signature's AUC minus its, on the same patches: below 0, sparsity costs discrimination."
        )
    n_empty = sum(not signature.size for signature in found.signatures.values())
    if n_empty:
        empty = nothing_selected(n_empty, len(found.signatures)).replace("folds", "signatures")
        caption += f" {empty.capitalize()}: forecasts are the training prevalence, which ranks no patch."
    return table_of_rows(rows, texts=("signature",), caption=caption)


def dimension_table(found: SignatureSet) -> Table:
    """Return one row per signature: its dimensions by name, those with the largest coefficients first."""
    rows: list[dict[str, object]] = []
    for key, name in found.signatures.labels().items():
        signature = found.signatures[key]
        order = np.argsort(-np.abs(signature.strength), kind="stable")
        names = signature.names_of(signature.support[order])
        stable = [one for one, j in zip(names, signature.support[order]) if j in signature.stable_support]
        row: dict[str, object] = {"signature": name, "dimensions": first_few(names, _MOST_NAMED) or signature.state}
        if signature.selection_frequency.size:
            row["stable"] = first_few(stable, _MOST_NAMED) or "none"
        rows.append(row)
    caption = "Selected dimensions, those with the largest coefficients first."
    return table_of_rows(rows, texts=("signature", "dimensions", "stable"), caption=caption)


def size_table(found: SignatureSet) -> Table:
    """Return one row per signature and one column per choice of the penalty: the dimensions kept."""
    headings = {"min": "smallest loss", "1se": "1-SE rule"}
    rows: list[dict[str, object]] = []
    for key, name in found.details.labels().items():
        chosen = {c: np.asarray(sizes).tolist() for c, sizes in found.details[key].sizes.chosen_sizes.items()}
        moved = [headings.get(c, c) for c, sizes in chosen.items() if len(set(sizes[-2:])) > 1]
        row: dict[str, object] = {"signature": name}
        row |= {headings.get(choice, choice): int(sizes[-1]) for choice, sizes in chosen.items()}
        rows.append(row | {"size not converged": ", ".join(moved) or "none"})
    is_grouped = any(s.is_multinomial for s in found.signatures.values())
    caption = (
        f"Dimensions kept under other choices of the penalty (C {'is 1/(λn)' if is_grouped else 'as in scikit-learn'}),"
        " and which of these sizes still change when the solver's tolerance is tightened a hundredfold."
    )
    return table_of_rows(rows, texts=("signature", "size not converged"), caption=caption)


def refit_table(found: SignatureSet) -> Table:
    """Return two rows per refitted signature, AUC and Brier: as selected, without shrinkage and with a ridge."""
    rows: list[dict[str, object]] = []
    for key, name in found.details.labels().items():
        refit = found.details[key].refit
        if refit is None:
            continue
        for metric in ("auc", "brier"):
            rows.append(
                {
                    "signature": name,
                    "metric": metric_name(metric).short,
                    "as selected (L1)": found.evaluations[key].get(metric, str(key.fold), "fold"),
                    "no shrinkage": refit.unshrunk[metric],
                    "ridge": refit.ridge[metric],
                }
            )
    caption = "The same dimensions fitted again; a dash where the training classes are separable by them."
    return table_of_rows(
        rows, texts=("signature", "metric"), named_once="signature", caption=caption + _over_classes(found)
    )


def _over_classes(found: SignatureSet) -> str:
    """Return what the metrics of several classes are; nothing for two."""
    if not any(s.is_multinomial for s in found.signatures.values()):
        return ""
    return " AUC is the mean over classes, each against the rest; Brier is the sum over classes."


def variance_decomposition_table(found: SignatureSet) -> Table:
    """Return one row per signature: the mean share of each source in the variance of its dimensions."""
    rows: list[dict[str, object]] = []
    for key, name in found.details.labels().items():
        variance = found.details[key].variance
        if variance is None:
            continue
        shares = np.asarray(variance.shares, dtype=np.float64).reshape(len(variance.dimension), -1)
        mean = np.nanmean(shares, axis=0) if np.isfinite(shares).any() else np.full(len(variance.sources), np.nan)
        row: dict[str, object] = {"signature": name, "dimensions": len(variance.dimension)}
        for source, share, chance in zip(variance.sources, mean, variance.chance, strict=True):
            row[_SOURCES.get(source, source)] = f"{share:.0%} ({chance:.0%})" if np.isfinite(share) else None
        rows.append(row)
    caption = "Sources of variance of the kept dimensions: mean share of the training variance (expected by chance)."
    return table_of_rows(rows, texts=("signature",), caption=caption)


def contribution_table(found: SignatureSet) -> Table:
    """Return the dimensions of each signature that the test patches lose most without, with their intervals.

    Five per signature, by AUC, or by Brier where a class without test patches leaves no AUC; one per signature where
    there are more than four.
    """
    n_most = 5 if len(found.details) <= _MOST_SIGNATURES else 1
    rows: list[dict[str, object]] = []
    for key, name in found.details.labels().items():
        contributions = found.details[key].contributions
        if contributions is None:
            continue
        frame = contributions.frame().sort("auc_drop", "brier_rise", descending=True).head(n_most)
        for record in frame.iter_rows(named=True):
            (dimension,) = found.signatures[key].names_of([record["dimension"]])
            row: dict[str, object] = {"signature": name, "without dimension": dimension}
            for column, heading in (("auc_drop", "AUC falls by"), ("brier_rise", "Brier rises by")):
                row[heading] = Estimate(record[column], record[f"{column}_low"], record[f"{column}_high"])
            rows.append(row)
    caption = "What is lost without a dimension, the others refitted: the largest losses per signature."
    return table_of_rows(
        rows,
        texts=("signature", "without dimension"),
        named_once="signature",
        caption=caption + _over_classes(found),
    )


def _stable(signature: Signature) -> str | None:
    if not signature.selection_frequency.size:
        return None
    bound = f" (≤ {signature.pfer:.2g})" if np.isfinite(signature.pfer) else ""
    return f"{signature.stable_support.size}{bound}"


def _price(found: SignatureSet, key: RunKey) -> dict[str, object]:
    """Return the AUC and Brier of the model on all dimensions, and what the signature's differ by."""
    evaluation, price = found.dense.get(key), found.prices.get(key)
    row: dict[str, object] = {}
    for metric in ("auc", "brier"):
        name = metric_name(metric)
        is_ranked = found.signatures[key].size or not name.is_rank
        row[f"{name.short}, all dimensions"] = evaluation.get(metric, str(key.fold), "fold") if evaluation else None
        row[f"{name.short} price"] = price.differences[metric] if price and is_ranked else None
    return row


def _with_copies(signature: Signature, copies: CopiedDimensions | None) -> str | None:
    if copies is None:
        return None
    return f"{np.isin(signature.support, copies.dimension).sum()} of {signature.size}"


def _gap(value: float, is_converged: bool) -> str:
    shown = f"{value:.0e}".replace("-", "−") if np.isfinite(value) else number(value)
    return shown + ("" if is_converged else " NOT CONVERGED")
