"""Checks of arrays: what labels, scores, patients and embeddings must look like before anything is computed."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from featkit.core.errors import InputError

_MOST = 1_000_000
_MOST_NUMERIC_CLASSES = 20
_NOT_CLASSES = (
    "Measurements and survival times are no classes: cut them first, e.g. above and below the median of the training "
    "patients"
)


def as_numbers(values: Any, name: str) -> np.ndarray:
    """Return float64 numbers of any shape.

    Raises
    ------
    InputError
        If they are none, or rows differ in length.

    Examples
    --------
    >>> as_numbers([1, True], "scores")
    array([1., 1.])
    """
    found = as_array(values, name)
    if found.dtype.kind not in "iufbO":
        raise InputError(f"{name} must be numbers", str(found.dtype))
    try:
        return found.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} must be numbers", repr(values)) from None


def n_rows(values: Any, name: str) -> int:
    """Return how many rows an array has; what is no array is refused by ``name``."""
    found = as_array(values, name)
    if found.ndim == 0:
        raise InputError(f"{name} must be an array", repr(values))
    return len(found)


def as_labels(values: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return class indices and class names of any labels.

    Parameters
    ----------
    values : array, shape (n,)
        Text, whole numbers or truth values; none missing.

    Returns
    -------
    codes : ndarray of int64, shape (n,)
        Index of each patch's class.
    names : tuple of str
        Class names, sorted.

    Raises
    ------
    InputError
        If a label is missing, or the labels are measurements: fractions, or more than 20 different numbers.

    Examples
    --------
    >>> codes, names = as_labels(["benign", "malignant", "benign"])
    >>> codes.tolist(), names
    ([0, 1, 0], ('benign', 'malignant'))
    """
    labels = as_groups(values, n_rows(values, "labels"), "labels")
    names, codes = np.unique(labels, return_inverse=True)
    refuse_measurements(names)
    return codes.astype(np.int64), tuple(str(name) for name in names.tolist())


def refuse_measurements(distinct: np.ndarray) -> None:
    """Refuse labels whose distinct values are fractions, or more than 20 numbers: those are measurements.

    Parameters
    ----------
    distinct : ndarray
        The different labels, of any type.

    Raises
    ------
    InputError
        Naming what to do.
    """
    if distinct.dtype.kind == "b":
        return
    try:
        numbers = distinct.astype(np.float64)
    except ValueError:
        return
    if (numbers != np.round(numbers)).any() or len(numbers) > _MOST_NUMERIC_CLASSES:
        shown = f"{len(numbers)} different numbers from {numbers.min():g} to {numbers.max():g}"
        raise InputError("labels must name classes", shown, _NOT_CLASSES)


def as_embeddings(X: Any, n: int | None = None) -> np.ndarray:
    """Return embeddings as a float array (n, d) without missing values.

    Parameters
    ----------
    X : array, shape (n, d)
        Embeddings; integers become float64, floats keep their precision.
    n : int, optional
        Rows there must be.

    Returns
    -------
    ndarray of float32 or float64, shape (n, d)

    Raises
    ------
    InputError
        If ``X`` is not two-dimensional, is empty, has another number of rows, or holds NaN or infinity.

    Examples
    --------
    >>> as_embeddings([[1, 2], [3, 4]]).dtype
    dtype('float64')
    """
    values = as_matrix(X, n)
    return values if values.dtype in (np.float32, np.float64) else values.astype(np.float64)


def as_matrix(X: Any, n: int | None = None) -> np.ndarray:
    """Return embeddings as `as_embeddings` does, but of the type they have, without a copy where they are an array.

    Raises
    ------
    InputError
        If ``X`` is not two-dimensional, is empty, has another number of rows, is not numeric, or holds NaN or infinity
        (the first row and dimension are named).
    """
    values = as_array(X, "embeddings")
    rows = "n" if n is None else str(n)
    if values.ndim != 2 or values.size == 0 or (n is not None and len(values) != n):
        raise InputError(f"embeddings must have shape ({rows}, d), d at least 1", f"shape {values.shape}")
    if values.dtype.kind not in "iufb":
        raise InputError("embeddings must be numbers", str(values.dtype), "Convert them with astype(numpy.float32)")
    with np.errstate(all="ignore"):
        is_suspect = values.dtype.kind == "f" and not np.isfinite(values.sum())  # one pass; a sum may overflow
    if is_suspect and not np.isfinite(values).all():
        row, dimension = np.argwhere(~np.isfinite(values))[0]
        n_bad = int((~np.isfinite(values).all(axis=1)).sum())
        found = f"{n_bad} rows with NaN or infinity, the first in row {row}, dimension {dimension}"
        raise InputError("embeddings must be finite", found, "Drop these rows, or extract their embeddings again")
    return values


def is_missing(values: np.ndarray) -> np.ndarray:
    """Return which values are None, NaN or empty text, shape (n,) bool."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind in "US":
        return values == values.dtype.type()
    if values.dtype.kind == "O":
        return np.array([v is None or v != v or v == "" for v in values.tolist()], np.bool_)
    return np.zeros(values.shape, np.bool_)


def as_binary(y: Any) -> np.ndarray:
    """Return labels as a boolean array (n,), True for class 1.

    Raises
    ------
    InputError
        If ``y`` is empty, not one-dimensional, or holds anything but 0 and 1.
    """
    labels = as_array(y, "y")
    if labels.ndim != 1 or labels.size == 0:
        raise InputError("y must be a non-empty one-dimensional array", f"shape {labels.shape}")
    if labels.dtype.kind == "O":
        labels = as_groups(labels, len(labels), "y")
    if labels.dtype != bool:
        values = np.unique(labels)
        if values.dtype.kind not in "iuf" or not np.isin(values, (0, 1)).all():
            refuse_measurements(values)
            shown = ", ".join(map(str, values[:4]))
            raise InputError(
                "binary labels must be 0 or 1", shown, "Code the class of interest as 1 and the other as 0"
            )
        labels = labels == 1
    return labels


def as_two_classes(y: Any) -> np.ndarray:
    """Return `as_binary` labels of which both classes occur."""
    labels = as_binary(y)
    if labels.all() or not labels.any():
        raise InputError(
            "both classes must occur",
            f"1 class, {int(labels[0])}, alone",
            "Pool folds or choose a fold that has both classes",
        )
    return labels


def as_classes(y: Any, n_classes: int) -> np.ndarray:
    """Return labels as integers (n,) in ``[0, n_classes)``."""
    labels = as_array(y, "y")
    if labels.ndim != 1 or labels.size == 0:
        raise InputError("y must be a non-empty one-dimensional array", f"shape {labels.shape}")
    if labels.dtype.kind == "O":
        labels = as_groups(labels, len(labels), "y")
    whole = labels.astype(np.int64) if labels.dtype.kind in "iufb" else None
    if whole is None or (whole != labels).any() or whole.min() < 0 or whole.max() >= n_classes:
        refuse_measurements(np.unique(labels))
        shown = ", ".join(map(str, np.unique(labels)[:6]))
        raise InputError(f"labels must be whole numbers from 0 to {n_classes - 1}", shown, "Code the classes that way")
    return whole


def as_scores(score: Any, n: int) -> np.ndarray:
    """Return finite scores as float64 (n,)."""
    values = as_numbers(score, "scores")
    if values.shape != (n,):
        raise InputError(f"scores must have shape ({n},), one for each label", f"shape {values.shape}")
    _refuse_missing(values)
    return values


def as_probabilities(p: Any, n: int) -> np.ndarray:
    """Return probabilities as float64: (n,) for class 1, or (n, K) with rows that sum to 1; (n, 2) becomes (n,).

    Raises
    ------
    InputError
        If the shape is another, or a value is missing or outside [0, 1], or a row does not sum to 1 (within 1e-3).
    """
    values = as_numbers(p, "probabilities")
    if values.ndim not in (1, 2) or values.shape[0] != n or (values.ndim == 2 and values.shape[1] < 2):
        raise InputError(f"probabilities must have shape ({n},) or ({n}, K) with K >= 2", f"shape {values.shape}")
    _refuse_missing(values)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        raise InputError(
            "probabilities must lie in [0, 1]", f"{low:g} to {high:g}", "Pass logits through a sigmoid first"
        )
    if values.ndim == 2:
        sums = values.sum(axis=1)
        worst = float(sums[np.argmax(np.abs(sums - 1))])
        if abs(worst - 1) > 1e-3:
            raise InputError(
                "class probabilities of a patch must sum to 1", f"{worst:g}", "Pass logits through a softmax"
            )
        if values.shape[1] == 2:
            values = values[:, 1]
    return values


def as_binary_forecast(y: Any, p: Any, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Return boolean labels and probabilities of class 1, both (n,); ``what`` is named if there are more classes."""
    values = as_probabilities(p, n_rows(y, "y"))
    if values.ndim != 1:
        raise InputError(
            f"{what} is for two classes", f"{values.shape[1]} classes", "Choose one class against the rest"
        )
    return as_binary(y), values


def as_weights(sample_weight: Any, n: int) -> np.ndarray:
    """Return non-negative weights as float64 (n,); ones for None."""
    if sample_weight is None:
        return np.ones(n)
    weights = as_numbers(sample_weight, "sample_weight")
    if weights.shape != (n,):
        raise InputError(f"sample_weight must have shape ({n},)", f"shape {weights.shape}")
    if not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() == 0:
        raise InputError("sample_weight must be finite, not negative and not all zero")
    return weights


def as_groups(groups: Any, n: int, name: str = "groups") -> np.ndarray:
    """Return patient names (n,); the literal ``"patches"`` says out loud that every patch is its own unit.

    Raises
    ------
    InputError
        If ``groups`` is None, another string, of another length, or holds missing names.
    """
    if groups is None or (isinstance(groups, str) and groups != "patches"):
        raise InputError(
            f"{name} must name the patient of each patch",
            repr(groups),
            f"Pass an array of {n} patient names, or {name}='patches' if patches truly are independent",
        )
    if isinstance(groups, str):
        return np.arange(n)
    names = as_array(groups, name)
    if names.shape != (n,):
        raise InputError(f"{name} must have shape ({n},)", f"shape {names.shape}")
    missing = int(is_missing(names).sum())
    if missing:
        raise InputError(
            f"{name} must not hold missing values", f"{missing} of {n}", "Name every patient or drop the patches"
        )
    return names.astype(str) if names.dtype.kind == "O" else names


def check_level(level: float) -> float:
    """Return a coverage level strictly between 0 and 1."""
    if not isinstance(level, numbers.Real) or not 0 < level < 1:
        raise InputError("level must lie strictly between 0 and 1", level, "Use 0.95 for 95 %")
    return float(level)


def check_count(value: int, name: str, least: int = 1) -> int:
    """Return a whole number of at least ``least`` and at most a million: more would never end."""
    if not isinstance(value, numbers.Real) or not least <= value <= _MOST or int(value) != value:
        raise InputError(f"{name} must be a whole number from {least} to {_MOST:,}", value)
    return int(value)


def as_array(values: Any, name: str) -> np.ndarray:
    """Return an array; rows of different lengths are refused, and so are masked values, which numpy would unmask."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.getmaskarray(values).any():
        raise InputError(
            f"{name} must not hold masked values", f"{int(np.ma.getmaskarray(values).sum())} of them", "Drop them"
        )
    try:
        return np.asarray(values)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} must be an array", repr(values), "Give every row the same length") from None


def _refuse_missing(values: np.ndarray) -> None:
    missing = int(values.size - np.isfinite(values).sum())
    if missing:
        raise InputError(
            "scores must be finite", f"{missing} missing or infinite values", "Drop or repair these patches"
        )
