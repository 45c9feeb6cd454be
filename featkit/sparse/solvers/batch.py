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
from featkit.sparse.solvers.path_record import Trace
from featkit.sparse.solvers.path_solver import March
from featkit.sparse.solvers.threads import worker_count
from featkit.sparse.solvers.working_set import WorkingSet

EXACT_BELOW = 1e-5  # relative gap below which float32 products are not accurate enough to certify it
_BATCH = 50  # problems verified by one product; more would touch fresh memory rather than what the last ones left
_PACKED_BYTES = 1 << 30  # what the packed columns of a batch may take
_BLOCK = 256  # dimensions a thread multiplies at a time: a fixed number, so that sums do not depend on the threads


def solve_many(
    columns: np.ndarray,
    makers: Sequence[Callable[[], WorkingSet]],
    lambdas: np.ndarray,
    tolerance: float,
    *,
    max_entrants: int | None = None,
    is_exact: bool = False,
    n_jobs: int | None = None,
    done: Callable[[], None] = lambda: None,
) -> list[Trace]:
    """Solve many problems along the same penalties.

    Parameters
    ----------
    columns : (d, n) float32, C order
        The design they share.
    makers : sequence of callables
        Each returns one problem at its null model; called when its batch begins.
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
    list of Trace
        In the order of ``makers``.
    """
    d = columns.shape[0]
    workers = worker_count(n_jobs)
    traces: list[Trace] = []
    with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:

        def share(work: Callable[[int], None], size: int) -> None:
            numbers = itertools.count()

            def worker(_: int) -> None:
                while (i := next(numbers)) < size:
                    work(i)

            list(pool.map(worker, range(min(workers, size))))

        start = 0
        while start < len(makers):
            first = makers[start]()
            size = min(_batch_size(first, d), len(makers) - start)
            marches: list[March] = [March(first, lambdas, tolerance, max_entrants)] * size

            def make(i: int, start: int = start, marches: list[March] = marches) -> None:
                if i > 0:
                    marches[i] = March(makers[start + i](), lambdas, tolerance, max_entrants)

            share(make, size)
            going = marches
            while going:
                gradients = _gradients(columns, [m.problem for m in going], is_exact, share)
                is_done = [False] * len(going)

                def advance(
                    i: int,
                    going: list[March] = going,
                    gradients: np.ndarray = gradients,
                    is_done: list[bool] = is_done,
                ) -> None:
                    is_done[i] = going[i].step(gradients[i])

                share(advance, len(going))
                for _ in range(sum(is_done)):
                    done()
                going = [m for m, over in zip(going, is_done) if not over]
            traces += [m.trace for m in marches]
            start += size
    return traces


def _batch_size(problem: WorkingSet, d: int) -> int:
    columns = min(d, problem.packed.y.size, 1024)
    return int(min(_BATCH, max(2, _PACKED_BYTES // (4 * columns * problem.packed.y.size))))


def _gradients(
    columns: np.ndarray,
    problems: Sequence[WorkingSet],
    is_exact: bool,
    share: Callable[[Callable[[int], None], int], None],
) -> np.ndarray:
    """Return ``X'r`` of every problem, (n_problems, d) float64."""
    d, n = columns.shape
    found = np.empty((len(problems), d))
    if is_exact:
        which = np.arange(d)

        def one(i: int) -> None:
            column_dots(columns, which, problems[i].residuals(n), found[i])

        share(one, len(problems))
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

    share(fill, len(problems))
    share(block, -(-d // _BLOCK))
    return found
