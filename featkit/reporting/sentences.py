"""Comparisons in plain words."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable, Iterator

from featkit.results.comparison import Comparison, ComparisonRow


def comparison_sentences(found: Comparison, metrics: Container[str] | None = None) -> tuple[str, ...]:
    """Return the pooled differences in words, each with the patients that a difference of its size would need.

    Parameters
    ----------
    found : Comparison
        The comparison.
    metrics : container of str, optional
        Only these metrics; all when not given.
    """
    return tuple(_sentences(found, metrics))


def _sentences(found: Comparison, metrics: Container[str] | None) -> Iterator[str]:
    for row in found.headlines():
        if metrics is None or row.metric in metrics:
            yield " ".join(filter(None, (row.sentence, power_sentence(row), margin_sentence(row))))


def without_class(a: str, b: str) -> tuple[str, str]:
    """Return two models' names without the class that both tell from the rest: their title says it once."""
    (first, _, first_class), (second, _, second_class) = (name.partition(" signature, ") for name in (a, b))
    if not first_class or first_class != second_class:
        return a, b
    return f"{first} signature", f"{second} signature"


def without_seed(name: str) -> str:
    """Return a model's name without the training seed it may end in."""
    return re.sub(r" seed \d+$", "", name)


def few(notes: Iterable[str], most: int = 6) -> tuple[str, ...]:
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
        return "A difference this small could not be found with any number of patients that can be had."
    return f"A difference of this size would need about {_round(needed):,} patients to be found (80 % power)."


def margin_sentence(row: ComparisonRow) -> str:
    """Return within which margin the two would count as equivalent, where no margin was given."""
    is_said = not math.isnan(row.margin) or not math.isfinite(row.margin_needed)
    if row.verdict != "not distinguishable" or is_said or not row.difference.low <= 0 <= row.difference.high:
        return ""
    return f"They would count as equivalent within ±{_margin(row.margin_needed)}."


def _margin(value: float) -> str:
    digits = 3 if value >= 0.01 else 4
    return f"{math.ceil(value * 10**digits) / 10**digits:.{digits}f}"


def _round(n: float) -> int:
    """Return a number of patients rounded up to two significant figures, as far as it can be trusted."""
    if n < 100:
        return math.ceil(n)
    unit = 10 ** (math.floor(math.log10(n)) - 1)
    return math.ceil(n / unit) * unit
