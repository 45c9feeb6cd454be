"""Signature size as the penalty, the solver's tolerance and the selection threshold vary."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.progress import track
from featkit.results.size import SizeCurve
from featkit.sparse.model import SparseModel, sparse_model
from featkit.sparse.path import as_lambdas, lambda_grid

TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
"""Relative duality gaps a path is solved to by default."""


def size_curve(
    X: Any,
    y: Any,
    *,
    lambdas: Any = None,
    n_lambdas: int = 49,
    lambda_min_ratio: float = 0.01,
    tolerances: Sequence[float] = TOLERANCES,
    chosen: Mapping[str, float] | None = None,
    fixed_c: Sequence[float] = (),
    selection_frequency: Any = None,
    thresholds: Any = None,
    standardize: bool = True,
    groups: Any = None,
    max_bytes: int | None = None,
    seed: int = 0,
) -> SizeCurve:
    """Solve one path at several tolerances and count what is selected.

    The path is `logistic_path` of two classes, or `multinomial_path` of more, where a dimension counts once for all of
    them.

    The number of non-zero coefficients is a property of the penalty only where the problem was solved: a solver that
    stops early keeps dimensions that the solution does not. Where the size at a penalty no longer moves as the
    tolerance tightens, it is no artefact of the solver.

    Parameters
    ----------
    X : array of shape (n, d)
        Training embeddings.
    y : array of shape (n,)
        Labels: 0 or 1, or of more than two classes.
    lambdas, n_lambdas, lambda_min_ratio
        The penalties, as in `logistic_path`.
    tolerances : sequence of float
        Duality gaps relative to the null model's loss; the tightest is the reference.
    chosen : mapping of str to float, optional
        Named penalties ("min", "1se") to report; they are added to the path.
    fixed_c : sequence of float
        scikit-learn's ``C`` to report beside them, as ``lambda = 1 / (C n)``.
    selection_frequency : array of shape (d,), optional
        From stability selection, to count the dimensions at each threshold.
    thresholds : array, optional
        Selection thresholds, 0.5 to 1 in steps of 0.05 by default.
    standardize : bool
        Whether dimensions are penalised as if scaled to unit standard deviation.
    groups, max_bytes, seed
        As in `logistic_path`.

    Returns
    -------
    SizeCurve
        Penalties that missed their tolerance are marked and noted, not warned of.

    Raises
    ------
    InputError
        If tolerances or named penalties are not positive, or the data are not fit for a path.
    """
    model = sparse_model(
        X, y, "patches" if groups is None else groups, standardize=standardize, max_bytes=max_bytes, seed=seed
    )
    return size_curve_of(
        model, lambdas=lambdas, n_lambdas=n_lambdas, lambda_min_ratio=lambda_min_ratio, tolerances=tolerances,
        chosen=chosen, fixed_c=fixed_c, selection_frequency=selection_frequency, thresholds=thresholds,
    )  # fmt: skip


def size_curve_of(
    model: SparseModel,
    *,
    lambdas: Any = None,
    n_lambdas: int = 49,
    lambda_min_ratio: float = 0.01,
    tolerances: Sequence[float] = TOLERANCES,
    chosen: Mapping[str, float] | None = None,
    fixed_c: Sequence[float] = (),
    selection_frequency: Any = None,
    thresholds: Any = None,
) -> SizeCurve:
    """Return the size curve of a model; see `size_curve`."""
    steps = np.sort(np.unique(np.asarray(tolerances, dtype=np.float64)))[::-1]
    if len(steps) == 0 or not np.all((steps > 0) & (steps < 1)):
        raise InputError("tolerances must lie in (0, 1)", list(tolerances))
    named = _named(chosen, fixed_c, model.y.size)
    grid = lambda_grid(model.largest_lambda, n_lambdas, lambda_min_ratio) if lambdas is None else as_lambdas(lambdas)
    grid = np.sort(np.unique(np.concatenate([grid, list(named.values())])))[::-1]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FeatkitWarning)  # the result says which penalties missed their tolerance
        paths = [model.path(grid, float(t)) for t in track(list(steps), "Solving tolerances")]
    sizes = np.array([path.sizes for path in paths])
    same = np.array([[_jaccard(path.support(k), paths[-1].support(k)) for k in range(len(grid))] for path in paths])
    converged = np.array([path.is_converged for path in paths])
    at = {name: int(np.argmin(np.abs(grid - value))) for name, value in named.items()}
    levels, counts = _by_threshold(selection_frequency, thresholds)
    return SizeCurve(
        lambdas=grid,
        tolerances=steps,
        sizes=sizes,
        gaps=np.array([path.gaps / path.null_loss for path in paths]),
        is_converged=converged,
        agreement=same,
        settled_tolerance=_settled(same == 1.0, steps),
        chosen=named,
        chosen_sizes={name: sizes[:, k] for name, k in at.items()},
        thresholds=levels,
        threshold_sizes=counts,
        n_dimensions=paths[-1].n_dimensions,
        n_patches=paths[-1].n_rows,
        notes=_notes(converged, steps, sizes, at),
    )


def _named(chosen: Mapping[str, float] | None, fixed_c: Sequence[float], n: int) -> dict[str, float]:
    named = {str(name): float(value) for name, value in (chosen or {}).items()}
    for c in fixed_c:
        if not c > 0:
            raise InputError("C must be positive", c)
        named[f"C={c:g}"] = 1.0 / (float(c) * n)
    bad = [f"{name}={value:g}" for name, value in named.items() if not (value > 0 and np.isfinite(value))]
    if bad:
        raise InputError("named penalties must be positive", ", ".join(bad))
    return named


def _jaccard(first: np.ndarray, second: np.ndarray) -> float:
    shared = len(np.intersect1d(first, second, assume_unique=True))
    either = len(first) + len(second) - shared
    return shared / either if either else 1.0


def _settled(is_same: np.ndarray, tolerances: np.ndarray) -> np.ndarray:
    """Return the loosest tolerance from which every support is the reference; NaN where no second one confirms it."""
    n_last = np.argmin(np.vstack([is_same[::-1], np.zeros(is_same.shape[1], dtype=bool)]), axis=0)
    settled = tolerances[len(tolerances) - n_last]
    return np.where(n_last > 1, settled, np.nan)


def _by_threshold(selection_frequency: Any, thresholds: Any) -> tuple[np.ndarray, np.ndarray]:
    if selection_frequency is None:
        return np.empty(0), np.empty(0, dtype=np.int64)
    frequency = np.asarray(selection_frequency, dtype=np.float64)
    levels = np.round(np.arange(10, 21) * 0.05, 2) if thresholds is None else np.asarray(thresholds, dtype=np.float64)
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
