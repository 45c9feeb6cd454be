"""What is left of a signature when it is refitted: performance, performance by size, one dimension at a time.

With more than two classes AUC is the mean over classes, each against the rest, F1 the mean over classes, and the Brier
score, from 0 to 2, the sum over classes.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from featkit.results.base import Result
from featkit.results.estimate import Estimate

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class RefitResult(Result):
    """A signature's support fitted again, without shrinkage and with a ridge penalty, scored on the test patches.

    Parameters
    ----------
    support : ndarray of shape (k,)
        The dimensions, sorted.
    unshrunk : dict of str to Estimate
        "auc", "f1" and "brier" of the fit without a penalty; NaN when the training patches are separable, for then
        that fit does not exist.
    ridge : dict of str to Estimate
        The same for the fit with a ridge penalty.
    is_separable : bool
        Whether a linear classifier on the support puts every training patch in its class.
    is_converged : bool
        Whether the fit without a penalty settled: tolerance reached, and no training patch fitted as good as certain
        (False when separable, or when one of several classes can be separated from all others).
    ridge_c : float
        Inverse penalty chosen on the training patients, as scikit-learn's ``C`` on standardised dimensions.
    unshrunk_coefficients, ridge_coefficients : ndarray of shape (k,) or (k, K)
        Per training standard deviation; with several classes one column per class. The first NaN when separable.
    n_train_patches, n_test_patches, n_train_patients, n_test_patients : int
        What the fits were made and scored on.
    notes : tuple of str
        What to keep in mind when reading the numbers.
    n_classes : int
        K, the number of classes.
    """

    support: np.ndarray
    unshrunk: dict[str, Estimate]
    ridge: dict[str, Estimate]
    is_separable: bool
    is_converged: bool
    ridge_c: float
    unshrunk_coefficients: np.ndarray
    ridge_coefficients: np.ndarray
    n_train_patches: int
    n_test_patches: int
    n_train_patients: int
    n_test_patients: int
    notes: tuple[str, ...] = ()
    n_classes: int = 2

    def __post_init__(self) -> None:
        if self.n_classes > 2:  # an empty support leaves JSON no second axis
            for name in ("unshrunk_coefficients", "ridge_coefficients"):
                by_class = np.asarray(getattr(self, name), np.float64).reshape(-1, self.n_classes)
                object.__setattr__(self, name, by_class)

    def frame(self) -> pl.DataFrame:
        """Return one row per fit and metric."""
        import polars as pl

        rows = [
            {"fit": fit, "size": len(self.support), "metric": metric, "value": e.value, "low": e.low, "high": e.high}
            for fit, scores in (("unshrunk", self.unshrunk), ("ridge", self.ridge))
            for metric, e in scores.items()
        ]
        return pl.DataFrame(rows)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class PerformanceCurve(Result):
    """Test performance of ridge fits on the first dimensions of a ranking made on training patients.

    Parameters
    ----------
    ranking : str
        How the dimensions were ranked ("selection frequency", "path entry", ...).
    sizes : ndarray of shape (S,)
        Numbers of dimensions kept.
    auc, f1, brier : ndarray of shape (S,)
        Test performance.
    auc_low, auc_high, f1_low, f1_high, brier_low, brier_high : ndarray of shape (S,)
        Patient-bootstrap intervals.
    level : float
        Nominal coverage.
    ridge_c : ndarray of shape (S,)
        Inverse penalty chosen on the training patients at each size.
    n_test_patients : int
        What was resampled.
    notes : tuple of str
        What to keep in mind when reading the numbers.
    n_classes : int
        K, the number of classes.
    """

    ranking: str
    sizes: np.ndarray
    auc: np.ndarray
    auc_low: np.ndarray
    auc_high: np.ndarray
    f1: np.ndarray
    f1_low: np.ndarray
    f1_high: np.ndarray
    brier: np.ndarray
    brier_low: np.ndarray
    brier_high: np.ndarray
    level: float
    ridge_c: np.ndarray
    n_test_patients: int
    notes: tuple[str, ...] = ()
    n_classes: int = 2

    def frame(self) -> pl.DataFrame:
        """Return one row per size."""
        import polars as pl

        floats = [f"{m}{end}" for m in ("auc", "f1", "brier") for end in ("", "_low", "_high")]
        columns = {"size": np.asarray(self.sizes, dtype=np.int64)}
        columns |= {name: np.asarray(getattr(self, name), dtype=np.float64) for name in [*floats, "ridge_c"]}
        return pl.DataFrame(columns)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ContributionResult(Result):
    """What test performance loses when one dimension is left out of the signature.

    Parameters
    ----------
    dimension : ndarray of shape (k,)
        The dimension left out.
    auc_drop, brier_rise : ndarray of shape (k,)
        Full minus left-out AUC; left-out minus full Brier score. Positive: the dimension helps.
    auc_drop_low, auc_drop_high, brier_rise_low, brier_rise_high : ndarray of shape (k,)
        Paired patient-bootstrap intervals.
    auc, brier : float
        Of the full signature.
    level : float
        Nominal coverage of each interval on its own.
    ridge_c : float
        Inverse penalty of every fit, chosen once with all dimensions.
    n_test_patients, n_draws : int
        What was resampled, and how often.
    notes : tuple of str
        What to keep in mind when reading the numbers.
    n_classes : int
        K, the number of classes.
    """

    dimension: np.ndarray
    auc_drop: np.ndarray
    auc_drop_low: np.ndarray
    auc_drop_high: np.ndarray
    brier_rise: np.ndarray
    brier_rise_low: np.ndarray
    brier_rise_high: np.ndarray
    auc: float
    brier: float
    level: float
    ridge_c: float
    n_test_patients: int
    n_draws: int
    notes: tuple[str, ...] = ()
    n_classes: int = 2

    def frame(self) -> pl.DataFrame:
        """Return one row per dimension."""
        import polars as pl

        floats = [f"{m}{end}" for m in ("auc_drop", "brier_rise") for end in ("", "_low", "_high")]
        columns = {"dimension": np.asarray(self.dimension, dtype=np.int64)}
        return pl.DataFrame(columns | {name: np.asarray(getattr(self, name), dtype=np.float64) for name in floats})
