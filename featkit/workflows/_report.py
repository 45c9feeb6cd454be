"""``featkit report``: one self-contained HTML file, and every figure as SVG and PDF."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featkit.core.errors import InputError
from featkit.core.natural_order import sort_naturally
from featkit.core.progress import track
from featkit.core.provenance import versions
from featkit.core.seeds import rng
from featkit.core.workspace import Workspace
from featkit.results.comparison import Comparison
from featkit.results.evaluation_set import EvaluationSet
from featkit.results.probe import ProbeResult
from featkit.results.signature_set import SignatureSet
from featkit.workflows._probe import saved_probes
from featkit.workflows._signatures import summary_stem
from featkit.workflows.steps.file_names import file_name
from featkit.workflows.steps.sources import Source, find_sources, summary_folder

if TYPE_CHECKING:
    from featkit.reporting.study_results import EmbeddingMap, SamplePatches, StudyResults

_TARGETS = ("magnification", "patient")
_MOST_POINTS = 3000
_THUMBNAIL = 160  # pixels


def report(store: str | Path | None = None, *, output: str | Path | None = None, title: str = "") -> Path:
    """Write what was found as one HTML page that needs no network, and its figures as SVG and PDF.

    Parameters
    ----------
    store : path, optional
        A store outside a workspace, whose results are beside it.
    output : path, optional
        The HTML file (default: ``report.html`` in the workspace, or beside the results).
    title : str
        Heading of the page.

    Returns
    -------
    Path
        The HTML file; beside it ``figures`` holds the figures, and ``tables`` evaluations, comparisons and signatures
        as CSV.

    Raises
    ------
    InputError
        If there is no store, or nothing was found from it yet.
    """
    from featkit.reporting.figures.style import save_figure
    from featkit.reporting.html import write_report
    from featkit.reporting.report_content import tell
    from featkit.reporting.sections import figures_of
    from featkit.reporting.tables import to_csv

    sources = find_sources(store)
    workspace = sources[0].workspace if store is None else None
    folder = workspace.root if workspace else sources[0].results
    target = Path(output) if output is not None else folder / "report.html"
    study = _gather(sources, title)
    content = tell(study)
    figures = {name: figure for section in content.sections for name, figure in figures_of(section).items()}
    (target.parent / "figures").mkdir(parents=True, exist_ok=True)
    for name, figure in track(figures.items(), "Drawing figures", total=len(figures)):
        (target.parent / "figures" / f"{name}.svg").write_bytes(figure.data)
        if not isinstance(figure.image, bytes):
            save_figure(figure.image, target.parent / "figures", name, kinds=("pdf",))
    for name, result in {**study.evaluations, **study.comparisons}.items():
        to_csv(result, target.parent / "tables" / f"{file_name(name)}.csv")
    for found in study.signature_sets:
        to_csv(found, target.parent / "tables" / f"{summary_stem(found.positive)}.csv")
    return write_report(content, target)


def _gather(sources: list[Source], title: str) -> StudyResults:
    from featkit.reporting.study_results import StudyResults

    folder = summary_folder(sources, None)
    evaluated = _load(folder / "evaluation.json", EvaluationSet)
    signatures = _load(folder / "signatures.json", SignatureSet)
    named = tuple(SignatureSet.load(path) for path in sorted(folder.glob("signatures_*.json")))
    comparisons = {
        path.stem.removeprefix("comparison_").replace("_", " "): Comparison.load(path)
        for path in sorted(folder.glob("comparison_*.json"))
    }
    several_seeds = len({source.seed for source in sources}) > 1
    probes: dict[str, dict[str, ProbeResult]] = {}
    for target in _TARGETS:
        for source in sources:
            name = source.name + (f"/seed{source.seed}" if several_seeds else "")
            for way, found in saved_probes(source, target).items():
                probes.setdefault(target, {})[", ".join(filter(None, (name, way)))] = found
    if evaluated is None and signatures is None and not named and not probes:
        raise InputError(
            "there must be results to report",
            f"none in {folder}",
            "Run 'featkit signatures', 'featkit evaluate' or 'featkit probe magnification' first",
        )
    folds = sort_naturally(fold for source in sources for fold in source.folds())
    audits = {fold: source.split(fold).audit for source in sources for fold in source.folds()}
    root = sources[0].workspace.root if sources[0].workspace else folder
    return StudyResults(
        title=title or f"featkit report: {root.name}",
        facts=_facts(sources, folds),
        domain=sources[0].domain,
        audits=tuple(audits[fold] for fold in folds),
        training=tuple(_training(source) for source in sources if source.store.provenance.get("checkpoint")),
        evaluation=evaluated,
        comparisons=comparisons,
        signatures=signatures,
        named_signatures=named,
        probes=probes,
        maps={source.name: _map(source) for source in sources},
        patches=_patches(sources[0]),
        truth=_truth(sources[0].workspace),
        provenance=_provenance(sources),
    )


def _load(path: Path, kind: type[Any]) -> Any:
    return kind.load(path) if path.is_file() else None


def _facts(sources: list[Source], folds: list[str]) -> dict[str, str]:
    store = sources[0].store
    labels, counts = np.unique(sources[0].column("label"), return_counts=True)
    return {
        "patches": f"{store.n:,} of {len(set(sources[0].patients().tolist()))} patients",
        "classes": ", ".join(f"{label} ({count:,})" for label, count in zip(labels, counts, strict=True)),
        f"{sources[0].domain}s": ", ".join(sources[0].domains()),
        "held out": ", ".join(folds),
        "methods": ", ".join(dict.fromkeys(source.method for source in sources)),
        "encoder": f"{store.provenance.get('encoder', 'unknown')}, {store.d:,} dimensions",
    }


def _training(source: Source) -> dict[str, Any]:
    meta = source.store.provenance["checkpoint"]
    chosen = meta["selection"]
    return {
        "method": source.method,
        "held out": source.fold,
        "seed": source.seed,
        "epochs": len(meta["history"]),
        "best epoch": chosen["epoch"],
        "selection rule": chosen["rule"],
        "its value": float(chosen["value"]) if chosen["value"] is not None else None,
    }


def _map(source: Source) -> EmbeddingMap:
    from featkit.reporting.study_results import EmbeddingMap
    from featkit.stats.projection import principal_components

    n = source.store.n
    rows = np.sort(rng(0, "map").choice(n, size=min(n, _MOST_POINTS), replace=False))
    points, shares = principal_components(source.store.X(rows))
    columns = (source.column(name)[rows].astype(str) for name in ("label", source.domain, "patient"))
    return EmbeddingMap(points, shares, *columns)


def _patches(source: Source) -> SamplePatches | None:
    """Return the first readable patch of each class and domain, for two patients where there are two."""
    from featkit.data.images import read_rgb
    from featkit.reporting.study_results import SamplePatches

    if "path" not in source.store.obs.columns:
        return None
    label, domain = source.column("label").astype(str), source.column(source.domain).astype(str)
    patient, paths = source.patients().astype(str), source.column("path")
    domains = source.domains()[:4]
    images, titles, names = [], [], []
    for name in sorted(set(label.tolist())):
        people = sorted(set(patient[label == name].tolist()))[:2]
        for person in people:
            names.append(name)
            for magnification in domains:
                rows = np.flatnonzero((label == name) & (domain == magnification) & (patient == person))
                try:
                    image = _thumbnail(read_rgb(paths[rows[0]]))
                except (InputError, IndexError, OSError):
                    image = np.full((64, 64, 3), 255, dtype=np.uint8)
                images.append(image)
                titles.append(f"{magnification}, {person}")
    if all((image == 255).all() for image in images):
        return None
    return SamplePatches(tuple(images), tuple(titles), tuple(names), len(domains))


def _thumbnail(image: np.ndarray) -> np.ndarray:
    """Return the picture small enough for a page."""
    from PIL import Image

    picture = Image.fromarray(image)
    picture.thumbnail((_THUMBNAIL, _THUMBNAIL))
    return np.asarray(picture)


def _truth(workspace: Workspace | None) -> Mapping[str, Any] | None:
    if workspace is None:
        return None
    path = (workspace.root / workspace.config.data.path).parent / "truth.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _provenance(sources: list[Source]) -> dict[str, dict[str, str]]:
    stores = {
        source.name: f"{source.store.store_id}, weights {source.store.provenance.get('weights_sha256', 'unknown')}"
        for source in sources
    }
    return {"Versions": dict(versions()), "Stores (content and weights, SHA-256)": stores}
