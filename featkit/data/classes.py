"""The order of classes, and with it which of two is the positive one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from featkit.core.errors import InputError, did_you_mean

_POSITIVE_BY_NAME = "malignant"


def class_order(labels: Iterable[str], positive: str | None = None) -> tuple[str, ...]:
    """Return the distinct labels in class order: index 1 of two is the positive class.

    Labels are sorted. Of two labels the positive one comes last: the one named by ``positive``, else "malignant"
    where it is one of them, else the last in sorted order.

    Parameters
    ----------
    labels : iterable of str
        One per patch, or the distinct ones.
    positive : str, optional
        The positive class of a two-class task.

    Returns
    -------
    tuple of str
        The classes; a class's index is its integer label.

    Examples
    --------
    >>> class_order(["normal", "malignant", "normal"])
    ('normal', 'malignant')
    """
    classes = sorted(set(labels))
    if positive is not None and positive not in classes:
        raise InputError(
            "the positive class must be one of the labels", repr(positive), did_you_mean(positive, classes)
        )
    if len(classes) == 2:
        last = positive or (_POSITIVE_BY_NAME if _POSITIVE_BY_NAME in classes else classes[-1])
        classes.sort(key=lambda c: c == last)
    elif positive is not None:
        raise InputError("a positive class needs exactly two labels", f"{len(classes)}: {', '.join(classes)}")
    return tuple(classes)


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
