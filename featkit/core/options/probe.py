"""Probes."""

from __future__ import annotations

import dataclasses
from typing import Literal

from featkit.core.options.base import Options


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProbeOptions(Options):
    """What a probe reads, with which model, and what its null is.

    Parameters
    ----------
    column : str
        Name of the column that is read; for the patient probe, of the domain across which patients are identified.
    regime : {"all", "training", "held-out"}
        All domains; the training ones; or the held-out one against the rest.
    model : {"linear", "mlp"}
        The probe: a ridge-logistic regression or a small perceptron.
    within : {"label"}, optional
        Probe inside each class.
    n_permutations : int
        Relabellings of the null; 0 for none.
    n_controls : int
        Relabellings on which the model is trained anew for selectivity; 0 for none.
    n_folds : int
        Patient folds of the probe, 2 or more.
    n_neighbors : int
        Neighbours in the retrieval of patients.

    Examples
    --------
    >>> ProbeOptions(column="scanner", within="label").variant("scanner")
    {'target': 'scanner', 'within': 'label'}
    """

    column: str = "magnification"
    regime: Literal["all", "training", "held-out"] = "all"
    model: Literal["linear", "mlp"] = "linear"
    within: Literal["label"] | None = None
    n_permutations: int = 200
    n_controls: int = 5
    n_folds: int = 5
    n_neighbors: int = 5

    def check(self) -> None:
        """Refuse values out of range."""
        is_count = 0 <= self.n_permutations <= 1_000_000
        self.require("n_permutations", "between 0 and 1,000,000", is_count, "Use 200")
        self.require("n_controls", "between 0 and 10,000", 0 <= self.n_controls <= 10_000, "Use 5")
        self.require("n_folds", "at least 2", self.n_folds >= 2, "Use 5")
        self.require("n_neighbors", "at least 1", self.n_neighbors >= 1, "Use 5")

    def variant(self, target: str) -> dict[str, str]:
        """Return what sets a probe of ``target`` apart from others of the same run, for its `RunKey`."""
        plain = ProbeOptions()
        ways = ("regime", "model", "within")
        return {"target": target} | {
            way: str(getattr(self, way)) for way in ways if getattr(self, way) != getattr(plain, way)
        }
