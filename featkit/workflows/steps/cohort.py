"""The cohort that the tested patients were drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featkit.workflows.steps.sources import Source

if TYPE_CHECKING:
    from featkit.data.split import Split


def drawn_from(source: Source, split: Split) -> int | None:
    """Return how many patients the tested ones were drawn from in equal class shares; None where they were not drawn.

    A cross-validation, and a domain held out of patients that all span domains, draw a share of each class. The
    patients of a held-out site are simply all of that site, and of roles that were given nothing is known.
    """
    from featkit.data.split import Split as SavedSplit

    audit = split.audit
    saved = source.workspace.split_path(split.fold) if source.workspace else None
    if audit.design == "given roles" and saved is not None and saved.is_file():
        made = SavedSplit.load(saved)
        if set(made.patients[made.rows("test")]) >= set(split.patients[split.rows("test")]):
            audit = made.audit
    is_drawn = audit.design == "cross-validation" or (audit.design, audit.nesting) == (
        "leave-one-domain-out",
        "crossed",
    )
    return len(np.unique(split.patients)) if is_drawn else None
