"""Stability selection over patients, with control of false selections."""

from __future__ import annotations

import dataclasses
import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from featkit.core.errors import FeatkitWarning, InputError
from featkit.core.progress import task
from featkit.core.results.stability import StabilityResult
from featkit.sparse.design import Design, Patients, as_labels, as_matrix, as_patients, make_design
from featkit.sparse.many import EXACT_BELOW, solve_many
from featkit.sparse.memory import thin
from featkit.sparse.path import as_lambdas, check_options, lambda_grid, largest_lambda
from featkit.sparse.pfer import error_control, pfer_bound
from featkit.sparse.subsamples import patient_subsamples, rows_of
from featkit.sparse.working_set import ALL_ROWS, WorkingSet


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
    """Select the dimensions that an L1-logistic path selects again and again on halves of the patients.

    Parameters
    ----------
    X, y, groups : (n, d), (n,) and (n,) arrays
        Training embeddings, labels 0 or 1, and patients.
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
        Solve whole batches of halves with torch on "cuda" or "cpu", within the same gap (`featkit.sparse.batched`);
        "auto" does so where there is a GPU. By default featkit's own solver on the CPU.
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
    X, rows, thinned = thin(X, y, groups, max_bytes, seed)
    if rows is not None:
        y, groups = np.asarray(y)[rows], np.asarray(groups)[rows]
    X = as_matrix(X)
    labels = as_labels(y, X.shape[0])
    patients = as_patients(groups, labels)
    check_options(l1_ratio, tolerance, None)
    design = make_design(X, standardize=standardize)
    grid = None if lambdas is None else as_lambdas(lambdas)
    result = stability_on_design(
        design, labels, patients, scheme=scheme, n_pairs=n_pairs, threshold=threshold, q=q, pfer=pfer, bound=bound,
        lambdas=grid, n_lambdas=n_lambdas, lambda_min_ratio=lambda_min_ratio, l1_ratio=l1_ratio, tolerance=tolerance,
        seed=seed, n_jobs=n_jobs, device=device,
    )  # fmt: skip
    return dataclasses.replace(result, warnings=(thinned, *result.warnings)) if thinned else result


def stability_on_design(
    design: Design,
    y: np.ndarray,
    patients: Patients,
    *,
    scheme: str,
    n_pairs: int,
    threshold: float | None,
    q: int | None,
    pfer: float | None,
    bound: str,
    lambdas: np.ndarray | None,
    n_lambdas: int,
    lambda_min_ratio: float,
    l1_ratio: float,
    tolerance: float,
    seed: int,
    n_jobs: int | None,
    device: str | None = None,
) -> StabilityResult:
    """Run stability selection on a prepared design; see `stability_selection`."""
    d, n = design.columns.shape
    n_live = int(d - design.is_dead.sum())
    if bound != "worst_case" and scheme != "complementary_pairs":
        raise InputError(f"bound {bound!r} needs scheme 'complementary_pairs'", repr(scheme), "Use bound 'worst_case'")
    threshold, q, pfer = _settle(n_live, n_pairs, bound, threshold, q, pfer)
    halves = patient_subsamples(patients, scheme, n_pairs, seed)
    penalties = np.where(design.is_dead, np.inf, 1.0)
    problem = WorkingSet(design.columns, y, np.full(n, 1.0 / n), ALL_ROWS, penalties, l1_ratio, True)
    null_loss = problem.loss()
    if lambdas is None:
        lambdas = lambda_grid(largest_lambda(problem.gradient(), penalties, l1_ratio), n_lambdas, lambda_min_ratio)
    grid = lambdas

    rows = [rows_of(patients, chosen) for chosen in halves]

    def maker(part: np.ndarray) -> Callable[[], WorkingSet]:
        w = np.full(part.size, 1.0 / part.size)
        return lambda: WorkingSet(design.columns, y[part], w, part, penalties, l1_ratio, True)

    with task("Stability selection", total=len(halves)) as done:
        if use_torch(device):
            from featkit.sparse.batched import solve_batched

            traces = solve_batched(
                design.columns, y, rows, penalties, grid, tolerance * null_loss, l1_ratio, q, device, done
            )
        else:
            traces = solve_many(
                design.columns,
                [maker(part) for part in rows],
                grid,
                tolerance * null_loss,
                max_entrants=q,
                is_exact=tolerance < EXACT_BELOW,
                n_jobs=n_jobs,
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
        worst = max(worst, max(trace.gaps) / null_loss)
        n_unconverged += sum(g > tolerance * null_loss for g in trace.gaps)
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


def use_torch(device: str | None) -> bool:
    """Return whether a device asks for the torch solver; "auto" does where torch sees a GPU."""
    if device not in (None, "auto", "cpu", "cuda"):
        raise InputError("device must be auto, cpu or cuda", repr(device))
    if device is None:
        return False
    if importlib.util.find_spec("torch") is None:
        if device == "auto":
            return False
        raise InputError(f"device {device!r} needs torch", "none installed", "Install featkit with its torch extra")
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device cuda needs a GPU that torch can see", "none", "Use device auto")
    return device != "auto" or torch.cuda.is_available()


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
        messages.append(f"{patients.n_mixed} patients have rows of both classes; each counts as its majority")
    if not np.isfinite(pfer):
        messages.append("the bound on false selections does not apply: too many dimensions are selected for it")
    if n_unconverged:
        messages.append(f"{n_unconverged} fitted penalties did not reach a relative duality gap of {tolerance:g}")
    for message in messages:
        warnings.warn(message, FeatkitWarning, stacklevel=4)
    return tuple(messages)
