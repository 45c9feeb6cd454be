"""Two dimensions to look at."""

from __future__ import annotations

import numpy as np

from featkit.core.errors import InputError


def principal_components(X: np.ndarray, n_components: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return the leading principal component scores and their shares of the variance.

    The sign of a component is chosen so that its largest loading is positive, so the picture does not depend on the
    linear algebra library.

    Parameters
    ----------
    X : ndarray of float, shape (n, d)
        Embeddings; centred here, not scaled.
    n_components : int
        At least 1, at most min(n, d).

    Returns
    -------
    scores : ndarray of float64, shape (n, n_components)
    shares : ndarray of float64, shape (n_components,)
        Of the total variance, in [0, 1]; zeros when nothing varies.
    """
    X = np.asarray(X)
    if X.ndim != 2 or not 1 <= n_components <= min(X.shape):
        raise InputError(f"X must be (n, d) with n and d at least {n_components}", X.shape)
    mean = X.mean(axis=0, dtype=np.float64)
    centred = X - mean
    covariance = np.asarray(centred.T @ centred, dtype=np.float64)
    values, vectors = np.linalg.eigh(covariance)
    vectors = vectors[:, ::-1][:, :n_components]
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(n_components)])
    total = float(np.trace(covariance))
    shares = np.clip(values[::-1][:n_components], 0, None) / total if total > 0 else np.zeros(n_components)
    return centred @ vectors, shares
