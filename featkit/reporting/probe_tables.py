"""Tables of probes: a row a run for reading, every metric where asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from featkit.reporting.tables import Table, table_of
from featkit.results.probe import ProbeResult

_SHOWN = {
    "balanced_accuracy": "balanced accuracy",
    "auc": "AUC",
    "information_bits": "information (bits)",
    "selectivity": "selectivity",
    "top1": "first guess",
    "top5": "first five guesses",
    "retrieval": "neighbours",
}


def probe_table(runs: Mapping[str, ProbeResult]) -> Table:
    """Return one row a run: the main metrics with intervals, chance of the headline, and the p-value of its null."""
    import polars as pl

    rows: list[dict[str, Any]] = []
    for name, result in runs.items():
        row: dict[str, Any] = {"run": name}
        for metric in _SHOWN:
            if metric in result.metrics:
                e = result.metrics[metric]
                row |= {metric: e.value, f"{metric}_low": e.low, f"{metric}_high": e.high}
        row |= {"chance": result.chance.get(result.headline), "patients": result.n_patients}
        rows.append(row | {"p": result.p_value.get(result.tested)})
    frame = pl.DataFrame(rows, infer_schema_length=None)
    first = next(iter(runs.values()))
    columns = {"run": "run"} | {m: label for m, label in _SHOWN.items() if m in frame.columns}
    columns |= {
        "chance": f"chance ({_SHOWN.get(first.headline, first.headline)})",
        "p": "p" if first.tested == first.headline else "p (ridge)",
        "patients": "patients",
    }
    return table_of(frame, columns=columns, caption=f"What a probe reads of the {first.target}.")


def probe_metrics_table(name: str, result: ProbeResult) -> Table:
    """Return one row a metric of one run, those of single domains among them."""
    columns = {"metric": "metric", "value": "value", "chance": "chance", "null_mean": "null", "p_value": "p"}
    return table_of(result.frame(), columns=columns, caption=f"{name}: {result.target}, every metric.")


def how_they_were_probed(runs: Mapping[str, ProbeResult]) -> tuple[str, ...]:
    """Return the designs of several probes and the patches they were given as sentences, each said once."""
    designs = dict.fromkeys(f"{r.design[:1].upper()}{r.design[1:]}." for r in runs.values())
    given: dict[str, list[str]] = {}
    for name, result in runs.items():
        given.setdefault(result.regime, []).append(name)
    if len(given) == 1:
        patches = "".join(given)
    else:
        patches = "; ".join(f"{regime} ({', '.join(names)})" for regime, names in given.items())
    return (*designs, f"Patches: {patches}.") if patches else tuple(designs)
