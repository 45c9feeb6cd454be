"""Labelled forecasts: what every metric, curve and comparison is computed from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from featkit.core.arrays import as_binary, as_classes, as_groups, as_numbers, as_probabilities, as_scores, n_rows
from featkit.core.errors import InputError, did_you_mean

ScoreUnit = Literal["patient", "slide"]
Summary = Literal["mean", "median", "max"]
_SUMMARIES: dict[str, Any] = {"mean": np.mean, "median": np.median, "max": np.max}


@dataclasses.dataclass(frozen=True, eq=False)
class Forecasts:
    """Labels and forecasts of patches, with whose they are; checked when made.

    Parameters
    ----------
    y : array of int, shape (n,)
        Labels, 0/1 or 0..K-1. Kept as booleans for two classes, int64 for more.
    p : array of float, shape (n,) or (n, K)
        Scores of class 1 (any finite numbers; metrics of probabilities need them in [0, 1]), or class probabilities.
        Two columns become one.
    groups : array, shape (n,), or "patches"
        Patient of each patch; the literal ``"patches"`` says that patches are independent.
    folds : array, shape (n,), optional
        Fold of each patch: whose model made its forecast.
    domains : array, shape (n,), optional
        Domain of each patch.
    slides : array, shape (n,), optional
        Slide of each patch; names count within a patient.
    class_names : sequence of str, optional
        Names of classes 0, 1, ...; "0", "1", ... by default.
    threshold : float
        Class 1 is decided when its score is at least this; with more than two classes the most probable is.
    n_bins : int
        Bins of calibration errors.
    is_one_scale : bool
        Whether scores of different folds share one scale, so that patches of two folds may be ranked against each
        other. Models fitted fold by fold do not; one model applied to all folds does.
    nothing_selected : sequence of str
        Folds whose signature is empty, so that its forecast is constant.
    n_cohort : int, optional
        Patients of the cohort that these are a part of, where the part was drawn in the cohort's class shares, as a
        split stratified by class does. The shares then vary like those of so many patients, not of these few.
    unit : str
        What ``groups`` are, for the record.

    Raises
    ------
    InputError
        If shapes do not go together, labels are no classes, or scores are missing.

    Examples
    --------
    >>> found = Forecasts([0, 1, 1], [0.2, 0.7, 0.9], ["a", "b", "b"])
    >>> found.n_classes, found.label_unit
    (2, 'patient')
    """

    y: Any
    p: Any
    groups: Any
    folds: Any = None
    domains: Any = None
    slides: Any = None
    class_names: Sequence[str] | None = None
    threshold: float = 0.5
    n_bins: int = 15
    is_one_scale: bool = False
    nothing_selected: Sequence[str] = ()
    n_cohort: int | None = None
    unit: str = "patient"

    def __post_init__(self) -> None:
        n = n_rows(self.y, "y")
        values = as_numbers(self.p, "forecasts")
        values = as_scores(values, n) if values.ndim == 1 else as_probabilities(values, n)
        given: dict[str, Any] = {
            "y": as_binary(self.y) if values.ndim == 1 else as_classes(self.y, values.shape[1]),
            "p": values,
            "groups": as_groups(self.groups, n),
            "threshold": float(self.threshold),
            "nothing_selected": tuple(str(name) for name in self.nothing_selected),
            "unit": "patch" if isinstance(self.groups, str) else self.unit,
        }
        for name in ("folds", "domains", "slides"):
            if getattr(self, name) is not None:
                given[name] = as_groups(getattr(self, name), n, name).astype(str)
        n_patients = len(np.unique(given["groups"]))
        if self.n_cohort is not None and self.n_cohort < n_patients:
            raise InputError(f"n_cohort must be at least the {n_patients} patients given", self.n_cohort)
        n_classes = 2 if values.ndim == 1 else values.shape[1]
        names = tuple(map(str, range(n_classes) if self.class_names is None else self.class_names))
        if len(set(names)) != n_classes or len(names) != n_classes:
            raise InputError(f"class_names must be {n_classes} different names", ", ".join(names))
        given["class_names"] = names
        for name, value in given.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of classes 0, 1, ..."""
        return tuple(self.class_names or ())

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return 2 if self.p.ndim == 1 else self.p.shape[1]

    @property
    def decided(self) -> np.ndarray:
        """Class decided for each patch, shape (n,)."""
        return self.p >= self.threshold if self.p.ndim == 1 else np.argmax(self.p, axis=1)

    @property
    def right(self) -> np.ndarray:
        """1.0 where the decision is right, shape (n,)."""
        return (self.decided == self.y).astype(np.float64)

    @property
    def is_constant(self) -> bool:
        """Whether all patches have the same forecast."""
        return bool((self.p == self.p[:1]).all())

    @property
    def label_unit(self) -> str:
        """What labels belong to: "patient" or "slide" where all its patches share one, else "patch"."""
        if self.unit == "patch":
            return "patch"
        for name in ("patient", "slide"):
            if (name == "patient" or self.slides is not None) and self._mixed(name) is None:
                return name
        return "patch"

    def take(self, rows: np.ndarray | None) -> Forecasts:
        """Return some of the patches; all of them for None."""
        if rows is None:
            return self
        given = {
            name: getattr(self, name)[rows]
            for name in ("y", "p", "groups", "folds", "domains", "slides")
            if getattr(self, name) is not None
        }
        return dataclasses.replace(self, **given)

    def with_p(self, p: Any) -> Forecasts:
        """Return the same patches with another forecast, such as a recalibrated one."""
        return dataclasses.replace(self, p=p)

    def against_rest(self, k: int) -> Forecasts:
        """Return class ``k`` against all others, scored with its probability."""
        names = ("rest" if self.names[k] != "rest" else "others", self.names[k])
        return dataclasses.replace(self, y=self.y == k, p=self.p[:, k], class_names=names)

    def by_unit(self, unit: ScoreUnit = "patient", summary: Summary = "mean") -> Forecasts:
        """Return one score per patient or slide (and fold): slides with many patches do not outvote small ones.

        Parameters
        ----------
        unit : {"patient", "slide"}
            What gets one score.
        summary : {"mean", "median", "max"}
            How the scores of its patches become one; class probabilities are scaled to sum to 1 again. "max" is for
            scores of class 1, where one positive patch decides.

        Returns
        -------
        Forecasts
            One row per unit and fold, in sorted order, without slides. Patients stay the units of resampling.

        Raises
        ------
        InputError
            If patches of one unit have different labels, or slides or patients are not known.

        Examples
        --------
        >>> Forecasts([0, 1, 1], [0.2, 0.7, 0.9], ["a", "b", "b"]).by_unit("patient").p.tolist()
        [0.2, 0.8]
        """
        if summary not in _SUMMARIES:
            raise InputError("summary must be a known one", repr(summary), did_you_mean(str(summary), _SUMMARIES))
        if summary == "max" and self.p.ndim > 1:
            raise InputError("the largest score needs two classes", f"{self.n_classes} classes", "Use summary='mean'")
        if (mixed := self._mixed(unit)) is not None:
            raise InputError(
                f"a score per {unit} needs one label per {unit}",
                f"{unit} {mixed} with two",
                "Score patches, or label each by its patient",
            )
        owner = self._owner(unit)
        if self.folds is not None:
            owner = np.unique(np.stack([owner.astype(str), self.folds]), axis=1, return_inverse=True)[1].ravel()
        _, first, member = np.unique(owner, return_index=True, return_inverse=True)
        order = np.argsort(member, kind="stable")
        parts = np.split(self.p[order], np.cumsum(np.bincount(member))[:-1])
        p = np.array([_SUMMARIES[summary](part, axis=0) for part in parts])
        if p.ndim > 1:
            p /= p.sum(axis=1, keepdims=True)
        domains = self.domains
        if domains is not None:
            same = domains == domains[first][member]
            domains = domains[first] if same.all() else None
        folds = None if self.folds is None else self.folds[first]
        return dataclasses.replace(
            self, y=self.y[first], p=p, groups=self.groups[first], folds=folds, domains=domains, slides=None
        )

    def _owner(self, unit: str) -> np.ndarray:
        if unit == "patient" and self.unit != "patch":
            return np.unique(self.groups, return_inverse=True)[1]
        if unit == "slide" and self.slides is not None:
            pairs = np.stack([self.groups.astype(str), self.slides])
            return np.unique(pairs, axis=1, return_inverse=True)[1].ravel()
        raise InputError(
            f"a score per {unit} needs {unit}s", "none", f"Pass {'groups' if unit == 'patient' else 'slides'}"
        )

    def _mixed(self, unit: str) -> str | None:
        """Return the name of the first patient or slide with two labels; None where there is none."""
        owner = self._owner(unit)
        _, first, member = np.unique(owner, return_index=True, return_inverse=True)
        differing = np.flatnonzero(self.y != self.y[first][member])
        if not len(differing):
            return None
        return str((self.groups if unit == "patient" else self.slides)[differing[0]])
