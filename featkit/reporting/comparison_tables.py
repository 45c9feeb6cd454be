"""Tables of comparisons, and whom they compare."""

from __future__ import annotations

import dataclasses

from featkit.core.metric_names import metric_name
from featkit.core.run_key import RunKey, label_of
from featkit.core.text import p_value
from featkit.reporting.run_groups import against_the_rest
from featkit.reporting.tables import Table, table_of_rows
from featkit.results.comparison import Comparison, ComparisonRow

ADJUSTMENTS = {"holm": "Holm", "bh": "Benjamini-Hochberg"}
"""What corrections for several tests are called."""


@dataclasses.dataclass(frozen=True)
class ComparedModels:
    """Whom a row of a comparison is about.

    Parameters
    ----------
    first, second : str
        What to call the two beside each other.
    model, positive : str or None
        The model and the class told from the rest where both have the same.
    """

    first: str
    second: str
    model: str | None
    positive: str | None


def compared_models(found: Comparison, row: ComparisonRow) -> ComparedModels:
    """Return the names of the two models of a row, and the model and class they have in common."""
    pair = (row.a, row.b)
    first, second = (label_of(name, among=pair) for name in pair)
    shared: dict[str, str | None] = {}
    for part in ("model", "positive"):
        values = {getattr(name if isinstance(name, RunKey) else found.key, part) for name in pair}
        shared[part] = values.pop() if len(values) == 1 else None
    return ComparedModels(first, second, shared["model"], shared["positive"])


def comparison_title(found: Comparison) -> str:
    """Return "signature: grl minus baseline, ductal against the rest, 100X", as far as it applies."""
    pairs = list({(row.a, row.b): row for row in found.rows}.values())
    if len(pairs) != 1:
        return "first minus second"
    models = compared_models(found, pairs[0])
    kind = f"{models.model}: " if models.model else ""
    parts = [found.key.fold, None if found.key.seed is None else f"seed {found.key.seed}"]
    ending = "".join(f", {part}" for part in parts if part)
    return f"{kind}{models.first} minus {models.second}{against_the_rest(models.positive)}{ending}"


def comparison_table(found: Comparison) -> Table:
    """Return one row per metric and set of patches: both values, the difference, p-values, the verdict.

    Parameters
    ----------
    found : Comparison
        Of two or more models; with one pair its names are the headings of their values.
    """
    is_one_pair = len({(row.a, row.b) for row in found.rows}) == 1
    is_adjusted = any(row.n_family > 1 for row in found.rows)
    rows: list[dict[str, object]] = []
    for row in found.rows:
        models = compared_models(found, row)
        cells: dict[str, object] = {} if is_one_pair else {"first": models.first, "second": models.second}
        cells |= {
            "metric": metric_name(row.metric).short,
            "patches": row.scope if row.aggregation == "fold" or row.scope != "all folds" else row.aggregation,
            "a": row.value_a,
            "b": row.value_b,
            "difference": row.difference,
            "p": p_value(row.p_value, least_p_value(row)),
        }
        if is_adjusted:
            is_bound = row.p_value <= least_p_value(row)
            cells[f"p ({ADJUSTMENTS.get(found.adjustment, found.adjustment)})"] = p_value(
                row.p_adjusted, row.p_adjusted if is_bound else 0.0
            )
        if row.margin == row.margin:
            cells["p (equivalent)"] = p_value(row.p_equivalence)
        better = {"a better": models.first, "b better": models.second}
        verdict = f"{better[row.verdict]} better" if row.verdict in better else row.verdict
        rows.append(cells | {"verdict": verdict})
    title = comparison_title(found)
    caption = f"{title[:1].upper()}{title[1:]}, on {found.n_patches} held-out patches of {found.n_patients} patients."
    table = table_of_rows(rows, texts=("first", "second", "metric", "patches", "verdict"), caption=caption)
    if not is_one_pair:
        return table
    models = compared_models(found, found.rows[0])
    named = {"a": models.first, "b": models.second}
    return dataclasses.replace(table, columns=tuple(named.get(heading, heading) for heading in table.columns))


def least_p_value(row: ComparisonRow) -> float:
    """Return the smallest p-value that the row's permutations can give; 0 where all of them were looked at."""
    return 0.0 if row.is_exact else 1 / (1 + row.n_permutations)
