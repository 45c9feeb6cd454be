"""What came out, in a few sentences with numbers; also where nothing came out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from featkit.reporting.score_tables import by_task
from featkit.reporting.sentences import without_class, without_seed
from featkit.reporting.study_results import StudyResults
from featkit.results.comparison import ComparisonRow
from featkit.results.estimate import Estimate
from featkit.results.probe import ProbeResult

_KINDS = {"head": "trained head", "signature": "sparse signature"}
_METRICS = {"balanced_accuracy": "balanced accuracy", "top1": "right first guess"}
_ALPHA = 0.05


def findings(study: StudyResults) -> tuple[str, ...]:
    """Return the report's findings, the most important first."""
    parts = (_discrimination, _comparisons, _calibration, _sizes, _overlap, _probes)
    return tuple(sentence for part in parts for sentence in part(study))


def listed(parts: list[str]) -> str:
    """Return "a, b and c"."""
    return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else "".join(parts)


def _number(estimate: Estimate, digits: int = 2) -> str:
    if not math.isfinite(estimate.value):
        return "undefined"
    text = f"{estimate.value:.{digits}f}"
    if math.isfinite(estimate.low) and math.isfinite(estimate.high):
        text += f" ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"
    return text


def _discrimination(study: StudyResults) -> Iterator[str]:
    is_first = True
    for positive, kind in itertools.product(by_task(study.evaluations), _KINDS):
        found = _by_method(study, kind, "auc", positive)
        if not found:
            continue
        what = _KINDS[kind] + _told(positive)
        every = [estimate for estimates in found.values() for estimate in estimates]
        n = max(estimate.n_units for estimate in every)
        parts = [f"{_mean(estimates)} for {name}" for name, estimates in found.items()]
        known = [e for e in every if math.isfinite(e.low)]
        nothing = bool(known) and all(e.low <= 0.5 <= e.high for e in known)
        chance = ": not distinguishable from chance, which is 0.5" if nothing else "; chance is 0.5"
        level = ""
        if is_first and known:
            several = len(every) > len(found)
            level = (
                ", as means over training seeds" if several else f", with {known[0].level:.0%} intervals in brackets"
            )
        yield (
            f"On a {study.domain} never seen in training, over {n} patients, the {what} reaches an AUC of "
            f"{listed(parts)}{level}{chance}."
        )
        is_first = False


def _by_method(study: StudyResults, kind: str, metric: str, positive: str) -> dict[str, list[Estimate]]:
    """Return the pooled estimates of a metric by method, one for each seed."""
    found: dict[str, list[Estimate]] = {}
    for name, evaluation in by_task(study.evaluations).get(positive, {}).items():
        model = without_seed(name).removesuffix(f", {positive}")
        if model.endswith(f" {kind}"):
            found.setdefault(model.removesuffix(f" {kind}"), []).append(evaluation.get(metric))
    return found


def _told(positive: str) -> str:
    """Return " of lobular against the rest" or, where all classes are told apart, nothing."""
    return f" of {positive} against the rest" if positive else ""


def _mean(estimates: list[Estimate]) -> str:
    return _number(estimates[0]) if len(estimates) == 1 else f"{np.mean([e.value for e in estimates]):.2f}"


def _comparisons(study: StudyResults) -> Iterator[str]:
    pairs: dict[tuple[str, str], list[tuple[str, ComparisonRow]]] = {}
    for comparison in study.comparisons.values():
        for row in comparison.rows:
            if (row.aggregation, row.metric) == ("pooled", "auc"):
                plain = without_class(row.a, row.b)
                kind = next((k for k in _KINDS if all(name.endswith(f" {k}") for name in plain)), "")
                names = (plain[0].removesuffix(f" {kind}"), plain[1].removesuffix(f" {kind}"))
                positive = row.a.removeprefix(plain[0]).removeprefix(", ")
                pairs.setdefault(names, []).append((kind + _told(positive), row))
    for (a, b), rows in pairs.items():
        better = [k for k, row in rows if row.verdict == "a better"]
        worse = [k for k, row in rows if row.verdict == "b better"]
        shown = listed([f"{_number(row.difference)}" + (f" for the {kind}" if kind else "") for kind, row in rows])
        n = max(row.difference.n_units for _, row in rows)
        if better and not worse:
            head = f"{a} beats {b}" + _only(better, rows)
        elif worse and not better:
            head = f"{a} does worse than {b}" + _only(worse, rows)
        elif better:
            head = f"{a} beats {b} by its {listed(better)} and does worse by its {listed(worse)}"
        elif all(row.verdict == "equivalent" for _, row in rows):
            head = f"{a} and {b} are equivalent within a margin of {rows[0][1].margin:g}"
        else:
            head = f"{a} does not beat {b} here"
        yield f"{head}: the AUC differs by {shown}, over {n} patients."


def _only(kinds: list[str], rows: list[tuple[str, ComparisonRow]]) -> str:
    return f" by its {listed(kinds)} alone" if len(kinds) < len(rows) else ""


def _calibration(study: StudyResults) -> Iterator[str]:
    positive, evaluations = next(iter(by_task(study.evaluations).items()), ("", {}))  # the section has every class
    parts = [
        f"{np.mean([e.value for e in estimates]):.3f} for {method} {kind}"
        for kind in _KINDS
        for method, estimates in _by_method(study, kind, "brier", positive).items()
    ]
    usual = [
        r.majority
        for evaluation in evaluations.values()
        for r in evaluation.rows
        if (r.scope, r.aggregation, r.metric) == ("all", "pooled", "brier") and math.isfinite(r.majority)
    ]
    if parts:
        told = f"; always forecasting the training prevalence gives {usual[0]:.3f}" if usual else ""
        yield f"The Brier score{_told(positive)} (lower is better{told}) is {listed(parts)}."


def _sizes(study: StudyResults) -> Iterator[str]:
    for one in study.signature_sets:
        told = _told(one.positive)
        by_method: dict[str, list[int]] = {}
        for signature in one.signatures.values():
            by_method.setdefault(signature.method, []).append(signature.size)
        d = max(s.n_dimensions for s in one.signatures.values())
        parts = []
        for method, sizes in by_method.items():
            least, most = min(sizes), max(sizes)
            parts.append((str(least) if least == most else f"{least} to {most}") + f" for {method}")
        yield f"The signatures{told} keep, of {d:,} dimensions, {listed(parts)}."
        bad = [name for name, s in one.signatures.items() if not s.is_converged]
        if bad:
            yield f"Not converged to the asked duality gap{told}: {listed(bad)}; do not use their sizes."


def _overlap(study: StudyResults) -> Iterator[str]:
    if not study.signature_sets:
        return
    one = study.signature_sets[0]  # the sections have every class
    methods = {s.method for s in one.signatures.values()}
    parts = []
    for method, overlap in one.overlaps.items():
        pairs = overlap.frame().drop_nulls("corrected").drop_nans("corrected")
        if method in methods and len(pairs):
            observed, chance, corrected = (float(np.mean(pairs[c].to_numpy())) for c in _OVERLAP)
            parts.append(f"{corrected:.2f} for {method} (observed {observed:.2f}, by chance {chance:.2f})")
    if parts:
        yield (
            f"Signatures{_told(one.positive)} of different folds agree, corrected for chance, by {listed(parts)}; 0 is "
            "chance and 1 the most that sets of their sizes can share. Folds share training patients, so this says "
            "nothing of other patients."
        )


_OVERLAP = ("observed", "chance", "corrected")


def _probes(study: StudyResults) -> Iterator[str]:
    for target, runs in study.probes.items():
        main = {name: result for name, result in runs.items() if "," not in name}
        for is_found, verb in ((True, "can still be read"), (False, "cannot be read beyond chance")):
            chosen = {name: r for name, r in main.items() if _is_read(r) is is_found}
            if chosen:
                first = next(iter(chosen.values()))
                metric = _METRICS.get(first.headline, first.headline.replace("_", " "))
                parts = _each_or_range(chosen)
                chance = first.chance.get(first.headline)
                against = f"; chance is {chance:.2f}" if chance is not None else ""
                yield f"The {target} {verb} from the embedding: {metric} {listed(parts)}{against}."


def _each_or_range(runs: dict[str, ProbeResult]) -> list[str]:
    values = {name: result.metrics[result.headline] for name, result in runs.items()}
    if len(values) <= _MOST_RUNS:
        return [f"{_number(value)} for {name}" for name, value in values.items()]
    methods: dict[str, list[float]] = {}
    for name, value in values.items():
        methods.setdefault(name.split("/")[0], []).append(value.value)
    return [f"{min(own):.2f} to {max(own):.2f} for {method} ({len(own)} runs)" for method, own in methods.items()]


_MOST_RUNS = 4


def _is_read(result: ProbeResult) -> bool:
    return result.p_value.get(result.tested, math.nan) < _ALPHA
