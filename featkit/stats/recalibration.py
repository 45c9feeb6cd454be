"""Maps that recalibrate probabilities, fitted on source patients and applied to others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np

from featkit.core.arrays import as_classes, as_groups, as_probabilities, as_two_classes
from featkit.core.errors import InputError
from featkit.core.registry import Registry
from featkit.stats.calibration import to_logit
from featkit.stats.isotonic import isotonic_rates
from featkit.stats.metrics import LOGIT_CLIP

Bounds = list[tuple[float | None, float | None]]

RECALIBRATIONS = Registry(
    "recalibration",
    {
        "platt": "featkit.stats.recalibration:Platt",
        "temperature": "featkit.stats.recalibration:Temperature",
        "isotonic": "featkit.stats.recalibration:Isotonic",
        "beta": "featkit.stats.recalibration:Beta",
    },
    entry_points="featkit.recalibrations",
)
"""Recalibration maps by name."""


def recalibrate(kind: str) -> Recalibration:
    """Return an unfitted map: ``recalibrate("platt").fit(p_source, y_source, groups).predict(p)``.

    Parameters
    ----------
    kind : {"platt", "temperature", "isotonic", "beta"}
        Name in ``RECALIBRATIONS``.
    """
    return RECALIBRATIONS[kind]()


class Recalibration(ABC):
    """A map of probabilities, fitted on source patients only.

    Attributes
    ----------
    patients_ : ndarray of str
        Patients it was fitted on.
    n_patches_ : int
        Patches it was fitted on.
    """

    patients_: np.ndarray
    n_patches_: int

    def fit(self, p: Any, y: Any, groups: Any) -> Self:
        """Fit the map.

        Parameters
        ----------
        p : array of float, shape (n,) or (n, K)
            Probabilities on source patches; K > 2 classes for ``temperature`` only.
        y : array of int, shape (n,)
            Their labels; both classes must occur.
        groups : array, shape (n,), or "patches"
            Their patients, which `predict` then refuses; ``"patches"`` says that there are none to remember.

        Returns
        -------
        Recalibration
            Itself.
        """
        n = len(np.asarray(y))
        values = as_probabilities(p, n)
        names = np.unique(as_groups(groups, n).astype(str))
        if values.ndim == 1:
            self._fit(values, as_two_classes(y))
        else:
            self._fit(values, as_classes(y, values.shape[1]))
        self.patients_, self.n_patches_ = (names[:0] if isinstance(groups, str) else names), n
        return self

    def predict(self, p: Any, groups: Any = None) -> np.ndarray:
        """Return recalibrated probabilities, of the shape of ``p`` ((n,) for (n, 2)).

        Parameters
        ----------
        p : array of float, shape (n,) or (n, K)
            Probabilities.
        groups : array, shape (n,), optional
            Patients of these patches.

        Raises
        ------
        InputError
            If the map is not fitted, or a patient of ``groups`` was among those it was fitted on.
        """
        if not hasattr(self, "patients_"):
            raise InputError(
                "a recalibration map must be fitted first", type(self).__name__, "Call fit on source patients"
            )
        values = as_probabilities(p, len(p))
        if groups is not None:
            shared = np.intersect1d(self.patients_, as_groups(groups, len(values)).astype(str))
            if len(shared):
                raise InputError(
                    "recalibration must be fitted on source patients only",
                    f"{len(shared)} patients on both sides ({', '.join(shared[:3])})",
                    "Fit it on patients that are not evaluated",
                )
        return self._predict(values)

    @property
    def parameters(self) -> dict[str, float]:
        """Fitted parameters by name."""
        return {name: float(value) for name, value in vars(self).items() if isinstance(value, float)}

    @abstractmethod
    def _fit(self, p: np.ndarray, y: np.ndarray) -> None: ...

    @abstractmethod
    def _predict(self, p: np.ndarray) -> np.ndarray: ...


class Platt(Recalibration):
    """Sigmoid of a line in the logit, ``1 / (1 + exp(-(slope_ logit p + intercept_)))``.

    Labels are replaced by Platt's targets ``(n1 + 1) / (n1 + 2)`` and ``1 / (n0 + 2)``, so that separable labels have
    a finite fit (Platt, Advances in Large Margin Classifiers, 1999, section 2.2).
    """

    def _fit(self, p: np.ndarray, y: np.ndarray) -> None:
        logit = to_logit(_two_classes_only(self, p))
        design = np.column_stack([np.ones_like(logit), logit])
        self.intercept_, self.slope_ = map(float, _sigmoid_fit(design, _platt_targets(y), [(None, None)] * 2))

    def _predict(self, p: np.ndarray) -> np.ndarray:
        return _sigmoid(self.intercept_ + self.slope_ * to_logit(_two_classes_only(self, p)))


class Temperature(Recalibration):
    """Logits divided by one temperature, chosen to minimise the log loss (Guo et al., ICML 2017, section 4.2)."""

    def _fit(self, p: np.ndarray, y: np.ndarray) -> None:
        from scipy.optimize import minimize_scalar

        labels = y.astype(np.int64)

        def loss(log_temperature: float) -> float:
            tempered = _tempered(_both(p), np.exp(log_temperature))
            return -float(np.mean(np.log(np.maximum(tempered[np.arange(len(labels)), labels], 1e-300))))

        self.temperature_ = float(np.exp(minimize_scalar(loss, bounds=(-4, 4), options={"xatol": 1e-9}).x))

    def _predict(self, p: np.ndarray) -> np.ndarray:
        tempered = _tempered(_both(p), self.temperature_)
        return tempered[:, 1] if p.ndim == 1 else tempered


class Isotonic(Recalibration):
    """The isotonic fit of label on probability, interpolated between source probabilities and held at its ends.

    Zadrozny and Elkan, KDD 2002.
    """

    def _fit(self, p: np.ndarray, y: np.ndarray) -> None:
        self._probability, _, self._rate = isotonic_rates(y, _two_classes_only(self, p))

    def _predict(self, p: np.ndarray) -> np.ndarray:
        return np.clip(np.interp(_two_classes_only(self, p), self._probability, self._rate), 0.0, 1.0)


class Beta(Recalibration):
    """``1 / (1 + exp(-(a_ ln p - b_ ln(1 - p) + c_)))`` with a_, b_ >= 0, fitted to Platt's targets.

    Kull, Silva Filho and Flach, AISTATS 2017, equation 5.
    """

    def _fit(self, p: np.ndarray, y: np.ndarray) -> None:
        design = self._design(p)
        bounds: Bounds = [(0.0, None), (0.0, None), (None, None)]
        self.a_, self.b_, self.c_ = map(float, _sigmoid_fit(design, _platt_targets(y), bounds))

    def _predict(self, p: np.ndarray) -> np.ndarray:
        return _sigmoid(self._design(p) @ np.array([self.a_, self.b_, self.c_]))

    def _design(self, p: np.ndarray) -> np.ndarray:
        kept = np.clip(_two_classes_only(self, p), LOGIT_CLIP, 1 - LOGIT_CLIP)
        return np.column_stack([np.log(kept), -np.log1p(-kept), np.ones_like(kept)])


def _two_classes_only(which: Recalibration, p: np.ndarray) -> np.ndarray:
    if p.ndim > 1:
        name = type(which).__name__.lower()
        raise InputError(f"{name} is for two classes", f"{p.shape[1]} classes", "Use temperature")
    return p


def _both(p: np.ndarray) -> np.ndarray:
    return np.column_stack([1 - p, p]) if p.ndim == 1 else p


def _tempered(p: np.ndarray, temperature: float) -> np.ndarray:
    logs = np.log(np.maximum(p, LOGIT_CLIP)) / temperature
    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _platt_targets(y: np.ndarray) -> np.ndarray:
    ones = int(y.sum())
    return np.where(y, (ones + 1) / (ones + 2), 1 / (len(y) - ones + 2))


def _sigmoid(eta: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return expit(eta)


def _sigmoid_fit(design: np.ndarray, target: np.ndarray, bounds: Bounds) -> np.ndarray:
    """Return coefficients (k,) that minimise the cross-entropy of ``sigmoid(design @ c)`` to targets in (0, 1)."""
    from scipy.optimize import minimize

    scale = np.maximum(np.abs(design).max(axis=0), 1e-12)
    scaled = design / scale

    def loss(c: np.ndarray) -> tuple[float, np.ndarray]:
        eta = scaled @ c
        value = np.mean(np.logaddexp(0, eta) - target * eta)
        return float(value), scaled.T @ (_sigmoid(eta) - target) / len(target)

    start = np.zeros(design.shape[1])
    fit = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-10})
    return fit.x / scale
