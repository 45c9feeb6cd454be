"""Sparse models: their path, the choice of the penalty, stability selection, and where they are computed."""

from __future__ import annotations

import dataclasses
from typing import Literal

from featkit.core.options.base import Options


@dataclasses.dataclass(frozen=True, kw_only=True)
class PathOptions(Options):
    """How a path of penalties is fitted.

    Parameters
    ----------
    lambdas : tuple of float, optional
        The penalties themselves, decreasing; a grid when not set.
    n_lambdas : int
        Penalties of the grid.
    lambda_min_ratio : float
        The smallest over the largest of them, in (0, 1).
    l1_ratio : float
        Share of the L1 penalty in the elastic net, in (0, 1].
    standardize : bool
        Scale dimensions to unit variance over the given rows.
    fit_intercept : bool
        Whether there is an intercept.
    tolerance : float, optional
        Duality gap to reach, relative to the null model's loss; by default what the model needs.
    """

    lambdas: tuple[float, ...] | None = None
    n_lambdas: int = 49
    lambda_min_ratio: float = 0.01
    l1_ratio: float = 1.0
    standardize: bool = True
    fit_intercept: bool = True
    tolerance: float | None = None

    def check(self) -> None:
        """Refuse values out of range."""
        self.require("n_lambdas", "at least 1", self.n_lambdas >= 1)
        self.require("lambda_min_ratio", "strictly between 0 and 1", 0 < self.lambda_min_ratio < 1, "Use 0.01")
        self.require("l1_ratio", "in (0, 1]", 0 < self.l1_ratio <= 1, "Use 1 for the L1 penalty")
        self.require("tolerance", "positive", self.tolerance is None or self.tolerance > 0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PenaltyOptions(Options):
    """How the penalty is chosen.

    Parameters
    ----------
    rule : {"1se", "min", "lambda", "C"}
        By patient-grouped cross-validation, or given by ``value`` on featkit's scale or scikit-learn's.
    value : float, optional
        The penalty, with rule "lambda" or "C" alone.
    score : {"deviance", "auc"}
        What folds are scored by.
    n_folds : int
        Patient folds, 2 or more.
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
        Pairs of patient halves; 0 leaves stability selection out.
    scheme : {"complementary_pairs", "subsample"}
        How halves are drawn.
    threshold : float, optional
        Selection frequency asked, in (0.5, 1].
    q : int, optional
        Dimensions a half may select.
    pfer : float, optional
        Bound on expected false selections.
    bound : {"worst_case", "unimodal", "r_concave"}
        Which bound.
    """

    n_pairs: int = 50
    scheme: Literal["complementary_pairs", "subsample"] = "complementary_pairs"
    threshold: float | None = None
    q: int | None = None
    pfer: float | None = None
    bound: Literal["worst_case", "unimodal", "r_concave"] = "unimodal"

    def check(self) -> None:
        """Refuse values out of range and all three of threshold, q and pfer."""
        self.require("n_pairs", "at least 0", self.n_pairs >= 0, "0 leaves stability selection out")
        self.require("threshold", "in (0.5, 1]", self.threshold is None or 0.5 < self.threshold <= 1, "Use 0.75")
        self.require("q", "at least 1", self.q is None or self.q >= 1)
        self.require("pfer", "positive", self.pfer is None or self.pfer > 0)
        given = [name for name in ("threshold", "q", "pfer") if getattr(self, name) is not None]
        self.require("threshold", "left out beside q and pfer, which give it", len(given) < 3, "Leave one out")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ComputeOptions(Options):
    """Where work is done; results do not depend on it within the asked tolerance.

    Parameters
    ----------
    n_jobs : int, optional
        Threads; all processors when not set.
    device : {"auto", "cpu", "cuda"}, optional
        Solve batches of halves with torch; not set, featkit's own solver.
    max_bytes : int, optional
        Memory for the design: a larger one keeps every patient, with fewer patches.
    """

    n_jobs: int | None = None
    device: Literal["auto", "cpu", "cuda"] | None = None
    max_bytes: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class SignatureOptions(Options):
    """Everything that decides a signature.

    Parameters
    ----------
    path : PathOptions
        The path.
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
    """

    path: PathOptions = PathOptions()
    penalty: PenaltyOptions = PenaltyOptions()
    stability: StabilityOptions = StabilityOptions()
    positive: str | None = None
    measure: str = "jaccard"
    deep: bool = False
