"""The arrays and numbers of a working set, as the compiled steps take them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Packed(NamedTuple):
    """The arrays of a working set of k columns on m rows; capacities are at least k + 3.

    Parameters
    ----------
    columns : (capacity, m) float32
        The packed columns, unpenalised ones first.
    hessian : (capacity, capacity) float32
        Of the smooth part, as far as built.
    beta, l1, l2 : (capacity,) float64
        Coefficients and their penalties.
    slope, curvature_dots, g : (capacity,) float64
        X'r at the coefficients, X'v, and X't at the dual point t.
    y, w, eta, r, v : (m,) float64
        Labels, weights, linear predictor, residuals (once settled, the dual point), and rows of the Hessian.
    curvature, floor : (m,) float32
        v, and the least that is taken of it.
    direction, origin : (m,) float64
        Room for the line search.
    """

    columns: np.ndarray
    hessian: np.ndarray
    beta: np.ndarray
    l1: np.ndarray
    l2: np.ndarray
    slope: np.ndarray
    curvature_dots: np.ndarray
    g: np.ndarray
    y: np.ndarray
    w: np.ndarray
    eta: np.ndarray
    r: np.ndarray
    v: np.ndarray
    curvature: np.ndarray
    floor: np.ndarray
    direction: np.ndarray
    origin: np.ndarray


class Progress(NamedTuple):
    """The numbers of a working set between steps.

    Parameters
    ----------
    gap : float
        Duality gap over the working set, in nats.
    exp_loss, offset : float
        The gap's bound is ``gap_bound`` with ``exp_loss`` (the exponential loss, sum_i w_i exp(-margin_i), over
        ``(1 - |shift|)**2``) plus ``(1 - s / 2) offset``.
    sum_v, shift : float
        Sum of v; how much of v was taken off r to make it a dual point.
    n_built, extra : int
        Columns of the Hessian that are built, and steps since.
    is_stale : bool
        Whether the Hessian has been corrected since it was built.
    """

    gap: float
    exp_loss: float
    offset: float
    sum_v: float
    shift: float
    n_built: int
    extra: int
    is_stale: bool


class Sums(NamedTuple):
    """Sums over rows at the current linear predictor.

    Parameters
    ----------
    r, v : float
        Of the residuals and of the rows of the Hessian.
    exp_loss : float
        The exponential loss, sum_i w_i exp(-margin_i).
    """

    r: float
    v: float
    exp_loss: float
