"""What a small model can read from a frozen embedding."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

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
        What was read ("magnification", "patient", or another column).
    design : str
        What was trained on what and tested on what, in a sentence.
    regime : str
        Which patches were probed ("training magnifications", "all magnifications"), as the caller says.
    model : str
        "linear", "mlp" or "ridge".
    classes : tuple of str
        The values read; the held-out domains where the target is the patient.
    n_patches, n_patients, n_dimensions : int
        What went in.
    metrics : dict of str to Estimate
        Values on patches the probe was not trained on, with patient-bootstrap intervals. Below chance stays below.
    chance : dict of str to float
        What guessing reaches, for the metrics that have such a value; other reference levels by their own names.
    null : dict of str to ndarray of float64, shape (n_permutations,)
        The metric of the same name after relabelling.
    p_value : dict of str to float
        ``(1 + #{null >= observed}) / (1 + n_permutations)``.
    headline : str
        The metric to show first.
    tested : str
        The metric whose null speaks about the headline; the headline itself where it is cheap to recompute.
    per_class : dict of str to dict of str to float
        A few numbers for each class.
    seed : int
        What the splits, draws and permutations came from.
    store_id : str
        The store the embeddings came from, where known.
    notes : tuple of str
        What must be read with it.
    """

    target: str
    design: str
    regime: str
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
    store_id: str = ""
    notes: tuple[str, ...] = ()

    def frame(self) -> pl.DataFrame:
        """Return one row a metric: value, low, high, chance, mean of the null, p_value (null where undefined)."""
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
