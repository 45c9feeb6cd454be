"""A sparse signature: the dimensions a certified sparse logistic model keeps."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from featkit.core.errors import InputError
from featkit.core.probabilities import probabilities
from featkit.results.base import Result

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import ArrayLike

REST = "rest"
"""Name of the rest class in one-versus-rest."""


def dimension_names(dimensions: Iterable[int], names: Sequence[str] = ()) -> list[str]:
    """Return what to call dimensions: their names, or d0, d1, ... where there are none.

    Examples
    --------
    >>> dimension_names([1, 0], ["area", "grade"]), dimension_names([126])
    (['grade', 'area'], ['d126'])
    """
    return [names[j] if names else f"d{j}" for j in dimensions]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Signature(Result):
    """The support of a sparse logistic model at a chosen penalty, with its proof and its stability.

    Of two classes it is an L1-logistic model; of several, a multinomial one whose dimensions are in or out for all
    classes together.

    Parameters
    ----------
    support : (size,) int64
        Dimensions kept, sorted.
    coefficients : (size,) or (size, K) float64
        Their coefficients on standardised dimensions; one column per class with several classes.
    intercept : float or (K,) float64
        Intercept on standardised dimensions.
    mean, scale : (size,) float64
        Training mean and standard deviation of the kept dimensions.
    lambda_ : float
        Chosen penalty, on the scale of the mean loss.
    rule : str
        How it was chosen: "min", "1se", "lambda" or "C".
    gap, relative_gap : float
        Duality gap at the chosen penalty, in nats and over the null loss.
    is_converged : bool
        Whether every fitted penalty reached the asked gap.
    n_dimensions, n_dead : int
        Dimensions of the embedding, and those constant on the training rows (excluded).
    path_lambdas, path_sizes : (n_lambdas,)
        The whole path's penalties and sizes.
    cv_mean, cv_se : (n_lambdas,) float64
        Mean cross-validated loss over patient folds and its standard error; empty when the penalty was given.
    n_patients, n_patches : int
        Training patients and patches.
    seed : int
        Seed of folds and subsamples.
    selection_frequency : (n_dimensions,) float64
        Share of patient subsamples that selected a dimension; empty when stability selection was not run.
    threshold, q, pfer : float
        Frequency asked, dimensions a subsample may select, and the bound on expected false selections; NaN without
        stability selection.
    bound : str
        Which bound ``pfer`` is; empty without stability selection.
    stable_support : (n_stable,) int64
        Dimensions whose frequency is at least ``threshold``.
    notes : tuple of str
        What a reader must know.
    classes : tuple of str
        Class names in the order of the coefficients, or of the labels 0 and 1; empty when not said. With one
        class against the rest, "rest" and that class.
    dimension_names : tuple of str
        The name of every dimension of the embedding; empty where nobody named them.
    """

    version: ClassVar[int] = 2

    support: np.ndarray
    coefficients: np.ndarray
    intercept: np.ndarray | float
    mean: np.ndarray
    scale: np.ndarray
    lambda_: float
    rule: str
    gap: float
    relative_gap: float
    is_converged: bool
    n_dimensions: int
    n_dead: int
    path_lambdas: np.ndarray
    path_sizes: np.ndarray
    cv_mean: np.ndarray
    cv_se: np.ndarray
    n_patients: int
    n_patches: int
    seed: int
    selection_frequency: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0))
    threshold: float = float("nan")
    q: float = float("nan")
    pfer: float = float("nan")
    bound: str = ""
    stable_support: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0, np.int64))
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    dimension_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("support", "stable_support", "path_sizes"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.int64))
        for name in ("coefficients", "mean", "scale", "cv_mean", "cv_se", "selection_frequency"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float64))
        if np.ndim(self.intercept):
            object.__setattr__(self, "intercept", np.asarray(self.intercept, np.float64))
            by_class = self.coefficients.reshape(-1, np.size(self.intercept))
            object.__setattr__(self, "coefficients", by_class)  # none kept leaves JSON no second axis
            if len(self.classes) != by_class.shape[1]:
                raise InputError(f"classes must name {by_class.shape[1]} classes", self.classes)
        else:
            object.__setattr__(self, "intercept", float(self.intercept))
        if len(self.dimension_names) not in (0, self.n_dimensions):
            n_names = len(self.dimension_names)
            raise InputError(f"dimension_names must name {self.n_dimensions} dimensions", n_names, "Name each or none")
        order = np.argsort(self.support)
        if not np.array_equal(order, np.arange(self.support.size)):
            raise InputError("support must be sorted", None, "Sort it together with its coefficients")

    @property
    def size(self) -> int:
        """Number of dimensions kept."""
        return int(self.support.size)

    @property
    def state(self) -> str:
        """Return "selected", or "nothing selected" where no dimension is kept."""
        return "selected" if self.size else "nothing selected"

    def names_of(self, dimensions: ArrayLike) -> list[str]:
        """Return the names of some dimensions; d0, d1, ... where nobody named them."""
        return dimension_names(np.asarray(dimensions, np.int64).tolist(), self.dimension_names)

    @property
    def is_multinomial(self) -> bool:
        """Whether there are coefficients for each class."""
        return self.coefficients.ndim == 2

    @property
    def strength(self) -> np.ndarray:
        """Coefficients as one number per dimension, (size,) float64: with several classes their norm over classes."""
        return np.linalg.norm(self.coefficients, axis=1) if self.is_multinomial else self.coefficients

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Return the log odds of class 1, (n,) float64, for embeddings ``X`` (n, n_dimensions).

        With several classes the linear predictor of each, (n, K).
        """
        X = np.asarray(X)
        if X.ndim != 2 or X.shape[1] != self.n_dimensions:
            raise InputError(
                f"X must have {self.n_dimensions} dimensions",
                f"an array of shape {X.shape}",
                "Give embeddings of the encoder the signature was fitted on",
            )
        kept: np.ndarray = (X[:, self.support].astype(np.float64) - self.mean) / self.scale
        return kept @ self.coefficients + self.intercept

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of class 1, (n,) float64 in [0, 1], for embeddings ``X`` (n, n_dimensions).

        With several classes the probability of each, (n, K), rows adding up to 1.
        """
        return probabilities(self.decision_function(X))

    def summary(self) -> str:
        """Return the size, the penalty's rule, and how many dimensions are stable."""
        stable = f", {self.stable_support.size} stable" if self.selection_frequency.size else ""
        return f"{self.size} of {self.n_dimensions} dimensions by rule {self.rule}{stable}"

    def frame(self) -> pl.DataFrame:
        """Return one row per selected dimension: dimension, name, coefficient, selection_frequency, is_stable.

        With several classes the coefficients are columns ``coefficient_<class>``.
        """
        import polars as pl

        has_frequency = self.selection_frequency.size > 0
        frequency = self.selection_frequency[self.support] if has_frequency else [None] * self.size
        is_stable = np.isin(self.support, self.stable_support) if has_frequency else [None] * self.size
        columns = [pl.Series("dimension", self.support, pl.Int64)]
        columns.append(pl.Series("name", self.names_of(self.support), pl.String))
        if self.is_multinomial:
            columns += [
                pl.Series(f"coefficient_{name}", self.coefficients[:, k], pl.Float64)
                for k, name in enumerate(self.classes)
            ]
        else:
            columns.append(pl.Series("coefficient", self.coefficients, pl.Float64))
        columns.append(pl.Series("selection_frequency", frequency, pl.Float64))
        columns.append(pl.Series("is_stable", is_stable, pl.Boolean))
        return pl.DataFrame(columns)
