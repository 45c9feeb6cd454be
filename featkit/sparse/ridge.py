"""Logistic fits on a few standardised dimensions: without a penalty, or with a ridge penalty chosen over patients."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from featkit.core.errors import InputError
from featkit.sparse.cross_validation import patient_folds
from featkit.sparse.design import as_patients

RIDGE_CS = tuple(10.0**k for k in range(-6, 3))
"""Inverse penalties tried by default: scikit-learn's ``C`` on standardised dimensions."""

_FAR = 30.0  # log-odds beyond which a probability is as good as certain
_PATIENCE = 2


@dataclasses.dataclass(frozen=True)
class LogisticFit:
    """A logistic model on standardised dimensions.

    Parameters
    ----------
    coefficients : ndarray of shape (k,)
        Per training standard deviation.
    intercept : float
        At the training mean.
    mean, scale : ndarray of shape (k,)
        Of the training patches; the scale of a constant dimension is 1.
    is_converged : bool
        Whether the optimiser reached its tolerance.
    is_separable : bool
        Whether it classifies every training patch right: a certificate that classes are separable.
    largest_margin : float
        Largest absolute log-odds of a training patch.
    """

    coefficients: np.ndarray
    intercept: float
    mean: np.ndarray
    scale: np.ndarray
    is_converged: bool
    is_separable: bool
    largest_margin: float

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of class 1 (n,) for the same dimensions ``X`` (n, k)."""
        from scipy.special import expit

        z = (np.asarray(X, dtype=np.float64) - self.mean) / self.scale
        return np.asarray(expit(z @ self.coefficients + self.intercept))

    @property
    def is_reliable(self) -> bool:
        """Whether the maximum exists and was reached, as far as the fit can tell."""
        return self.is_converged and not self.is_separable and self.largest_margin < _FAR


def fit_logistic(
    X: np.ndarray, y: np.ndarray, c: float = np.inf, start: np.ndarray | None = None, tolerance: float = 1e-7
) -> LogisticFit:
    """Fit a logistic model with a ridge penalty, or without one.

    Parameters
    ----------
    X : ndarray of shape (n, k)
        Training patches.
    y : ndarray of shape (n,)
        Labels, 0 or 1, both present.
    c : float
        Inverse penalty, scikit-learn's ``C`` on standardised dimensions; infinite for none. The intercept is free.
    start : ndarray of shape (k + 1,), optional
        Coefficients and intercept to begin at.
    tolerance : float
        Largest gradient of the mean loss to stop at.

    Returns
    -------
    LogisticFit
        Never warns: what went wrong is in its fields. With separable classes and no penalty the maximum of the
        likelihood does not exist, and the coefficients are wherever the optimiser stopped.
    """
    from sklearn.linear_model import LogisticRegression

    X = np.asarray(X, dtype=np.float64)
    if X.shape[1] == 0:
        odds = float(np.log(np.mean(y) / (1 - np.mean(y))))
        return LogisticFit(np.empty(0), odds, np.empty(0), np.empty(0), True, False, abs(odds))
    mean, scale = X.mean(axis=0), X.std(axis=0)
    scale = np.where(X.max(axis=0) > X.min(axis=0), scale, 1.0)
    z = (X - mean) / scale
    model = LogisticRegression(C=c, tol=tolerance, max_iter=2000, warm_start=True)
    if start is not None:
        model.coef_, model.intercept_ = start[None, :-1].copy(), start[-1:].copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(z, y)
    coefficients, intercept = model.coef_[0], float(model.intercept_[0])
    margin = z @ coefficients + intercept
    return LogisticFit(
        coefficients=coefficients,
        intercept=intercept,
        mean=mean,
        scale=scale,
        is_converged=bool(model.n_iter_[0] < model.max_iter),
        is_separable=bool(np.all((2 * y - 1) * margin > 0)),
        largest_margin=float(np.abs(margin).max()),
    )


def choose_ridge(
    X: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    *,
    cs: Sequence[float] = RIDGE_CS,
    n_folds: int = 5,
    seed: int = 0,
) -> float:
    """Return the inverse ridge penalty with the smallest cross-validated log-loss, folds drawn over patients.

    Penalties are tried from the strongest down, and the search ends when two in a row did worse than the best.

    Parameters
    ----------
    X : ndarray of shape (n, k)
        Training patches.
    y, groups : ndarray of shape (n,)
        Labels, 0 or 1, and patients.
    cs : sequence of float
        Inverse penalties to try; the strongest penalty wins ties.
    n_folds : int
        Folds, at most the number of patients in the smaller class.
    seed : int
        Seed of the folds.

    Returns
    -------
    float

    Raises
    ------
    InputError
        If a class has fewer than two patients.
    """
    X, tried = np.asarray(X, dtype=np.float64), np.sort(np.asarray(cs, dtype=np.float64))
    if len(tried) == 0 or not np.all(tried > 0):
        raise InputError("ridge penalties C must be positive", list(cs))
    if len(tried) == 1 or X.shape[1] == 0:
        return float(tried[0])
    patients = as_patients(groups, y)
    smaller = int(np.bincount(patients.label, minlength=2).min())
    if smaller < 2:
        raise InputError(
            "choosing a ridge penalty needs at least two training patients of each class",
            smaller,
            "Give a single penalty with cs",
        )
    fold = patient_folds(patients, min(n_folds, smaller), seed)
    starts: list[np.ndarray | None] = [None] * (fold.max() + 1)
    losses: list[float] = []
    for c in tried:
        loss = 0.0
        for k, start in enumerate(starts):
            inside = fold != k
            fit = fit_logistic(X[inside], y[inside], float(c), start, tolerance=1e-4)
            starts[k] = np.append(fit.coefficients, fit.intercept)
            p = np.clip(fit.predict_proba(X[~inside]), 1e-15, 1 - 1e-15)
            loss -= float(np.sum(np.where(y[~inside] == 1, np.log(p), np.log1p(-p))))
        losses.append(loss)
        if len(losses) - 1 - int(np.argmin(losses)) == _PATIENCE:
            break
    return float(tried[np.argmin(losses)])


def as_training(X: Any, y: Any, groups: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return checked training embeddings, labels (int, both classes) and patients.

    Raises
    ------
    InputError
        If shapes do not go together, labels are not 0 and 1, or one of them is missing.
    """
    from featkit.stats._inputs import as_groups, as_two_classes

    X = np.asarray(X)
    labels = as_two_classes(y).astype(np.int64)
    if X.ndim != 2 or len(X) != len(labels):
        raise InputError(f"training embeddings must have {len(labels)} rows, one for each label", f"shape {X.shape}")
    return X, labels, as_groups(groups, len(labels))
