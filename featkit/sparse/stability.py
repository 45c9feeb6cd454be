"""Stability selection over patients, with control of false selections."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.progress import task
from featkit.results.stability import StabilityResult
from featkit.sparse.false_selections import error_control, pfer_bound
from featkit.sparse.model import SparseModel, sparse_model
from featkit.sparse.path import as_lambdas, check_options, lambda_grid
from featkit.sparse.solvers.design import Patients
from featkit.sparse.subsamples import patient_subsamples, rows_of


def stability_selection(
    X: Any,
    y: Any,
    groups: Any,
    *,
    scheme: str = "complementary_pairs",
    n_pairs: int = 50,
    threshold: float | None = None,
    q: int | None = None,
    pfer: float | None = None,
    bound: str = "unimodal",
    lambdas: Any = None,
    n_lambdas: int = 49,
    lambda_min_ratio: float = 0.01,
    l1_ratio: float = 1.0,
    standardize: bool = True,
    tolerance: float = 1e-4,
    seed: int = 0,
    n_jobs: int | None = None,
    device: str | None = None,
    max_bytes: int | None = None,
) -> StabilityResult:
    """Select the dimensions that a sparse path selects again and again on halves of the patients.

    With two classes the path is `logistic_path`'s, with several `multinomial_path`'s.

    Parameters
    ----------
    X, y, groups : (n, d), (n,) and (n,) arrays
        Training embeddings, labels and patients (or "patches" where rows are independent). Two classes are 0
        and 1.
    scheme : str
        "complementary_pairs" (Shah and Samworth) or "subsample" (Meinshausen and Buhlmann): halves of the patients,
        stratified by class, the same for every penalty. With an odd number of patients, one is left out of each pair.
    n_pairs : int
        Pairs of halves; ``2 * n_pairs`` paths.
    threshold, q, pfer : float, int, float, optional
        Share of halves a dimension must be selected in (``>=``), dimensions a half may select, and the bound on the
        expected number of false selections. Two give the third. With ``q`` each path stops at the first q entrants
        (those of one penalty in the order of their coefficients' size), which is what the bound needs. A missing
        threshold beside one of the others is 0.75; with none of the three it is 0.75 and pfer 1. With the threshold
        alone paths run to the end and the bound is evaluated at the mean number selected, an estimate that
        ``is_q_controlled=False`` marks.
    bound : str
        "worst_case", "unimodal" or "r_concave" (see `featkit.sparse.pfer_bound`); the last two hold for complementary
        pairs only.
    lambdas, n_lambdas, lambda_min_ratio, l1_ratio, standardize, tolerance
        As in `featkit.sparse.logistic_path`; the grid starts at the full data's largest penalty.
    seed : int
        Seed of the halves.
    n_jobs : int, optional
        Threads; all processors by default. Results do not depend on it.
    device : str, optional
        Solve whole batches of halves with torch on "cuda" or "cpu", within the same gap
        (`featkit.sparse.solvers.torch_batch`); "auto" does so where there is a GPU. By default, and with several
        classes, featkit's own solver on the CPU.
    max_bytes : int, optional
        As in `featkit.sparse.logistic_path`: a larger ``X`` keeps every patient, with fewer patches.

    Returns
    -------
    StabilityResult

    Raises
    ------
    InputError
        If the input is malformed, a class has fewer than two patients, or the error control asked cannot be had.
    """
    model = sparse_model(X, y, groups, l1_ratio=l1_ratio, standardize=standardize, max_bytes=max_bytes, seed=seed)
    result = stability_of(
        model, scheme=scheme, n_pairs=n_pairs, threshold=threshold, q=q, pfer=pfer, bound=bound, lambdas=lambdas,
        n_lambdas=n_lambdas, lambda_min_ratio=lambda_min_ratio, tolerance=tolerance, seed=seed, n_jobs=n_jobs,
        device=device,
    )  # fmt: skip
    return dataclasses.replace(result, warnings=(*model.notes, *result.warnings))


def stability_of(
    model: SparseModel,
    *,
    scheme: str,
    n_pairs: int,
    threshold: float | None,
    q: int | None,
    pfer: float | None,
    bound: str,
    lambdas: Any,
    n_lambdas: int,
    lambda_min_ratio: float,
    tolerance: float,
    seed: int,
    n_jobs: int | None,
    device: str | None,
) -> StabilityResult:
    """Run stability selection of a model; see `stability_selection`."""
    d, n = model.design.columns.shape
    n_live = int(d - model.design.is_dead.sum())
    patients = model.patients
    if bound != "worst_case" and scheme == "subsample":
        raise InputError(f"bound {bound!r} needs scheme 'complementary_pairs'", repr(scheme), "Use bound 'worst_case'")
    check_options(model.l1_ratio, tolerance, None)
    threshold, q, pfer = _settle(n_live, n_pairs, bound, threshold, q, pfer)
    halves = patient_subsamples(patients, scheme, n_pairs, seed)
    grid = lambda_grid(model.largest_lambda, n_lambdas, lambda_min_ratio) if lambdas is None else as_lambdas(lambdas)
    with task("Stability selection", total=len(halves)) as done:
        traces = model.follow_many(
            [rows_of(patients, chosen) for chosen in halves],
            grid,
            tolerance,
            max_entrants=q,
            n_jobs=n_jobs,
            device=device,
            done=done,
        )
    counts = np.zeros((grid.size, d))
    selected, worst, n_unconverged = [], 0.0, 0
    for trace in traces:
        is_allowed = np.zeros(d, np.bool_)
        is_allowed[trace.entrants[:q]] = True
        selected.append(int(is_allowed.sum()))
        for index in range(grid.size):
            support = trace.supports[min(index, len(trace.supports) - 1)]
            counts[index, support[is_allowed[support]]] += 1
        worst = max(worst, max(trace.gaps) / model.null_loss)
        n_unconverged += sum(g > tolerance * model.null_loss for g in trace.gaps)
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
        warnings=messages,
    )


def _settle(
    n_live: int, n_pairs: int, bound: str, threshold: float | None, q: int | None, pfer: float | None
) -> tuple[float, int | None, float | None]:
    given = sum(value is not None for value in (threshold, q, pfer))
    if threshold is not None and not 0.5 < threshold <= 1.0:
        raise InputError("threshold must lie in (0.5, 1]", threshold, "Ask for a frequency above one half")
    if q is not None and not 1 <= q <= n_live:
        raise InputError(f"q must lie in [1, {n_live}], the dimensions that are not constant", q)
    if given == 3:
        raise InputError("at most two of threshold, q and pfer may be given", "all three", "Leave one out")
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
        messages.append(f"{patients.n_mixed} patients have rows of several classes; each counts as the commonest")
    if not np.isfinite(pfer):
        messages.append("the bound on false selections does not apply: too many dimensions are selected for it")
    if n_unconverged:
        messages.append(f"{n_unconverged} fitted penalties did not reach a relative duality gap of {tolerance:g}")
    for message in messages:
        warnings.warn(message, FeatkitWarning, stacklevel=4)
    return tuple(messages)
