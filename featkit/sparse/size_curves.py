"""Signature size as the penalty, the solver's tolerance and the selection threshold vary."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.options import ComputeOptions, PathOptions
from featkit.core.progress import track
from featkit.results.size import SizeCurve
from featkit.sparse.model import SparseModel, sparse_model
from featkit.stats.labelled_rows import LabelledRows

TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
"""Relative duality gaps a path is solved to by default."""


def size_curve(
    rows: LabelledRows,
    path: PathOptions = PathOptions(),
    *,
    tolerances: Sequence[float] = TOLERANCES,
    chosen: Mapping[str, float] | None = None,
    selection_frequency: np.ndarray | None = None,
    compute: ComputeOptions = ComputeOptions(),
    seed: int = 0,
) -> SizeCurve:
    """Solve one path at several tolerances and count what is selected.

    The path is `featkit.sparse.logistic_path` of two classes, or `featkit.sparse.multinomial_path` of more, where a
    dimension counts once for all of them.

    The number of non-zero coefficients is a property of the penalty only where the problem was solved: a solver that
    stops early keeps dimensions that the solution does not. Where the size at a penalty no longer changes as the
    tolerance tightens, it is no artefact of the solver.

    Parameters
    ----------
    rows : LabelledRows
        Training rows: two classes are 0 and 1.
    path : PathOptions
        The penalties; the tolerance is not used.
    tolerances : sequence of float
        Duality gaps relative to the null model's loss, in (0, 1); the tightest is the reference.
    chosen : mapping of str to float, optional
        Named penalties ("min", "1se", "C=1") to report; they are added to the path. scikit-learn's ``C`` is the
        penalty ``1 / (C n)``.
    selection_frequency : (d,) float64, optional
        From stability selection, to count the dimensions at thresholds from 0.5 to 1 in steps of 0.05.
    compute : ComputeOptions
        Only ``max_bytes`` is used.
    seed : int
        Seed of the draw of rows where not all fit in memory.

    Returns
    -------
    SizeCurve
        Penalties that missed their tolerance are marked and noted, not warned of.

    Raises
    ------
    InputError
        If tolerances or named penalties are not positive, or the data are not fit for a path.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((80, 5))
    >>> rows = LabelledRows(X, (X[:, 2] > 0).astype(int), "patches")
    >>> size_curve(rows, PathOptions(lambdas=[0.2]), tolerances=[1e-2, 1e-4]).sizes.tolist()
    [[1], [1]]
    """
    model = sparse_model(rows, path, compute=compute, seed=seed)
    return size_curve_of(model, tolerances=tolerances, chosen=chosen, selection_frequency=selection_frequency)


def size_curve_of(
    model: SparseModel,
    *,
    tolerances: Sequence[float] = TOLERANCES,
    chosen: Mapping[str, float] | None = None,
    selection_frequency: np.ndarray | None = None,
) -> SizeCurve:
    """Return the size curve of a model along its own grid; see `size_curve`."""
    steps = np.sort(np.unique(np.asarray(tolerances, dtype=np.float64)))[::-1]
    if len(steps) == 0 or not np.all((steps > 0) & (steps < 1)):
        raise InputError("tolerances must lie in (0, 1)", list(tolerances))
    named = _named(chosen)
    grid = np.sort(np.unique(np.concatenate([model.grid, list(named.values())])))[::-1]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FeatkitWarning)  # the result says which penalties missed their tolerance
        paths = [model.path(grid, float(t)) for t in track(list(steps), "Solving tolerances")]
    sizes = np.array([path.sizes for path in paths])
    same = np.array([[_jaccard(path.support(k), paths[-1].support(k)) for k in range(len(grid))] for path in paths])
    converged = np.array([path.is_converged for path in paths])
    at = {name: int(np.argmin(np.abs(grid - value))) for name, value in named.items()}
    levels, counts = _by_threshold(selection_frequency)
    return SizeCurve(
        lambdas=grid,
        tolerances=steps,
        sizes=sizes,
        gaps=np.array([path.gaps / path.null_loss for path in paths]),
        is_converged=converged,
        agreement=same,
        settled_tolerance=_loosest_stable(same == 1.0, steps),
        chosen=named,
        chosen_sizes={name: sizes[:, k] for name, k in at.items()},
        thresholds=levels,
        threshold_sizes=counts,
        n_dimensions=paths[-1].n_dimensions,
        n_patches=paths[-1].n_rows,
        notes=_notes(converged, steps, sizes, at),
    )


def _named(chosen: Mapping[str, float] | None) -> dict[str, float]:
    named = {str(name): float(value) for name, value in (chosen or {}).items()}
    bad = [f"{name}={value:g}" for name, value in named.items() if not (value > 0 and np.isfinite(value))]
    if bad:
        raise InputError("named penalties must be positive", ", ".join(bad))
    return named


def _jaccard(first: np.ndarray, second: np.ndarray) -> float:
    shared = len(np.intersect1d(first, second, assume_unique=True))
    either = len(first) + len(second) - shared
    return shared / either if either else 1.0


def _loosest_stable(is_same: np.ndarray, tolerances: np.ndarray) -> np.ndarray:
    """Return the loosest tolerance from which every support is the reference; NaN where no second one confirms it."""
    n_last = np.argmin(np.vstack([is_same[::-1], np.zeros(is_same.shape[1], dtype=bool)]), axis=0)
    settled = tolerances[len(tolerances) - n_last]
    return np.where(n_last > 1, settled, np.nan)


def _by_threshold(selection_frequency: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    if selection_frequency is None:
        return np.empty(0), np.empty(0, dtype=np.int64)
    frequency = np.asarray(selection_frequency, dtype=np.float64)
    levels = np.round(np.arange(10, 21) * 0.05, 2)
    return levels, np.sum(frequency[:, None] >= levels - 1e-12, axis=0)


def _notes(converged: np.ndarray, tolerances: np.ndarray, sizes: np.ndarray, at: dict[str, int]) -> tuple[str, ...]:
    notes = []
    for tolerance, row in zip(tolerances, converged, strict=True):
        if not row.all():
            notes.append(f"{int(np.sum(~row))} of {len(row)} penalties did not reach a relative gap of {tolerance:g}")
    for name, k in at.items():
        if sizes[0, k] != sizes[-1, k]:
            notes.append(
                f"Size at {name} is {sizes[0, k]} when solved to {tolerances[0]:g} and {sizes[-1, k]} when solved to "
                f"{tolerances[-1]:g}"
            )
    return tuple(notes)
