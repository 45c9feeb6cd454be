"""Many problems on one design: every round, one matrix product verifies all of them.

Subsamples, folds, bootstraps and permutations share X. Each problem packs the few columns it works on and is solved on
its own thread; the gradients of all dimensions, for all problems of a batch, come from one product of the design with
the matrix of residuals. Problems need not be at the same penalty: each goes on once its last solution is
verified.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from featkit.sparse.solvers.kernels import column_dots
from featkit.sparse.solvers.path_record import PathRecord
from featkit.sparse.solvers.path_solver import PathSolver
from featkit.sparse.solvers.threads import worker_count
from featkit.sparse.solvers.working_set import WorkingSet

EXACT_BELOW = 1e-5  # relative gap below which float32 products are not accurate enough to certify it
_BATCH = 50  # problems verified by one product; more would touch fresh memory rather than what the last ones left
_PACKED_BYTES = 1 << 30  # what the packed columns of a batch may take
_BLOCK = 256  # dimensions a thread multiplies at a time: a fixed number, so that sums do not depend on the threads


def solve_batch(
    makers: Sequence[Callable[[], WorkingSet]],
    lambdas: np.ndarray,
    tolerance: float,
    *,
    max_entrants: int | None = None,
    is_exact: bool = False,
    n_jobs: int | None = None,
    done: Callable[[], None] = lambda: None,
) -> list[PathRecord]:
    """Solve many problems along the same penalties.

    Parameters
    ----------
    makers : sequence of callables
        Each returns one problem at its null model, called when its batch begins. They share one design.
    lambdas : (n_lambdas,) float64
        Decreasing.
    tolerance : float
        Duality gap to reach, in nats.
    max_entrants : int, optional
        Each path stops after the penalty at which this many dimensions have entered.
    is_exact : bool
        Accumulate the gradients outside the working sets in float64, for tolerances below ``EXACT_BELOW`` of the null
        loss, instead of multiplying in float32.
    n_jobs : int, optional
        Threads; results do not depend on it.
    done : callable
        Called once for each problem done, from the calling thread.

    Returns
    -------
    list of PathRecord
        In the order of ``makers``.
    """
    workers = worker_count(n_jobs)
    records: list[PathRecord] = []
    with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:

        def run_shared(work: Callable[[int], None], size: int) -> None:
            numbers = itertools.count()

            def worker(_: int) -> None:
                while (i := next(numbers)) < size:
                    work(i)

            list(pool.map(worker, range(min(workers, size))))

        start = 0
        while start < len(makers):
            first = makers[start]()
            columns = first.columns
            size = min(_batch_size(first, columns.shape[0]), len(makers) - start)
            path_solvers: list[PathSolver] = [PathSolver(first, lambdas, tolerance, max_entrants)] * size

            def make(i: int, start: int = start, path_solvers: list[PathSolver] = path_solvers) -> None:
                if i > 0:
                    path_solvers[i] = PathSolver(makers[start + i](), lambdas, tolerance, max_entrants)

            run_shared(make, size)
            unfinished = path_solvers
            while unfinished:
                gradients = _gradients(columns, [m.problem for m in unfinished], is_exact, run_shared)
                is_done = [False] * len(unfinished)

                def take_step(
                    i: int,
                    unfinished: list[PathSolver] = unfinished,
                    gradients: np.ndarray = gradients,
                    is_done: list[bool] = is_done,
                ) -> None:
                    is_done[i] = unfinished[i].step(gradients[i])

                run_shared(take_step, len(unfinished))
                for _ in range(sum(is_done)):
                    done()
                unfinished = [m for m, over in zip(unfinished, is_done) if not over]
            records += [m.record for m in path_solvers]
            start += size
    return records


def _batch_size(problem: WorkingSet, d: int) -> int:
    columns = min(d, problem.packed.y.size, 1024)
    return int(min(_BATCH, max(2, _PACKED_BYTES // (4 * columns * problem.packed.y.size))))


def _gradients(
    columns: np.ndarray,
    problems: Sequence[WorkingSet],
    is_exact: bool,
    run_shared: Callable[[Callable[[int], None], int], None],
) -> np.ndarray:
    """Return ``X'r`` of every problem, (n_problems, d) float64."""
    d, n = columns.shape
    found = np.empty((len(problems), d))
    if is_exact:
        which = np.arange(d)

        def one(i: int) -> None:
            column_dots(columns, which, problems[i].residuals(n), found[i])

        run_shared(one, len(problems))
        return found
    residuals = np.zeros((len(problems), n), np.float32)

    def fill(i: int) -> None:
        rows = problems[i].rows
        if rows.size:
            residuals[i, rows] = problems[i].packed.r
        else:
            residuals[i] = problems[i].packed.r

    def block(i: int) -> None:
        here = slice(i * _BLOCK, min((i + 1) * _BLOCK, d))
        found[:, here] = (columns[here] @ residuals.T).T

    run_shared(fill, len(problems))
    run_shared(block, -(-d // _BLOCK))
    return found
