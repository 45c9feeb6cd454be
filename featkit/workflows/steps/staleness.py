"""Results of embeddings, labels or splits that are no longer there: said before anything is read from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from featkit.core.errors import InputError
from featkit.core.natural_order import sort_naturally
from featkit.core.run_key import RunKey
from featkit.core.text import first_few, listed
from featkit.results.by_run import ByRun
from featkit.results.comparison import Comparison
from featkit.results.evaluation_set import EvaluationSet
from featkit.results.probe import ProbeResult
from featkit.results.signature_set import SignatureSet
from featkit.workflows.steps.forecasts import analysed_folds
from featkit.workflows.steps.sources import Source


def stale_results(
    sources: Sequence[Source],
    evaluated: EvaluationSet | None,
    signature_sets: Iterable[SignatureSet],
    probes: ByRun[ProbeResult],
    comparisons: ByRun[Comparison],
) -> tuple[str, ...]:
    """Return what must be said at the top of a report: results of other inputs than the present ones, and mixtures.

    Parameters
    ----------
    sources : sequence of Source
        The stores as they are now.
    evaluated, signature_sets, probes, comparisons
        What the report shows.

    Returns
    -------
    tuple of str
        One sentence per kind of result; empty if all of them are of the present inputs.
    """
    now = _present(sources)
    sets = list(signature_sets)
    signatures = {key: one for found in sets for key, one in found.signatures.items()}
    fitted = {value for found in sets for price in found.prices.values() for value in _made(price).values()}
    fitted |= {one.made_from.sha256 for one in signatures.values() if one.made_from is not None}
    found = [
        ("Signatures", "featkit signatures", _changed(((key, _made(one)) for key, one in signatures.items()), now)),
        ("Probes", "featkit probe", _changed(((key, _made(one)) for key, one in probes.items()), now)),
    ]
    warnings = [
        f"{what} of other {listed(sorted(parts))} than the present ones: {first_few(runs)}. Run '{command}' again."
        for what, command, (runs, parts) in found
        if runs
    ]
    if evaluated is not None:
        scores = [(key, list(_made(one).values())) for key, one in evaluated.evaluations.items()]
        warnings += _stale_scores("Scores", "featkit evaluate", scores, now, fitted)
        warnings += _uneven_folds(evaluated)
    methods = {key.method for key in now}
    compared = [(key, _own_inputs(key, one, methods)) for key, one in comparisons.items()]
    warnings += _stale_scores("Comparisons", "featkit compare", compared, now, fitted)
    warnings += _outgrown(evaluated, comparisons)
    return tuple(warnings)


Inputs = Mapping[str, str]


def _present(sources: Sequence[Source]) -> dict[RunKey, Inputs]:
    """Return the inputs of every run and fold as they are now; without a fold, those of the store alone."""
    now: dict[RunKey, Inputs] = {}
    for source in sources:
        now[source.key.only("method", "seed")] = source.inputs()
        for fold in analysed_folds(source):
            try:
                inputs = source.inputs(source.split(fold))
            except InputError:
                continue
            now[RunKey(source.key.method, fold, source.key.seed)] = inputs
    return now


def _made(result: object) -> Inputs:
    made_from = getattr(result, "made_from", None)
    return made_from.inputs if made_from is not None else {}


def _changed(results: Iterable[tuple[RunKey, Inputs]], now: Mapping[RunKey, Inputs]) -> tuple[list[str], set[str]]:
    """Return the runs whose inputs are others now, and which of them."""
    runs, parts = [], set()
    for key, inputs in results:
        present = now.get(key.only("method", "fold", "seed"), {})
        differing = {name for name in inputs if inputs[name] != present.get(name)}
        if differing:
            runs.append(key.label())
            parts |= differing
    return runs, parts


def _own_inputs(key: RunKey, comparison: Comparison, methods: Collection[str | None]) -> list[str]:
    """Return the inputs of the sides of a comparison that are of this study; another's stores cannot be judged."""
    sides = {side for side, method in key.variant if side in ("a", "b") and method in methods}
    return [value for name, value in _made(comparison).items() if name.partition(" ")[0] in sides]


def _stale_scores(
    what: str,
    command: str,
    results: Iterable[tuple[RunKey, Sequence[str]]],
    now: Mapping[RunKey, Inputs],
    fitted: Collection[str],
) -> Iterator[str]:
    """Yield a sentence where scores are of forecasts that would be others now."""
    known = {value for inputs in now.values() for value in inputs.values()}.union(fitted)
    stale = [key.label() for key, inputs in results if any(value not in known for value in inputs)]
    if stale:
        others = "other embeddings, splits or signatures than the present ones"
        yield f"{what} of {others}: {first_few(stale)}. Run '{command}' again."


def _outgrown(evaluated: EvaluationSet | None, comparisons: ByRun[Comparison]) -> Iterator[str]:
    """Yield a sentence where a comparison of all folds was made when there were others than are scored now."""
    if evaluated is None:
        return
    scored = {fold for evaluation in evaluated.evaluations.values() for fold in _folds_of(evaluation.rows)}
    other = []
    for key, comparison in comparisons.items():
        folds = set(_folds_of(comparison.rows))
        if key.fold is None and "folds" not in dict(key.variant) and folds and folds != scored:
            other.append(f"{key.label()} on {listed(sort_naturally(folds))}")
    if other:
        now = f"Comparisons of other folds than are scored now ({listed(sort_naturally(scored))})"
        yield f"{now}: {first_few(other)}. Run 'featkit compare' again."


def _folds_of(rows: Iterable[Any]) -> list[str]:
    """Return the folds that rows of scores are of, one by one."""
    return list(dict.fromkeys(_fold_of(row) for row in rows if "fold" in (row.scope, row.aggregation)))


def _fold_of(row: Any) -> str:
    return str(row.aggregation if row.scope == "fold" else row.scope)


def _uneven_folds(evaluated: EvaluationSet) -> Iterator[str]:
    """Yield a sentence where models were scored on different folds, so that their averages are of different things."""
    spans: dict[tuple[str, ...], list[str]] = {}
    for key, evaluation in evaluated.evaluations.items():
        folds = tuple(_folds_of(evaluation.rows))
        spans.setdefault(folds, []).append(key.label())
    if len(spans) > 1:
        told = [f"{first_few(names)} on {listed(folds)}" for folds, names in spans.items()]
        yield f"Models were scored on different folds, so their averages cannot be compared: {'; '.join(told)}."
