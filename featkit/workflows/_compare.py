"""``featkit compare``: two methods or stores on the same held-out patches."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.errors import InputError
from featkit.core.files import write_text
from featkit.core.fingerprint import Fingerprint, options_of
from featkit.core.options import CompareOptions, Resampling, SplitOptions
from featkit.core.run_key import RunFilter, RunKey
from featkit.core.text import listed
from featkit.core.workspace import Workspace
from featkit.results.comparison import Comparison
from featkit.results.folder import ResultFolder
from featkit.workflows.steps.forecasts import FoldModel, Forecast, gather_models, joined
from featkit.workflows.steps.sources import find_sources
from featkit.workflows.steps.summaries import save_table

if TYPE_CHECKING:
    from featkit.store.store import EmbeddingStore

_ESTIMATOR = "comparison 3"


def compare(
    a: EmbeddingStore | str | Path,
    b: EmbeddingStore | str | Path,
    *,
    runs: RunFilter | None = None,
    split: SplitOptions | None = None,
    options: CompareOptions | None = None,
    again: bool = False,
    output: str | Path | None = None,
) -> Comparison:
    """Compare two methods or stores on the same patches, with the patient as the unit.

    Parameters
    ----------
    a, b : str, path or EmbeddingStore
        Methods of the workspace ("grl"), or stores.
    runs : RunFilter, optional
        Which folds, and of methods which training seed (default: the workspace's first).
    split : SplitOptions, optional
        The held-out column and how patients are divided (default: the workspace's).
    options : CompareOptions, optional
        Whose probabilities, by which metrics, and which differences are negligible.
    again : bool
        Compute it also where it is there already.
    output : path, optional
        Folder for results.

    Returns
    -------
    Comparison
        Differences a - b with paired intervals and permutation p-values. Saved in ``comparisons`` with the endings
        ``.json``, ``.csv`` and ``.tex``.

    Raises
    ------
    InputError
        If the two are the same, nothing matches, or they do not hold the same patches with the same labels.

    Examples
    --------
    >>> import featkit
    >>> found = featkit.compare("grl", "baseline")  # doctest: +SKIP
    >>> found.frame()  # doctest: +SKIP
    """
    chosen = options or CompareOptions()
    if str(a) == str(b):
        raise InputError("a comparison needs two different methods or stores", f"{a} twice", "Name another one")
    left, right = (_models(which, runs, split, chosen, output) for which in (a, b))
    if _stores(left) == _stores(right):
        raise InputError(
            "a comparison needs two different methods or stores", f"{a} and {b}, one store", "Name another"
        )
    source, resampling = left[0].source, chosen.resampling or left[0].source.config.evaluate
    names = _names(left[0].key.without("fold"), right[0].key.without("fold"), a, b)
    key = RunKey(
        fold=left[0].key.fold if len(left) == 1 else None,
        seed=names[0].seed if names[0].seed == names[1].seed else None,
        model=chosen.model,
        positive=chosen.positive,
        variant=(("a", str(names[0].method)), ("b", str(names[1].method)), *_apart(names, runs)),
    )
    made_from = _fingerprint(left, right, chosen, resampling)
    found = None if again else source.results.finished(Comparison, key, made_from)
    if found is None:
        first, second = (joined(m[0].key.without("fold"), [one.forecast() for one in m]) for m in (left, right))
        found = _compared(first, _in_order_of(first, second, str(a), str(b)), names, chosen, resampling)
        notes = (*found.notes, *_provenance_notes(left, right, names))
        found = dataclasses.replace(found, notes=notes, key=key, made_from=made_from)
        _save(found, source.results)
    return found


def _compared(
    left: Forecast, right: Forecast, names: tuple[RunKey, RunKey], options: CompareOptions, resampling: Resampling
) -> Comparison:
    from featkit.stats.comparison import compare as compare_forecasts

    return compare_forecasts(
        left.labelled(),
        right.labelled(),
        names=names,
        metrics=options.metrics,
        margin=_margins(options),
        resampling=resampling,
    )


def _apart(names: tuple[RunKey, RunKey], runs: RunFilter | None) -> tuple[tuple[str, str], ...]:
    """Return what keeps a comparison beside others of the two: several folds that were named, and differing seeds."""
    named = runs.folds if runs is not None else None
    folds = (("folds", listed(named)),) if named is not None and len(named) > 1 else ()
    first, second = (name.seed for name in names)
    return folds if first == second else (*folds, ("seeds", f"{first} and {second}"))


def _margins(options: CompareOptions) -> dict[str, float] | None:
    """Return each metric's margin of equivalence; None where none was given."""
    margins = dict.fromkeys(options.metrics, options.margin) | options.margins
    return {name: margin for name, margin in margins.items() if margin is not None} or None


def _save(found: Comparison, results: ResultFolder) -> None:
    from featkit.reporting.comparison_tables import comparison_table
    from featkit.reporting.tables import to_latex

    path = results.path(Comparison, found.key)
    save_table(found.frame(), path.with_name(f"{path.stem}.csv"))
    words = "-".join((*(value for _, value in found.key.variant), str(found.key.model)))
    label = "tab:comparison-" + re.sub("[^A-Za-z0-9.-]+", "-", words)  # what LaTeX takes in a label
    write_text(path.with_name(f"{path.stem}.tex"), to_latex(comparison_table(found), label=label))
    results.save(found)  # last: where it is there, all of it is


def _fingerprint(
    a: Sequence[FoldModel], b: Sequence[FoldModel], options: CompareOptions, resampling: Resampling
) -> Fingerprint:
    sides = (("a", a), ("b", b))
    inputs = {f"{side} {name}": v for side, models in sides for one in models for name, v in one.inputs.items()}
    made = dataclasses.replace(options, resampling=None)
    return Fingerprint(_ESTIMATOR, inputs, {**options_of(made), **options_of(resampling)})


def _models(
    which: EmbeddingStore | str | Path,
    runs: RunFilter | None,
    split: SplitOptions | None,
    options: CompareOptions,
    output: str | Path | None,
) -> list[FoldModel]:
    """Return the model to compare, fold by fold."""
    asked = runs or RunFilter()
    if not isinstance(which, str | Path) or Path(which).suffix == ".zarr" or Path(which).exists():
        sources = find_sources(which, RunFilter(fold=asked.fold), split=split, output=output)
    else:
        first = Workspace.require().config.train.seeds[:1]
        of_method = RunFilter(method=str(which), fold=asked.fold, seed=asked.seed or first)
        sources = find_sources(None, of_method, split=split, output=output)
    found = gather_models(sources, runs, wanted=RunKey(model=options.model, positive=options.positive))
    if len(found) != 1:
        there = "; ".join(key.label() for key in gather_models(sources, runs, skip_stale=True)) or "none"
        how = "featkit signatures" + (f' --positive "{options.positive}"' if options.positive else "")
        fix = f"Run '{how}' first" if options.model != "head" else "Compare with --model signature"
        what = f"{options.model} of {options.positive}" if options.positive else options.model
        raise InputError(f"{which} must have one {what}", there, fix)
    return next(iter(found.values()))


def _stores(models: Sequence[FoldModel]) -> set[Path]:
    return {Path(model.source.store.path).resolve() for model in models}


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
    names = ("patch_ids", "patients", "folds", "y", "p", "slides")
    arrays = {n: getattr(second, n)[rows] for n in names if getattr(second, n) is not None}
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


def _provenance_notes(
    left: Sequence[FoldModel], right: Sequence[FoldModel], names: tuple[RunKey, RunKey]
) -> tuple[str, ...]:
    """Say what differs in how the two stores' embeddings were made, so that nobody compares their dimensions."""
    from featkit.store.comparable import differences

    others = {model.key.fold: model.source.store for model in right}
    pairs = [(model.source.store, others[model.key.fold]) for model in left]
    found = {key for one, other in pairs if one.store_id != other.store_id for key in differences(one, other)}
    if not found:
        return ()
    differ = ", ".join(sorted(key.removesuffix("_sha256").replace("n_dimensions", "dimensions") for key in found))
    first, second = (name.label(among=names) for name in names)
    return (f"{first} and {second} differ in {differ}: their predictions are compared, not their dimensions",)


def _names(left: RunKey, right: RunKey, a: object, b: object) -> tuple[RunKey, RunKey]:
    """Return the two keys; stores of the same name by the part of their paths in which they differ."""
    if left.method != right.method:
        return left, right
    paths = [Path(str(getattr(which, "path", which))) for which in (a, b)]
    first, second = list(paths[0].parts), list(paths[1].parts)
    while first and second and first[0] == second[0]:
        first, second = first[1:], second[1:]
    while first and second and first[-1] == second[-1]:
        first, second = first[:-1], second[:-1]
    return (
        dataclasses.replace(left, method="/".join(first) or str(paths[0])),
        dataclasses.replace(right, method="/".join(second) or str(paths[1])),
    )
