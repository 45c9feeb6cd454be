"""Where patches are, how they are read, and the design of the study."""

from __future__ import annotations

import dataclasses

from featkit.core.options.base import Options
from featkit.core.seeds import check_seeds


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataOptions(Options):
    """Where the patches are and how to read them.

    Parameters
    ----------
    path : str
        A folder or a table, relative to the workspace.
    adapter : str, optional
        How it is read; see `featkit.data.ADAPTERS`. Seen from the data when not set.
    metadata : str, optional
        For "folder": the table with patient, magnification and mpp.
    columns : dict of str to str
        For "folder" and "table": featkit's column name to the table's.
    labels : tuple of str
        For "folder" and "table": the classes to keep; empty for all.
    patient_key : str
        For "breakhis": "case" (70 case numbers) or "id" (82 ids).
    scale : float, optional
        For "breakhis": stored pixels per original pixel.
    complete : bool, optional
        For "breakhis": whether all 7,909 images must be there.
    positive : str, optional
        The class that counts as positive of two.
    """

    path: str = "."
    adapter: str | None = None
    metadata: str | None = None
    columns: dict[str, str] = dataclasses.field(default_factory=dict)
    labels: tuple[str, ...] = ()
    patient_key: str = "case"
    scale: float | None = None
    complete: bool | None = None
    positive: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitOptions(Options):
    """The design: which column is held out value by value, and how patients are divided.

    Parameters
    ----------
    domain : str
        The column a method must generalise over.
    folds : tuple of str
        Domains to hold out; empty for all of them.
    test_fraction, val_fraction : float
        Shares of the patients, in (0, 1).
    seed : int
        Seed of the patient partition, 0 or more.
    """

    domain: str = "magnification"
    folds: tuple[str, ...] = ()
    test_fraction: float = 0.3
    val_fraction: float = 0.15
    seed: int = 0

    def check(self) -> None:
        """Refuse values out of range."""
        for name in ("test_fraction", "val_fraction"):
            self.require(name, "strictly between 0 and 1", 0 < getattr(self, name) < 1, "Use 0.3 and 0.15")
        check_seeds((self.seed,))
        both = self.test_fraction + self.val_fraction
        self.require("test_fraction", "less than 1 together with val_fraction", both < 1, "Leave patients to train on")
