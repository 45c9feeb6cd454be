"""``featkit compare``: two methods, encoders or stores on the same held-out patches."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from featkit.core.errors import InputError
from featkit.core.workspace import Workspace
from featkit.results.comparison import Comparison
from featkit.workflows.steps.figures import draw_comparison
from featkit.workflows.steps.forecasts import Forecast, gather_forecasts, model_name
from featkit.workflows.steps.sources import Source, find_sources, summary_folder

MODELS = ("signature", "head")


def compare(
    a: str | Path,
    b: str | Path,
    *,
    fold: str | None = None,
    seed: int | None = None,
    model: str = "signature",
    positive: str | None = None,
    metrics: Sequence[str] = ("auc", "f1", "brier"),
    margin: float | Mapping[str, float] | None = None,
    figures: bool = True,
    domain: str | None = None,
    output: str | Path | None = None,
) -> Comparison:
    """Compare two methods, runs or stores on the same patches, with the patient as the unit.

    Parameters
    ----------
    a, b : str or path
        Methods of the workspace ("grl"), runs ("grl/100X", "grl/100X/seed1"), or stores.
    fold : str, optional
        One held-out domain; all when not given.
    seed : int, optional
        Training seed (default: the workspace's first).
    model : {"signature", "head"}
        Whose probabilities to compare.
    positive : str, optional
        Compare the signatures that tell this class from the rest.
    metrics : sequence of str
        What to compare them by.
    margin : float or mapping of str to float, optional
        Differences within plus or minus this count as none: adds a test of equivalence.
    figures : bool
        Save a forest plot of each metric as SVG and PDF in ``figures`` beside the results.
    domain : str, optional
        The column a method must generalise over (default: the workspace's, or the one the store was made with).
    output : path, optional
        Folder for results.

    Returns
    -------
    Comparison
        Differences a - b with paired intervals, permutation p-values and a sentence each. Saved as
        ``comparison_<a>_<b>_<model>`` with the endings ``.json``, ``.csv`` and ``.tex``; the class is added where one
        is named.

    Raises
    ------
    InputError
        If nothing matches, the two do not hold the same patches with the same labels, or options are out of range.
    """
    from featkit.stats.comparison import compare as compare_forecasts

    if model not in MODELS:
        raise InputError("model must be signature or head", repr(model))
    if positive and model != "signature":
        raise InputError("a positive class needs --model signature", model, "Leave out --positive to compare heads")
    left, sources = _one(a, fold, seed, model, positive, domain)
    right, others = _one(b, fold, seed, model, positive, domain)
    same = _in_order_of(left, right, str(a), str(b))
    settings = sources[0].config
    names = _names(a, b)
    result = compare_forecasts(
        left.y,
        left.p,
        same.p,
        left.patients,
        names=(model_name(names[0], model, positive), model_name(names[1], model, positive)),
        metrics=tuple(metrics),
        folds=left.folds,
        margin=margin,
        n_draws=settings.evaluate.n_draws,
        level=settings.evaluate.level,
        seed=settings.split.seed,
    )
    result = dataclasses.replace(result, notes=(*result.notes, *_provenance_notes(sources, others, names)))
    folder = summary_folder(sources, output)
    parts = [_stem(names[0]), _stem(names[1]), model] + ([_stem(positive)] if positive else [])
    _save(result, folder, "_".join(("comparison", *parts)), figures)
    return result


def _save(result: Comparison, folder: Path, stem: str, figures: bool) -> None:
    from featkit.reporting.score_tables import comparison_table
    from featkit.reporting.tables import to_csv, to_latex

    result.save(folder / f"{stem}.json")
    to_csv(result, folder / f"{stem}.csv")
    (folder / f"{stem}.tex").write_text(
        to_latex(comparison_table(result), label="tab:" + stem.replace("_", "-")), encoding="utf-8"
    )
    if figures:
        draw_comparison(result, folder / "figures", stem)


def _one(
    which: str | Path, fold: str | None, seed: int | None, model: str, positive: str | None, domain: str | None
) -> tuple[Forecast, list[Source]]:
    if Path(which).suffix == ".zarr" or Path(which).exists():
        sources = find_sources(which, domain=domain)
    else:
        workspace = Workspace.require()
        method, _, rest = str(which).partition("/")
        run_fold, _, run_seed = rest.partition("/seed")
        if run_seed and not run_seed.isdigit():
            raise InputError("a run must be named method/fold or method/fold/seedK", repr(str(which)))
        wanted = int(run_seed) if run_seed else workspace.config.train.seeds[0] if seed is None else seed
        fold = run_fold or fold
        sources = find_sources(None, method=method, fold=fold, seed=wanted, domain=domain)
    found = gather_forecasts(sources, fold)
    name = model_name(sources[0].method, model, positive)
    if name not in found:
        how = "featkit signatures" + (f' --positive "{positive}"' if positive else "")
        fix = f"Run '{how}' first" if model == "signature" else "Compare with --model signature"
        what = f"{model} of {positive}" if positive else model
        raise InputError(f"{which} must have a {what}", f"only {'; '.join(found)}", fix)
    return found[name], sources


def _in_order_of(first: Forecast, second: Forecast, a: str, b: str) -> Forecast:
    """Return ``second`` in the row order of ``first``; other patches, folds or labels are refused."""
    place = {key: i for i, key in enumerate(zip(second.folds, second.patch_ids, strict=True))}
    wanted = list(zip(first.folds, first.patch_ids, strict=True))
    absent = [key for key in wanted if key not in place]
    if absent or len(place) != len(wanted):
        raise InputError(
            f"{a} and {b} must be evaluated on the same patches",
            f"{len(wanted)} and {len(place)} patches, {len(absent)} of them only in {a}",
            "Use the same folds and splits for both",
        )
    if first.classes != second.classes:
        raise InputError(
            f"{a} and {b} must tell the same classes apart, in the same order",
            f"{', '.join(first.classes)} and {', '.join(second.classes)}",
            "Give both the same labels",
        )
    rows = np.array([place[key] for key in wanted])
    arrays = {n: getattr(second, n)[rows] for n in ("patch_ids", "patients", "folds", "y", "p")}
    differing = np.flatnonzero(arrays["y"] != first.y)
    if differing.size:
        one = differing[0]
        raise InputError(
            f"{a} and {b} must give the same patches the same labels",
            f"{first.classes[first.y[one]]} and {first.classes[arrays['y'][one]]} for {first.patch_ids[one]}, "
            f"{differing.size} such patches",
            "Correct the labels and make the store again",
        )
    return dataclasses.replace(second, **arrays)


def _provenance_notes(sources: list[Source], others: list[Source], names: tuple[str, str]) -> tuple[str, ...]:
    """Say what differs in how the two stores' embeddings were made, so that nobody compares their dimensions."""
    from featkit.store.comparable import differences

    by_fold = {other.fold: other for other in others}
    found = {
        key
        for source in sources
        for key in differences(source.store, by_fold.get(source.fold, others[0]).store)
        if source.store.store_id != by_fold.get(source.fold, others[0]).store.store_id
    }
    if not found:
        return ()
    differ = ", ".join(sorted(key.removesuffix("_sha256").replace("n_dimensions", "dimensions") for key in found))
    return (f"{names[0]} and {names[1]} differ in {differ}: their predictions are compared, not their dimensions",)


def _names(a: str | Path, b: str | Path) -> tuple[str, str]:
    """Return what to call the two: stores by their stems, or by the part of their paths in which they differ."""
    stems = tuple(Path(str(w)).stem if Path(str(w)).suffix == ".zarr" else str(w) for w in (a, b))
    if stems[0] != stems[1]:
        return stems[0], stems[1]
    if str(a) == str(b):
        return f"{stems[0]} (first)", f"{stems[1]} (second)"
    first, second = list(Path(str(a)).parts), list(Path(str(b)).parts)
    while first and second and first[0] == second[0]:
        first, second = first[1:], second[1:]
    while first and second and first[-1] == second[-1]:
        first, second = first[:-1], second[:-1]
    return "/".join(first) or str(a), "/".join(second) or str(b)


def _stem(name: str) -> str:
    return "".join(ch if ch.isalnum() or ch in "-." else "-" for ch in name).strip("-")
