"""What every probe asks of its arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from featkit.core.errors import InputError


def checked_embeddings(X: Any) -> np.ndarray:
    """Return embeddings (n, d) as finite floats.

    Raises
    ------
    InputError
        If the shape is another or a row holds NaN or infinity (rows are named by number).
    """
    X = np.asarray(X)
    if X.ndim != 2 or X.dtype.kind not in "fiu" or not X.size:
        raise InputError("X must be numbers of shape (n, d)", f"{X.dtype} {X.shape}", "Pass one row per patch")
    is_bad = ~np.isfinite(X).all(axis=1)
    if is_bad.any():
        rows = ", ".join(map(str, np.flatnonzero(is_bad)[:5]))
        raise InputError("X must be finite", f"NaN or infinity in {is_bad.sum()} rows, first {rows}", "Drop those rows")
    return X


def coded(values: Any, n: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted distinct values and each row's index among them.

    Raises
    ------
    InputError
        If there is not one value per row, or one is missing.
    """
    values = np.asarray(values.to_list() if hasattr(values, "to_list") else values)
    if values.shape != (n,):
        raise InputError(f"{name} must have one value per row of X, {n}", values.shape, "Take both from the same rows")
    is_missing = np.array([v is None or v != v for v in values.tolist()])
    if is_missing.any():
        raise InputError(f"{name} must not be missing", f"{is_missing.sum()} missing values", "Drop those rows")
    if values.dtype.kind == "O":
        values = values.astype(str)
    names, codes = np.unique(values, return_inverse=True)
    return names, codes


def checked_options(n_permutations: int, n_draws: int, level: float) -> None:
    """Refuse numbers of draws and levels that make no sense."""
    if n_permutations < 0 or n_draws < 1:
        got = f"n_permutations={n_permutations}, n_draws={n_draws}"
        raise InputError("n_permutations must be at least 0 and n_draws at least 1", got, "Use the defaults")
    if not 0 < level < 1:
        raise InputError("level must lie strictly between 0 and 1", level, "Use 0.95 for 95 %")
