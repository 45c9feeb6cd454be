"""Class indices of a store's patches, and which of two classes is the positive one."""

from __future__ import annotations

import numpy as np

from featkit.core.errors import InputError, did_you_mean
from featkit.results.signature import REST
from featkit.workflows.steps.sources import Source


def target(source: Source, positive: str | None = None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return (n,) class indices and class names; "rest" and ``positive`` where a class is named.

    Raises
    ------
    InputError
        If there is no such class, or it is called what the others are.
    """
    y, classes = source.targets()
    if positive is None:
        return y, classes
    if positive not in classes:
        raise InputError("the positive class must be a label", repr(positive), did_you_mean(positive, classes))
    if positive == REST:
        raise InputError(
            f"the positive class must not be called {REST!r}, as all others are",
            repr(positive),
            "Rename it in the manifest",
        )
    return (y == classes.index(positive)).astype(np.int64), (REST, positive)


def said_positive(source: Source, positive: str | None = None) -> str:
    """Return which of two classes is the positive one, and why; an empty text with more than two.

    Parameters
    ----------
    source : Source
        The store.
    positive : str, optional
        The class that is told from the rest.
    """
    from featkit.data.classes import positive_class

    classes = target(source, positive)[1]
    if len(classes) != 2:
        return ""
    if positive is not None:
        return f"{positive} (as asked for)"
    asked = source.config.data.positive
    usual = positive_class(classes, asked if asked in classes else None)
    return str(usual) if usual.label == classes[1] else f"{classes[1]} (the second class of the store)"
