"""``featkit report``: one self-contained HTML file, and every figure as SVG and PDF."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featkit.core.errors import InputError
from featkit.core.files import read_json, require_file_path, write_bytes, write_json
from featkit.core.fingerprint import Fingerprint
from featkit.core.natural_order import sort_naturally
from featkit.core.options import SplitOptions
from featkit.core.patient_groups import PATCHES_AS_PATIENTS, has_unknown_patients
from featkit.core.progress import track
from featkit.core.provenance import json_sha256, versions
from featkit.core.seeds import rng
from featkit.core.workspace import Workspace
from featkit.results.base import Result
from featkit.results.by_run import ByRun
from featkit.results.comparison import Comparison
from featkit.results.evaluation_set import EvaluationSet
from featkit.results.probe import ProbeResult
from featkit.results.signature_set import SignatureSet
from featkit.workflows.steps.forecasts import analysed_folds
from featkit.workflows.steps.sources import Source, find_sources
from featkit.workflows.steps.staleness import stale_results
from featkit.workflows.steps.summaries import save_table, summary_path
from featkit.workflows.steps.targets import said_positive

if TYPE_CHECKING:
    from featkit.reporting.html import ReportContent
    from featkit.reporting.study_results import EmbeddingMap, SamplePatches, StudyResults

_ESTIMATOR = "report 2"
_MOST_POINTS = 3000
_THUMBNAIL = 160  # pixels


def report(
    store: str | Path | None = None,
    *,
    split: SplitOptions | None = None,
    title: str | None = None,
    again: bool = False,
    output: str | Path | None = None,
) -> Path:
    """Write what was found as one HTML page that needs no network, and its figures as SVG and PDF.

    A report of just these results that is there already is not drawn again.

    Parameters
    ----------
    store : path, optional
        A store outside a workspace, whose results are beside it.
    split : SplitOptions, optional
        The held-out column (default: the workspace's, or the one the store was made with).
    title : str, optional
        Heading of the page.
    again : bool
        Draw it also where it is there already.
    output : path, optional
        The HTML file (default: ``report.html`` in the workspace, or beside the results).

    Returns
    -------
    Path
        The HTML file; beside it ``figures`` holds the figures, and ``tables`` evaluations, comparisons and signatures
        as CSV.

    Raises
    ------
    InputError
        If there is no store, or nothing was found from it yet.

    Examples
    --------
    >>> import featkit
    >>> featkit.report("uni.zarr")  # doctest: +SKIP
    """
    from featkit.reporting.html import write_report
    from featkit.reporting.report_content import build_report

    sources = find_sources(store, split=split)
    workspace = sources[0].workspace if store is None else None
    folder = workspace.root if workspace else sources[0].results.root
    target = Path(output) if output is not None else folder / "report.html"
    require_file_path(target)
    study = _gather(sources, title)
    made_from = _fingerprint(sources, study)
    record = sources[0].results.root / f"report,{json_sha256(str(target.absolute()))[:12]}.json"
    is_whole = all(one.exists() for one in (target, target.parent / "figures", target.parent / "tables"))
    if not again and is_whole and _made_from(record) == made_from:
        return target
    content = build_report(study)
    _draw(content, target.parent / "figures")
    for name, result in _tables(study).items():
        save_table(result.frame(), target.parent / "tables" / f"{name}.csv")
    written = write_report(content, target)
    write_json(record, made_from.to_dict())
    return written


def _draw(content: ReportContent, folder: Path) -> None:
    from featkit.reporting.figures.style import save_figure
    from featkit.reporting.report_content import figures_of

    figures = figures_of(content)
    for name, figure in track(figures.items(), "Drawing figures", total=len(figures)):
        write_bytes(folder / f"{name}.svg", figure.data)
        if not isinstance(figure.image, bytes):
            save_figure(figure.image, folder, name, kinds=("pdf",))


def _tables(study: StudyResults) -> dict[str, Result]:
    found: dict[str, Result] = {} if study.evaluation is None else {"evaluation": study.evaluation}
    found |= {f"comparison,{key.file_name()}": result for key, result in study.comparisons.items()}
    for one in study.signature_sets:
        name = "signatures" + (f",{one.key.file_name()}" if one.key.positive else "")
        found[name] = one
    return found


def _fingerprint(sources: Sequence[Source], study: StudyResults) -> Fingerprint:
    """Return what a page is made from: every result it shows, the stores behind its maps, and its words."""
    parts: list[Result] = [*study.signature_sets, *study.comparisons.values(), *study.probes.values()]
    parts += [study.evaluation] if study.evaluation is not None else []
    inputs = {f"{type(p).__name__} {p.key.file_name()}": p.made_from.sha256 for p in parts if p.made_from is not None}
    inputs |= {f"store {source.key.file_name()}": source.store.store_id for source in sources}
    inputs["audits"] = json_sha256([audit.to_dict() for audit in study.audits])
    texts = {"title": study.title, "warnings": list(study.warnings), "facts": dict(study.facts)}
    return Fingerprint(_ESTIMATOR, inputs, {**texts, "versions": dict(versions())})


def _made_from(path: Path) -> Fingerprint | None:
    try:
        return Fingerprint.from_dict(read_json(path, "record of a report"))
    except (InputError, KeyError, TypeError):
        return None


def _gather(sources: list[Source], title: str | None) -> StudyResults:
    from featkit.reporting.study_results import StudyResults

    results = sources[0].results
    path = summary_path(results, "evaluation")
    evaluated = EvaluationSet.load(path) if path.is_file() else None
    paths = sorted(results.root.glob("signatures*.json"), key=lambda path: (path.stem != "signatures", path.stem))
    signature_sets = tuple(SignatureSet.load(path) for path in paths)
    probes = results.every(ProbeResult)
    if evaluated is None and not signature_sets and not probes:
        raise InputError(
            "there must be results to report",
            f"none in {results.root}",
            "Run 'featkit signatures', 'featkit evaluate' or 'featkit probe magnification' first",
        )
    comparisons = results.every(Comparison)
    folds = sort_naturally(fold for source in sources for fold in analysed_folds(source))
    audits = {fold: source.split(fold).audit for source in sources for fold in analysed_folds(source)}
    workspace = sources[0].workspace
    root = workspace.root if workspace else results.root
    return StudyResults(
        title=title or f"featkit report: {root.name}",
        facts=_facts(sources, folds),
        domain=sources[0].domain,
        audits=tuple(audits[fold] for fold in folds),
        training=tuple(_training(source) for source in sources if source.store.provenance.get("checkpoint")),
        evaluation=evaluated,
        comparisons=comparisons,
        signature_sets=signature_sets,
        probes=probes,
        maps=ByRun((source.key, _map(source)) for source in sources),
        patches=_patches(sources[0]),
        truth=_truth(workspace),
        provenance=_provenance(sources),
        warnings=(*_unknown_patients(sources), *stale_results(sources, evaluated, signature_sets, probes, comparisons)),
    )


def _unknown_patients(sources: list[Source]) -> tuple[str, ...]:
    """Return what must be said first where every patch counts as a patient of its own."""
    return (PATCHES_AS_PATIENTS,) if any(has_unknown_patients(source.store.obs) for source in sources) else ()


def _of_whom(source: Source) -> str:
    if has_unknown_patients(source.store.obs):
        return "unknown patients"
    return f"{len(set(source.patients().tolist()))} patients"


def _facts(sources: list[Source], folds: list[str]) -> dict[str, str]:
    store = sources[0].store
    labels, counts = np.unique(sources[0].column("label"), return_counts=True)
    positive = said_positive(sources[0])
    return {
        "patches": f"{store.n:,} of {_of_whom(sources[0])}",
        "classes": ", ".join(f"{label} ({count:,})" for label, count in zip(labels, counts, strict=True)),
        **({"positive class": positive} if positive else {}),
        **({f"{sources[0].domain}s": ", ".join(sources[0].domains())} if _has_domains(sources[0]) else {}),
        "held out": ", ".join(folds),
        "methods": ", ".join(dict.fromkeys(str(source.key.method) for source in sources)),
        "encoder": f"{store.provenance.get('encoder', 'unknown')}, {store.d:,} dimensions",
    }


def _training(source: Source) -> dict[str, Any]:
    meta = source.store.provenance["checkpoint"]
    chosen = meta["selection"]
    return {
        "method": source.key.method,
        "held out": source.key.fold,
        "seed": source.key.seed,
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
    label, patient = (source.column(name)[rows].astype(str) for name in ("label", "patient"))
    return EmbeddingMap(points, shares, label, _domain_of(source)[rows], patient)


def _has_domains(source: Source) -> bool:
    return source.domain in source.store.obs.columns


def _domain_of(source: Source) -> np.ndarray:
    """Return each patch's domain, (n,) of str; "all" where the store has no such column."""
    return source.column(source.domain).astype(str) if _has_domains(source) else np.full(source.store.n, "all")


def _patches(source: Source) -> SamplePatches | None:
    """Return the first readable patch of each class and domain, for two patients where there are two."""
    from featkit.data.images import read_rgb
    from featkit.reporting.study_results import SamplePatches

    if "path" not in source.store.obs.columns:
        return None
    label, domain = source.column("label").astype(str), _domain_of(source)
    patient, paths = source.patients().astype(str), source.column("path")
    domains = sort_naturally(set(domain.tolist()))[:4]
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
    stores = {}
    for source in sources:
        weights = source.store.provenance.get("weights_sha256", "unknown")
        stores[source.key.label()] = f"{source.store.store_id}, weights {weights}"
    return {"Versions": dict(versions()), "Stores (content and weights, SHA-256)": stores}
