"""Commands around a whole study: demo, init, report."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from featkit_cli import show
from featkit_cli.command import Command
from featkit_cli.configured import configured, design

Columns = Annotated[
    list[str] | None,
    typer.Option(metavar="OURS=THEIRS", help="A column's name in your table, e.g. patient=case_id; repeat for more."),
]
Groups = Annotated[
    str | None, typer.Option(help="patients, or patches where nobody knows the patients (default: patients).")
]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (demo, init, report):
        app.command(cls=Command)(command)


def demo(
    folder: Annotated[Path, typer.Argument(help="Folder to make; it becomes a workspace.")] = Path("featkit-demo"),
    seed: Annotated[int, typer.Option(help="Seed of the tissue, the splits and the training.")] = 0,
    n_patients: Annotated[int, typer.Option("--patients", help="Virtual patients.")] = 36,
    n_patches: Annotated[int, typer.Option("--patches", help="Patches per patient and magnification.")] = 8,
    n_epochs: Annotated[int, typer.Option("--epochs", help="Passes over the training patches.")] = 8,
    folds: Annotated[
        list[str] | None,
        typer.Option("--fold", help="A magnification to hold out; repeat for more (default: 100X and 200X)."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Empty the folder first if it holds another demo.")] = False,
) -> None:
    """Run the full pipeline on synthetic tissue and write a report.

    No data, no network and no GPU are needed; it ends by naming the report.
    """
    from featkit import workflows

    path = workflows.demo(
        folder,
        seed=seed,
        n_patients=n_patients,
        n_patches=n_patches,
        n_epochs=n_epochs,
        folds=folds or ("100X", "200X"),
        force=force,
    )
    show.line(f"Open {path}")


def init(
    data: Annotated[Path | None, typer.Argument(help="BreaKHis, class folders or a table; none: read again.")] = None,
    adapter: Annotated[
        str | None, typer.Option(help="breakhis, folder or table (default: seen from the data).")
    ] = None,
    metadata: Annotated[
        str | None, typer.Option(help="For 'folder': table of patient, magnification and mpp per patch.")
    ] = None,
    columns: Columns = None,
    groups: Groups = None,
    patient_key: Annotated[str | None, typer.Option(help="For 'breakhis': case (70 groups) or id (82).")] = None,
    scale: Annotated[
        float | None, typer.Option(help="For 'breakhis': stored per original pixel, 0.487 at 224.")
    ] = None,
    domain: Annotated[
        str | None, typer.Option(help="Column a method must generalise over (default: magnification).")
    ] = None,
    fold: Annotated[
        list[str] | None, typer.Option(help="A domain to hold out; repeat for more (default: all).")
    ] = None,
    encoder: Annotated[str, typer.Option(help="tiny, a timm model, hf-hub:owner/name, or a file.")] = "timm:resnet50",
    workspace: Annotated[Path, typer.Option(help="Folder to make a workspace.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Write over an existing featkit.toml.")] = False,
) -> None:
    """Make a folder a workspace around some data.

    DATA is a BreaKHis folder, a folder of class sub-folders with a table, or a table of patches. Without DATA the
    workspace's data is read again as featkit.toml says.
    """
    from featkit import workflows
    from featkit.core.natural_order import sort_naturally
    from featkit.core.options import DataOptions, EncoderOptions, SplitOptions
    from featkit.core.workspace import Workspace

    reading = DataOptions().with_given(
        adapter=adapter,
        metadata=metadata,
        columns=show.pairs("--columns", columns),
        groups=groups,
        patient_key=patient_key,
        scale=scale,
    )
    manifest = workflows.init(
        data,
        options=reading,
        split=SplitOptions().with_given(domain=domain, folds=fold),
        encoder=None if encoder == EncoderOptions().name else EncoderOptions(name=encoder),
        workspace=workspace,
        force=force,
    )
    column = Workspace.require(workspace).config.split.domain
    has_domains = column in manifest.frame.columns and not manifest.frame[column].is_null().all()
    values = manifest.frame[column].cast(str).to_list() if has_domains else ["all"] * len(manifest)
    counts = Counter(zip(values, manifest.frame["label"].to_list(), strict=True))
    show.table(
        f"{len(manifest)} patches of {manifest.frame['patient'].n_unique()} patients",
        [column if has_domains else "patches", *manifest.classes],
        [[value, *(counts[value, label] for label in manifest.classes)] for value in sort_naturally(values)],
    )
    wrote = ["manifest.parquet"] if data is None else ["featkit.toml", "manifest.parquet"]
    show.line(f"Wrote {' and '.join(show.place(workspace / name) for name in wrote)}. Next: featkit train")


def report(
    store: Annotated[Path | None, typer.Argument(help="A store outside a workspace.")] = None,
    domain: Annotated[str | None, typer.Option(help="The column to generalise over (default: the store's).")] = None,
    title: Annotated[str | None, typer.Option(help="Title of the page.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Draw the page also where it is there already.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The HTML file.")] = None,
) -> None:
    """Write one self-contained page with everything found."""
    from featkit import workflows

    split = design(store, configured(store), domain=domain)
    path = workflows.report(store, split=split, title=title, again=again, output=output)
    show.line(f"Open {path}")
