"""Logistic fits on a few standardised dimensions: without a penalty, or with a ridge penalty chosen over patients.

Two classes have one set of coefficients, of the log-odds of class 1; K > 2 have one set per class, those of
a softmax model.
"""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np

from featkit.core.arrays import as_classes, as_two_classes
from featkit.core.errors import InputError
from featkit.core.options import RidgeOptions
from featkit.core.probabilities import probabilities
from featkit.sparse.solvers.design import as_patients
from featkit.sparse.subsamples import patient_folds_of
from featkit.stats.labelled_rows import LabelledRows

_CERTAIN = 30.0  # log-odds beyond which a probability is as good as certain
_PATIENCE = 2


@dataclasses.dataclass(frozen=True)
class LogisticFit:
    """A logistic model on standardised dimensions.

    Parameters
    ----------
    coefficients : ndarray of shape (k,) or (k, K)
        Per training standard deviation; with several classes one column per class, each row adding up to 0.
    intercept : float or ndarray of shape (K,)
        At the training mean; with several classes adding up to 0.
    mean, scale : ndarray of shape (k,)
        Of the training patches; the scale of a constant dimension is 1.
    is_converged : bool
        Whether the optimiser reached its tolerance.
    is_separable : bool
        Whether it classifies every training patch right: a certificate that classes are separable.
    largest_margin : float
        Largest absolute log-odds of a training patch's class against the likeliest other.
    n_separable : int
        Of several classes, those whose linear predictor is higher on each of their training patches than on any other:
        without a penalty the likelihood then has no maximum, even if the rest overlap.
    """

    coefficients: np.ndarray
    intercept: float | np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    is_converged: bool
    is_separable: bool
    largest_margin: float
    n_separable: int = 0

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of class 1, (n,), or of each of several, (n, K), for these dimensions ``X`` (n, k)."""
        z = (np.asarray(X, dtype=np.float64) - self.mean) / self.scale
        return probabilities(z @ self.coefficients + self.intercept)

    def log_loss(self, X: np.ndarray, y: np.ndarray) -> float:
        """Return the log-loss summed over patches ``X`` (n, k), in nats; probabilities are kept 1e-15 from 0 and 1."""
        p = np.clip(self.predict_proba(X), 1e-15, 1 - 1e-15)
        own = np.where(y == 1, np.log(p), np.log1p(-p)) if p.ndim == 1 else np.log(p[np.arange(len(y)), y])
        return -float(np.sum(own))

    @property
    def stacked(self) -> np.ndarray:
        """Coefficients and, last, the intercept: where another fit may start, (k + 1,) or (k + 1, K)."""
        return np.concatenate([self.coefficients, np.asarray(self.intercept)[None]])

    @property
    def is_reliable(self) -> bool:
        """Whether the maximum exists and was reached, as far as the fit can tell."""
        return self.is_converged and not self.is_separable and not self.n_separable and self.largest_margin < _CERTAIN


def fit_logistic(
    X: np.ndarray, y: np.ndarray, c: float = np.inf, start: np.ndarray | None = None, tolerance: float = 1e-7
) -> LogisticFit:
    """Fit a logistic model with a ridge penalty, or without one.

    Parameters
    ----------
    X : ndarray of shape (n, k)
        Training patches.
    y : ndarray of int, shape (n,)
        Labels 0..K-1, all present.
    c : float
        Inverse penalty, scikit-learn's ``C`` on standardised dimensions; infinite for none. The intercept is free.
    start : ndarray of shape (k + 1,) or (k + 1, K), optional
        Coefficients and intercept to begin at, as ``LogisticFit.stacked``.
    tolerance : float
        Largest gradient of the mean loss to stop at.

    Returns
    -------
    LogisticFit
        Never warns: what went wrong is in its fields. With separable classes and no penalty the maximum of the
        likelihood does not exist, and the coefficients are wherever the optimiser stopped.
    """
    from sklearn.linear_model import LogisticRegression

    X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.int64)
    if X.shape[1] == 0:
        logs = np.log(np.bincount(y) / len(y))
        intercept = float(logs[1] - logs[0]) if len(logs) == 2 else logs - logs.mean()
        none = np.empty((0, *np.shape(intercept)))
        return LogisticFit(none, intercept, np.empty(0), np.empty(0), True, False, float(np.ptp(logs)))
    mean, scale = X.mean(axis=0), X.std(axis=0)
    scale = np.where(X.max(axis=0) > X.min(axis=0), scale, 1.0)
    z = (X - mean) / scale
    model = LogisticRegression(C=c, tol=tolerance, max_iter=2000, warm_start=True)
    if start is not None:
        model.coef_, model.intercept_ = start[:-1].T.reshape(-1, X.shape[1]).copy(), np.atleast_1d(start[-1]).copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(z, y)
    if len(model.classes_) == 2:
        coefficients, intercept = model.coef_[0], float(model.intercept_[0])
    else:
        coefficients = (model.coef_ - model.coef_.mean(axis=0)).T
        intercept = model.intercept_ - model.intercept_.mean()
    predictor = z @ coefficients + intercept
    margin = _margins(predictor, y)
    return LogisticFit(
        coefficients=coefficients,
        intercept=intercept,
        mean=mean,
        scale=scale,
        is_converged=bool(model.n_iter_[0] < model.max_iter),
        is_separable=bool(np.all(margin > 0)),
        largest_margin=float(np.abs(margin).max()),
        n_separable=_n_separable(predictor, y),
    )


def choose_ridge(rows: LabelledRows, ridge: RidgeOptions = RidgeOptions(), seed: int = 0) -> float:
    """Return the inverse ridge penalty with the smallest cross-validated log-loss, folds drawn over patients.

    Penalties are tried from the strongest down, and the search ends when two in a row did worse than the best.

    Parameters
    ----------
    rows : LabelledRows
        Training patches, their labels 0..K-1, all present, and patients.
    ridge : RidgeOptions
        Penalties to try, of which the strongest wins ties, and folds.
    seed : int
        Seed of the folds.

    Returns
    -------
    float
        scikit-learn's ``C`` on standardised dimensions.

    Raises
    ------
    InputError
        If a class has fewer than two patients.
    """
    X, y = np.asarray(rows.X, dtype=np.float64), np.asarray(rows.y, dtype=np.int64)
    tried = np.sort(np.asarray(ridge.cs, dtype=np.float64))
    if len(tried) == 1 or X.shape[1] == 0:
        return float(tried[0])
    patients = as_patients(rows.patients, y)
    fewest = int(patients.n_with.min())
    if fewest < 2:
        raise InputError(
            "choosing a ridge penalty needs at least two training patients of each class",
            f"{fewest} of class {patients.n_with.argmin()}",
            "Give a single penalty with cs",
        )
    fold = patient_folds_of(patients, min(ridge.n_folds, fewest), seed)
    starts: list[np.ndarray | None] = [None] * (fold.max() + 1)
    losses: list[float] = []
    for c in tried:
        loss = 0.0
        for k, start in enumerate(starts):
            inside = fold != k
            fit = fit_logistic(X[inside], y[inside], float(c), start, tolerance=1e-4)
            starts[k] = fit.stacked
            loss += fit.log_loss(X[~inside], y[~inside])
        losses.append(loss)
        if len(losses) - 1 - int(np.argmin(losses)) == _PATIENCE:
            break
    return float(tried[np.argmin(losses)])


def as_training(rows: LabelledRows) -> LabelledRows:
    """Return training rows in memory whose labels are integers 0..K-1, all of which occur.

    Raises
    ------
    InputError
        If labels are not 0..K-1, or one of them is missing.
    """
    n_classes = len(np.unique(rows.y))
    y = as_classes(rows.y, n_classes) if n_classes > 2 else as_two_classes(rows.y).astype(np.int64)
    return LabelledRows(np.asarray(rows.X), y, rows.groups)


def _margins(predictor: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the log-odds of each patch's class against the likeliest other, (n,), from predictors (n,) or (n, K)."""
    if predictor.ndim == 1:
        return (2 * y - 1) * predictor
    rows, others = np.arange(len(y)), predictor.copy()
    others[rows, y] = -np.inf
    return predictor[rows, y] - others.max(axis=1)


def _n_separable(predictor: np.ndarray, y: np.ndarray) -> int:
    """Return how many of several classes have predictors (n, K) higher on all their patches than on all others."""
    by_class = enumerate(predictor.T if predictor.ndim == 2 else ())
    return sum(bool(own[y == k].min() > own[y != k].max()) for k, own in by_class)
