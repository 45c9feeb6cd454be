"""A sparse logistic model on one design: its path on all rows, and its paths on many sets of them.

Choosing a penalty, stability selection and signatures ask nothing more of a model, so they are the same for two classes
(L1-logistic) and for several (multinomial, a dimension being in or out for all classes together).
"""

from __future__ import annotations

import abc
import dataclasses
import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits

from featkit.core.arrays import as_matrix, as_two_classes
from featkit.core.errors import InputError
from featkit.core.options import ComputeOptions, PathOptions
from featkit.results.path import PathResult
from featkit.sparse.memory import rows_that_fit
from featkit.sparse.multinomial import as_classes, largest_group_lambda, require_grouped
from featkit.sparse.path import lambda_grid, largest_lambda, to_result
from featkit.sparse.solvers.batch import EXACT_BELOW, solve_batch
from featkit.sparse.solvers.design import Design, Patients, as_patients, make_design
from featkit.sparse.solvers.multinomial import GroupedProblem, solve_grouped_path
from featkit.sparse.solvers.path_record import PathRecord
from featkit.sparse.solvers.path_solver import solve_path
from featkit.sparse.solvers.threads import worker_count
from featkit.sparse.solvers.torch_batch import TorchProblems, solve_batched, use_torch
from featkit.sparse.solvers.working_set import ALL_ROWS, WorkingSet
from featkit.stats.labelled_rows import LabelledRows

_COPIED_BYTES = 1 << 30  # what copies of the design for sets of rows may take, where one alone takes no more

Done = Callable[[], None]


@dataclasses.dataclass(frozen=True, eq=False)
class SparseModel(abc.ABC):
    """A model and the training rows it is for.

    Parameters
    ----------
    design : Design
        The training embeddings.
    y : (n,) array
        Class indices: float64 with two classes, int64 with several.
    patients : Patients
        Of the rows.
    options : PathOptions
        How paths are fitted.
    classes : tuple of str
        Class names; may be empty with two classes.
    notes : tuple of str
        What a reader must know about the rows.
    """

    design: Design
    y: np.ndarray
    patients: Patients
    options: PathOptions
    classes: tuple[str, ...]
    notes: tuple[str, ...]

    usual_tolerance: ClassVar[float]
    """Relative duality gap to solve to where nothing else is asked."""

    @functools.cached_property
    def penalties(self) -> np.ndarray:
        """Penalty weights, (d,) float64: 1, and infinity for constant dimensions."""
        return np.where(self.design.is_dead, np.inf, 1.0)

    @property
    def tolerance(self) -> float:
        """Relative duality gap to solve to."""
        return self.usual_tolerance if self.options.tolerance is None else self.options.tolerance

    @functools.cached_property
    def grid(self) -> np.ndarray:
        """Penalties of the path, (n_lambdas,) float64, decreasing."""
        return lambda_grid(self.largest_lambda, self.options)

    @property
    @abc.abstractmethod
    def null_loss(self) -> float:
        """Mean loss of the model with intercepts alone, in nats."""

    @property
    @abc.abstractmethod
    def largest_lambda(self) -> float:
        """Smallest penalty at which nothing is selected."""

    @abc.abstractmethod
    def solve_path(self, lambdas: np.ndarray, tolerance: float) -> PathRecord:
        """Solve along the penalties on all rows, to gaps of ``tolerance`` relative to the null loss."""

    @abc.abstractmethod
    def solve_paths(
        self,
        parts: Sequence[np.ndarray],
        lambdas: np.ndarray,
        tolerance: float,
        *,
        max_entrants: int | None = None,
        compute: ComputeOptions = ComputeOptions(),
        done: Done = lambda: None,
    ) -> list[PathRecord]:
        """Solve along the penalties on each set of sorted rows, to gaps of ``tolerance`` relative to the null loss.

        Parameters
        ----------
        parts : sequence of (n_rows,) int64
            Sets of rows, each sorted.
        lambdas : (n_lambdas,) float64
            Penalties, decreasing.
        tolerance : float
            Relative duality gap.
        max_entrants : int, optional
            Each path stops after the penalty at which this many dimensions have entered.
        compute : ComputeOptions
            Threads and device.
        done : callable
            Called once for each path done.
        """

    @abc.abstractmethod
    def losses(self, predictor: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return each row's loss in nats, (n,), given its linear predictor, (n,) or (n, K)."""

    def path(self, lambdas: np.ndarray | None = None, tolerance: float | None = None) -> PathResult:
        """Return the path on all rows, on the scale of the design, by default over the model's own grid."""
        d, n = self.design.columns.shape
        lambdas = self.grid if lambdas is None else lambdas
        tolerance = self.tolerance if tolerance is None else tolerance
        options = dataclasses.replace(self.options, tolerance=tolerance)
        record = self.solve_path(lambdas, tolerance)
        classes = self.classes if np.ndim(record.intercepts[0]) else ()
        return to_result(record, lambdas, self.null_loss, options, float(n), (n, d), classes)

    def predictor(self, record: PathRecord, index: int, rows: np.ndarray) -> np.ndarray:
        """Return the linear predictor of rows at a penalty, (n_rows,) or (n_rows, K) float64."""
        support = record.supports[index]
        Z = self.design.columns[support[:, None], rows].T.astype(np.float64)
        return Z @ record.values[index] + record.intercepts[index]


class _Logistic(SparseModel):
    """L1-logistic, with or without a ridge share: two classes."""

    usual_tolerance = 1e-5

    @functools.cached_property
    def _null(self) -> tuple[float, np.ndarray]:
        problem = self._problem(ALL_ROWS)
        return problem.loss(), problem.gradient()

    def _problem(self, rows: np.ndarray) -> WorkingSet:
        y = self.y[rows] if rows.size else self.y
        w = np.full(y.size, 1.0 / y.size)
        return WorkingSet(self.design.columns, y, w, rows, self.penalties, self.options.l1_ratio, True)

    @property
    def null_loss(self) -> float:
        return self._null[0]

    @property
    def largest_lambda(self) -> float:
        return largest_lambda(self._null[1], self.penalties, self.options.l1_ratio)

    def solve_path(self, lambdas: np.ndarray, tolerance: float) -> PathRecord:
        return solve_path(self._problem(ALL_ROWS), self._null[1].copy(), lambdas, tolerance * self.null_loss)

    def solve_paths(
        self,
        parts: Sequence[np.ndarray],
        lambdas: np.ndarray,
        tolerance: float,
        *,
        max_entrants: int | None = None,
        compute: ComputeOptions = ComputeOptions(),
        done: Done = lambda: None,
    ) -> list[PathRecord]:
        gap = tolerance * self.null_loss
        if use_torch(compute.device):
            shared = TorchProblems(self.design.columns, self.y, self.penalties, self.options.l1_ratio)
            return solve_batched(
                shared, parts, lambdas, gap, max_entrants=max_entrants, device=compute.device, done=done
            )
        return solve_batch(
            [functools.partial(self._problem, rows) for rows in parts],
            lambdas,
            gap,
            max_entrants=max_entrants,
            is_exact=tolerance < EXACT_BELOW,
            n_jobs=compute.n_jobs,
            done=done,
        )

    def losses(self, predictor: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.logaddexp(0.0, np.where(y > 0.5, -predictor, predictor))


class _Multinomial(SparseModel):
    """Grouped multinomial: several classes."""

    usual_tolerance = 1e-4

    @functools.cached_property
    def _null(self) -> tuple[float, float]:
        problem = self._problem(ALL_ROWS, 1.0)
        return problem.loss(), largest_group_lambda(problem.gradient_norms(is_exact=True), self.penalties)

    def _problem(self, rows: np.ndarray, tolerance: float) -> GroupedProblem:
        columns, y = self.design.columns, self.y
        if rows.size:
            columns, y = np.ascontiguousarray(columns[:, rows]), y[rows]
        w = np.full(y.size, 1.0 / y.size)
        return GroupedProblem(columns, y, len(self.classes), w, self.penalties, tolerance)

    @property
    def null_loss(self) -> float:
        return self._null[0]

    @property
    def largest_lambda(self) -> float:
        return self._null[1]

    def solve_path(self, lambdas: np.ndarray, tolerance: float) -> PathRecord:
        with threadpool_limits(1):
            return self._follow(ALL_ROWS, lambdas, tolerance)

    def _follow(
        self, rows: np.ndarray, lambdas: np.ndarray, tolerance: float, max_entrants: int | None = None
    ) -> PathRecord:
        problem = self._problem(rows, tolerance)
        return solve_grouped_path(problem, lambdas, tolerance * self.null_loss, max_entrants)

    def solve_paths(
        self,
        parts: Sequence[np.ndarray],
        lambdas: np.ndarray,
        tolerance: float,
        *,
        max_entrants: int | None = None,
        compute: ComputeOptions = ComputeOptions(),
        done: Done = lambda: None,
    ) -> list[PathRecord]:
        if compute.device not in (None, "auto"):
            raise InputError("there must be two classes to solve with torch", repr(compute.device), "Leave device out")
        solve = functools.partial(self._follow, lambdas=lambdas, tolerance=tolerance, max_entrants=max_entrants)
        records = []
        n_copies = max(1, _COPIED_BYTES // self.design.columns.nbytes)
        with threadpool_limits(1), ThreadPoolExecutor(min(worker_count(compute.n_jobs), n_copies)) as pool:
            for record in pool.map(solve, parts):
                records.append(record)
                done()
        return records

    def losses(self, predictor: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.asarray(logsumexp(predictor, axis=1) - predictor[np.arange(y.size), y])


def sparse_model(
    rows: LabelledRows,
    path: PathOptions = PathOptions(),
    *,
    classes: Sequence[str] = (),
    compute: ComputeOptions = ComputeOptions(),
    seed: int = 0,
) -> SparseModel:
    """Return the model for training rows, checked: L1-logistic for two classes, multinomial for several.

    Parameters
    ----------
    rows : LabelledRows
        Training rows. Two classes are 0 and 1.
    path : PathOptions
        How its paths are fitted; ``l1_ratio`` must be 1 with several classes, and there must be an intercept.
    classes : sequence of str
        Class names, of which the labels are then indices. Without them several classes are the sorted labels.
    compute : ComputeOptions
        Memory the work may take.
    seed : int
        Seed of the draw of rows where not all fit in memory.

    Raises
    ------
    InputError
        If the input is malformed, or a class does not occur.
    """
    rows, _, note = rows_that_fit(rows, compute.max_bytes, seed)
    if not path.fit_intercept:
        raise InputError("fit_intercept must be true for a signature", "false", "Leave it out")
    X = as_matrix(rows.X)
    names = tuple(str(name) for name in classes)
    several = len(names) > 2 or (not names and np.unique(rows.y).size > 2)
    if several:
        require_grouped(path)
        names, labels = _as_named(rows.y, names)
    else:
        labels = as_two_classes(rows.y).astype(np.float64)
    patients = as_patients(rows.patients, labels)
    notes = (note,) if note else ()
    model = _Multinomial if several else _Logistic
    return model(make_design(X, standardize=path.standardize), labels, patients, path, names, notes)


def _as_named(y: np.ndarray, names: tuple[str, ...]) -> tuple[tuple[str, ...], np.ndarray]:
    """Return class names and each row's class index; every class must occur."""
    values, labels = as_classes(y)
    if not names:
        return tuple(str(v) for v in values), labels
    if values.dtype.kind not in "iu" or values[0] < 0 or values[-1] >= len(names):
        raise InputError(f"labels must be indices of the {len(names)} classes", ", ".join(map(str, values[:4])))
    absent = [name for k, name in enumerate(names) if k not in values]
    if absent:
        raise InputError(
            "every class must occur among the training patches",
            f"none of {', '.join(absent)}",
            "Merge it with another class in the manifest, leave it out, or change the split",
        )
    return names, labels
