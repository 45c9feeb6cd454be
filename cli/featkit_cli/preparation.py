"""Commands that make what is analysed: split, audit, train, extract, store."""

from __future__ import annotations

import dataclasses
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featkit_cli import show
from featkit_cli.command import Command
from featkit_cli.configured import chosen_runs, configured

if TYPE_CHECKING:
    from featkit.core.config import Config
    from featkit.core.options import EncoderOptions
    from featkit.core.workspace import Run
    from featkit.results.audit import SplitAudit

store_app = typer.Typer(name="store", help="Look into, check and make stores.", rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON at full precision.")]
Fold = Annotated[str | None, typer.Option(help="The held-out domain, e.g. 100X (default: all).")]
Folds = Annotated[list[str] | None, typer.Option(help="A held-out domain, e.g. 100X; repeat for more (default: all).")]
Columns = Annotated[
    list[str] | None,
    typer.Option(metavar="OURS=THEIRS", help="A column's name in your table, e.g. patient=case_id; repeat for more."),
]
Groups = Annotated[
    str | None, typer.Option(help="patients, or patches where nobody knows the patients (default: patients).")
]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (split, audit, train, extract):
        app.command(cls=Command)(command)
    store_app.command("info", cls=Command)(store_info)
    store_app.command("verify", cls=Command)(store_verify)
    store_app.command("import", cls=Command)(store_import)
    app.add_typer(store_app)


def split(
    data: Annotated[Path | None, typer.Argument(help="Folder or table, outside a workspace.")] = None,
    fold: Folds = None,
    domain: Annotated[
        str | None, typer.Option(help="Column to hold out value by value (default: the workspace's).")
    ] = None,
    test_fraction: Annotated[float | None, typer.Option(help="Share of patients to test on.")] = None,
    val_fraction: Annotated[float | None, typer.Option(help="Share of patients to select on.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the patient partition.")] = None,
    columns: Columns = None,
    groups: Groups = None,
    official: Annotated[Path | None, typer.Option(help="BreaKHis files.csv: its five official folds instead.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the JSON files.")] = None,
    json: Json = False,
) -> None:
    """Make patient-disjoint splits of the study.

    One domain held out at a time, or a cross-validation over patients.
    """
    from featkit import workflows
    from featkit.core.config import Config
    from featkit.core.options import DataOptions

    typed = {"domain": domain, "test_fraction": test_fraction, "val_fraction": val_fraction, "seed": seed}
    design = (Config() if data is not None else configured()).split
    if official is not None:
        design = dataclasses.replace(design, folds=())  # those configured are domains
    splits = workflows.split(
        data,
        options=design.with_given(folds=fold, **typed),
        reading=DataOptions().with_given(columns=show.pairs("--columns", columns), groups=groups),
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
    """Say what is on each side of each split."""
    from featkit import workflows

    audits = workflows.audit(split, fold=fold, pixels=pixels)
    show.as_json(audits) if json else _show_audits(audits)


def train(
    method: Annotated[
        list[str] | None, typer.Option(help="baseline or grl; repeat for more (default: the workspace's).")
    ] = None,
    fold: Folds = None,
    seed: Annotated[
        list[int] | None, typer.Option(help="Training seed; repeat for more (default: the workspace's).")
    ] = None,
    n_epochs: Annotated[int | None, typer.Option("--epochs", help="Passes over the training patches.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Patches per step.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, float32, float16 or bfloat16.")] = None,
    json: Json = False,
) -> None:
    """Fine-tune the encoder with one domain held out.

    What is finished is not done again; an interrupted training goes on.
    """
    from featkit import workflows

    runs = chosen_runs(method, fold, seed)
    options = configured().train.with_given(
        n_epochs=n_epochs, batch_size=batch_size, device=device, precision=precision
    )
    found = [_trained(run) for run in workflows.train(runs=runs, options=options)]
    if json:
        show.as_json(found)
        return
    show.table(
        f"Trained; epochs chosen by {', '.join(sorted({str(f['rule']) for f in found}))}",
        ["method", "held out", "seed", "epoch", "validation loss" if _is_loss(found) else "validation score"],
        [(f["method"], f["fold"], f["seed"], f["epoch"], f["value"]) for f in found],
    )


def extract(
    images: Annotated[Path | None, typer.Argument(help="Folder or table of patches, outside a workspace.")] = None,
    encoder: Annotated[str | None, typer.Option(help="tiny, a timm model, hf-hub:owner/name, or a file.")] = None,
    weights: Annotated[str | None, typer.Option(help="Local .safetensors or .pth weights.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never ask a hub for weights.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The store, e.g. uni.zarr.")] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="A method of the workspace, or 'frozen'; repeat for more.")
    ] = None,
    fold: Folds = None,
    seed: Annotated[list[int] | None, typer.Option(help="A training seed; repeat for more (default: all).")] = None,
    metadata: Annotated[
        str | None, typer.Option(help="For a folder of images: table of patient, magnification and mpp.")
    ] = None,
    columns: Columns = None,
    groups: Groups = None,
    domain: Annotated[
        str | None, typer.Option(help="For images: column to generalise over (default: magnification).")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Patches at a time (default: found).")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, float32, float16 or bfloat16.")] = None,
    dtype: Annotated[str | None, typer.Option(help="float32 or float16.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first bad patch.")] = False,
    json: Json = False,
) -> None:
    """Write the embeddings of patches to stores.

    What is finished is not done again; interrupted work goes on. Patches that cannot be read are left out, counted,
    and named in a file beside the store.
    """
    from featkit import workflows
    from featkit.core.config import Config
    from featkit.core.options import DataOptions

    config = configured() if images is None else Config()
    reading = DataOptions().with_given(metadata=metadata, columns=show.pairs("--columns", columns), groups=groups)
    runs = chosen_runs(method, fold, seed)
    stores = workflows.extract(
        images,
        runs=runs,
        encoder=_encoder(config, encoder, weights, offline, is_frozen=images is not None or runs.method == ("frozen",)),
        data=None if reading == DataOptions() else reading,
        domain=domain,
        options=config.extract.with_given(
            batch_size=batch_size, device=device, precision=precision, dtype=dtype, strict=strict or None
        ),
        output=output,
    )
    found = [
        {"path": s.path, "n": s.n, "d": s.d, "n_bad": s.provenance["n_patches_bad"], "store_id": s.store_id}
        for s in stores
    ]
    if json:
        show.as_json(found)
        return
    show.table(
        "Stores",
        ["store", "patches", "dimensions", "bad patches"],
        [(show.place(f["path"]), f["n"], f["d"], f["n_bad"]) for f in found],
    )


def _encoder(
    config: Config, name: str | None, weights: str | None, offline: bool, *, is_frozen: bool
) -> EncoderOptions | None:
    """Return the encoder that was typed, None for none; weights that are configured belong to the one named there."""
    if name is None and weights is None and not (offline and is_frozen):
        if offline:
            from featkit.core.errors import InputError

            fix = "Set offline = true of [encoder] in featkit.toml, or add --method frozen"
            raise InputError("--offline must go with --encoder, or with --method frozen in a workspace", None, fix)
        return None
    base = config.encoder if name is None else dataclasses.replace(config.encoder, weights=None)
    return base.with_given(name=name, weights=weights, offline=offline or None)


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
    from featkit.core.errors import InputError

    check = workflows.store_verify(store)
    _show_facts(dataclasses.asdict(check), json)
    if not check.is_intact:
        bad = [f"rows {first} to {last}" for first, last in check.bad_shards] + list(check.bad_parts)
        raise InputError(f"{store} must be as it was sealed", f"changes in {', '.join(bad)}", "Write it again")


def store_import(
    table: Annotated[Path, typer.Argument(help="Embeddings: .npz, .npy, or a table (CSV, TSV, Parquet).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The store to write.")],
    metadata: Annotated[
        str | None, typer.Option(help="Table with patch_id, label, patient, magnification, ...")
    ] = None,
    columns: Columns = None,
    groups: Groups = None,
    domain: Annotated[str | None, typer.Option(help="Column to generalise over (default: magnification).")] = None,
    dimensions: Annotated[
        list[str] | None,
        typer.Option(help="A column of the embedding, or a pattern such as 'feature_*'; repeat for more."),
    ] = None,
    array: Annotated[str | None, typer.Option(help="The matrix of an .npz, or the list column of a table.")] = None,
    unlabelled: Annotated[bool, typer.Option("--unlabelled", help="Take a table without the column label.")] = False,
    dtype: Annotated[str | None, typer.Option(help="float32 or float16 (default: float32).")] = None,
    json: Json = False,
) -> None:
    """Make a store from embeddings that already exist."""
    from featkit import workflows
    from featkit.core.options import ImportOptions

    options = ImportOptions().with_given(
        metadata=metadata,
        columns=show.pairs("--columns", columns),
        domain=domain,
        dimensions=dimensions,
        array=array,
        groups=groups,
        unlabelled=unlabelled or None,
        dtype=dtype,
    )
    store = workflows.store_import(table, output, options=options)
    if json:
        show.as_json({"path": store.path, "n": store.n, "d": store.d, "store_id": store.store_id})
    else:
        show.line(f"{show.place(store.path)}: {store.n} patches, {store.d} dimensions")


def _show_audits(audits: list[SplitAudit]) -> None:
    show.table(
        "Splits",
        ["fold", "held out of", "train", "val", "test", "unused", "notes"],
        [
            (
                audit.fold,
                audit.domain or "",
                *(
                    f"{audit.n_patches.get(role, 0)} of {audit.n_patients.get(role, 0)}"
                    for role in ("train", "val", "test", "unused")
                ),
                sum(map(len, (audit.shared_cases, audit.notes, audit.duplicate_pixels, audit.label_conflicts))) or "",
            )
            for audit in audits
        ],
        caption="patches of patients; no patient is on two sides",
    )
    for audit in audits:
        if audit.shared_cases:
            show.line(f"{audit.fold}: the same case number on two sides: {', '.join(audit.shared_cases)}")
        for note in audit.notes:
            show.line(f"{audit.fold}: {note}")
        for pair in audit.duplicate_pixels:
            show.line(f"{audit.fold}: the same picture on two sides: {', '.join(pair['patch_ids'])}")
        for pair in audit.label_conflicts:
            show.line(f"{audit.fold}: the same picture under two labels: {', '.join(pair['patch_ids'])}")


def _trained(run: Run) -> dict[str, Any]:
    """Return a trained run, and epoch, value and rule by which its weights were chosen."""
    record = loads((run.checkpoint / "checkpoint.json").read_text(encoding="utf-8"))["selection"]
    selected = {name: record[name] for name in ("epoch", "value", "rule")}
    return {**run.key.only("method", "fold", "seed").to_dict(), "checkpoint": run.checkpoint, **selected}


def _is_loss(found: list[dict[str, Any]]) -> bool:
    return all(str(f["rule"]).endswith("cross-entropy") for f in found)


def _show_facts(facts: dict[str, Any], json: bool) -> None:
    if json:
        show.as_json(facts)
        return
    for key, value in facts.items():
        if isinstance(value, dict):
            for inner, text in value.items():
                show.line(f"{key}.{inner}: {text if not isinstance(text, dict) else '{...}'}")
        else:
            show.line(f"{key}: {value}")
