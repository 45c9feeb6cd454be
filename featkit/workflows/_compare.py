"""``featkit compare``: two methods, encoders or stores on the same held-out patches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from featkit.core.errors import InputError
from featkit.core.results.comparison import Comparison
from featkit.core.workspace import Workspace
from featkit.workflows._forecasts import Forecast, gather_forecasts
from featkit.workflows._sources import Source, find_sources, summary_folder


def compare(
    a: str | Path,
    b: str | Path,
    *,
    fold: str | None = None,
    seed: int | None = None,
    model: str = "signature",
    metrics: Sequence[str] = ("auc", "f1", "brier"),
    margin: float | Mapping[str, float] | None = None,
    output: str | Path | None = None,
) -> Comparison:
    """Compare two methods or stores on the same patches, with the patient as the unit.

    Parameters
    ----------
    a, b : str or path
        Methods of the workspace, or stores.
    fold : str, optional
        One held-out domain; all when not given.
    seed : int, optional
        Training seed (default: the workspace's first).
    model : {"signature", "head"}
        Whose probabilities to compare.
    metrics : sequence of str
        What to compare them by.
    margin : float or mapping of str to float, optional
        Differences within plus or minus this count as none: adds a test of equivalence.
    output : path, optional
        Folder for results.

    Returns
    -------
    Comparison
        Differences a - b with paired intervals, permutation p-values and a sentence each.
    """
    from featkit.stats.comparison import compare as compare_forecasts

    if model not in ("signature", "head"):
        raise InputError("model must be signature or head", repr(model))
    left, config_source = _one(a, fold, seed, model)
    right, _ = _one(b, fold, seed, model)
    same = _in_order_of(left, right, str(a), str(b))
    settings = config_source.config
    result = compare_forecasts(
        left.y,
        left.p,
        same.p,
        left.patients,
        names=(Path(str(a)).name, Path(str(b)).name) if Path(str(a)).name != Path(str(b)).name else (str(a), str(b)),
        metrics=tuple(metrics),
        folds=left.folds,
        margin=margin,
        n_draws=settings.evaluate.n_draws,
        level=settings.evaluate.level,
        seed=settings.split.seed,
    )
    folder = summary_folder([config_source], output)
    result.save(folder / f"comparison_{_stem(a)}_{_stem(b)}_{model}.json")
    return result


def _one(which: str | Path, fold: str | None, seed: int | None, model: str) -> tuple[Forecast, Source]:
    if Path(which).suffix == ".zarr" or Path(which).exists():
        sources = find_sources(which)
    else:
        workspace = Workspace.require()
        seed = workspace.config.train.seeds[0] if seed is None else seed
        sources = find_sources(None, method=str(which), fold=fold, seed=seed)
    found = gather_forecasts(sources, fold)
    chosen = [f for name, f in found.items() if name.endswith(model)]
    if not chosen:
        fix = "Run 'featkit signatures' first" if model == "signature" else "Compare with --model signature"
        raise InputError(f"{which} must have a {model}", f"only {', '.join(found)}", fix)
    return chosen[0], sources[0]


def _in_order_of(first: Forecast, second: Forecast, a: str, b: str) -> Forecast:
    """Return ``second`` in the row order of ``first``; other patches, folds or labels are refused."""
    import dataclasses

    place = {key: i for i, key in enumerate(zip(second.folds, second.patch_ids, strict=True))}
    wanted = list(zip(first.folds, first.patch_ids, strict=True))
    absent = [key for key in wanted if key not in place]
    if absent or len(place) != len(wanted):
        raise InputError(
            f"{a} and {b} must be evaluated on the same patches",
            f"{len(wanted)} and {len(place)} patches, {len(absent)} of them only in {a}",
            "Use the same folds and splits for both",
        )
    rows = np.array([place[key] for key in wanted])
    arrays = {n: getattr(second, n)[rows] for n in ("patch_ids", "patients", "folds", "y", "p")}
    if not np.array_equal(arrays["y"], first.y):
        raise InputError(f"{a} and {b} must give the same patches the same labels", "different labels", "Check both")
    return dataclasses.replace(second, **arrays)


def _stem(which: str | Path) -> str:
    return Path(str(which)).stem
