"""Stability selection over patients, with control of false selections."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.options import ComputeOptions, PathOptions, StabilityOptions
from featkit.core.progress import task
from featkit.results.stability import StabilityResult
from featkit.sparse.false_selections import error_control, pfer_bound
from featkit.sparse.model import SparseModel, sparse_model
from featkit.sparse.solvers.design import Patients
from featkit.sparse.subsamples import patient_subsamples, rows_of
from featkit.stats.labelled_rows import LabelledRows

_TOLERANCE = 1e-4  # relative gap where none is asked: frequencies over halves do not change below it


def stability_selection(
    rows: LabelledRows,
    path: PathOptions = PathOptions(),
    stability: StabilityOptions = StabilityOptions(),
    *,
    compute: ComputeOptions = ComputeOptions(),
    seed: int = 0,
) -> StabilityResult:
    """Select the dimensions that a sparse path selects again and again on halves of the patients.

    With two classes the path is that of `featkit.sparse.logistic_path`, with several that of
    `featkit.sparse.multinomial_path`. Halves are stratified by class and the same for every penalty; with an odd number
    of patients, one is left out of each pair.

    Parameters
    ----------
    rows : LabelledRows
        Training rows. Two classes are 0 and 1.
    path : PathOptions
        The path of each half, by default solved to 1e-4; its grid starts at the largest penalty of all rows.
    stability : StabilityOptions
        Halves and error control.
    compute : ComputeOptions
        Threads, device and memory.
    seed : int
        Seed of the halves.

    Returns
    -------
    StabilityResult
        With the threshold alone ``is_q_controlled`` is False: the bound is an estimate.

    Raises
    ------
    InputError
        If the input is malformed, a class has fewer than two patients, or the error control asked cannot be had.

    References
    ----------
    Meinshausen and Buhlmann, JRSSB 72:417, 2010 (stability selection); Shah and Samworth, JRSSB 75:55, 2013
    (complementary pairs, and the bounds).

    Examples
    --------
    >>> import numpy as np
    >>> patient = np.repeat(np.arange(20), 6)
    >>> X = np.random.default_rng(0).standard_normal((120, 15))
    >>> X[:, 2] += 3 * (patient % 2)
    >>> asked = StabilityOptions(n_pairs=5, q=2, threshold=0.9)
    >>> stability_selection(LabelledRows(X, patient % 2, patient), stability=asked).stable_support
    array([2])
    """
    model = sparse_model(rows, path, compute=compute, seed=seed)
    result = stability_of(model, stability, compute=compute, seed=seed)
    return dataclasses.replace(result, notes=(*model.notes, *result.notes))


def stability_of(
    model: SparseModel,
    stability: StabilityOptions,
    *,
    lambdas: np.ndarray | None = None,
    tolerance: float | None = None,
    compute: ComputeOptions = ComputeOptions(),
    seed: int = 0,
) -> StabilityResult:
    """Run stability selection of a model, by default along its own grid and to its own tolerance.

    See `stability_selection`.
    """
    d, n = model.design.columns.shape
    n_live = int(d - model.design.is_dead.sum())
    patients = model.patients
    scheme, bound, n_pairs = stability.scheme, stability.bound, stability.n_pairs
    threshold, q, pfer = _error_control(n_live, stability)
    halves = patient_subsamples(patients, scheme, n_pairs, seed)
    grid = model.grid if lambdas is None else lambdas
    if tolerance is None:
        tolerance = _TOLERANCE if model.options.tolerance is None else model.options.tolerance
    with task("Stability selection", total=len(halves)) as done:
        records = model.solve_paths(
            [rows_of(patients, chosen) for chosen in halves],
            grid,
            tolerance,
            max_entrants=q,
            compute=compute,
            done=done,
        )
    counts = np.zeros((grid.size, d))
    selected, worst, n_unconverged = [], 0.0, 0
    for record in records:
        is_allowed = np.zeros(d, np.bool_)
        is_allowed[record.entrants[:q]] = True
        selected.append(int(is_allowed.sum()))
        for index in range(grid.size):
            support = record.supports[min(index, len(record.supports) - 1)]
            counts[index, support[is_allowed[support]]] += 1
        worst = max(worst, max(record.gaps) / model.null_loss)
        n_unconverged += sum(g > tolerance * model.null_loss for g in record.gaps)
    frequency_path = counts / len(halves)
    frequency = frequency_path.max(axis=0)
    mean_selected = float(np.mean(selected))
    is_q_controlled = q is not None
    if pfer is None:
        pfer = pfer_bound(mean_selected, threshold, n_live, n_pairs, bound) if mean_selected > 0 else 0.0
    messages = _messages(patients, pfer, n_unconverged, tolerance)
    return StabilityResult(
        scheme=scheme,
        lambdas=grid,
        frequency_path=frequency_path,
        selection_frequency=frequency,
        stable_support=np.flatnonzero(frequency >= threshold),
        threshold=threshold,
        q=float(q) if q is not None else mean_selected,
        is_q_controlled=is_q_controlled,
        pfer=float(pfer),
        bound=bound,
        mean_selected=mean_selected,
        n_subsamples=len(halves),
        n_patients=patients.names.size,
        n_patients_per_subsample=patients.names.size // 2,
        n_patches=n,
        n_dimensions=d,
        n_dead=d - n_live,
        max_relative_gap=worst,
        n_unconverged=n_unconverged,
        seed=seed,
        notes=messages,
    )


def _error_control(n_live: int, stability: StabilityOptions) -> tuple[float, int | None, float | None]:
    """Return threshold, q and pfer, the last two None where there is no error control."""
    n_pairs, bound = stability.n_pairs, stability.bound
    threshold, q, pfer = stability.threshold, stability.q, stability.pfer
    given = sum(value is not None for value in (threshold, q, pfer))
    if q is not None and not 1 <= q <= n_live:
        raise InputError(f"q must lie in [1, {n_live}], the dimensions that are not constant", q)
    if given == 0:
        try:
            return error_control(n_live, n_pairs, bound, threshold=0.75, pfer=1.0)
        except InputError:  # too few dimensions for any control
            return 0.75, None, None
    if given == 1 and threshold is not None:
        return threshold, None, None
    if given == 1:
        threshold = 0.75
    return error_control(n_live, n_pairs, bound, threshold=threshold, q=q, pfer=pfer)


def _messages(patients: Patients, pfer: float, n_unconverged: int, tolerance: float) -> tuple[str, ...]:
    messages = []
    if patients.n_mixed:
        messages.append(
            f"{patients.n_mixed} patients have rows of several classes; folds and halves are balanced by the rarer one"
        )
    if not np.isfinite(pfer):
        messages.append("the bound on false selections does not apply: too many dimensions are selected for it")
    if n_unconverged:
        messages.append(f"{n_unconverged} fitted penalties did not reach a relative duality gap of {tolerance:g}")
    for message in messages:
        warnings.warn(message, FeatkitWarning, stacklevel=4)
    return tuple(messages)
