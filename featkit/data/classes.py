"""The classes of a label column: their order, which of two is the positive one, and why."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

import numpy as np

from featkit.core.errors import InputError, did_you_mean
from featkit.core.text import first_few

POSITIVE_NAMES = (
    "malignant",
    "tumour",
    "tumor",
    "cancer",
    "cancerous",
    "carcinoma",
    "metastasis",
    "metastatic",
    "mutated",
    "mutant",
    "atypical",
    "abnormal",
    "diseased",
    "disease",
    "case",
    "event",
    "responder",
    "positive",
    "pos",
    "present",
    "high",
    "yes",
    "true",
    "1",
)
"""Labels that people call positive, the first that is there counts; upper and lower case are alike."""
_MOST_NUMBERS = 12  # more numbers than a graded scale has


@dataclasses.dataclass(frozen=True)
class PositiveClass:
    """The positive one of two classes, and why it is.

    Parameters
    ----------
    label : str
        The class.
    reason : str
        A clause that follows the label: "as asked for", "the usual name of the positive class", "the last in
        alphabetical order".
    """

    label: str
    reason: str

    def __str__(self) -> str:
        return f"{self.label} ({self.reason})"


def positive_class(labels: Iterable[str], positive: str | None = None) -> PositiveClass:
    """Return the positive one of two classes and why it is.

    It is the one asked for, else the one that people call so (`POSITIVE_NAMES`: malignant, tumour, cancer, positive,
    case, yes, true, 1, ...), else the last in alphabetical order.

    Parameters
    ----------
    labels : iterable of str
        One per patch, or the distinct ones.
    positive : str, optional
        The one asked for.

    Returns
    -------
    PositiveClass

    Raises
    ------
    InputError
        If there are not exactly two labels, or ``positive`` is neither of them.

    Examples
    --------
    >>> print(positive_class(["tumour", "normal"]))
    tumour (the usual name of the positive class)
    """
    classes = sorted(set(labels))
    if positive is not None and positive not in classes:
        raise InputError(
            "the positive class must be one of the labels", repr(positive), did_you_mean(positive, classes)
        )
    if len(classes) != 2:
        raise InputError("a positive class needs exactly two labels", f"{len(classes)}: {', '.join(classes)}")
    if positive is not None:
        return PositiveClass(positive, "as asked for")
    by_name = {label.strip().casefold(): label for label in classes}
    for name in POSITIVE_NAMES:
        if name in by_name:
            return PositiveClass(by_name[name], "the usual name of the positive class")
    return PositiveClass(classes[-1], "the last in alphabetical order")


def class_order(labels: Iterable[str], positive: str | None = None) -> tuple[str, ...]:
    """Return the distinct labels in class order: index 1 of two is the positive class (see `positive_class`).

    Parameters
    ----------
    labels : iterable of str
        One per patch, or the distinct ones.
    positive : str, optional
        The positive class of a two-class task.

    Returns
    -------
    tuple of str
        The classes, sorted; of two, the positive one comes last. A class's index is its integer label.

    Raises
    ------
    InputError
        If ``positive`` is no label or there are not two, or the labels are measurements (see `require_classes`).

    Examples
    --------
    >>> class_order(["normal", "malignant", "normal"])
    ('normal', 'malignant')
    """
    classes = sorted(set(labels))
    require_classes(classes)
    if len(classes) == 2 or positive is not None:
        last = positive_class(classes, positive).label
        classes.sort(key=lambda label: label == last)
    return tuple(classes)


def require_classes(labels: Iterable[str], column: str = "label") -> None:
    """Refuse labels that are measurements (survival times, ages, scores) and no classes.

    Numbers are classes while they are whole and no more than 12 differ, as in a grade.

    Parameters
    ----------
    labels : iterable of str
        One per patch, or the distinct ones.
    column : str
        Its name, for the message.

    Raises
    ------
    InputError
        Naming some of the numbers and what to do.
    """
    distinct = sorted(set(labels))
    values = [_number(label) for label in distinct]
    known = [value for value in values if value is not None]
    if len(known) < 3 or len(known) < len(distinct):
        return
    n_fractional = sum(not value.is_integer() for value in known)
    if n_fractional or len(known) > _MOST_NUMBERS:
        raise InputError(
            f"column '{column}' must name classes",
            f"{len(known)} different numbers such as {first_few(distinct, 3).split(' and ')[0]}",
            "Numbers and survival times are not analysed as they are: cut them into named classes in your table, such "
            "as above and below a threshold set beforehand, or name the column that holds classes",
        )


def _number(label: str) -> float | None:
    try:
        value = float(label)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def integer_labels(labels: Iterable[str], classes: tuple[str, ...]) -> np.ndarray:
    """Return (n,) int64 indices of ``labels`` in ``classes``.

    Raises
    ------
    InputError
        If a label is not among ``classes``; it is named.
    """
    index = {name: i for i, name in enumerate(classes)}
    labels = list(labels)
    unknown = sorted({str(x) for x in labels if x not in index})
    if unknown:
        raise InputError(f"labels must be among {', '.join(classes)}", ", ".join(unknown))
    return np.fromiter((index[x] for x in labels), dtype=np.int64, count=len(labels))
