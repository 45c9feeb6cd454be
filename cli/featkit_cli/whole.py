"""Commands around a whole study: demo, init, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from featkit_cli import show


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (demo, init, report):
        app.command()(command)


def demo(
    folder: Annotated[Path, typer.Argument(help="Folder to make; it becomes a workspace.")] = Path("featkit-demo"),
    seed: Annotated[int, typer.Option(help="Seed of the tissue, the splits and the training.")] = 0,
    patients: Annotated[int, typer.Option(help="Virtual patients.")] = 48,
    patches: Annotated[int, typer.Option(help="Patches per patient and magnification.")] = 12,
    epochs: Annotated[int, typer.Option(help="Passes over the training patches.")] = 10,
    fold: Annotated[list[str] | None, typer.Option(help="A magnification to hold out; repeat for more.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Empty the folder first if it holds another demo.")] = False,
) -> None:
    """Run the whole story on generated tissue: no data, no network, no GPU; ends with a report."""
    from featkit import workflows

    path = workflows.demo(
        folder, seed=seed, patients=patients, patches=patches, epochs=epochs, fold=fold or None, force=force
    )
    show.line(f"Open {path}")


def init(
    data: Annotated[Path, typer.Argument(help="BreaKHis folder, folder of class sub-folders, or CSV/Parquet table.")],
    adapter: Annotated[str, typer.Option(help="auto, breakhis, folder or table.")] = "auto",
    metadata: Annotated[Path | None, typer.Option(help="For 'folder': table of patient, magnification, mpp.")] = None,
    patient_key: Annotated[str, typer.Option(help="For 'breakhis': case (70 groups) or id (82).")] = "case",
    domain: Annotated[str, typer.Option(help="Column a method must generalise over.")] = "magnification",
    encoder: Annotated[str, typer.Option(help="tiny, a timm model, hf-hub:owner/name, or a file.")] = "timm:resnet50",
    workspace: Annotated[Path, typer.Option(help="Folder to make a workspace.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Write over an existing featkit.toml.")] = False,
) -> None:
    """Make a folder a workspace around some data."""
    from featkit import workflows

    manifest = workflows.init(
        data,
        adapter=adapter,
        metadata=metadata,
        patient_key=patient_key,
        domain=domain,
        encoder=encoder,
        workspace=workspace,
        force=force,
    )
    counts = manifest.frame.group_by(domain, "label").len().rows()
    by = {(str(d), label): n for d, label, n in counts}
    from featkit.core.magnification import domain_sort_key

    domains = sorted({d for d, _ in by}, key=domain_sort_key)
    show.table(
        f"{len(manifest)} patches of {manifest.frame['patient'].n_unique()} patients",
        [domain, *manifest.classes],
        [[d, *(by.get((d, c), 0) for c in manifest.classes)] for d in domains],
    )
    show.line(f"Wrote {workspace / 'featkit.toml'} and {workspace / 'manifest.parquet'}. Next: featkit train")


def report(
    store: Annotated[Path | None, typer.Argument(help="A store outside a workspace.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The HTML file.")] = None,
    title: Annotated[str, typer.Option(help="Title of the page.")] = "",
) -> None:
    """Write one self-contained HTML file with everything that was found."""
    from featkit import workflows

    path = workflows.report(store, output=output, title=title)
    show.line(f"Open {path}")
