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
from typing import Any, ClassVar

import numpy as np
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits

from featkit.core.errors import InputError
from featkit.results.path import PathResult
from featkit.sparse.memory import thin
from featkit.sparse.multinomial import as_classes, largest_group_lambda
from featkit.sparse.path import check_options, largest_lambda, to_result
from featkit.sparse.solvers.batch import EXACT_BELOW, solve_many
from featkit.sparse.solvers.design import Design, Patients, as_given, as_labels, as_matrix, as_patients, make_design
from featkit.sparse.solvers.multinomial import GroupedProblem, follow_groups
from featkit.sparse.solvers.path_record import Trace
from featkit.sparse.solvers.path_solver import follow
from featkit.sparse.solvers.threads import worker_count
from featkit.sparse.solvers.torch_batch import solve_batched, use_torch
from featkit.sparse.solvers.working_set import ALL_ROWS, WorkingSet

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
    l1_ratio : float
        Share of the penalty that is L1.
    classes : tuple of str
        Class names; may be empty with two classes.
    notes : tuple of str
        What a reader must know about the rows.
    """

    design: Design
    y: np.ndarray
    patients: Patients
    l1_ratio: float
    classes: tuple[str, ...]
    notes: tuple[str, ...]

    usual_tolerance: ClassVar[float]
    """Relative duality gap to solve to where nothing else is asked."""

    @functools.cached_property
    def penalties(self) -> np.ndarray:
        """Penalty weights, (d,) float64: 1, and infinity for constant dimensions."""
        return np.where(self.design.is_dead, np.inf, 1.0)

    @property
    @abc.abstractmethod
    def null_loss(self) -> float:
        """Mean loss of the model with intercepts alone, in nats."""

    @property
    @abc.abstractmethod
    def largest_lambda(self) -> float:
        """Smallest penalty at which nothing is selected."""

    @abc.abstractmethod
    def follow(self, lambdas: np.ndarray, tolerance: float) -> Trace:
        """Solve along the penalties on all rows, to gaps of ``tolerance`` relative to the null loss."""

    @abc.abstractmethod
    def follow_many(
        self,
        parts: Sequence[np.ndarray],
        lambdas: np.ndarray,
        tolerance: float,
        *,
        max_entrants: int | None = None,
        n_jobs: int | None = None,
        device: str | None = None,
        done: Done = lambda: None,
    ) -> list[Trace]:
        """Solve along the penalties on each set of sorted rows, to gaps of ``tolerance`` relative to the null loss.

        See `featkit.sparse.solvers.batch.solve_many`; a ``device`` is that of `featkit.sparse.solvers.torch_batch`.
        """

    @abc.abstractmethod
    def losses(self, predictor: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return each row's loss in nats, (n,), given its linear predictor, (n,) or (n, K)."""

    def path(self, lambdas: np.ndarray, tolerance: float) -> PathResult:
        """Return the path on all rows, on the scale of the design; see `follow`."""
        d, n = self.design.columns.shape
        trace = self.follow(lambdas, tolerance)
        classes = self.classes if np.ndim(trace.intercepts[0]) else ()
        return to_result(trace, lambdas, self.null_loss, tolerance, self.l1_ratio, float(n), (n, d), classes)

    def predictor(self, trace: Trace, index: int, rows: np.ndarray) -> np.ndarray:
        """Return the linear predictor of rows at a penalty, (n_rows,) or (n_rows, K) float64."""
        support = trace.supports[index]
        Z = self.design.columns[support[:, None], rows].T.astype(np.float64)
        return Z @ trace.values[index] + trace.intercepts[index]


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
        return WorkingSet(self.design.columns, y, w, rows, self.penalties, self.l1_ratio, True)

    @property
    def null_loss(self) -> float:
        return self._null[0]

    @property
    def largest_lambda(self) -> float:
        return largest_lambda(self._null[1], self.penalties, self.l1_ratio)

    def follow(self, lambdas: np.ndarray, tolerance: float) -> Trace:
        return follow(self._problem(ALL_ROWS), self._null[1].copy(), lambdas, tolerance * self.null_loss)

    def follow_many(
        self,
        parts: Sequence[np.ndarray],
        lambdas: np.ndarray,
        tolerance: float,
        *,
        max_entrants: int | None = None,
        n_jobs: int | None = None,
        device: str | None = None,
        done: Done = lambda: None,
    ) -> list[Trace]:
        columns, gap = self.design.columns, tolerance * self.null_loss
        if use_torch(device):
            return solve_batched(
                columns, self.y, parts, self.penalties, lambdas, gap, self.l1_ratio, max_entrants, device, done
            )
        return solve_many(
            columns,
            [functools.partial(self._problem, rows) for rows in parts],
            lambdas,
            gap,
            max_entrants=max_entrants,
            is_exact=tolerance < EXACT_BELOW,
            n_jobs=n_jobs,
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

    def follow(self, lambdas: np.ndarray, tolerance: float) -> Trace:
        with threadpool_limits(1):
            return self._follow(ALL_ROWS, lambdas, tolerance)

    def _follow(
        self, rows: np.ndarray, lambdas: np.ndarray, tolerance: float, max_entrants: int | None = None
    ) -> Trace:
        problem = self._problem(rows, tolerance)
        return follow_groups(problem, lambdas, tolerance * self.null_loss, max_entrants)

    def follow_many(
        self,
        parts: Sequence[np.ndarray],
        lambdas: np.ndarray,
        tolerance: float,
        *,
        max_entrants: int | None = None,
        n_jobs: int | None = None,
        device: str | None = None,
        done: Done = lambda: None,
    ) -> list[Trace]:
        if device not in (None, "auto"):
            raise InputError("there must be two classes to solve with torch", repr(device), "Leave device out")
        solve = functools.partial(self._follow, lambdas=lambdas, tolerance=tolerance, max_entrants=max_entrants)
        traces = []
        n_copies = max(1, _COPIED_BYTES // self.design.columns.nbytes)
        with threadpool_limits(1), ThreadPoolExecutor(min(worker_count(n_jobs), n_copies)) as pool:
            for trace in pool.map(solve, parts):
                traces.append(trace)
                done()
        return traces

    def losses(self, predictor: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.asarray(logsumexp(predictor, axis=1) - predictor[np.arange(y.size), y])


def sparse_model(
    X: Any,
    y: Any,
    groups: Any,
    *,
    classes: Sequence[str] = (),
    l1_ratio: float = 1.0,
    standardize: bool = True,
    max_bytes: int | None = None,
    seed: int = 0,
) -> SparseModel:
    """Return the model for training rows, checked: L1-logistic for two classes, multinomial for several.

    Parameters
    ----------
    X, y, groups : (n, d), (n,) and (n,) arrays
        Training embeddings, labels and patients. Two classes are 0 and 1. The literal "patches" for the patients says
        that rows are independent.
    classes : sequence of str
        Class names, of which the labels are then indices. Without them several classes are the sorted labels.
    l1_ratio : float
        Share of the penalty that is L1; 1 with several classes.
    standardize : bool
        Take off the mean of each dimension and divide by its standard deviation.
    max_bytes, seed
        As in `featkit.sparse.logistic_path`.

    Raises
    ------
    InputError
        If the input is malformed, or a class does not occur.
    """
    if groups is None:
        raise InputError(
            "groups must name each row's patient", "none", "Where rows are independent, say groups='patches'"
        )
    is_by_patch = isinstance(groups, str) and groups == "patches"
    X, rows, note = thin(X, y, None if is_by_patch else groups, max_bytes, seed)
    if rows is not None:
        y, groups = np.asarray(y)[rows], groups if is_by_patch else np.asarray(groups)[rows]
    X = as_matrix(X)
    check_options(l1_ratio, 1e-4, None)
    names = tuple(str(name) for name in classes)
    several = len(names) > 2 or (not names and np.unique(as_given(y, X.shape[0])).size > 2)
    if several:
        if l1_ratio != 1.0:
            raise InputError("l1_ratio must be 1 with more than two classes", l1_ratio)
        names, labels = _as_named(y, X.shape[0], names)
    else:
        labels = as_labels(y, X.shape[0])
    patients = as_patients(np.arange(labels.size) if is_by_patch else groups, labels)
    notes = (note,) if note else ()
    model = _Multinomial if several else _Logistic
    return model(make_design(X, standardize=standardize), labels, patients, l1_ratio, names, notes)


def _as_named(y: Any, n: int, names: tuple[str, ...]) -> tuple[tuple[str, ...], np.ndarray]:
    """Return class names and each row's class index; every class must occur."""
    values, labels = as_classes(y, n)
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
