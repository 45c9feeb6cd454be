"""Where the variance of repeated runs comes from: seed, split, patient."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.results.estimate import Estimate
from featkit.core.results.variance import VarianceComponents

_FOLDS_NOTE = (
    "folds and splits share training patches: they are a source of variance here, never independent replicates, and no "
    "interval counts them as such"
)
_FEW_LEVELS = 5


def variance_components(
    values: ArrayLike,
    sources: Mapping[str, ArrayLike],
    *,
    quantity: str = "value",
    level: float = 0.95,
) -> VarianceComponents:
    """Split the variance of repeated runs over its sources.

    The model is ``value = mean + sum over sources of a random effect + residual`` with independent normal effects,
    fitted by restricted maximum likelihood (statsmodels ``MixedLM``; Searle, Casella and McCulloch 1992, chapter 6).
    Sources may be crossed or nested: give a nested one labels of its own in each parent ("split 1 / seed 3").

    Parameters
    ----------
    values : array-like of shape (n_values,)
        One value a run, or one a run and patient; finite.
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
    y, labels = np.asarray(values, dtype=np.float64), np.asarray(seeds)
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
    from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

    scale = float(y.std())
    if scale <= 1e-14 * max(1.0, float(np.abs(y).max())):
        return {**dict.fromkeys(codes, 0.0), "residual": 0.0}, float(y[0]), 0.0, True
    standard = (y - y.mean()) / scale
    names = list(codes)
    designs = [np.eye(int(codes[n].max()) + 1)[codes[n]] for n in names]
    columns = [[f"{n}[{k}]" for k in range(d.shape[1])] for n, d in zip(names, designs)]
    spec = VCSpec(names, [[c] for c in columns], [[d] for d in designs])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # edges of the range are said in the notes, from the estimates themselves
        model = MixedLM(standard, np.ones((y.size, 1)), groups=np.zeros(y.size), exog_vc=spec)
        try:
            fit = model.fit(reml=True, method=["powell"], xtol=1e-8, ftol=1e-10)
            found = [*fit.vcomp, fit.scale], fit.fe_params[0], fit.bse_fe[0], fit.converged
        except np.linalg.LinAlgError:  # it inverts the components, and came upon one that is exactly zero
            found = bounded_reml(standard, designs)
    variance = {n: max(0.0, float(v)) for n, v in zip([*names, "residual"], found[0])}
    total = sum(variance.values())
    components = {n: (v * scale**2 if v > 1e-6 * total else 0.0) for n, v in variance.items()}
    return components, float(found[1]) * scale + float(y.mean()), float(found[2]) * scale, bool(found[3])


def bounded_reml(y: np.ndarray, designs: Sequence[np.ndarray]) -> tuple[list[float], float, float, bool]:
    """Maximise the restricted likelihood of a mean with random effects, whose variances may be exactly zero.

    Parameters
    ----------
    y : (n,) float64
        Values.
    designs : sequence of (n, n_levels) arrays
        Indicators of each random effect's levels.

    Returns
    -------
    components, mean, standard_error, is_converged
        The effects' variances and the residual's last. With V the covariance over the residual variance, the profiled
        criterion is ``(n - 1) log(r' V^-1 r) + log|V| + log(1' V^-1 1)`` (Searle, Casella and McCulloch 1992, 6.6).
    """
    from scipy.optimize import minimize

    n, squares = y.size, [d @ d.T for d in designs]

    def solved(ratios: np.ndarray) -> tuple[float, float, float, float]:
        V = np.eye(n) + sum(ratio * square for ratio, square in zip(ratios, squares, strict=True))
        weights = np.linalg.solve(V, np.ones(n))
        mean = float(weights @ y / weights.sum())
        left = y - mean
        return mean, float(weights.sum()), float(left @ np.linalg.solve(V, left)), float(np.linalg.slogdet(V)[1])

    def criterion(ratios: np.ndarray) -> float:
        _, information, quadratic, determinant = solved(ratios)
        return (n - 1) * math.log(quadratic) + determinant + math.log(information)

    starts = (np.zeros(len(squares)), np.ones(len(squares)))
    fits = [minimize(criterion, start, method="L-BFGS-B", bounds=[(0.0, 1e6)] * len(squares)) for start in starts]
    best = min(fits, key=lambda fit: float(fit.fun))
    mean, information, quadratic, _ = solved(best.x)
    residual = quadratic / (n - 1)
    return [*(best.x * residual).tolist(), residual], mean, math.sqrt(residual / information), bool(best.success)


def _t_quantile(level: float, freedom: int) -> float:
    from scipy.stats import t

    if not 0 < level < 1:
        raise InputError("level must lie in (0, 1)", level)
    return float(t.isf((1 - level) / 2, max(1, freedom)))
