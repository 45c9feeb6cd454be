"""What a signature is fitted on: the training rows of a fold, as many as fit in memory."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from featkit.workflows.steps.sources import Source
from featkit.workflows.steps.targets import target

if TYPE_CHECKING:
    from featkit.data.split import Split
    from featkit.stats.labelled_rows import LabelledRows


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingRows:
    """Embeddings, classes and patients of a fold's training rows.

    Parameters
    ----------
    index : (n,) int64
        Rows of the store.
    rows : LabelledRows
        Embeddings (n, d) float32, class indices and patients.
    classes : tuple of str
        Class names; "rest" and the class that is told from it where one is named.
    max_bytes : int
        Memory that work on them may take.
    note : str
        Which rows were left out to stay within it; empty when none.
    """

    index: np.ndarray
    rows: LabelledRows
    classes: tuple[str, ...]
    max_bytes: int
    note: str


def training_rows(source: Source, split: Split, positive: str | None) -> TrainingRows:
    """Return the training rows of a fold; where not all fit in memory, fewer of every patient, with a note."""
    from featkit.sparse.memory import memory_budget, rows_that_fit
    from featkit.stats.labelled_rows import LabelledRows

    budget = memory_budget()
    y, classes = target(source, positive)
    index, patients = split.rows("train"), source.patients()
    given = LabelledRows(source.store.view(index), y[index], patients[index])
    found, kept, note = rows_that_fit(given, budget, source.design.seed)
    if kept is not None:
        index = index[kept]
    rows = LabelledRows(np.asarray(found.X), y[index], patients[index])
    return TrainingRows(index, rows, classes, budget, note)
