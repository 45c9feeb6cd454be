"""Comparisons and notes in plain sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from featkit.core.run_key import RunKey
from featkit.core.text import number
from featkit.reporting.headline import headline_differences
from featkit.reporting.run_groups import model_labels
from featkit.results.comparison import Comparison, ComparisonRow
from featkit.results.evaluation import Evaluation


def comparison_sentences(found: Comparison, metrics: Iterable[str] | None = None) -> tuple[str, ...]:
    """Return the headline differences in sentences, each with the patients a difference of its size would need.

    Parameters
    ----------
    found : Comparison
        The comparison.
    metrics : iterable of str, optional
        Only these metrics; all when not given.
    """
    wanted = dict.fromkeys(row.metric for row in found.rows)
    rows = [r for m in wanted if metrics is None or m in set(metrics) for r in headline_differences(found, m)]
    return tuple(" ".join(filter(None, (row.sentence, power_sentence(row), margin_sentence(row)))) for row in rows)


def calibration_sentences(evaluations: Mapping[RunKey, Evaluation], most: int = 6) -> tuple[str, ...]:
    """Return each model's calibration error over all folds beside what a calibrated model would show.

    Parameters
    ----------
    evaluations : mapping of RunKey to Evaluation
        By model.
    most : int
        Beyond so many models there are no sentences: the table has them.
    """
    names = model_labels(evaluations)
    lines = []
    for key, one in evaluations.items():
        tests = one.calibration.get("ece") or one.calibration.get("ece_top_label") or {}
        if "pooled" in tests:
            kind = "of the top label " if "ece" not in one.calibration else ""
            lines.append(f"{names[key]}: {tests['pooled'].summary().replace('ECE ', f'ECE {kind}', 1)}.")
    return tuple(lines) if len(lines) <= most else ()


def first_notes(notes: Iterable[str], most: int = 6) -> tuple[str, ...]:
    """Return notes, each once, and only a count of those beyond ``most``."""
    kept = tuple(dict.fromkeys(notes))
    if len(kept) <= most:
        return kept
    return (*kept[: most - 1], f"{len(kept) - most + 1} more notes of this kind are in the JSON file")


def power_sentence(row: ComparisonRow) -> str:
    """Return how many patients the observed difference would need; empty where it was found or there is none."""
    needed = row.n_patients_needed
    if row.verdict != "not distinguishable" or math.isnan(needed) or needed <= row.difference.n_units:
        return ""
    if not math.isfinite(needed) or needed > 1_000_000:
        return "No attainable number of patients would show a difference this small."
    return f"Showing a difference of this size would take about {_round(needed):,} patients (80 % power)."


def margin_sentence(row: ComparisonRow) -> str:
    """Return within which margin the two would count as equivalent, where no margin was given."""
    is_given = not math.isnan(row.margin) or not math.isfinite(row.margin_needed)
    if row.verdict != "not distinguishable" or is_given or not row.difference.low <= 0 <= row.difference.high:
        return ""
    digits = 3 if row.margin_needed >= 0.01 else 4
    margin = math.ceil(row.margin_needed * 10**digits) / 10**digits
    return f"They would count as equivalent within ±{number(margin, digits)}."


def _round(n: float) -> int:
    """Return a number of patients rounded up to two significant figures, as far as it can be trusted."""
    if n < 100:
        return math.ceil(n)
    unit = 10 ** (math.floor(math.log10(n)) - 1)
    return int(math.ceil(n / unit) * unit)
