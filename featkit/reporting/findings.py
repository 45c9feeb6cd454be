"""What came out, in sentences with numbers; also where nothing came out."""

from __future__ import annotations

import math
from collections.abc import Iterator

from featkit.core.results.estimate import Estimate
from featkit.core.results.probe import ProbeResult
from featkit.reporting.bundle import StudyResults


def findings(study: StudyResults) -> tuple[str, ...]:
    """Return the report's findings, the most important first."""
    parts = (_discrimination, _comparisons, _calibration, _sizes, _overlap, _probes)
    return tuple(sentence for part in parts for sentence in part(study))


def _number(estimate: Estimate) -> str:
    if not math.isfinite(estimate.value):
        return "undefined"
    text = f"{estimate.value:.3f}"
    if math.isfinite(estimate.low) and math.isfinite(estimate.high):
        text += f" ({estimate.level:.0%} interval {estimate.low:.3f} to {estimate.high:.3f})"
    return text


def _listed(parts: list[str]) -> str:
    return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else "".join(parts)


def _models(study: StudyResults, kind: str) -> dict[str, Estimate]:
    return {
        name.removesuffix(f" {kind}"): evaluation.get("auc", "pooled", "all")
        for name, evaluation in study.evaluations.items()
        if name.endswith(kind)
    }


def _discrimination(study: StudyResults) -> Iterator[str]:
    for kind, what in (("head", "trained head"), ("signature", "sparse signature")):
        models = _models(study, kind)
        if models:
            parts = [f"{_number(estimate)} for {name}" for name, estimate in models.items()]
            n = max(estimate.n_units for estimate in models.values())
            yield (
                f"On held-out {study.domain}s, pooled over folds and {n} patients, the {what} reaches an AUC of "
                f"{_listed(parts)}; 0.5 is chance."
            )


def _comparisons(study: StudyResults) -> Iterator[str]:
    for name, comparison in study.comparisons.items():
        for row in comparison.rows:
            if row.aggregation == "pooled" and row.metric in ("auc", "brier"):
                yield f"{name}: {row.sentence}"


def _calibration(study: StudyResults) -> Iterator[str]:
    parts = []
    for name, evaluation in study.evaluations.items():
        rows = [r for r in evaluation.rows if (r.scope, r.aggregation, r.metric) == ("all", "pooled", "brier")]
        parts += [f"{_number(r.estimate)} for the {name} (majority baseline {r.majority:.3f})" for r in rows]
    if parts:
        yield f"The pooled Brier score, where lower is better, is {_listed(parts)}."


def _sizes(study: StudyResults) -> Iterator[str]:
    if study.signatures is None:
        return
    by_method: dict[str, list[str]] = {}
    for signature in study.signatures.signatures.values():
        text = f"{signature.size} ({signature.fold} held out)"
        by_method.setdefault(signature.method, []).append(text)
    d = next(iter(study.signatures.signatures.values())).n_dimensions
    parts = [f"{_listed(sizes)} for {method}" for method, sizes in by_method.items()]
    yield f"Of {d:,} dimensions the signatures keep {'; '.join(parts)}."
    bad = [name for name, s in study.signatures.signatures.items() if not s.is_converged]
    if bad:
        yield f"Not converged to the asked duality gap: {_listed(bad)}; their sizes must not be used."


def _overlap(study: StudyResults) -> Iterator[str]:
    if study.signatures is None:
        return
    for method, overlap in study.signatures.overlaps.items():
        for pair in overlap.frame().to_dicts():
            if not math.isfinite(pair["observed"]):
                continue
            beyond = "more than chance gives" if pair["p_value"] < 0.05 else "no more than chance gives"
            yield (
                f"{method}: the signatures of {pair['first']} and {pair['second']} share {pair['intersection']} "
                f"dimensions, a {overlap.measure.capitalize()} overlap of {pair['observed']:.3f} where chance gives "
                f"{pair['chance']:.3f} (p {_p(pair['p_value'])}): {beyond}."
            )


def _probes(study: StudyResults) -> Iterator[str]:
    for target, runs in study.probes.items():
        parts = [f"{_probe(result)} for {name}" for name, result in runs.items()]
        if parts:
            yield f"The {target} probe reaches {'; '.join(parts)}."


def _probe(result: ProbeResult) -> str:
    found = result.metrics[result.headline]
    p = result.p_value.get(result.tested, math.nan)
    chance = result.chance.get(result.headline)
    text = f"{result.headline.replace('_', ' ')} {_number(found)}"
    if chance is not None:
        text += f" against {chance:.3f} by chance"
    if not math.isfinite(p):
        return text
    return text + (f", still readable (p {_p(p)})" if p < 0.05 else f", not distinguishable from chance (p {_p(p)})")


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"
