"""Where the variance of repeated runs comes from: seed, split, patient."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from featkit.core.arrays import as_array, as_numbers, check_level
from featkit.core.errors import FeatkitWarning, InputError
from featkit.results.estimate import Estimate
from featkit.results.variance_components import VarianceComponents

_FOLDS_NOTE = (
    "folds and splits share training patches: they are a source of variance here, never independent replicates, and no "
    "interval counts them as such"
)
_FEW_LEVELS = 5
_LOGS = (0.0, 20.0)  # of 1 + an effect's variance over the residual's


def variance_components(
    values: ArrayLike,
    sources: Mapping[str, ArrayLike],
    *,
    quantity: str = "value",
    level: float = 0.95,
) -> VarianceComponents:
    """Split the variance of repeated runs over its sources.

    The model is ``value = mean + sum over sources of a random effect + residual`` with independent normal effects,
    fitted by restricted maximum likelihood (Searle, Casella and McCulloch 1992, chapter 6).
    Sources may be crossed or nested: give a nested one labels of its own in each parent ("split 1 / seed 3").

    Parameters
    ----------
    values : array-like of shape (n_values,)
        One value per run, or one a run and patient; finite.
    sources : mapping of str to array-like of shape (n_values,)
        Label of each value's seed, split, patient, ...: the sources of variance. "seed", when there, is also what
        `mean_over_seeds` is taken over.
    quantity : str
        What the values are ("auc").
    level : float
        Coverage of the intervals.

    Returns
    -------
    VarianceComponents
        The interval of the mean uses a t quantile with the degrees of freedom of the source with the fewest levels, a
        cautious choice. A source with fewer than five levels, and a component of zero, are said in ``notes``.

    Raises
    ------
    InputError
        If values are missing, a source has one level only, or one level for each value (it is then the residual).
    """
    y = np.asarray(values, dtype=np.float64)
    if y.ndim != 1 or y.size < 3 or not np.isfinite(y).all():
        raise InputError("values must be at least three finite numbers", f"shape {y.shape}", "Leave failed runs out")
    codes = {name: _levels(name, labels, y.size) for name, labels in sources.items()}
    if not codes:
        raise InputError("variance needs at least one source", "none", "Give the seed of each value")
    n_levels = {name: int(c.max()) + 1 for name, c in codes.items()}
    notes = [_FOLDS_NOTE] if {"fold", "split"} & codes.keys() else []
    notes += [
        f"{name} has {count} levels: its variance is known to an order of magnitude at best"
        for name, count in n_levels.items()
        if count < _FEW_LEVELS
    ]
    components, mean, se, is_converged = _fit(y, codes)
    if not is_converged:
        notes.append("the optimiser did not converge: read the components as rough")
        warnings.warn(f"variance components of {quantity} did not converge", FeatkitWarning, stacklevel=2)
    notes += [f"the variance of {name} is estimated as zero" for name, v in components.items() if v == 0.0]
    total = sum(components.values())
    scarcest = min(n_levels, key=lambda name: n_levels[name])
    half = _t_quantile(level, n_levels[scarcest] - 1) * se
    return VarianceComponents(
        quantity=quantity,
        mean=Estimate(mean, mean - half, mean + half, level, "mixed model, t", 0, scarcest, n_levels[scarcest]),
        mean_over_seeds=_seed_mean(y, sources, level),
        components=components,
        shares={name: (v / total if total > 0 else math.nan) for name, v in components.items()},
        n_levels=n_levels,
        n_values=y.size,
        method="reml",
        is_converged=is_converged,
        notes=tuple(notes),
    )


def mean_over_seeds(values: ArrayLike, seeds: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Return the mean of the seeds' means with its t interval.

    Values of one seed (several folds, several patients) are averaged first, so that the seeds are the only replicates:
    folds of one seed share training patches and are never counted as independent. The interval says how far another
    set of training seeds would move the mean *on the same patients*; it says nothing about other patients.

    Parameters
    ----------
    values : array-like of shape (n_values,)
        Finite.
    seeds : array-like of shape (n_values,)
        Training seed of each value.
    level : float
        Coverage.

    Returns
    -------
    Estimate
        ``unit`` "seed", ``method`` "t"; bounds are NaN with a single seed.
    """
    y, labels = as_numbers(values, "values"), as_array(seeds, "seeds")
    if y.shape != labels.shape or y.ndim != 1 or not y.size:
        raise InputError("seeds must be one a value", f"{labels.size} for {y.size} values")
    if not np.isfinite(y).all():
        raise InputError(
            "values must be finite", f"{np.count_nonzero(~np.isfinite(y))} are not", "Leave failed runs out"
        )
    _, code = np.unique(labels, return_inverse=True)
    means = np.bincount(code, y) / np.bincount(code)
    centre = float(means.mean())
    if means.size < 2:
        return Estimate(centre, level=level, method="none", unit="seed", n_units=1)
    half = _t_quantile(level, means.size - 1) * float(means.std(ddof=1)) / math.sqrt(means.size)
    return Estimate(centre, centre - half, centre + half, level, "t", 0, "seed", int(means.size))


def _seed_mean(y: np.ndarray, sources: Mapping[str, ArrayLike], level: float) -> Estimate:
    if "seed" not in sources:
        return Estimate(float(y.mean()), level=level, method="none", unit="seed", n_units=0)
    return mean_over_seeds(y, np.asarray(sources["seed"]), level=level)


def _levels(name: str, labels: ArrayLike, n_values: int) -> np.ndarray:
    given = np.asarray(labels)
    if given.shape != (n_values,):
        raise InputError(f"{name} must be one label a value", f"shape {given.shape} for {n_values} values")
    codes = np.unique(given, return_inverse=True)[1]
    n_levels = int(codes.max()) + 1
    if n_levels < 2:
        raise InputError(f"{name} must have at least two levels", n_levels, f"Leave {name} out or add runs")
    if n_levels == n_values:
        raise InputError(
            f"{name} must repeat to be told from the residual", f"one level a value ({n_levels})", f"Leave {name} out"
        )
    return codes


def _fit(y: np.ndarray, codes: Mapping[str, np.ndarray]) -> tuple[dict[str, float], float, float, bool]:
    """Fit by REML on standardised values; return components, mean, its standard error, and convergence."""
    scale = float(y.std())
    if scale <= 1e-14 * max(1.0, float(np.abs(y).max())):
        return {**dict.fromkeys(codes, 0.0), "residual": 0.0}, float(y[0]), 0.0, True
    designs = [np.eye(int(c.max()) + 1)[c] for c in codes.values()]
    variances, mean, error, is_converged = reml((y - y.mean()) / scale, designs)
    least = 1e-6 * float(variances.sum())
    components = {n: (v * scale**2 if v > least else 0.0) for n, v in zip([*codes, "residual"], variances.tolist())}
    return components, mean * scale + float(y.mean()), error * scale, is_converged


def reml(y: np.ndarray, designs: Sequence[np.ndarray]) -> tuple[np.ndarray, float, float, bool]:
    """Maximise the restricted likelihood of a mean with random effects, whose variances may be exactly zero.

    Parameters
    ----------
    y : (n,) float64
        Values of variance about 1.
    designs : sequence of (n, n_levels) arrays
        Indicators of each random effect's levels.

    Returns
    -------
    components : (n_effects + 1,) float64
        The effects' variances, and the residual's last.
    mean, standard_error : float
        The mean and its standard error with these components.
    is_converged : bool
        Whether the optimiser says so; never where the effects leave no residual, since their ratios to it have no end.

    Notes
    -----
    With V the covariance over the residual variance and r the distance from the mean, the profiled criterion is
    ``(n - 1) log(r' V^-1 r) + log|V| + log(1' V^-1 1)`` (Searle, Casella and McCulloch 1992, 6.6). It may have several
    minima: the better of two starts counts, no effect and large ones.
    """
    from scipy.optimize import minimize

    n, effect = y.size, np.repeat(np.arange(len(designs)), [d.shape[1] for d in designs])
    columns = np.column_stack([np.ones(n), y, *designs])
    plain = columns.T @ columns

    def products(ratios: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the columns' inner products under V^-1 (Woodbury), and log|V|."""
        root = np.sqrt(ratios)[effect]
        scaled = root[:, None] * plain[2:]
        inner = np.eye(effect.size) + scaled[:, 2:] * root
        return plain - scaled.T @ np.linalg.solve(inner, scaled), float(np.linalg.slogdet(inner)[1])

    def criterion(logs: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the criterion at ratios of ``exp(logs) - 1`` to the residual variance, and its gradient."""
        Q, determinant = products(np.expm1(logs))
        information, mean = Q[0, 0], Q[0, 1] / Q[0, 0]
        quadratic = Q[1, 1] - mean * Q[0, 1]
        left = Q[2:, 1] - mean * Q[2:, 0]
        slope = np.diag(Q)[2:] - (n - 1) * left**2 / quadratic - Q[2:, 0] ** 2 / information
        value = (n - 1) * math.log(quadratic) + determinant + math.log(information)
        return value, np.bincount(effect, slope) * np.exp(logs)

    fits = [
        minimize(criterion, np.full(len(designs), start), jac=True, method="L-BFGS-B", bounds=[_LOGS] * len(designs))
        for start in (0.0, 3.0)
    ]
    best = min(fits, key=lambda fit: float(fit.fun))
    ratios = np.expm1(best.x)
    Q, _ = products(ratios)
    mean = float(Q[0, 1] / Q[0, 0])
    residual = float(Q[1, 1] - mean * Q[0, 1]) / (n - 1)
    is_converged = bool(best.success and best.x.max() < _LOGS[1])
    return np.append(ratios, 1.0) * residual, mean, math.sqrt(residual / Q[0, 0]), is_converged


def _t_quantile(level: float, freedom: int) -> float:
    from scipy.stats import t

    return float(t.isf((1 - check_level(level)) / 2, max(1, freedom)))
