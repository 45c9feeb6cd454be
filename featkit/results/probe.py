"""What a small model can read from a frozen embedding."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from featkit.core.text import number, p_value
from featkit.results.base import Result
from featkit.results.estimate import Estimate

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ProbeResult(Result):
    """One probe: what it reached, what chance reaches, and how often relabelled patients reach as much.

    Parameters
    ----------
    target : str
        What was read: "patient", or the name of a column ("magnification", "site", "scanner").
    column : str
        The column that was read; where the target is the patient, the one across which patients were identified.
    design : str
        What was trained on what and tested on what, in a sentence.
    regime : str
        "all", "training" or "held-out": which domains were told apart.
    patches : str
        Which patches were probed, in words, as the caller says.
    model : str
        "linear", "mlp" or "ridge".
    classes : tuple of str
        The values read; the held-out domains where the target is the patient.
    n_patches, n_patients, n_dimensions : int
        What went in.
    metrics : dict of str to Estimate
        Values on patches the probe was not trained on, with intervals over patients. Below chance stays below.
    chance : dict of str to float
        What guessing reaches, for the metrics that have such a value; other reference levels by their own names.
    null : dict of str to ndarray of float64, shape (n_permutations,)
        The metric of the same name after relabelling.
    p_value : dict of str to float
        ``(1 + #{null >= observed}) / (1 + n_permutations)``; never below `least_p_value`.
    headline : str
        The metric to show first.
    tested : str
        The metric whose null speaks about the headline; the headline itself where it is cheap to recompute.
    per_class : dict of str to dict of str to float
        A few numbers for each class.
    seed : int
        What the splits, draws and permutations came from.
    notes : tuple of str
        What must be read with it.
    """

    version: ClassVar[int] = 2

    target: str
    column: str
    design: str
    regime: str
    patches: str
    model: str
    classes: tuple[str, ...]
    n_patches: int
    n_patients: int
    n_dimensions: int
    metrics: dict[str, Estimate]
    chance: dict[str, float]
    null: dict[str, np.ndarray]
    p_value: dict[str, float]
    headline: str
    tested: str
    per_class: dict[str, dict[str, float]]
    seed: int
    notes: tuple[str, ...] = ()

    @property
    def least_p_value(self) -> float:
        """The smallest p-value that this number of relabellings can give: print it as a bound."""
        return 1 / (1 + len(self.null[self.tested]))

    def summary(self) -> str:
        """Return headline, chance and p-value in a line."""
        chance = number(self.chance.get(self.headline))
        p = p_value(self.p_value.get(self.tested), self.least_p_value)
        shown = f"{self.headline.replace('_', ' ')} {self.metrics[self.headline]}, chance {chance}, p {p}"
        return f"{self.target}: {shown}, {self.n_patients} patients"

    def frame(self) -> pl.DataFrame:
        """Return one row per metric: value, low, high, chance, mean of the null, p_value (null where undefined)."""
        import polars as pl

        rows = [
            {
                "target": self.target,
                "regime": self.regime,
                "model": self.model,
                "metric": name,
                "value": found.value,
                "low": found.low,
                "high": found.high,
                "level": found.level,
                "chance": self.chance.get(name),
                "null_mean": float(np.mean(self.null[name])) if len(self.null.get(name, ())) else None,
                "p_value": self.p_value.get(name),
                "n_patients": found.n_units,
                "n_patches": self.n_patches,
            }
            for name, found in self.metrics.items()
        ]
        optional = {"chance": pl.Float64, "null_mean": pl.Float64, "p_value": pl.Float64}
        return pl.DataFrame(rows, schema_overrides=optional)
