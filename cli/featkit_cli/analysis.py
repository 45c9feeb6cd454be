"""Commands that analyse stores: signatures, evaluate, compare, probe."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featkit_cli import show
from featkit_cli.command import Command
from featkit_cli.configured import chosen_runs, configured, design

if TYPE_CHECKING:
    from featkit.core.options import PenaltyOptions, StabilityOptions
    from featkit.reporting.tables import Table
    from featkit.results.comparison import Comparison
    from featkit.results.evaluation_set import EvaluationSet
    from featkit.results.probe_set import ProbeSet
    from featkit.results.signature_set import SignatureSet

Json = Annotated[bool, typer.Option("--json", help="Print JSON at full precision.")]
Store = Annotated[Path | None, typer.Argument(help="A sealed store (default: the workspace's).")]
Fold = Annotated[list[str] | None, typer.Option(help="A held-out domain, e.g. 100X; repeat for more (default: all).")]
Method = Annotated[list[str] | None, typer.Option(help="A method of the workspace; repeat for more (default: all).")]
Seed = Annotated[list[int] | None, typer.Option(help="A training seed; repeat for more (default: all).")]
Domain = Annotated[str | None, typer.Option(help="The column to generalise over (default: the store's).")]
TestFraction = Annotated[float | None, typer.Option(help="Share of patients to test on (default: the workspace's).")]
Again = Annotated[bool, typer.Option("--again", help="Do also what is there already.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Folder for results.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (signatures, evaluate, compare, probe):
        app.command(cls=Command)(command)


def signatures(
    store: Store = None,
    fold: Fold = None,
    method: Method = None,
    seed: Seed = None,
    rule: Annotated[
        str | None, typer.Option(help="How the penalty is chosen: 1se, min, or lambda or C with --value.")
    ] = None,
    value: Annotated[float | None, typer.Option(help="The penalty for --rule lambda or C.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Selection frequency asked of a stable dimension.")] = None,
    q: Annotated[int | None, typer.Option(help="Dimensions a half of the patients may select.")] = None,
    pfer: Annotated[
        float | None,
        typer.Option(help="Bound on expected false selections; two of --threshold, --q, --pfer give the third."),
    ] = None,
    n_pairs: Annotated[int | None, typer.Option(help="Pairs of patient halves for stability; 0 for none.")] = None,
    positive: Annotated[str | None, typer.Option(help="One class to tell from the rest.")] = None,
    measure: Annotated[
        str | None, typer.Option(help="How overlap is measured: jaccard, dice, phi, lustgarten, ...")
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also refit, score by size, leave dimensions out, match encoders.")
    ] = False,
    dense: Annotated[
        bool | None,
        typer.Option("--dense/--no-dense", help="Also fit a model on all dimensions: the price of sparsity."),
    ] = None,
    allow_mismatch: Annotated[
        bool, typer.Option("--allow-mismatch", help="Compare dimensions of encoders that were made differently.")
    ] = False,
    domain: Domain = None,
    test_fraction: TestFraction = None,
    again: Again = False,
    output: Output = None,
    json: Json = False,
) -> None:
    """Fit sparse signatures and score them on held-out patches.

    How few dimensions, how well they predict, and whether they come back.
    """
    from featkit import workflows

    config = configured(store)
    chosen = config.signatures
    options = chosen.with_given(
        penalty=_penalty(chosen.penalty, rule, value),
        stability=_stability(chosen.stability, threshold, q, pfer, n_pairs),
        positive=positive,
        measure=measure,
        deep=deep or None,
        dense=dense,
        allow_mismatch=allow_mismatch or None,
    )
    found = workflows.signatures(
        store,
        runs=chosen_runs(method, fold, seed),
        split=design(store, config, domain=domain, test_fraction=test_fraction),
        options=options,
        again=again,
        output=output,
    )
    show.as_json(found) if json else _show_signatures(found)


def evaluate(
    store: Store = None,
    fold: Fold = None,
    method: Method = None,
    seed: Seed = None,
    level: Annotated[float | None, typer.Option(help="Coverage of the intervals, e.g. 0.95.")] = None,
    n_draws: Annotated[int | None, typer.Option(help="Resamples of the patients.")] = None,
    domain: Domain = None,
    test_fraction: TestFraction = None,
    again: Again = False,
    output: Output = None,
    json: Json = False,
) -> None:
    """Score trained heads and signatures, with intervals.

    On held-out patches, per fold and over folds.
    """
    from featkit import workflows

    config = configured(store)
    found = workflows.evaluate(
        store,
        runs=chosen_runs(method, fold, seed),
        split=design(store, config, domain=domain, test_fraction=test_fraction),
        resampling=config.evaluate.with_given(level=level, n_draws=n_draws),
        again=again,
        output=output,
    )
    show.as_json(found) if json else _show_evaluation(found)


def compare(
    a: Annotated[str, typer.Argument(help="A method of the workspace (grl), or a store.")],
    b: Annotated[str, typer.Argument(help="The other one.")],
    fold: Fold = None,
    seed: Annotated[int | None, typer.Option(help="Training seed of methods (default: the workspace's first).")] = None,
    model: Annotated[str, typer.Option(help="Whose probabilities: signature, dense or head.")] = "signature",
    positive: Annotated[str | None, typer.Option(help="The signatures of this class against the rest.")] = None,
    metrics: Annotated[list[str] | None, typer.Option("--metric", help="Repeat for more.")] = None,
    margin: Annotated[float | None, typer.Option(help="The largest difference you would call negligible.")] = None,
    domain: Domain = None,
    test_fraction: TestFraction = None,
    again: Again = False,
    output: Output = None,
    json: Json = False,
) -> None:
    """Compare two methods or stores, patient by patient.

    On the same held-out patches.
    """
    from featkit import workflows
    from featkit.core.options import CompareOptions

    store = Path(a) if Path(a).suffix == ".zarr" else None
    options = CompareOptions().with_given(model=model, positive=positive, metrics=metrics or None, margin=margin)
    found = workflows.compare(
        a,
        b,
        runs=chosen_runs(None, fold, None if seed is None else [seed]),
        split=design(store, configured(store), domain=domain, test_fraction=test_fraction),
        options=options,
        again=again,
        output=output,
    )
    show.as_json(found) if json else _show_comparison(found)


def probe(
    target: Annotated[str, typer.Argument(help="magnification, patient, or another column.")],
    store: Store = None,
    fold: Fold = None,
    method: Method = None,
    seed: Seed = None,
    regime: Annotated[str | None, typer.Option(help="all, training (domains), or held-out (against the rest).")] = None,
    model: Annotated[str | None, typer.Option(help="linear or mlp.")] = None,
    within: Annotated[str | None, typer.Option(help="label: probe inside each class.")] = None,
    n_permutations: Annotated[int | None, typer.Option(help="Relabellings of the null; 0 for none.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Print every metric of every run.")] = False,
    domain: Domain = None,
    again: Again = False,
    output: Output = None,
    json: Json = False,
) -> None:
    """Ask what can still be read from the embedding.

    Magnification or the patient, next to chance and a permutation null.
    """
    from featkit import workflows

    config = configured(store)
    given = {"regime": regime, "model": model, "within": within, "n_permutations": n_permutations}
    found = workflows.probe(
        target,
        store,
        runs=chosen_runs(method, fold, seed),
        split=design(store, config, domain=domain),
        options=config.probe.with_given(**given),
        again=again,
        output=output,
    )
    show.as_json(found) if json else _show_probes(found, full)


def _penalty(chosen: PenaltyOptions, rule: str | None, value: float | None) -> PenaltyOptions:
    """Return the choice of the penalty with what was typed; another rule drops the configured value."""
    kept = chosen.value if rule in (None, chosen.rule) else None
    given: dict[str, Any] = {"rule": rule or chosen.rule, "value": kept if value is None else value}
    return dataclasses.replace(chosen, **given)


def _stability(
    chosen: StabilityOptions, threshold: float | None, q: int | None, pfer: float | None, n_pairs: int | None
) -> StabilityOptions:
    """Return stability selection with what was typed; two typed values replace the third that is configured."""
    typed = {"threshold": threshold, "q": q, "pfer": pfer}
    given: dict[str, Any] = {name: value for name, value in typed.items() if value is not None}
    if len(given) == 2:
        chosen = dataclasses.replace(chosen, threshold=None, q=None, pfer=None)
    elif set(given) & {"q", "pfer"}:
        chosen = dataclasses.replace(chosen, q=None, pfer=None)
    return dataclasses.replace(chosen.with_given(n_pairs=n_pairs), **given)


def _show_signatures(found: SignatureSet) -> None:
    from featkit.reporting import overlap_tables, signature_tables

    _print(signature_tables.signature_table(found))
    if any(signature.dimension_names for signature in found.signatures.values()):
        _print(signature_tables.dimension_table(found))
    if found.details:
        _print(signature_tables.size_table(found))
    if any(detail.refit is not None for detail in found.details.values()):
        _print(signature_tables.refit_table(found))
    if any(detail.variance is not None for detail in found.details.values()):
        _print(signature_tables.variance_decomposition_table(found))
    if any(detail.contributions is not None for detail in found.details.values()):
        _print(signature_tables.contribution_table(found))
    for overlaps in overlap_tables.overlap_tables(found):
        _print(overlaps)
    if found.matchings:
        _print(overlap_tables.matching_table(found))
    if found.reseeding:
        _print(overlap_tables.reseeding_table(found))
    _notes(f"{name}: {text}" for key, name in found.signatures.labels().items() for text in found.signatures[key].notes)
    _notes(found.notes)


def _show_evaluation(found: EvaluationSet) -> None:
    from featkit.reporting.run_groups import model_labels
    from featkit.reporting.score_tables import evaluation_tables

    for table in evaluation_tables(found).values():
        _print(table)
    names = model_labels(found.evaluations)
    _notes(f"{names[key]}: {note}" for key, e in found.evaluations.items() for note in e.notes)


def _show_comparison(found: Comparison) -> None:
    from featkit.reporting.comparison_tables import comparison_table
    from featkit.reporting.sentences import comparison_sentences

    _print(comparison_table(found))
    for sentence in comparison_sentences(found):
        show.line(sentence)
    _notes(f"Note: {note}." for note in found.notes)


def _show_probes(found: ProbeSet, full: bool) -> None:
    from featkit.reporting.probe_tables import by_target, probe_descriptions, probe_metrics_table, probe_table

    for probes in by_target(found.probes).values():
        if full:
            for key, result in probes.items():
                _print(probe_metrics_table(key, result))
        else:
            _print(probe_table(probes))
        _notes(probe_descriptions(probes))
    _notes(f"{name}: {note}" for key, name in found.probes.labels().items() for note in found.probes[key].notes)


def _print(table: Table) -> None:
    """Print a table made for reading."""
    show.table(table.caption, table.columns, table.rows)


def _notes(lines: Iterable[str]) -> None:
    """Print lines, each once and not too many of them."""
    from featkit.reporting.sentences import first_notes

    for text in first_notes(lines):
        show.line(text)
