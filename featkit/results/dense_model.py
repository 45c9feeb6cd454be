"""A ridge-logistic model on all dimensions: what a signature gives up by being sparse."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.errors import InputError
from featkit.core.probabilities import probabilities
from featkit.results.base import Result

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class DenseModel(Result):
    """A logistic model on every dimension with a ridge penalty chosen over patients: the reference for a signature.

    Parameters
    ----------
    coefficients : (d,) or (d, K) float64
        Coefficients on standardised dimensions; with several classes one column per class, rows adding up to 0.
    intercept : float or (K,) float64
        Intercept on standardised dimensions.
    mean, scale : (d,) float64
        Training mean and standard deviation of each dimension; the scale of a constant one is 1.
    ridge_c : float
        Chosen inverse penalty: scikit-learn's ``C`` on standardised dimensions.
    cs, cv_mean : (n_tried,) float64
        Inverse penalties tried, increasing, and the cross-validated loss of each, in nats per patch; no losses when
        a single one was given.
    is_converged : bool
        Whether the optimiser reached its tolerance in the final fit.
    n_patients, n_patches : int
        Training patients and patches.
    seed : int
        Seed of the folds.
    classes : tuple of str
        Class names; empty when not said.
    notes : tuple of str
        What a reader must know.

    Examples
    --------
    >>> nothing = DenseModel(np.zeros(3), 0.0, np.zeros(3), np.ones(3), 1.0, np.ones(1), np.empty(0), True, 2, 4, 0)
    >>> nothing.predict_proba(np.ones((2, 3)))
    array([0.5, 0.5])
    """

    coefficients: np.ndarray
    intercept: np.ndarray | float
    mean: np.ndarray
    scale: np.ndarray
    ridge_c: float
    cs: np.ndarray
    cv_mean: np.ndarray
    is_converged: bool
    n_patients: int
    n_patches: int
    seed: int
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("coefficients", "mean", "scale", "cs", "cv_mean"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float64))
        intercept = np.asarray(self.intercept, np.float64)
        object.__setattr__(self, "intercept", intercept if intercept.ndim else float(intercept))

    @property
    def is_multinomial(self) -> bool:
        """Whether there are coefficients for each class."""
        return self.coefficients.ndim == 2

    @property
    def n_dimensions(self) -> int:
        """Number of dimensions of the embedding."""
        return int(self.mean.size)

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Return the log odds of class 1, (n,), or the linear predictor of each class, (n, K), for X (n, d)."""
        X = np.asarray(X)
        if X.ndim != 2 or X.shape[1] != self.n_dimensions:
            raise InputError(
                f"X must have {self.n_dimensions} dimensions",
                f"an array of shape {X.shape}",
                "Give embeddings of the encoder the model was fitted on",
            )
        slopes = (self.coefficients.T / self.scale).T
        return X.astype(np.float64) @ slopes + (self.intercept - self.mean @ slopes)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of class 1, (n,), or of each class, (n, K), for embeddings X (n, d)."""
        return probabilities(self.decision_function(X))

    def frame(self) -> pl.DataFrame:
        """Return one row per inverse penalty tried: c, cv_loss, is_chosen."""
        import polars as pl

        loss = self.cv_mean if self.cv_mean.size else np.full(self.cs.size, np.nan)
        return pl.DataFrame({"c": self.cs, "cv_loss": loss, "is_chosen": self.cs == self.ridge_c})
