"""A regularisation path with its certificates."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from featkit.core.errors import InputError
from featkit.core.probabilities import probabilities
from featkit.results.base import Result

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class PathResult(Result):
    """Coefficients of a sparse logistic model along decreasing penalties, each with its duality gap.

    Of two classes the model is L1-logistic; of several it is multinomial, and a dimension is in or out for all classes
    together.

    Parameters
    ----------
    lambdas : (n_lambdas,) float64
        Penalties, decreasing, on the scale of the weighted mean loss.
    indptr, indices, values : (n_lambdas + 1,), (nnz,) int64 and (nnz,) or (nnz, K) float64
        Nonzero coefficients, compressed by penalty: those of ``lambdas[k]`` are ``values[indptr[k]:indptr[k + 1]]`` on
        the dimensions ``indices[indptr[k]:indptr[k + 1]]``, sorted. With several classes one column for each.
    intercepts : (n_lambdas,) or (n_lambdas, K) float64
        Intercepts, 0 where none was fitted.
    losses : (n_lambdas,) float64
        Weighted mean logistic loss, in nats.
    gaps : (n_lambdas,) float64
        Certified bounds on objective minus minimum, in nats.
    n_iter : (n_lambdas,) int64
        Newton steps.
    is_converged : (n_lambdas,) bool
        Whether the gap is at most ``tolerance * null_loss``.
    null_loss : float
        Loss of the model with only the intercept and the unpenalised dimensions.
    tolerance, l1_ratio : float
        Asked relative gap, and the share of the penalty that is L1.
    total_weight : float
        Sum of the sample weights; the number of rows without weights.
    n_rows, n_dimensions : int
        Shape of the design.
    entrants : (n_entrants,) int64
        Dimensions that were ever selected, in order of entry.
    is_stopped : bool
        Whether the path ended early because ``max_entrants`` dimensions had entered.
    notes : tuple of str
        What a reader must know, the same text as the warnings raised.
    classes : tuple of str
        The K classes, in the order of the columns; empty with two classes, the model then being of class 1.
    """

    version: ClassVar[int] = 2

    lambdas: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    values: np.ndarray
    intercepts: np.ndarray
    losses: np.ndarray
    gaps: np.ndarray
    n_iter: np.ndarray
    is_converged: np.ndarray
    null_loss: float
    tolerance: float
    l1_ratio: float
    total_weight: float
    n_rows: int
    n_dimensions: int
    entrants: np.ndarray
    is_stopped: bool = False
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("indptr", "indices", "n_iter", "entrants"):  # an empty list read from JSON has no type of its own
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.int64))
        shape = (-1, len(self.classes)) if self.classes else (-1,)
        object.__setattr__(self, "values", np.asarray(self.values, np.float64).reshape(shape))
        object.__setattr__(self, "is_converged", np.asarray(self.is_converged, np.bool_))

    @property
    def is_multinomial(self) -> bool:
        """Whether there are coefficients for each class."""
        return self.values.ndim == 2

    @property
    def sizes(self) -> np.ndarray:
        """Number of dimensions selected at each penalty, (n_lambdas,) int64."""
        return np.diff(self.indptr)

    @property
    def relative_gaps(self) -> np.ndarray:
        """Gaps over the null loss, (n_lambdas,) float64."""
        return self.gaps / self.null_loss if self.null_loss > 0 else np.zeros_like(self.gaps)

    @property
    def deviance_explained(self) -> np.ndarray:
        """One minus loss over null loss, (n_lambdas,) float64."""
        return 1.0 - self.losses / self.null_loss if self.null_loss > 0 else np.zeros_like(self.losses)

    @property
    def C(self) -> np.ndarray:
        """scikit-learn's ``C`` of each penalty, ``1 / (lambda * total_weight)``."""
        return 1.0 / (self.lambdas * self.total_weight)

    def support(self, k: int) -> np.ndarray:
        """Return the sorted dimensions selected at ``lambdas[k]``."""
        k = self._index(k)
        return self.indices[self.indptr[k] : self.indptr[k + 1]]

    def coefficients(self, k: int) -> np.ndarray:
        """Return the coefficients at ``lambdas[k]``, (n_dimensions,) or (n_dimensions, K) float64."""
        k = self._index(k)
        dense = np.zeros((self.n_dimensions, *self.values.shape[1:]))
        dense[self.support(k)] = self.values[self.indptr[k] : self.indptr[k + 1]]
        return dense

    def decision_function(self, X: np.ndarray, k: int) -> np.ndarray:
        """Return the linear predictor at ``lambdas[k]``, (n,) or (n, K) float64, for ``X`` (n, n_dimensions)."""
        k = self._index(k)
        values = self.values[self.indptr[k] : self.indptr[k + 1]]
        return np.asarray(X)[:, self.support(k)].astype(np.float64) @ values + self.intercepts[k]

    def predict_proba(self, X: np.ndarray, k: int) -> np.ndarray:
        """Return the probability of class 1, (n,), or of each class, (n, K), at ``lambdas[k]``."""
        return probabilities(self.decision_function(X, k))

    def frame(self) -> pl.DataFrame:
        """Return one row per penalty."""
        import polars as pl

        return pl.DataFrame(
            {
                "lambda": self.lambdas,
                "C": self.C,
                "size": self.sizes,
                "loss": self.losses,
                "deviance_explained": self.deviance_explained,
                "gap": self.gaps,
                "relative_gap": self.relative_gaps,
                "n_iter": self.n_iter,
                "is_converged": self.is_converged,
            }
        )

    def _index(self, k: int) -> int:
        n = self.lambdas.size
        if not -n <= k < n:
            raise InputError(f"penalty index must lie in [0, {n})", k, "Count the entries of lambdas")
        return k % n


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class LambdaChoice(Result):
    """A penalty chosen by cross-validation over patients, or given.

    Parameters
    ----------
    lambda_ : float
        The penalty.
    index : int
        Its place in ``path.lambdas``.
    rule, score : str
        How it was chosen ("min", "1se", "lambda", "C"), by what ("deviance", "auc").
    path : PathResult
        The path on all rows.
    fold_scores : (n_folds, n_lambdas) float64
        Score of each fold's held-out patients; no rows when the penalty was given.
    notes : tuple of str
        What a reader must know.
    """

    version: ClassVar[int] = 2

    lambda_: float
    index: int
    rule: str
    score: str
    path: PathResult
    fold_scores: np.ndarray = dataclasses.field(default_factory=lambda: np.empty((0, 0)))
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "fold_scores", np.asarray(self.fold_scores, np.float64).reshape(-1, self.path.lambdas.size)
        )

    @property
    def mean(self) -> np.ndarray:
        """Mean score over folds, (n_lambdas,) float64; empty when the penalty was given."""
        return self.fold_scores.mean(axis=0) if len(self.fold_scores) else np.empty(0)

    @property
    def se(self) -> np.ndarray:
        """Standard error of the mean over folds, (n_lambdas,) float64; empty when the penalty was given."""
        folds = len(self.fold_scores)
        return self.fold_scores.std(axis=0, ddof=1) / np.sqrt(folds) if folds else np.empty(0)

    def frame(self) -> pl.DataFrame:
        """Return one row per penalty: the path's, with the folds' mean score and standard error."""
        import polars as pl

        frame = self.path.frame()
        if self.mean.size == 0:
            return frame
        return frame.with_columns(pl.Series("cv_mean", self.mean), pl.Series("cv_se", self.se))
