"""Stability selection as a scikit-learn feature selector."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import ClassifierTags, Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from featkit.core.errors import FeatkitWarning
from featkit.core.options import ComputeOptions, PathOptions, StabilityOptions
from featkit.sparse.stability import stability_selection
from featkit.stats.labelled_rows import LabelledRows


class StabilitySelector(SelectorMixin, BaseEstimator):
    """Keep the dimensions that a sparse logistic path selects stably over halves of the patients.

    See `featkit.sparse.stability_selection` for the method, the sources and the meaning of each parameter.

    Parameters
    ----------
    scheme, n_pairs, threshold, q, pfer, bound
        As in `featkit.core.options.StabilityOptions`.
    n_lambdas, lambda_min_ratio, l1_ratio, standardize, tolerance
        As in `featkit.core.options.PathOptions`.
    n_jobs : int, optional
        Threads; all processors by default. Results do not depend on it.
    random_state : int, RandomState instance or None
        Seed of the halves; an int gives what `featkit.sparse.stability_selection` gives with that ``seed``.

    Attributes
    ----------
    selection_frequency_ : (n_features_in_,) float64
        Largest share of halves, over penalties, that select a dimension.
    result_ : StabilityResult
        Everything else: bound, q, gaps, notes.
    classes_ : (K,) array
        Labels, sorted.
    n_features_in_ : int
        Dimensions.

    Notes
    -----
    ``fit(X, y)`` without ``groups`` takes **each row as its own patient**. That is right for tables with one row per
    patient and wrong for patches, whose selection frequencies it would inflate: give ``groups`` for those.

    Examples
    --------
    >>> import numpy as np
    >>> patient = np.repeat(np.arange(20), 6)
    >>> X = np.random.default_rng(0).standard_normal((120, 15))
    >>> X[:, 2] += 3 * (patient % 2)
    >>> selector = StabilitySelector(q=2, threshold=0.9, n_pairs=5)
    >>> selector.fit(X, patient % 2, groups=patient).get_support(indices=True)
    array([2])
    """

    def __init__(
        self,
        *,
        scheme: str = "complementary_pairs",
        n_pairs: int = 50,
        threshold: float | None = None,
        q: int | None = None,
        pfer: float | None = None,
        bound: str = "unimodal",
        n_lambdas: int = 49,
        lambda_min_ratio: float = 0.01,
        l1_ratio: float = 1.0,
        standardize: bool = True,
        tolerance: float = 1e-4,
        random_state: Any = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.scheme = scheme
        self.n_pairs = n_pairs
        self.threshold = threshold
        self.q = q
        self.pfer = pfer
        self.bound = bound
        self.n_lambdas = n_lambdas
        self.lambda_min_ratio = lambda_min_ratio
        self.l1_ratio = l1_ratio
        self.standardize = standardize
        self.tolerance = tolerance
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Select dimensions.

        Parameters
        ----------
        X : (n, d) array
            Embeddings.
        y : (n,) array
            Labels of at least two classes.
        groups : (n,) array, optional
            Patients; without them each row is its own patient.

        Returns
        -------
        StabilitySelector
            Itself.

        Raises
        ------
        InputError
            As `featkit.sparse.stability_selection`.
        """
        X, y = validate_data(self, X, y, dtype=[np.float32, np.float64])
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        is_whole = isinstance(self.random_state, int | np.integer)
        seed = int(self.random_state) if is_whole else int(check_random_state(self.random_state).randint(2**31 - 1))
        self.classes_ = classes
        self.result_ = stability_selection(
            LabelledRows(X, labels, np.arange(X.shape[0]) if groups is None else groups),
            PathOptions(
                n_lambdas=self.n_lambdas,
                lambda_min_ratio=self.lambda_min_ratio,
                l1_ratio=self.l1_ratio,
                standardize=self.standardize,
                tolerance=self.tolerance,
            ),
            StabilityOptions().with_given(
                scheme=self.scheme,
                n_pairs=self.n_pairs,
                threshold=self.threshold,
                q=self.q,
                pfer=self.pfer,
                bound=self.bound,
            ),
            compute=ComputeOptions(n_jobs=self.n_jobs),
            seed=seed,
        )
        self.selection_frequency_ = self.result_.selection_frequency
        return self

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self)
        mask = np.zeros(self.n_features_in_, np.bool_)
        mask[self.result_.stable_support] = True
        return mask

    def transform(self, X: Any) -> np.ndarray:
        """Return the stable dimensions of ``X``, (n, n_stable); with a FeatkitWarning when there are none."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="No features were selected", category=UserWarning)
            kept = super().transform(X)
        if not self._get_support_mask().any():
            warnings.warn("no dimension is stable at this threshold", FeatkitWarning, stacklevel=2)
        return kept

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.classifier_tags = ClassifierTags()
        return tags
