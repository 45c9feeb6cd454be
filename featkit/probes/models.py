"""The small models, fitted without looking at the patients they are judged on."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from featkit.core.available_memory import available_bytes
from featkit.core.errors import InputError, did_you_mean
from featkit.core.seeds import derive_seed, rng
from featkit.probes.ridge import ROWS, blocks_of
from featkit.stats.patient_folds import patient_folds

_SHRINKAGE = {"linear": (1e5, 1e4, 1e3, 1e2, 1e1, 1.0), "mlp": (30.0, 10.0, 3.0, 1.0)}
_HIDDEN, _EPOCHS, _COMPONENTS = 64, 20, 256
_COPY = 768 << 20  # bytes of a standardised copy of training rows
_LEAST = 1e-7  # no probability is taken to be smaller: the log loss stays finite
_MODELS = {
    "linear": "multinomial ridge-logistic regression",
    "mlp": f"perceptron with {_HIDDEN} hidden units on at most {_COMPONENTS} principal components",
}


def model_name(model: str) -> str:
    """Return a model in words.

    Raises
    ------
    InputError
        If there is no such model.
    """
    if model not in _MODELS:
        raise InputError("model must be linear or mlp", repr(model), did_you_mean(model, _MODELS))
    return _MODELS[model]


def _estimator(model: str, shrinkage: float, seed: int) -> Any:
    if model == "linear":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=1 / shrinkage, solver="lbfgs", max_iter=300, tol=1e-3, warm_start=True)
    from sklearn.neural_network import MLPClassifier

    size = {"hidden_layer_sizes": (_HIDDEN,), "max_iter": _EPOCHS, "n_iter_no_change": _EPOCHS}
    return MLPClassifier(alpha=shrinkage, learning_rate_init=3e-3, random_state=seed, **size)


class _Standardised:
    """Standardises with the means and deviations of the rows it was made from, and rotates where that is asked.

    Parameters
    ----------
    X : np.ndarray of shape (n, d)
        Embeddings; read in blocks.
    rows : np.ndarray of int, shape (m,)
        Training rows.
    n_components : int, optional
        Keep that many principal components at most, found in the same rows.
    seed : int
        Of the randomised rotation.
    """

    def __init__(self, X: np.ndarray, rows: np.ndarray, n_components: int | None, seed: int) -> None:
        blocks = blocks_of(rows)
        self.mean = sum(X[some].sum(axis=0, dtype=np.float64) for some in blocks) / len(rows)
        self.deviation = np.sqrt(sum(np.square(X[some] - self.mean).sum(axis=0) for some in blocks) / len(rows))
        self.varies = np.flatnonzero(self.deviation > 1e-7 * (1 + np.abs(self.mean)))
        if not len(self.varies):
            raise InputError("X must vary over the training rows", "constant dimensions only", "Check the embeddings")
        self.rotation: np.ndarray | None = None
        if n_components is not None and n_components < min(len(rows), len(self.varies)):
            from sklearn.decomposition import PCA

            pca = PCA(n_components, svd_solver="randomized", random_state=seed, copy=False).fit(self(X, rows))
            self.rotation = (pca.components_ / np.sqrt(pca.explained_variance_[0])).T

    def __call__(self, X: np.ndarray, rows: np.ndarray) -> np.ndarray:
        v, rotation = self.varies, self.rotation
        Z = np.empty((len(rows), len(v) if rotation is None else rotation.shape[1]), dtype=np.float32)
        for first, some in zip(range(0, len(rows), ROWS), blocks_of(rows)):
            part = (X[np.ix_(some, v)] - self.mean[v]) / self.deviation[v]
            Z[first : first + len(some)] = part if rotation is None else part @ rotation
        return Z


def _fit(estimator: Any, X: np.ndarray, y: np.ndarray) -> bool:
    """Fit and return whether the optimiser converged."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        estimator.fit(X, y)
    for warning in caught:
        if not issubclass(warning.category, ConvergenceWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return not any(issubclass(w.category, ConvergenceWarning) for w in caught)


def _log_loss(P: np.ndarray, y: np.ndarray) -> float:
    return float(-np.log(np.maximum(P[np.arange(len(y)), y], _LEAST)).sum())


def out_of_fold(
    X: np.ndarray, y: np.ndarray, patient: np.ndarray, fold: np.ndarray, model: str, seed: int
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return each row's class probabilities from the model that saw none of its fold.

    The amount of shrinkage is chosen inside the training rows, by log loss over three patient-disjoint folds.

    Parameters
    ----------
    X : np.ndarray of shape (n, d)
        Embeddings.
    y : np.ndarray of int, shape (n,)
        Classes 0..K-1.
    patient, fold : np.ndarray of int, shape (n,)
        Patients, and the fold each lies in.
    model : {"linear", "mlp"}
        Which model.
    seed : int
        Seed of the inner folds and of the perceptron.

    Returns
    -------
    P : np.ndarray of shape (n, K)
        Probabilities, at least 1e-7.
    prior : np.ndarray of shape (n, K)
        Class shares of the rows each was trained on.
    notes : list of str
        What went less than well.
    """
    n_classes = int(y.max()) + 1
    P, prior = np.empty((len(y), n_classes)), np.empty((len(y), n_classes))
    n_stopped, notes, numbers = 0, [], np.unique(fold)
    for number in numbers:
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        own_seed = derive_seed(seed, "fold", int(number)) % 2**32
        train, is_thinned = _within_memory(train, X.shape[1], own_seed)
        if is_thinned:
            notes.append(f"{len(train):,} training patches of each fold were used, as many as fit into memory")
        shrinkage, is_chosen = _choose(X, y, patient, train, model, own_seed)
        if not is_chosen:
            notes.append("too few patients to choose the shrinkage inside the training rows: a middle one was taken")
        scale = _scale(X, train, model, own_seed)
        estimator = _estimator(model, shrinkage, own_seed)
        n_stopped += not _fit(estimator, scale(X, train), y[train])
        for some in blocks_of(test):
            P[some] = estimator.predict_proba(scale(X, some))
        prior[test] = np.bincount(y[train], minlength=n_classes) / len(train)
    if n_stopped and model == "linear":  # the perceptron's number of epochs is part of what it is
        notes.append(f"{n_stopped} of {len(numbers)} fits stopped before they converged")
    P = np.maximum(P, _LEAST)
    return P / P.sum(axis=1, keepdims=True), prior, list(dict.fromkeys(notes))


def _within_memory(train: np.ndarray, d: int, seed: int) -> tuple[np.ndarray, bool]:
    """Return the training rows of which a standardised copy fits into memory, drawn at random, and whether some do not.

    The copy takes a quarter of what is available, 768 MiB at most, so that a probe needs little more than its store.
    """
    most = max(1000, min(_COPY, available_bytes() // 4) // (4 * d))
    if len(train) <= most:
        return train, False
    return np.sort(rng(seed, "training rows within memory").choice(train, most, replace=False)), True


def _scale(X: np.ndarray, rows: np.ndarray, model: str, seed: int) -> _Standardised:
    return _Standardised(X, rows, _COMPONENTS if model == "mlp" else None, seed)


def _choose(
    X: np.ndarray, y: np.ndarray, patient: np.ndarray, train: np.ndarray, model: str, seed: int
) -> tuple[float, bool]:
    """Return the shrinkage with the least log loss over inner folds, and whether there could be a choice.

    Fits go from the most to the least shrunk until the loss rises; logistic ones start where the last one ended. One
    standardised copy of training rows is in memory at a time.
    """
    shrinkages = _SHRINKAGE[model]
    try:
        fold = patient_folds(y[train], patient[train], 3, seed, stream=("inner folds",), in_every_fold=False)
    except InputError:
        return shrinkages[len(shrinkages) // 2], False
    inner = []
    for number in range(3):
        rows = train[fold != number]
        inner.append(
            (_estimator(model, shrinkages[0], seed), _scale(X, rows, model, seed), rows, train[fold == number])
        )
    best, least = shrinkages[0], np.inf
    for shrinkage in shrinkages:
        loss = 0.0
        for estimator, scale, rows, others in inner:
            estimator.set_params(**({"C": 1 / shrinkage} if model == "linear" else {"alpha": shrinkage}))
            _fit(estimator, scale(X, rows), y[rows])
            loss += sum(_log_loss(estimator.predict_proba(scale(X, some)), y[some]) for some in blocks_of(others))
        if loss >= least:
            break
        best, least = shrinkage, loss
    return best, True
