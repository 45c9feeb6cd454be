"""Signature size of the grouped multinomial model as the penalty and the solver's tolerance vary."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.progress import track
from featkit.core.results.path import MultinomialPathResult
from featkit.core.results.size import SizeCurve
from featkit.sparse.multinomial import multinomial_path
from featkit.sparse.path import as_lambdas
from featkit.sparse.size_curves import _jaccard, _named, _notes, _settled


def multinomial_size_curve(
    X: Any,
    y: Any,
    *,
    lambdas: Any,
    tolerances: Sequence[float],
    chosen: Mapping[str, float] | None = None,
    fixed_c: Sequence[float] = (),
) -> SizeCurve:
    """Solve one grouped multinomial path at several tolerances and count what is selected.

    `featkit.sparse.size_curves.size_curve` for several classes: a dimension counts once, for all classes.

    Parameters
    ----------
    X : array of shape (n, d)
        Training embeddings, penalised as if scaled to unit standard deviation.
    y : array of shape (n,)
        Labels.
    lambdas : array
        Penalties.
    tolerances : sequence of float
        Duality gaps relative to the null model's loss; the tightest is the reference.
    chosen : mapping of str to float, optional
        Named penalties ("min", "1se") to report; they are added to the path.
    fixed_c : sequence of float
        Inverse penalties to report beside them, as ``lambda = 1 / (C n)``.

    Returns
    -------
    SizeCurve
        Penalties that missed their tolerance are marked and noted, not warned of.

    Raises
    ------
    InputError
        If tolerances or penalties are not positive, or the data are not fit for a path.
    """
    steps = np.sort(np.unique(np.asarray(tolerances, dtype=np.float64)))[::-1]
    if len(steps) == 0 or not np.all((steps > 0) & (steps < 1)):
        raise InputError("tolerances must lie in (0, 1)", list(tolerances))
    named = _named(chosen, fixed_c, len(np.asarray(y)))
    grid = np.sort(np.unique(np.concatenate([as_lambdas(lambdas), list(named.values())])))[::-1]
    paths = [_solve(X, y, float(t), grid) for t in track(list(steps), "Solving tolerances")]
    sizes = np.array([path.sizes for path in paths])
    same = np.array([[_jaccard(path.support(k), paths[-1].support(k)) for k in range(len(grid))] for path in paths])
    converged = np.array([path.is_converged for path in paths])
    at = {name: int(np.argmin(np.abs(grid - value))) for name, value in named.items()}
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
        thresholds=np.empty(0),
        threshold_sizes=np.empty(0, dtype=np.int64),
        n_dimensions=paths[-1].n_dimensions,
        n_patches=paths[-1].n_rows,
        notes=_notes(converged, steps, sizes, at),
    )


def _solve(X: Any, y: Any, tolerance: float, grid: np.ndarray) -> MultinomialPathResult:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FeatkitWarning)  # the result says which penalties missed their tolerance
        return multinomial_path(X, y, lambdas=grid, tolerance=tolerance, standardize=True)
