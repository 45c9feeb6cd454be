"""Whole batches of halves on one device with torch: accelerated proximal gradient, the same certificate.

Every iteration is two matrix products for all problems at once: linear predictors ``B X'`` and gradients ``R X``. The
intercepts are solved exactly at each iteration, so that residuals sum to zero and, scaled, are a dual feasible point;
the gap is the bound of `featkit.sparse.solvers.newton`. Problems whose gap is reached leave the batch.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from featkit.core.errors import InputError
from featkit.sparse.solvers.path_record import PathRecord

if TYPE_CHECKING:
    import torch

_CHECK_EVERY = 10
_MAX_ITERATIONS = 20_000


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


@dataclasses.dataclass(frozen=True, eq=False)
class TorchProblems:
    """What all problems of a batch share.

    Parameters
    ----------
    columns : (d, n) float32
        The design.
    y : (n,) float64
        Labels in {0, 1}.
    penalty_weights : (d,) float64
        Positive; infinity keeps a dimension out.
    l1_ratio : float
        Share of the penalty that is L1.
    """

    columns: np.ndarray
    y: np.ndarray
    penalty_weights: np.ndarray
    l1_ratio: float = 1.0


class _Penalised(NamedTuple):
    """Design, labels and the penalties under way, on the device."""

    X: torch.Tensor
    y: torch.Tensor
    l1: torch.Tensor
    l2: torch.Tensor


def solve_batched(
    shared: TorchProblems,
    rows: Sequence[np.ndarray],
    lambdas: np.ndarray,
    tolerance: float,
    *,
    max_entrants: int | None = None,
    device: str | None = "auto",
    done: Callable[[], None] = lambda: None,
) -> list[PathRecord]:
    """Solve one path on each set of rows.

    Parameters
    ----------
    shared : TorchProblems
        Design, labels and penalties.
    rows : sequence of int arrays
        The rows of each problem, all of equal weight.
    lambdas, tolerance, max_entrants, done
        As in `featkit.sparse.solvers.batch.solve_batch`. Products are in float32: gaps below about 1e-5 of the null
        loss are not reached.
    device : str
        "cpu", "cuda" or "auto".

    Returns
    -------
    list of PathRecord
        In the order of ``rows``.
    """
    import torch

    columns, l1_ratio = shared.columns, shared.l1_ratio
    if device in (None, "auto"):
        device = "cuda" if torch.cuda.is_available() else "cpu"
    X = torch.from_numpy(columns).to(device)
    W = torch.zeros((len(rows), columns.shape[1]), dtype=torch.float32)
    for i, part in enumerate(rows):
        W[i, torch.from_numpy(np.asarray(part))] = 1.0 / len(part)
    W = W.to(device)
    target = torch.from_numpy(shared.y).to(device, torch.float32)
    finite = np.isfinite(shared.penalty_weights)
    p = torch.from_numpy(np.where(finite, shared.penalty_weights, 1.0)).to(device, torch.float32)
    X = X * torch.from_numpy(finite).to(device, torch.float32)[:, None]
    B = torch.zeros((len(rows), columns.shape[0]), device=device)
    b0 = torch.zeros((len(rows), 1), device=device)
    bound = _largest_curvatures(X, W)
    records = [PathRecord() for _ in rows]
    unfinished = torch.arange(len(rows), device=device)
    for lambda_ in lambdas:
        problem = _Penalised(X, target, lambda_ * l1_ratio * p, lambda_ * (1.0 - l1_ratio) * p)
        B[unfinished], b0[unfinished], gaps, losses, steps = _solve(
            problem, W[unfinished], B[unfinished], b0[unfinished], bound[unfinished], tolerance
        )
        keep = []
        solved = B[unfinished].double().cpu().numpy()
        for i, index in enumerate(unfinished.tolist()):
            support = np.flatnonzero(solved[i])
            records[index].add(
                support, solved[i, support], float(b0[index]), float(losses[i]), float(gaps[i]), int(steps[i])
            )
            if max_entrants is None or len(records[index].entrants) < max_entrants:
                keep.append(index)
            else:
                done()
        unfinished = torch.tensor(keep, dtype=torch.int64, device=device)
        if not keep:
            break
    for _ in unfinished.tolist():
        done()
    return records


def _largest_curvatures(X: torch.Tensor, W: torch.Tensor) -> torch.Tensor:
    """Return an upper estimate of each problem's largest Hessian eigenvalue, (P, 1), by power iteration."""
    import torch

    vector = torch.ones((W.shape[0], X.shape[0]), device=X.device)
    size = torch.ones((W.shape[0], 1), device=X.device)
    for _ in range(50):
        vector = ((vector / size) @ X * W) @ X.T
        size = vector.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return 0.25 * 1.05 * size


def _residuals(
    eta: torch.Tensor, b0: torch.Tensor, y: torch.Tensor, W: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return residuals (P, n) at the best intercepts (P, 1), found by Newton from those given."""
    for _ in range(20):
        probability = (eta + b0).sigmoid()
        r = W * (y - probability)
        slope = r.sum(dim=1, keepdim=True)
        curvature = (W * probability * (1.0 - probability)).sum(dim=1, keepdim=True).clamp_min(1e-12)
        step = (slope / curvature).clamp(-2.0, 2.0)
        if float(step.abs().max()) < 1e-7:
            break
        b0 = b0 + step
    return r, b0


def _solve(
    problem: _Penalised, W: torch.Tensor, B: torch.Tensor, b0: torch.Tensor, bound: torch.Tensor, tolerance: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Solve one penalty for all problems by FISTA with restarts; returns B, b0, gaps, losses, iterations."""
    import torch

    X, y, l1, l2 = problem
    n_problems = B.shape[0]
    B, b0 = B.clone(), b0.clone()
    gaps = torch.full((n_problems,), float("inf"), dtype=torch.float64)
    losses = torch.zeros(n_problems, dtype=torch.float64)
    steps = torch.zeros(n_problems, dtype=torch.int64)
    live = torch.arange(n_problems, device=B.device)
    past, Z, momentum = B.clone(), B.clone(), torch.ones((n_problems, 1), device=B.device)
    for iteration in range(_MAX_ITERATIONS):
        if iteration % _CHECK_EVERY == 0:
            eta = past @ X
            r, at = _residuals(eta, b0[live], y, W[live])
            gap, loss = _certificate(problem, eta + at, r, past, W[live])
            B[live], b0[live] = past, at
            here = live.cpu()
            gaps[here], losses[here], steps[here] = gap.cpu(), loss.cpu(), iteration
            open_ = gap > tolerance
            if not bool(open_.any()):
                break
            live, past, Z, momentum = live[open_], past[open_], Z[open_], momentum[open_]
        r, at = _residuals(Z @ X, b0[live], y, W[live])
        b0[live] = at
        size = bound[live]
        moved = Z + (r @ X.T) / size
        new = (moved.abs() - l1 / size).clamp_min(0.0) * moved.sign() / (1.0 + l2 / size)
        restart = ((Z - new) * (new - past)).sum(dim=1, keepdim=True) > 0
        momentum = torch.where(restart, torch.ones_like(momentum), momentum)
        grown = 0.5 * (1.0 + (1.0 + 4.0 * momentum**2).sqrt())
        Z = new + torch.where(restart, torch.zeros_like(momentum), (momentum - 1.0) / grown) * (new - past)
        past, momentum = new, grown
    return B, b0, gaps, losses, steps


def _certificate(
    problem: _Penalised, eta: torch.Tensor, r: torch.Tensor, B: torch.Tensor, W: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gap's bound and the loss of every problem, (P,) each, accumulated in float64."""
    import torch

    X, y, l1, l2 = problem
    g = (r @ X.T).double()
    margin = torch.where(y > 0.5, eta, -eta).double()
    exp_loss = (W * torch.exp(-margin.clamp(-300, 300))).sum(dim=1)
    loss = (W * torch.nn.functional.softplus(-margin)).sum(dim=1)
    b, limit, ridge = B.double(), l1.double(), l2.double()
    if float(l2.max()) == 0.0:
        s = (limit / g.abs().clamp_min(1e-300)).min(dim=1).values.clamp_max(1.0)
        conjugate = torch.zeros_like(s)
    else:
        s = torch.ones_like(exp_loss)
        conjugate = ((g.abs() - limit).clamp_min(0.0) ** 2 / (2.0 * ridge)).sum(dim=1)
    penalty = (limit * b.abs() + 0.5 * ridge * b * b).sum(dim=1)
    return penalty + conjugate - s * (b * g).sum(dim=1) + (1.0 - s) ** 2 / (2.0 * s) * exp_loss, loss
