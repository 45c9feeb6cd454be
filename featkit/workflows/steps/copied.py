"""Dimensions that stand in for one another on a fold's training rows, and what that says of its signature."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.fingerprint import Fingerprint
from featkit.core.run_key import RunKey
from featkit.core.text import first_few
from featkit.results.copied_dimensions import CopiedDimensions
from featkit.results.signature import Signature
from featkit.workflows.steps.sources import Source
from featkit.workflows.steps.training_rows import TrainingRows

if TYPE_CHECKING:
    from featkit.data.split import Split

_ESTIMATOR = "copies 1"
_THRESHOLD = 0.99
_NOT_UNIQUE = "Which copy a signature keeps is arbitrary, so size and overlap are then not unique"


def copied_dimensions(
    source: Source, split: Split, key: RunKey, train: Callable[[], TrainingRows] | None
) -> CopiedDimensions | None:
    """Return the exact and near copies among the dimensions, over a fold's training rows.

    Parameters
    ----------
    source : Source
        The store.
    split : Split
        The fold.
    key : RunKey
        The signature's; copies are the same whatever class is told from the rest.
    train : function returning TrainingRows, or None
        Called only where copies were not counted yet; None to take what is there alone.
    """
    key = key.only("method", "fold", "seed")
    made_from = Fingerprint(_ESTIMATOR, source.inputs(split), {"threshold": _THRESHOLD, "seed": source.design.seed})
    found = source.results.finished(CopiedDimensions, key, made_from)
    if found is None and train is not None:
        from featkit.sparse import find_copies

        found = find_copies(train().rows.X, threshold=_THRESHOLD, key=key)
        found = dataclasses.replace(found, made_from=made_from)
        source.results.save(found)
    return found


def notes_on_copies(signatures: Mapping[RunKey, Signature], copies: Mapping[RunKey, CopiedDimensions]) -> list[str]:
    """Return how many dimensions of each signature have copies, by name, and once what follows from it."""
    notes, is_ambiguous = [], False
    for key, found in copies.items():
        if not found.dimension.size:
            continue
        signature = signatures[key]
        selected = np.intersect1d(signature.support, found.dimension)
        is_ambiguous |= bool(selected.size)
        told = f"{key.label(among=list(signatures))}: {found.summary()}"
        if not selected.size:
            notes.append(f"{told}; none of the {signature.size} selected has one")
            continue
        pairs = [" = ".join(signature.names_of(_group(found, j))) for j in selected]
        n = f"{selected.size} of the {signature.size} selected {'has' if selected.size == 1 else 'have'} one"
        notes.append(f"{told}; {n} ({first_few(list(dict.fromkeys(pairs)))})")
    return [*notes, _NOT_UNIQUE] if is_ambiguous else notes


def _group(found: CopiedDimensions, dimension: int) -> np.ndarray:
    """Return a dimension, then up to three of those that it shares a group with."""
    return np.append(dimension, found.of(np.array([dimension]))[:3])
