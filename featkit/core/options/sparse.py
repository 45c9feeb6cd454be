"""Sparse models: their path, the choice of the penalty, stability selection, and where they are computed."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal

from featkit.core.options.base import Options


@dataclasses.dataclass(frozen=True, kw_only=True)
class PathOptions(Options):
    """How a path of penalties is fitted.

    Parameters
    ----------
    lambdas : sequence of float, optional
        The penalties themselves, positive, in any order; kept as a tuple, decreasing. A grid when not set.
    n_lambdas : int
        Number of penalties of the grid, evenly spaced in the logarithm; 1 or more.
    lambda_min_ratio : float
        The smallest penalty of the grid over the largest, in (0, 1). The largest is the smallest that selects nothing.
    l1_ratio : float
        Share of the L1 penalty in the elastic net, in (0, 1].
    standardize : bool
        Penalise dimensions as if scaled to unit standard deviation over the given rows.
    fit_intercept : bool
        Whether there is an unpenalised intercept.
    tolerance : float, optional
        Duality gap to reach at each penalty, relative to the loss of the null model, in (0, 1); by default what the
        model needs.

    Examples
    --------
    >>> PathOptions(lambdas=[0.01, 0.1]).lambdas
    (0.1, 0.01)
    """

    lambdas: tuple[float, ...] | None = None
    n_lambdas: int = 49
    lambda_min_ratio: float = 0.01
    l1_ratio: float = 1.0
    standardize: bool = True
    fit_intercept: bool = True
    tolerance: float | None = None

    def __post_init__(self) -> None:
        given: Any = self.lambdas
        if hasattr(given, "tolist"):  # an array
            object.__setattr__(self, "lambdas", given.tolist())
        super().__post_init__()
        if self.lambdas is not None:
            object.__setattr__(self, "lambdas", tuple(sorted(self.lambdas, reverse=True)))

    def check(self) -> None:
        """Refuse values out of range."""
        is_given = self.lambdas is None or (
            len(self.lambdas) > 0 and all(0 < value < math.inf for value in self.lambdas)
        )
        self.require("lambdas", "positive numbers", is_given, "Leave it out for a grid")
        self.require("n_lambdas", "between 1 and 10,000", 1 <= self.n_lambdas <= 10_000, "Use 49")
        self.require("lambda_min_ratio", "strictly between 0 and 1", 0 < self.lambda_min_ratio < 1, "Use 0.01")
        self.require("l1_ratio", "in (0, 1]", 0 < self.l1_ratio <= 1, "Use 1 for the L1 penalty")
        self.require("tolerance", "strictly between 0 and 1", self.tolerance is None or 0 < self.tolerance < 1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PenaltyOptions(Options):
    """How the penalty is chosen.

    Parameters
    ----------
    rule : {"1se", "min", "lambda", "C"}
        "min": the penalty with the best mean score over patient folds. "1se": the largest penalty whose score is within
        one standard error (over folds) of it. "lambda", "C": the penalty given by ``value``, on featkit's scale or
        scikit-learn's, without folds.
    value : float, optional
        The penalty, above 0, with rule "lambda" or "C" alone.
    score : {"deviance", "auc"}
        What folds are scored by: the mean loss in nats, or the AUC (with several classes its mean over each class
        against the rest).
    n_folds : int
        Patient folds, 2 or more.

    Examples
    --------
    >>> PenaltyOptions(rule="C", value=0.5).value
    0.5
    """

    rule: Literal["1se", "min", "lambda", "C"] = "1se"
    value: float | None = None
    score: Literal["deviance", "auc"] = "deviance"
    n_folds: int = 5

    def check(self) -> None:
        """Refuse values out of range and rules without their value."""
        is_given = self.rule in ("lambda", "C")
        self.require("value", "a positive penalty with rule lambda or C, and left out otherwise",
                     (self.value is not None and self.value > 0) if is_given else self.value is None)  # fmt: skip
        self.require("n_folds", "at least 2", self.n_folds >= 2, "Use 5")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StabilityOptions(Options):
    """Stability selection and its error control; two of threshold, q and pfer give the third.

    Parameters
    ----------
    n_pairs : int
        Pairs of patient halves, so ``2 * n_pairs`` paths; 0 leaves stability selection out.
    scheme : {"complementary_pairs", "subsample"}
        Disjoint halves (Shah and Samworth, 2013) or independent ones (Meinshausen and Buhlmann, 2010).
    threshold : float, optional
        Share of halves a dimension must be selected in (``>=``), in (0.5, 1].
    q : int, optional
        Dimensions that one half may select, 1 or more.
    pfer : float, optional
        Bound on the expected number of false selections, above 0.
    bound : {"worst_case", "unimodal", "r_concave"}
        Which bound; all but the first hold for complementary pairs only. See `featkit.sparse.pfer_bound`.

    Notes
    -----
    With ``q`` each path stops at its first q entrants, which is what the bound needs. A missing threshold beside one of
    the others is 0.75; with none of the three it is 0.75 and pfer 1. With the threshold alone paths run to the end, and
    the bound is evaluated at the mean number selected: an estimate.

    Examples
    --------
    >>> StabilityOptions(q=20, pfer=1.0).n_pairs
    50
    """

    n_pairs: int = 50
    scheme: Literal["complementary_pairs", "subsample"] = "complementary_pairs"
    threshold: float | None = None
    q: int | None = None
    pfer: float | None = None
    bound: Literal["worst_case", "unimodal", "r_concave"] = "unimodal"

    def check(self) -> None:
        """Refuse values out of range and all three of threshold, q and pfer."""
        is_count = 0 <= self.n_pairs <= 100_000
        self.require("n_pairs", "between 0 and 100,000", is_count, "0 leaves stability selection out")
        self.require("threshold", "in (0.5, 1]", self.threshold is None or 0.5 < self.threshold <= 1, "Use 0.75")
        self.require("q", "at least 1", self.q is None or self.q >= 1)
        is_bound = self.pfer is None or 0 < self.pfer < math.inf
        self.require("pfer", "positive and finite", is_bound, "Use 1")
        given = [name for name in ("threshold", "q", "pfer") if getattr(self, name) is not None]
        self.require("threshold", "left out beside q and pfer, which give it", len(given) < 3, "Leave one out")
        is_bound = self.bound == "worst_case" or self.scheme == "complementary_pairs"
        self.require("bound", "worst_case with scheme subsample", is_bound, "Or use scheme complementary_pairs")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ComputeOptions(Options):
    """Where work is done; results do not depend on it within the asked tolerance.

    Parameters
    ----------
    n_jobs : int, optional
        Threads, 1 or more; -1, or not set: all processors. Results do not depend on it.
    device : {"auto", "cpu", "cuda"}, optional
        Solve batches of halves with torch, within the same gap; "auto" does so where there is a GPU. Not set, and with
        several classes: featkit's own solver on the processor.
    max_bytes : int, optional
        Memory for the design; by default 60 % of what is available. A larger design keeps every patient, with fewer
        patches, and the result says so.

    Examples
    --------
    >>> ComputeOptions(n_jobs=2).n_jobs
    2
    """

    n_jobs: int | None = None
    device: Literal["auto", "cpu", "cuda"] | None = None
    max_bytes: int | None = None

    def check(self) -> None:
        """Refuse values out of range."""
        is_count = self.n_jobs is None or self.n_jobs == -1 or 1 <= self.n_jobs <= 1024
        self.require("n_jobs", "between 1 and 1,024, or -1 for every processor", is_count)
        self.require("max_bytes", "positive", self.max_bytes is None or self.max_bytes > 0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RidgeOptions(Options):
    """How the ridge penalty of a logistic fit is chosen.

    Parameters
    ----------
    cs : tuple of float
        Inverse penalties to try, positive: scikit-learn's ``C`` on standardised dimensions. A single one is taken as it
        is.
    n_folds : int
        Folds of the cross-validation over training patients, 2 or more; at most the patients of the smallest class.

    Examples
    --------
    >>> RidgeOptions(cs=(0.1,)).cs
    (0.1,)
    """

    cs: tuple[float, ...] = tuple(10.0**k for k in range(-6, 3))
    n_folds: int = 5

    def check(self) -> None:
        """Refuse values out of range."""
        self.require("cs", "positive numbers", len(self.cs) > 0 and all(0 < c < math.inf for c in self.cs), "Use 0.1")
        self.require("n_folds", "at least 2", self.n_folds >= 2, "Use 5")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SignatureOptions(Options):
    """Everything that decides a signature.

    Parameters
    ----------
    path : PathOptions
        The path of penalties.
    penalty : PenaltyOptions
        The choice of the penalty.
    stability : StabilityOptions
        Stability selection.
    positive : str, optional
        The class told from the rest; not set, all classes are told apart.
    measure : str
        How overlap is measured.
    deep : bool
        Also refit, follow performance by size, leave dimensions out, split variance, and match encoders.
    dense : bool
        Also fit a ridge-logistic model on all dimensions, the reference that says what sparsity costs.
    allow_mismatch : bool
        Compare dimensions also between encoders that were made differently; the result then names what differs.

    Examples
    --------
    >>> SignatureOptions(penalty=PenaltyOptions(rule="min")).penalty.rule
    'min'
    """

    path: PathOptions = PathOptions()
    penalty: PenaltyOptions = PenaltyOptions()
    stability: StabilityOptions = StabilityOptions()
    positive: str | None = None
    measure: str = "jaccard"
    deep: bool = False
    dense: bool = True
    allow_mismatch: bool = False
