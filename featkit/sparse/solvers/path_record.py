"""What a path leaves behind, penalty by penalty."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass
class PathRecord:
    """The solutions of one problem along its penalties; shorter than the penalties when stopped.

    Parameters
    ----------
    supports : list of (size,) int64
        Dimensions with a nonzero coefficient, sorted.
    values : list of (size,) or (size, K) float64
        Their coefficients; one column per class with several classes.
    intercepts : list of float or (K,) float64
        Intercepts.
    losses, gaps : list of float
        Mean loss and duality gap, in nats.
    n_iter : list of int
        Newton steps.
    entrants : list of int
        Dimensions in the order in which they were first selected; those of one penalty by the size of their
        coefficients.
    """

    supports: list[np.ndarray] = dataclasses.field(default_factory=list)
    values: list[np.ndarray] = dataclasses.field(default_factory=list)
    intercepts: list[float | np.ndarray] = dataclasses.field(default_factory=list)
    losses: list[float] = dataclasses.field(default_factory=list)
    gaps: list[float] = dataclasses.field(default_factory=list)
    n_iter: list[int] = dataclasses.field(default_factory=list)
    entrants: list[int] = dataclasses.field(default_factory=list)
    _entered: set[int] = dataclasses.field(default_factory=set)

    def add(
        self,
        support: np.ndarray,
        values: np.ndarray,
        intercept: float | np.ndarray,
        loss: float,
        gap: float,
        n_iter: int,
    ) -> None:
        """Keep the solution at the penalty just solved."""
        new = [place for place, j in enumerate(support.tolist()) if j not in self._entered]
        if new:
            sizes = np.linalg.norm(values[new].reshape(len(new), -1), axis=1)
            entrants = support[new][np.argsort(-sizes, kind="stable")].tolist()
            self.entrants += entrants
            self._entered.update(entrants)
        self.supports.append(support)
        self.values.append(values)
        self.intercepts.append(intercept)
        self.losses.append(loss)
        self.gaps.append(gap)
        self.n_iter.append(n_iter)
