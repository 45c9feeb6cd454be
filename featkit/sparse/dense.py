"""A dense reference beside each signature: ridge-logistic on all dimensions, its penalty chosen over patients."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from featkit.core.errors import InputError
from featkit.core.options import ComputeOptions, PathOptions, RidgeOptions
from featkit.core.run_key import RunKey
from featkit.results.dense_model import DenseModel
from featkit.sparse.model import sparse_model
from featkit.sparse.subsamples import patient_folds_of
from featkit.stats.labelled_rows import LabelledRows

_CV_TOLERANCE = 1e-4  # largest scaled gradient of the mean loss in cross-validation: losses are then right to 1e-6
_TOLERANCE = 1e-6  # and in the final fit
_PATIENCE = 2  # inverse penalties in a row that do worse than the best end the search


def fit_dense(
    rows: LabelledRows,
    *,
    ridge: RidgeOptions = RidgeOptions(),
    compute: ComputeOptions = ComputeOptions(),
    seed: int = 0,
    classes: Sequence[str] = (),
    key: RunKey = RunKey(),
) -> DenseModel:
    """Fit a ridge-logistic model on all dimensions, with the penalty chosen by patient-grouped cross-validation.

    It sees what `featkit.sparse.fit_signature` sees, so the difference between the two on held-out rows is the price of
    sparsity. Minimises ``sum_i loss_i + ||b||**2 / (2 C)`` on standardised dimensions, the intercept free; with several
    classes the model is multinomial.

    Parameters
    ----------
    rows : LabelledRows
        Training rows. Two classes are 0 and 1; with ``classes`` labels are their indices.
    ridge : RidgeOptions
        Inverse penalties to try, from the strongest penalty down, and folds.
    compute : ComputeOptions
        Only ``max_bytes`` is used.
    seed : int
        Seed of the folds.
    classes : sequence of str
        Class names; with more than two classes the sorted labels themselves when not given.
    key : RunKey
        The run it is of, kept in the result.

    Returns
    -------
    DenseModel
        The fit on all rows at the chosen penalty.

    Raises
    ------
    InputError
        If the input is malformed, a class does not occur, or one has fewer than two patients to choose a penalty by.

    Notes
    -----
    Dimensions are rotated once to the principal axes of all rows. There the Hessian of every fit, whatever its rows,
    penalty and class, is near a known diagonal, and L-BFGS on coefficients scaled by it needs few steps.

    References
    ----------
    Hastie and Tibshirani, Biostatistics 5:329, 2004 (ridge fits in the basis of principal axes).

    Examples
    --------
    >>> import numpy as np
    >>> patient = np.repeat(np.arange(20), 6)
    >>> X = np.random.default_rng(0).standard_normal((120, 5))
    >>> X[:, 2] += 3 * (patient % 2)
    >>> model = fit_dense(LabelledRows(X, patient % 2, patient))
    >>> bool(np.mean((model.predict_proba(X) > 0.5) == patient % 2) > 0.9)
    True
    """
    model = sparse_model(rows, PathOptions(), classes=classes, compute=compute, seed=seed)
    labels, patients, design = model.y.astype(np.int64), model.patients, model.design
    target = np.eye(labels.max() + 1)[labels] if labels.max() > 1 else labels[:, None].astype(np.float64)
    axes, scores, curvatures = _principal_axes(design.columns)
    problem = _Rotated(scores, target, curvatures)
    cs = np.sort(np.array(ridge.cs))
    losses: list[float] = []
    c = float(cs[0])
    if cs.size > 1:
        fewest = int(patients.n_with.min())
        if fewest < 2:
            raise InputError(
                "each class must have at least 2 training patients to choose the ridge penalty",
                fewest,
                "Merge it with another class, or give a single penalty with cs",
            )
        fold = patient_folds_of(patients, min(ridge.n_folds, fewest), seed)
        losses = _cross_validate(problem, fold, cs)
        c = float(cs[int(np.argmin(losses))])
    b, intercept, is_converged = problem.fit(c * labels.size, None, _TOLERANCE)
    coefficients = axes @ b
    if target.shape[1] > 1:
        coefficients -= coefficients.mean(axis=1, keepdims=True)
        intercept = intercept - intercept.mean()
    else:
        coefficients, intercept = coefficients[:, 0], intercept[0]
    return DenseModel(
        coefficients=coefficients,
        intercept=intercept,
        mean=design.mean,
        scale=design.scale,
        ridge_c=c,
        cs=cs[: len(losses)] if losses else cs,
        cv_mean=np.array(losses),
        is_converged=is_converged,
        n_patients=patients.names.size,
        n_patches=labels.size,
        seed=seed,
        classes=model.classes,
        notes=model.notes,
        key=key,
    )


def _principal_axes(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the principal axes (d, r), the rows' scores (n, r) float32 and the scores' mean squares (r,)."""
    d, n = columns.shape
    if n < d:
        squares, left = np.linalg.eigh((columns.T @ columns).astype(np.float64))
        kept = squares > 1e-6 * squares[-1]
        sizes = np.sqrt(squares[kept])
        axes = columns.astype(np.float64) @ (left[:, kept] / sizes)
        return axes, np.ascontiguousarray(left[:, kept] * sizes, dtype=np.float32), squares[kept] / n
    squares, axes = np.linalg.eigh((columns @ columns.T).astype(np.float64))
    kept = squares > 1e-6 * squares[-1]
    axes = axes[:, kept]
    return axes, np.ascontiguousarray(columns.T @ axes.astype(np.float32)), squares[kept] / n


@dataclasses.dataclass(frozen=True, eq=False)
class _Rotated:
    """A problem in the basis of principal axes.

    Parameters
    ----------
    scores : (n, r) float32
        Rows.
    target : (n, 1) or (n, K) float64
        Labels in {0, 1}, or one column per class.
    curvatures : (r,) float64
        Mean squares of the scores.
    """

    scores: np.ndarray
    target: np.ndarray
    curvatures: np.ndarray

    def take(self, rows: np.ndarray) -> _Rotated:
        """Return some of the rows."""
        return _Rotated(self.scores[rows], self.target[rows], self.curvatures)

    def losses(self, b: np.ndarray, intercept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each row's loss in nats (n,) and its residual, target less probability, (n, 1) or (n, K)."""
        eta = (self.scores @ b.astype(np.float32)).astype(np.float64) + intercept
        if eta.shape[1] == 1:
            normaliser = np.logaddexp(0.0, eta[:, 0])
            return normaliser - self.target[:, 0] * eta[:, 0], self.target - np.exp(eta - normaliser[:, None])
        normaliser = logsumexp(eta, axis=1)
        return normaliser - np.sum(self.target * eta, axis=1), self.target - np.exp(eta - normaliser[:, None])

    def fit(self, c: float, start: Any, tolerance: float) -> tuple[np.ndarray, np.ndarray, bool]:
        """Return coefficients (r, K), intercepts (K,) and whether the fit converged; mean loss + ||b||**2 / (2 c)."""
        n, K = self.target.shape
        r = self.curvatures.size
        shares = self.target.mean(axis=0)
        spread = float(np.mean(shares * (1.0 - shares)))
        scale = 1.0 / np.sqrt(np.append(spread * self.curvatures + 1.0 / c, spread))[:, None]
        penalty = np.append(np.full(r, 1.0 / c), 0.0)[:, None]

        def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
            full = flat.reshape(r + 1, K) * scale
            losses, residual = self.losses(full[:r], full[r])
            slope = (self.scores.T @ residual.astype(np.float32)).astype(np.float64) / n
            gradient = penalty * full - np.vstack([slope, residual.mean(axis=0)])
            return float(losses.mean() + 0.5 * np.sum(penalty * full**2)), (gradient * scale).ravel()

        if start is None:
            odds = np.log(shares) if K > 1 else np.log(shares / (1.0 - shares))
            start = np.zeros((r, K)), odds
        begin = (np.vstack(start) / scale).ravel()
        options = {"maxiter": 500, "gtol": tolerance, "ftol": 1e-12, "maxcor": 20}
        found = minimize(objective, begin, jac=True, method="L-BFGS-B", options=options)
        full = found.x.reshape(r + 1, K) * scale
        return full[:r], full[r], bool(np.abs(found.jac).max() <= 100 * tolerance)


def _cross_validate(problem: _Rotated, fold: np.ndarray, cs: np.ndarray) -> list[float]:
    """Return the mean held-out loss of each inverse penalty, from the smallest up, until they only get worse."""
    parts = [(problem.take(fold != k), problem.take(fold == k)) for k in range(fold.max() + 1)]
    starts: list[Any] = [None] * len(parts)
    losses: list[float] = []
    for c in cs:
        total = 0.0
        for k, (inside, outside) in enumerate(parts):
            b, intercept, _ = inside.fit(c * len(inside.target), starts[k], _CV_TOLERANCE)
            starts[k] = b, intercept
            total += float(outside.losses(b, intercept)[0].sum())
        losses.append(total / fold.size)
        if len(losses) - 1 - int(np.argmin(losses)) == _PATIENCE:
            break
    return losses
