"""Results about probabilities: parts of a score, the calibration line, reliability curves, recalibration."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.text import interval, number, p_value
from featkit.results.base import Result
from featkit.results.estimate import Estimate

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class BrierParts(Result):
    """A Brier score over bins, the signed sum of its parts.

    ``brier = reliability - resolution + uncertainty + within_variance - within_covariance``

    Parameters
    ----------
    brier : float
        Mean squared difference of probability and label, in [0, 1].
    reliability, resolution, uncertainty : float
        Murphy's terms; smaller, larger, and nothing to do with the forecast.
    within_variance, within_covariance : float
        Stephenson's two terms for forecasts that vary within a bin.
    corrected_reliability, corrected_resolution, corrected_uncertainty : float
        Ferro and Fricker's bias-corrected terms; their signed sum is that of the plain ones.
    n_bins : int
        Bins that hold patches.
    n_patches : int
        Patches.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within_variance: float
    within_covariance: float
    corrected_reliability: float
    corrected_resolution: float
    corrected_uncertainty: float
    n_bins: int
    n_patches: int


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class IsotonicDecomposition(Result):
    """A Brier score without bins: ``brier = miscalibration - discrimination + uncertainty``, by isotonic regression.

    Dimitriadis, Gneiting and Jordan (PNAS 118:e2016191118, 2021) call it CORP.

    Parameters
    ----------
    brier, miscalibration, discrimination, uncertainty : float
        The score and its parts, none negative.
    probability : ndarray of float, shape (k,)
        The distinct probabilities, increasing.
    rate : ndarray of float, shape (k,)
        Isotonic estimate of the frequency of class 1 at each.
    n_patches : ndarray of int, shape (k,)
        Patches at each.
    """

    brier: float
    miscalibration: float
    discrimination: float
    uncertainty: float
    probability: np.ndarray
    rate: np.ndarray
    n_patches: np.ndarray

    def frame(self) -> pl.DataFrame:
        """Return the isotonic reliability curve, one row per distinct probability."""
        import polars as pl

        return pl.DataFrame({"probability": self.probability, "rate": self.rate, "n_patches": self.n_patches})


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class CalibrationLine(Result):
    """Logistic recalibration ``logit P(y=1) = intercept + slope logit p``.

    Parameters
    ----------
    slope : float
        1 when calibrated; below 1 when forecasts are too extreme. NaN when labels are separable.
    intercept : float
        Of the same fit; 0 when calibrated.
    in_the_large : float
        Intercept with the slope held at 1; above 0 when forecasts are too low on the whole.
    n_patches : int
        Patches.
    """

    slope: float
    intercept: float
    in_the_large: float
    n_patches: int


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class CalibrationTest(Result):
    """An expected calibration error beside what perfect calibration would show, and a test.

    Parameters
    ----------
    ece : float
        Expected calibration error; biased upwards, so without an interval.
    ece_by_chance, chance_low, chance_high : float
        Mean of the ECE under perfect calibration, for these patients and forecasts, and the range it lies in with
        probability ``level``.
    level : float
        Of that range.
    rms_debiased : float
        Root mean squared calibration error, its bias removed by pairs of patients; 0 where nothing is left.
    p_value : float
        Of perfect calibration; never below `least_p_value`.
    of : str
        Which probability is compared ("class-one", "top-label" or "classwise").
    bins : str
        How bins were made ("width" or "mass").
    n_bins : int
        Bins asked for.
    n_draws : int
        Draws of patients.
    unit : str
        What was drawn.
    n_units : int
        How many of them there are.
    notes : tuple of str
        What must be read with it.
    """

    ece: float
    ece_by_chance: float
    chance_low: float
    chance_high: float
    level: float
    rms_debiased: float
    p_value: float
    of: str
    bins: str
    n_bins: int
    n_draws: int
    unit: str
    n_units: int
    notes: tuple[str, ...] = ()

    @property
    def least_p_value(self) -> float:
        """The smallest p-value that this number of draws can give: print it as a bound."""
        return 1 / (1 + self.n_draws)

    def summary(self) -> str:
        """Return the ECE, what it would be by chance, and the p-value, in a line."""
        chance = interval(self.ece_by_chance, self.chance_low, self.chance_high, 2)
        p = p_value(self.p_value, self.least_p_value)
        p = p if p[:1] in "<≤" else f"= {p}"
        return f"ECE {number(self.ece, 2)}; a calibrated model would show {chance} here; p {p}"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ReliabilityCurve(Result):
    """Observed frequency of class 1 against forecast, over bins, with bands over patients.

    Parameters
    ----------
    forecast : ndarray of float, shape (b,)
        Mean probability of the patches of each bin that holds any, increasing.
    observed : ndarray of float, shape (b,)
        Frequency of class 1 among them.
    low, high : ndarray of float, shape (b,)
        Pointwise interval of ``observed``; NaN where fewer than two patients fall into the bin.
    n_patches, n_patients : ndarray of int, shape (b,)
        Patches and patients of each bin.
    level : float
        Coverage of each bin's interval.
    method : str
        How the intervals were made.
    n_draws : int
        Resamples; 0 for a closed form.
    unit : str
        What was taken as independent.
    bins : str
        How bins were made ("width" or "mass").
    """

    forecast: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n_patches: np.ndarray
    n_patients: np.ndarray
    level: float
    method: str
    n_draws: int
    unit: str
    bins: str

    def frame(self) -> pl.DataFrame:
        """Return one row per bin."""
        import polars as pl

        columns = ("forecast", "observed", "low", "high", "n_patches", "n_patients")
        return pl.DataFrame({name: getattr(self, name) for name in columns})


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class RecalibrationEffect(Result):
    """What maps fitted on source patients do to the calibration of held-out patches.

    Parameters
    ----------
    estimates : dict of str to dict of str to Estimate
        Map ("none" for the forecasts as they are) to metric to estimate, all on the held-out patches.
    changes : dict of str to dict of str to Estimate
        Map to metric to the paired difference from "none", on the same draws.
    parameters : dict of str to dict of str to float
        Map to its fitted parameters.
    n_source_patients, n_source_patches : int
        What the maps were fitted on.
    state : str
        "constant" or "nothing selected" (an empty signature) where all held-out patches have the same forecast, so
        that what a map gains says nothing of the model; else empty.
    """

    estimates: dict[str, dict[str, Estimate]]
    changes: dict[str, dict[str, Estimate]]
    parameters: dict[str, dict[str, float]]
    n_source_patients: int
    n_source_patches: int
    state: str = ""

    def frame(self) -> pl.DataFrame:
        """Return one row per map and metric: value and interval, change from "none" and its interval."""
        import polars as pl

        rows = []
        for kind, metrics in self.estimates.items():
            for name, e in metrics.items():
                change = self.changes.get(kind, {}).get(name)
                rows.append(
                    {
                        "map": kind,
                        "metric": name,
                        "value": e.value,
                        "low": e.low,
                        "high": e.high,
                        "change": None if change is None else change.value,
                        "change_low": None if change is None else change.low,
                        "change_high": None if change is None else change.high,
                    }
                )
        return pl.DataFrame(rows, schema_overrides=dict.fromkeys(("change", "change_low", "change_high"), pl.Float64))
