"""The findings of a study, in a few sentences with numbers; also where nothing was found."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from featkit.core.metric_names import metric_name
from featkit.core.run_key import RunKey
from featkit.core.text import interval, listed, number
from featkit.reporting.comparison_tables import compared_models
from featkit.reporting.headline import (
    empty_folds,
    empty_signatures,
    headline,
    headline_differences,
    nothing_selected,
)
from featkit.reporting.overlap_tables import defined_pairs, pairs_of
from featkit.reporting.probe_tables import by_target, is_plain
from featkit.reporting.run_groups import MODELS, by_class, by_model, labels
from featkit.reporting.study_results import StudyResults
from featkit.results.by_run import ByRun
from featkit.results.comparison import Comparison, ComparisonRow
from featkit.results.estimate import Estimate
from featkit.results.evaluation import EvaluationRow
from featkit.results.probe import ProbeResult

_ALPHA = 0.05
_MOST_RUNS = 4


def findings(study: StudyResults) -> tuple[str, ...]:
    """Return the report's findings, the most important first.

    Parameters
    ----------
    study : StudyResults
        What was found. AUC is quoted as the mean of folds, the Brier score pooled over them.
    """
    parts = (_discrimination, _comparisons, _calibration, _sizes, _overlap, _probes)
    return tuple(sentence for part in parts for sentence in part(study))


def _quoted(estimate: Estimate) -> str:
    if not math.isfinite(estimate.value):
        return estimate.state or "undefined"
    return interval(estimate.value, estimate.low, estimate.high, 2)


def _discrimination(study: StudyResults) -> Iterator[str]:
    is_first = True
    for positive in by_class(study.evaluations):
        for model, words in MODELS.items():
            found = _headlines(study, model, "auc", positive)
            if not found:
                continue
            rows = [row for by_seed in found.values() for row in by_seed.values()]
            parts = [f"{_mean(by_seed)} for {method}{_empty(study, by_seed)}" for method, by_seed in found.items()]
            known = [row.estimate for row in rows if math.isfinite(row.estimate.low)]
            chance = _chance({method: _side_of_chance(by_seed) for method, by_seed in found.items()})
            how = []
            if is_first and any(row.aggregation == "mean of folds" for row in rows):
                how.append("as the mean of folds")
            if is_first and len(rows) > len(found):
                how.append("averaged over training seeds")
            elif is_first and known:
                how.append(f"with {known[0].level:.0%} intervals in brackets")
            n = max(row.estimate.n_units for row in rows)
            yield (
                f"On {study.unseen} never seen in training, over {n} patients, the {words}{_class(positive)} reaches "
                f"an AUC of {listed(parts)}{''.join(f', {text}' for text in how)}{chance}."
            )
            is_first = False


def _side_of_chance(rows: Mapping[RunKey, EvaluationRow]) -> str:
    """Return "above" or "below" where the intervals of all seeds leave out 0.5 on that side, "unknown" without one."""
    estimates = [row.estimate for row in rows.values()]
    if not any(e.has_interval for e in estimates):
        return "unknown"
    if all(e.low > 0.5 for e in estimates):
        return "above"
    return "below" if all(e.high < 0.5 for e in estimates) else "around"


def _chance(sides: Mapping[str, str]) -> str:
    """Return what chance is, and which methods cannot be told from it or do worse."""
    if set(sides.values()) == {"around"}:
        return ": not distinguishable from chance, which is 0.5"
    if set(sides.values()) == {"unknown"}:
        return ": without an interval, not distinguishable from chance, which is 0.5"
    said = {
        "around": "from which {} cannot be distinguished",
        "unknown": "from which {} cannot be distinguished without an interval",
        "below": "and worse than chance is {}",
    }
    parts = [(text, [m for m, own in sides.items() if own == side]) for side, text in said.items()]
    return "; chance is 0.5" + "".join(f", {text.format(listed(names))}" for text, names in parts if names)


def _headlines(study: StudyResults, model: str, metric: str, positive: str | None) -> dict[str, ByRun[EvaluationRow]]:
    """Return the headline rows of a metric by method, one per seed."""
    models = study.evaluations.where(model=model, positive=positive)
    rows = ByRun((key, row) for key, e in models.items() if (row := headline(e, metric)) is not None)
    return {str(key.method): own for key, own in by_model(rows, "seed").items()}


def _empty(study: StudyResults, models: Mapping[RunKey, EvaluationRow]) -> str:
    """Return in how many folds nothing was selected, or why else there is no interval, in brackets."""
    empty = empty_signatures(study.signature_sets)
    n_empty = sum(len(empty_folds(key, empty)) for key in models)
    if not n_empty:
        bare = [row.estimate for row in models.values() if math.isfinite(row.estimate.value)]
        states = dict.fromkeys(e.state for e in bare if e.state and not e.has_interval)
        return f" ({listed(list(states))})" if states else ""
    n = sum(
        len({s.fold for found in study.signature_sets for s in found.signatures if s.without("fold") == key})
        for key in (model.without("fold") for model in models)
    )
    return f" ({nothing_selected(n_empty, n)}, counted as 0.5)"


def _class(positive: str | None) -> str:
    """Return " of lobular against the rest" or, where all classes are told apart, nothing."""
    return f" of {positive} against the rest" if positive else ""


def _mean(rows: Mapping[RunKey, EvaluationRow]) -> str:
    estimates = [row.estimate for row in rows.values()]
    return _quoted(estimates[0]) if len(estimates) == 1 else number(float(np.mean([e.value for e in estimates])), 2)


def _comparisons(study: StudyResults) -> Iterator[str]:
    pairs: dict[tuple[str, str], list[tuple[str, ComparisonRow]]] = {}
    for comparison in _widest(study.comparisons):
        for row in headline_differences(comparison, "auc"):
            models = compared_models(comparison, row)
            what = MODELS.get(models.model or "", models.model or "") + _class(models.positive)
            pairs.setdefault((models.first, models.second), []).append((what.strip(), row))
    for (a, b), rows in pairs.items():
        n = max(row.difference.n_units for _, row in rows)
        yield f"{_verdict(a, b, rows)}, over {n} patients."


def _widest(comparisons: ByRun[Comparison]) -> list[Comparison]:
    """Return the comparisons, those over all folds where one of a single fold is there, too."""
    wide = {key for key in comparisons if key.fold is None}
    return [c for key, c in comparisons.items() if key.fold is None or key.without("fold") not in wide]


def _verdict(a: str, b: str, rows: Sequence[tuple[str, ComparisonRow]]) -> str:
    """Return who has the higher AUC, by how much, for which models."""
    groups: dict[str, list[str]] = {}
    for what, row in rows:
        shown = interval(row.difference.value, row.difference.low, row.difference.high, 2, is_signed=True)
        groups.setdefault(row.verdict, []).append(f"for the {what} ({shown})" if what else f"({shown})")
    only = "only " if len(groups) > 1 else ""
    texts = {
        "a better": f"{a} improves AUC over {b} {only}",
        "b better": f"{a} has a lower AUC than {b} {only}",
        "equivalent": f"{a} and {b} are equivalent in AUC within a margin of {rows[0][1].margin:g} {only}",
        "identical": f"{a} and {b} give the same scores {only}",
    }
    parts = [texts[verdict] + listed(groups[verdict]) for verdict in texts if verdict in groups]
    undecided = [text for verdict, shown in groups.items() if verdict not in texts for text in shown]
    if undecided and parts:
        parts.append(f"{listed(undecided)} the data do not decide")
    elif undecided:
        parts.append(f"The data do not decide between {a} and {b} in AUC {listed(undecided)}")
    return "; ".join(parts)


def _calibration(study: StudyResults) -> Iterator[str]:
    classes = by_class(study.evaluations)
    if not classes:
        return
    positive, evaluations = next(iter(classes.items()))  # the section has every class
    parts = [
        f"{number(float(np.mean([row.estimate.value for row in by_seed.values()])))} for {method} {model}"
        for model in MODELS
        for method, by_seed in _headlines(study, model, "brier", positive).items()
    ]
    rows = [row for e in evaluations.values() if (row := headline(e, "brier")) is not None]
    majority = [row.majority for row in rows if math.isfinite(row.majority)]
    if parts:
        usual = f"; always forecasting the training prevalence gives {number(majority[0])}" if majority else ""
        yield f"The Brier score{_class(positive)} (lower is better{usual}) is {listed(parts)}."


def _sizes(study: StudyResults) -> Iterator[str]:
    for found in study.signature_sets:
        what = _class(found.key.positive)
        methods = {str(key.method): own for key, own in by_model(found.signatures, "fold", "seed").items()}
        d = max(s.n_dimensions for s in found.signatures.values())
        parts = []
        for method, own in methods.items():
            sizes = [s.size for s in own.values()]
            n_empty = sizes.count(0)
            kept = [size for size in sizes if size]
            span = f"{min(kept)} to {max(kept)}" if len(set(kept)) > 1 else "".join(map(str, kept[:1]))
            empty = nothing_selected(n_empty, len(sizes)).replace("folds", "runs") if n_empty else ""
            parts.append(f"{span or 'none'} for {method}" + (f" ({empty})" if empty else ""))
        yield f"Signatures{what} keep {listed(parts)}, of {d:,} dimensions."
        names = found.signatures.labels()
        bad = [names[key] for key, s in found.signatures.items() if not s.is_converged]
        if bad:
            yield f"Not converged to the requested duality gap{what}: {'; '.join(bad)}; do not use their sizes."


def _overlap(study: StudyResults) -> Iterator[str]:
    if not study.signature_sets:
        return
    found = study.signature_sets[0]  # the sections have every class
    parts = []
    for key, overlap in found.overlaps.items():
        pairs, known = pairs_of(overlap), defined_pairs(overlap)
        if key.method is None:
            continue
        if not known:
            parts.append(f"undefined for {key.method} (none of {len(pairs)} pairs has a dimension in both)")
            continue
        observed, chance, corrected = (
            number(float(np.mean([values[pair] for pair in known])), 2)
            for values in (overlap.observed, overlap.chance, overlap.corrected)
        )
        rest = "" if len(known) == len(pairs) else f"; defined for {len(known)} of {len(pairs)} pairs only"
        parts.append(f"{corrected} for {key.method} (observed {observed}, by chance {chance}{rest})")
    if parts:
        yield (
            f"Agreement of signatures{_class(found.key.positive)} between runs, corrected for chance, is "
            f"{listed(parts)}; 0 is chance and 1 the most that sets of their sizes can share. Folds share training "
            "patients, so this does not show that other patients would give the same dimensions."
        )


def _probes(study: StudyResults) -> Iterator[str]:
    for target, probes in by_target(study.probes).items():
        plain = ByRun((key, result) for key, result in probes.items() if is_plain(key))
        for is_found, verb in ((True, "can be read"), (False, "cannot be read beyond chance")):
            chosen = ByRun((key, result) for key, result in plain.items() if _is_read(result) is is_found)
            if chosen:
                first = next(iter(chosen.values()))
                what = metric_name(first.headline).in_text
                chance = first.chance.get(first.headline)
                against = f"; chance is {number(chance, 2)}" if chance is not None else ""
                parts = _each_or_range(chosen)
                yield f"The {target} {verb} from the embedding: {what} {listed(parts)}{against}."


def _each_or_range(probes: ByRun[ProbeResult]) -> list[str]:
    values = {key: result.metrics[result.headline] for key, result in probes.items()}
    if len(values) <= _MOST_RUNS:
        names = labels(key.without("variant") for key in values)
        return [f"{_quoted(value)} for {name}" for name, value in zip(names, values.values(), strict=True)]
    parts = []
    for key, own in by_model(values, "fold", "seed").items():
        shown = [value.value for value in own.values()]
        ends = dict.fromkeys(number(end, 2) for end in (min(shown), max(shown)))
        parts.append(f"{' to '.join(ends)} for {key.method} ({len(own)} runs)")
    return parts


def _is_read(result: ProbeResult) -> bool:
    return result.p_value.get(result.tested, math.nan) < _ALPHA
