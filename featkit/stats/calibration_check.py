"""Is a forecast calibrated? A test that patients decide, and the ECE that perfect calibration would show."""

from __future__ import annotations

import numpy as np

from featkit.core.errors import InputError
from featkit.core.options.resampling import Resampling
from featkit.results.calibration import CalibrationTest
from featkit.stats.calibration_error import Bins, Of, binned_residuals, ece_debiased
from featkit.stats.forecasts import Forecasts
from featkit.stats.permutation import permutation_p_value
from featkit.stats.resampling import patient_counts

_FEWEST = 10  # patients below which the size of the test was not measured


def calibration_test(
    forecasts: Forecasts, *, bins: Bins = "width", of: Of = "class-one", resampling: Resampling | None = None
) -> CalibrationTest:
    """Test whether labels are as frequent as forecast in every bin, patients being the independent units.

    Under perfect calibration the sum of ``y - p`` over a patient's patches in a bin has mean zero over patients,
    whatever the dependence inside a patient. So whole patients are drawn with replacement, with their sums centred at
    zero: this gives the distribution of the statistic, ``sum_b n_b (mean y - mean p)^2``, and of the ECE, under perfect
    calibration. Centred draws keep the skewness of rare classes, which random signs would lose. An ECE is biased
    upwards and has no interval that would cover its population value; what it can be compared with is what it would be
    by chance.

    Parameters
    ----------
    forecasts : Forecasts
        Labels, probabilities and patients, with the number of bins.
    bins, of
        As in `featkit.stats.ece`.
    resampling : Resampling
        Draws of patients, the seed, and the level of the range by chance.

    Returns
    -------
    CalibrationTest

    Raises
    ------
    InputError
        If inputs are not as described or there is a single patient.

    References
    ----------
    Hall and Wilson, Two guidelines for bootstrap hypothesis testing, Biometrics 47:757, 1991 (centring at the null).
    Bröcker and Smith, Increasing the reliability of reliability diagrams, Weather and Forecasting 22:651, 2007 (the ECE
    by chance, there for independent forecasts).

    Examples
    --------
    >>> import numpy as np
    >>> random = np.random.default_rng(0)
    >>> p = random.uniform(size=600)
    >>> y, patients = (random.random(600) < p).astype(int), np.repeat(np.arange(60), 10)
    >>> calibrated, steep = (calibration_test(Forecasts(y, q, patients)) for q in (p, p**3))
    >>> calibrated.p_value > 0.05, steep.p_value < 0.01
    (True, True)
    """
    resampling = resampling or Resampling()
    given = (forecasts.y, forecasts.p, forecasts.groups, forecasts.n_bins, bins, of)
    parts = binned_residuals(*given)
    n_patients, n = len(parts[0].residual), float(parts[0].size.sum())
    if n_patients < 2:
        raise InputError("a calibration test needs at least two patients", n_patients)
    residual = np.concatenate([part.residual for part in parts], axis=1)
    size = np.concatenate([part.size.sum(axis=0) for part in parts])

    def measured(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.abs(sums).sum(axis=1) / n / len(parts), (sums**2 / size).sum(axis=1)

    ece, statistic = (float(v[0]) for v in measured(residual.sum(axis=0)[None]))
    centred = (residual - residual.mean(axis=0)) * np.sqrt(n_patients / (n_patients - 1))
    plan = patient_counts(np.arange(n_patients))
    null = [measured(counts @ centred) for counts, _ in plan.blocks(resampling.n_draws, resampling.seed)]
    ece_null, null_statistic = (np.concatenate(v) for v in zip(*null, strict=True))
    tail = (1 - resampling.level) / 2
    low, high = (float(bound) for bound in np.quantile(ece_null, [tail, 1 - tail]))
    notes = []
    if n_patients < _FEWEST:
        notes.append(f"with {n_patients} patients the size of the calibration test is not known")
    return CalibrationTest(
        ece=ece,
        ece_by_chance=float(ece_null.mean()),
        chance_low=low,
        chance_high=high,
        level=resampling.level,
        rms_debiased=ece_debiased(*given),
        p_value=permutation_p_value(statistic, null_statistic, alternative="greater"),
        of=of,
        bins=bins,
        n_bins=forecasts.n_bins,
        n_draws=len(ece_null),
        unit=forecasts.unit,
        n_units=n_patients,
        notes=tuple(notes),
    )
