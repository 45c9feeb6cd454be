"""Commands that analyse stores: signatures, evaluate, compare, probe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featkit_cli import show

if TYPE_CHECKING:
    from featkit.core.results.calibration import RecalibrationEffect
    from featkit.core.results.comparison import Comparison
    from featkit.core.results.evaluation import Evaluation
    from featkit.core.results.overlap import OverlapResult
    from featkit.core.results.probe import ProbeResult
    from featkit.core.results.signature_set import SignatureSet

Json = Annotated[bool, typer.Option("--json", help="Print JSON at full precision.")]
Store = Annotated[Path | None, typer.Argument(help="A sealed store (default: the workspace's).")]
Fold = Annotated[str | None, typer.Option(help="The held-out domain, e.g. 100X (default: all).")]
Method = Annotated[str | None, typer.Option(help="One method of the workspace (default: all).")]
Seed = Annotated[int | None, typer.Option(help="One training seed (default: all).")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Folder for results.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (signatures, evaluate, compare, probe):
        app.command()(command)


def signatures(
    store: Store = None,
    fold: Fold = None,
    method: Method = None,
    seed: Seed = None,
    rule: Annotated[str | None, typer.Option(help="How the penalty is chosen: 1se or min.")] = None,
    n_pairs: Annotated[int | None, typer.Option(help="Pairs of patient halves for stability; 0 for none.")] = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Fit sparse signatures: how few dimensions, how well they predict, do they come back."""
    from featkit import workflows

    found = workflows.signatures(store, fold=fold, method=method, seed=seed, rule=rule, n_pairs=n_pairs, output=output)
    show.as_json(found) if json else _show_signatures(found)


def evaluate(
    store: Store = None,
    fold: Fold = None,
    method: Method = None,
    seed: Seed = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Score trained heads and signatures on held-out patches, per fold and over folds."""
    from featkit import workflows

    found = workflows.evaluate(store, fold=fold, method=method, seed=seed, output=output)
    if json:
        show.as_json(found)
        return
    for name, evaluation in found.evaluations.items():
        _show_evaluation(name, evaluation)
    if found.recalibrations:
        _show_recalibrations(found.recalibrations)


def compare(
    a: Annotated[str, typer.Argument(help="A method of the workspace, or a store.")],
    b: Annotated[str, typer.Argument(help="The other one.")],
    fold: Fold = None,
    seed: Seed = None,
    model: Annotated[str, typer.Option(help="Whose probabilities: signature or head.")] = "signature",
    metrics: Annotated[list[str] | None, typer.Option("--metric", help="Repeat for more.")] = None,
    margin: Annotated[float | None, typer.Option(help="Differences within this count as none.")] = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Compare two methods or stores on the same held-out patches, patient by patient."""
    from featkit import workflows

    found = workflows.compare(
        a,
        b,
        fold=fold,
        seed=seed,
        model=model,
        metrics=metrics or ("auc", "f1", "brier"),
        margin=margin,
        output=output,
    )
    show.as_json(found) if json else _show_comparison(found)


def probe(
    target: Annotated[str, typer.Argument(help="magnification or patient.")],
    store: Store = None,
    method: Method = None,
    fold: Fold = None,
    seed: Seed = None,
    model: Annotated[str, typer.Option(help="linear or mlp.")] = "linear",
    within: Annotated[str | None, typer.Option(help="label: probe inside each class.")] = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Ask whether magnification or the patient can still be read from the embedding."""
    from featkit import workflows

    found = workflows.probe(
        target, store, method=method, fold=fold, seed=seed, model=model, within=within, output=output
    )
    if json:
        show.as_json(found)
        return
    for name, result in found.items.items():
        _show_probe(name, result)


def _show_signatures(found: SignatureSet) -> None:
    rows = []
    for name, signature in found.signatures.items():
        evaluation = found.evaluations[name]
        rows.append(
            (
                name,
                f"{signature.size} of {signature.n_dimensions}",
                signature.stable_support.size if signature.selection_frequency.size else "-",
                *(show.interval(evaluation.get(metric)) for metric in ("auc", "f1", "brier")),
                f"{signature.relative_gap:.0e}" + ("" if signature.is_converged else " NOT CONVERGED"),
            )
        )
    show.table(
        "Signatures, scored on held-out patches (intervals: patients resampled)",
        ["method/fold", "size", "stable", "AUC", "F1", "Brier", "duality gap"],
        rows,
    )
    for method, overlap in found.overlaps.items():
        _show_overlap(method, overlap)
    for name, signature in found.signatures.items():
        for warning in signature.warnings:
            show.line(f"{name}: {warning}")


def _show_overlap(method: str, overlap: OverlapResult) -> None:
    show.table(
        f"Overlap of {method}'s signatures ({overlap.measure})",
        ["folds", "sizes", "in common", "observed", "by chance", "corrected", "p"],
        [
            (
                f"{pair['first']} and {pair['second']}",
                f"{pair['size_first']}, {pair['size_second']}",
                pair["intersection"],
                f"{pair['observed']:.3f}",
                f"{pair['chance']:.3f}",
                f"{pair['corrected']:.3f}",
                show.p_value(pair["p_value"]),
            )
            for pair in overlap.frame().to_dicts()
        ],
    )


def _show_evaluation(name: str, evaluation: Evaluation) -> None:
    metrics = [m for m in dict.fromkeys(row.metric for row in evaluation.rows) if m in _SHOWN]
    scopes = dict.fromkeys((r.scope, r.aggregation) for r in evaluation.rows if r.scope in ("fold", "all"))
    if sum(scope == "fold" for scope, _ in scopes) == 1:  # pooled over one fold is that fold
        scopes = dict.fromkeys(key for key in scopes if key[0] == "fold")
    by = {(r.scope, r.aggregation, r.metric): r for r in evaluation.rows}
    rows: list[list[object]] = []
    for scope, aggregation in scopes:
        cells = [by.get((scope, aggregation, metric)) for metric in metrics]
        rows.append([aggregation, *(show.interval(c.estimate) if c else "" for c in cells)])
    majority = [by.get(("all", "pooled", metric)) for metric in metrics]
    rows.append(["majority class", *(f"{c.majority:.3f}" if c and c.majority == c.majority else "" for c in majority)])
    show.table(f"{name}", ["patches", *(_SHOWN[m] for m in metrics)], rows)
    for note in evaluation.notes:
        show.line(f"{name}: {note}")


def _show_recalibrations(found: dict[str, RecalibrationEffect]) -> None:
    metrics = {"brier": "Brier", "ece": "ECE", "calibration_slope": "slope"}
    show.table(
        "Recalibrated on source validation patients, scored on held-out patches",
        ["model and fold", "map", *metrics.values()],
        [
            (name if kind == "none" else "", kind, *(show.interval(values[m]) for m in metrics))
            for name, effect in found.items()
            for kind, values in effect.estimates.items()
        ],
    )


_SHOWN = {
    "auc": "AUC",
    "f1": "F1",
    "balanced_accuracy": "balanced accuracy",
    "brier": "Brier",
    "ece": "ECE",
    "recognition_rate": "recognition rate",
}


def _show_comparison(found: Comparison) -> None:
    a, b = found.names
    show.table(
        f"{a} minus {b}: {found.n_patches} patches of {found.n_patients} patients",
        ["metric", "patches", a, b, "difference", "p", f"p ({found.adjustment})", "verdict"],
        [
            (
                row.metric,
                row.scope if row.aggregation == "fold" else row.aggregation,
                f"{row.value_a:.3f}",
                f"{row.value_b:.3f}",
                show.interval(row.difference),
                show.p_value(row.p_value),
                show.p_value(row.p_adjusted),
                row.verdict,
            )
            for row in found.rows
        ],
    )
    for row in found.rows:
        if row.aggregation == "pooled":
            show.line(row.sentence)
    for note in found.notes:
        show.line(note)


def _show_probe(name: str, result: ProbeResult) -> None:
    show.table(
        f"{name}: {result.target} read from {result.n_dimensions} dimensions, {result.n_patients} patients",
        ["metric", "value", "chance", "null", "p"],
        [
            (
                metric,
                show.interval(found),
                f"{result.chance[metric]:.3f}" if metric in result.chance else "",
                f"{result.null[metric].mean():.3f}" if metric in result.null and result.null[metric].size else "",
                show.p_value(result.p_value[metric]) if metric in result.p_value else "",
            )
            for metric, found in result.metrics.items()
        ],
        caption=f"{result.design} {result.regime}".strip(),
    )
    for note in result.notes:
        show.line(f"{name}: {note}")
