"""Tables of probes: one row per run for reading, every metric where asked for."""

from __future__ import annotations

from collections.abc import Mapping

from featkit.core.metric_names import METRIC_NAMES
from featkit.core.run_key import RunKey
from featkit.core.text import p_value
from featkit.reporting.run_groups import labels
from featkit.reporting.tables import Table, table_of_rows
from featkit.results.by_run import ByRun
from featkit.results.probe import ProbeResult

_SHOWN = ("balanced_accuracy", "auc", "information_bits", "selectivity", "top1", "top5", "retrieval")


def by_target(probes: Mapping[RunKey, ProbeResult]) -> dict[str, ByRun[ProbeResult]]:
    """Return the probes by the column that was read."""
    found: dict[str, dict[RunKey, ProbeResult]] = {}
    for key, result in probes.items():
        found.setdefault(result.target, {})[key] = result
    return {target: ByRun(own) for target, own in found.items()}


def is_plain(key: RunKey) -> bool:
    """Return whether a probe is the plain one: its variant says what was read and nothing else."""
    return {name for name, _ in key.variant} <= {"target", "domain"}


def metric_label(name: str) -> str:
    """Return what to call a metric of a probe; one of a single domain ("top1@40X") with the domain in brackets."""
    metric, at, domain = name.partition("@")
    known = METRIC_NAMES.get(metric)
    return (known.label if known else metric.replace("_", " ")) + (f" ({domain})" if at else "")


def least_p_value(result: ProbeResult, metric: str) -> float:
    """Return the smallest p-value that the relabellings of a metric can give; 0 where they are not kept."""
    n = len(result.null.get(metric, ()))
    return 1 / (1 + n) if n else 0.0


def probe_table(probes: Mapping[RunKey, ProbeResult]) -> Table:
    """Return one row per run: the main metrics with intervals, chance of the headline, and the p-value of its null.

    Parameters
    ----------
    probes : mapping of RunKey to ProbeResult
        Of one target, at least one.
    """
    first = next(iter(probes.values()))
    shown = [m for m in _SHOWN if any(m in result.metrics for result in probes.values())]
    tested = "p" if first.tested == first.headline else "p (ridge)"
    rows: list[dict[str, object]] = []
    for name, result in zip(labels(probes), probes.values(), strict=True):
        row: dict[str, object] = {"run": name}
        row |= {METRIC_NAMES[m].short: result.metrics.get(m) for m in shown}
        row[f"chance ({METRIC_NAMES[first.headline].short})"] = result.chance.get(result.headline)
        row[tested] = p_value(result.p_value.get(result.tested), least_p_value(result, result.tested))
        rows.append(row | {"patients": result.n_patients})
    caption = f"Probe of the {first.target}: what can be read from the embedding, with patient-resampled intervals."
    return table_of_rows(rows, texts=("run",), caption=caption)


def probe_metrics_table(key: RunKey, result: ProbeResult) -> Table:
    """Return one row per metric of one run, those of single domains among them."""
    rows: list[dict[str, object]] = []
    for record in result.frame().iter_rows(named=True):
        name = record["metric"]
        rows.append(
            {
                "metric": metric_label(name),
                "value": result.metrics[name],
                "chance": record["chance"],
                "null": record["null_mean"],
                "p": p_value(record["p_value"], least_p_value(result, name)),
            }
        )
    return table_of_rows(rows, texts=("metric",), caption=f"{key.label()}: {result.target}, every metric.")


def probe_descriptions(probes: Mapping[RunKey, ProbeResult]) -> tuple[str, ...]:
    """Return the designs of several probes and the patches they were given as sentences, each said once."""
    designs = dict.fromkeys(f"{r.design[:1].upper()}{r.design[1:]}." for r in probes.values())
    given: dict[str, list[str]] = {}
    for name, result in zip(labels(probes), probes.values(), strict=True):
        given.setdefault(result.patches, []).append(name)
    if len(given) == 1:
        patches = "".join(given)
    else:
        patches = "; ".join(f"{what} ({'; '.join(names)})" for what, names in given.items())
    return (*designs, f"Patches: {patches}.") if patches else tuple(designs)
