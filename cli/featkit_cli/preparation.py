"""Commands that make what is analysed: split, audit, train, extract, store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featkit_cli import show

if TYPE_CHECKING:
    from featkit.core.results.audit import SplitAudit

store_app = typer.Typer(name="store", help="Look into, check and make stores.", rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON at full precision.")]
Fold = Annotated[str | None, typer.Option(help="The held-out domain, e.g. 100X (default: all).")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (split, audit, train, extract):
        app.command()(command)
    store_app.command("info")(store_info)
    store_app.command("verify")(store_verify)
    store_app.command("import")(store_import)
    app.add_typer(store_app)


def split(
    data: Annotated[Path | None, typer.Argument(help="Folder or table, outside a workspace.")] = None,
    fold: Fold = None,
    domain: Annotated[str | None, typer.Option(help="Column to leave one value of out.")] = None,
    test_fraction: Annotated[float | None, typer.Option(help="Share of patients to test on.")] = None,
    val_fraction: Annotated[float | None, typer.Option(help="Share of patients to select on.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the patient partition.")] = None,
    official: Annotated[Path | None, typer.Option(help="BreaKHis files.csv: its five official folds instead.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the JSON files.")] = None,
    json: Json = False,
) -> None:
    """Make patient-disjoint leave-one-domain-out splits."""
    from featkit import workflows

    splits = workflows.split(
        data,
        fold=fold,
        domain=domain,
        test_fraction=test_fraction,
        val_fraction=val_fraction,
        seed=seed,
        official=official,
        output=output,
    )
    audits = [made.audit for made in splits]
    show.as_json(audits) if json else _show_audits(audits)


def audit(
    split: Annotated[Path | None, typer.Argument(help="A saved split (default: the workspace's).")] = None,
    fold: Fold = None,
    pixels: Annotated[bool, typer.Option("--pixels", help="Decode every patch; find pictures on two sides.")] = False,
    json: Json = False,
) -> None:
    """Say what is on each side of each split, and what must not be on both."""
    from featkit import workflows

    audits = workflows.audit(split, fold=fold, pixels=pixels)
    show.as_json(audits) if json else _show_audits(audits)


def train(
    method: Annotated[str | None, typer.Option(help="baseline or grl (default: all of the workspace).")] = None,
    fold: Fold = None,
    seed: Annotated[int | None, typer.Option(help="Training seed (default: all of the workspace).")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training patches.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
) -> None:
    """Fine-tune the encoder with one domain held out; an interrupted training goes on."""
    from featkit import workflows

    runs = workflows.train(method, fold=fold, seed=seed, epochs=epochs, device=device)
    rows = [(run.method, run.fold, run.seed, *_training_row(run.checkpoint)) for run in runs]
    show.table("Trained", ["method", "held out", "seed", "best epoch", "source validation", "rule"], rows)


def extract(
    images: Annotated[Path | None, typer.Argument(help="Folder or table of patches, outside a workspace.")] = None,
    encoder: Annotated[str | None, typer.Option(help="tiny, a timm model, hf-hub:owner/name, or a file.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Local .safetensors or .pth weights.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The store, e.g. uni.zarr.")] = None,
    method: Annotated[str | None, typer.Option(help="One method of the workspace, or 'frozen'.")] = None,
    fold: Fold = None,
    seed: Annotated[int | None, typer.Option(help="One training seed.")] = None,
    metadata: Annotated[Path | None, typer.Option(help="Table of patient, magnification, mpp for a folder.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Patches at a time (default: found).")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    dtype: Annotated[str | None, typer.Option(help="float32 or float16.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never ask a hub for weights.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first bad patch.")] = False,
) -> None:
    """Write the embeddings of patches to stores; resumable at any time."""
    from featkit import workflows

    stores = workflows.extract(
        images,
        encoder=encoder,
        weights=weights,
        output=output,
        method=method,
        fold=fold,
        seed=seed,
        metadata=metadata,
        batch_size=batch_size,
        device=device,
        dtype=dtype,
        offline=offline,
        strict=strict,
    )
    rows = [(str(s.path), s.n, s.d, s.provenance.get("n_patches_bad", 0)) for s in stores]
    show.table("Stores", ["store", "patches", "dimensions", "bad patches"], rows)


def store_info(
    store: Annotated[Path, typer.Argument(help="A sealed store.")],
    json: Json = False,
) -> None:
    """Print what a store holds."""
    from featkit import workflows

    _show_facts(workflows.store_info(store), json)


def store_verify(
    store: Annotated[Path, typer.Argument(help="A sealed store.")],
    json: Json = False,
) -> None:
    """Recompute a store's checksums; exit 2 if one does not match."""
    from featkit import workflows

    check = workflows.store_verify(store)
    _show_facts(check, json)
    if not check.is_intact:
        raise typer.Exit(2)


def store_import(
    table: Annotated[Path, typer.Argument(help=".npz, .npy, .csv or .parquet with embeddings.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The store to write.")],
    metadata: Annotated[Path | None, typer.Option(help="CSV or Parquet with patch_id, label, patient, ...")] = None,
) -> None:
    """Make a store from embeddings that already exist."""
    from featkit import workflows

    store = workflows.store_import(table, output, metadata=metadata)
    show.line(f"{store.path}: {store.n} patches, {store.d} dimensions")


def _show_audits(audits: list[SplitAudit]) -> None:
    show.table(
        "Splits (patients shared between sides: always none)",
        ["fold", "held out of", "train", "val", "test", "unused", "shared patients", "notes"],
        [
            (
                audit.fold,
                audit.domain or "",
                *(
                    f"{audit.n_patches.get(role, 0)} of {audit.n_patients.get(role, 0)}"
                    for role in ("train", "val", "test", "unused")
                ),
                len(audit.shared_patients),
                len(audit.notes) + len(audit.duplicate_pixels) + len(audit.label_conflicts) or "",
            )
            for audit in audits
        ],
        caption="patches of patients",
    )
    for audit in audits:
        for note in audit.notes:
            show.line(f"{audit.fold}: {note}")
        for pair in audit.duplicate_pixels:
            show.line(f"{audit.fold}: the same picture on two sides: {', '.join(pair['patch_ids'])}")
        for pair in audit.label_conflicts:
            show.line(f"{audit.fold}: the same picture under two labels: {', '.join(pair['patch_ids'])}")


def _training_row(checkpoint: Path) -> tuple[object, object, object]:
    import json

    record = json.loads((checkpoint / "checkpoint.json").read_text())
    chosen = record["selection"]
    return chosen["epoch"], chosen["value"], chosen["rule"]


def _show_facts(facts: object, json: bool) -> None:
    import dataclasses

    table = dataclasses.asdict(facts) if dataclasses.is_dataclass(facts) and not isinstance(facts, type) else facts
    assert isinstance(table, dict)
    if json:
        show.as_json(table)
        return
    for key, value in table.items():
        if isinstance(value, dict):
            for inner, text in value.items():
                show.line(f"{key}.{inner}: {text if not isinstance(text, dict) else '{...}'}")
        else:
            show.line(f"{key}: {value}")
