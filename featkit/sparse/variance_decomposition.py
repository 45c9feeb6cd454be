"""Which dimensions carry class, which carry patient and which carry the domain: variance shares."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from featkit.core.errors import InputError
from featkit.results.variance_decomposition import VarianceDecomposition

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_BLOCK = 256


def decompose_variance(
    X: np.ndarray,
    label: np.ndarray,
    groups: np.ndarray,
    domain: np.ndarray | None = None,
    *,
    dimensions: np.ndarray | None = None,
    coefficient: np.ndarray | None = None,
    selection_frequency: np.ndarray | None = None,
) -> VarianceDecomposition:
    """Split the variance of each dimension into class, patient, domain and the rest.

    The sums of squares are sequential (Type I): label, then patient within label, then domain (what patients do not
    already explain), then domain by patient (what is left between a patient's domains), then the residual within these
    cells. They add up to the total exactly, balanced or not; in an unbalanced design the domain's share depends on its
    place in the order, so ``domain_alone`` gives it taken out first.

    A share is never zero by chance alone: ``chance`` is what exchangeable rows would give. Patients are few, so read
    the label's share against the patients': the F tests do that, with patients as the unit.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Embeddings.
    label, groups : ndarray of shape (n,)
        Class and patient of each patch. Patients are taken as nested in labels: a patient with patches of two labels
        counts as two.
    domain : ndarray of shape (n,), optional
        Magnification, or another column.
    dimensions : ndarray of int, optional
        Columns to split, for example a signature's support; all of them by default.
    coefficient, selection_frequency : ndarray of shape (k,) or (d,), optional
        Carried into the result beside each dimension.

    Returns
    -------
    VarianceDecomposition

    Raises
    ------
    InputError
        If lengths differ, or there is one patient only.

    References
    ----------
    Searle, Linear Models, 1971 (sequential reductions in sums of squares); Scheffé, The Analysis of Variance, 1959
    (nested designs).
    """
    X = np.asarray(X)
    n, d = _check(X, label, groups, domain)
    dimensions = np.arange(d) if dimensions is None else np.asarray(dimensions, dtype=np.int64)
    design = _design(np.asarray(label), np.asarray(groups), None if domain is None else np.asarray(domain))
    k = len(dimensions)
    squares, alone, total = np.zeros((k, len(design.sources))), np.full(k, np.nan), np.zeros(k)
    for start in range(0, k, _BLOCK):
        block = slice(start, min(start + _BLOCK, k))
        values = X[:, dimensions[block]].astype(np.float64)
        is_constant = values.max(axis=0) == values.min(axis=0)
        values -= values.mean(axis=0)
        values[:, is_constant] = 0.0
        total[block] = np.square(values).sum(axis=0)
        squares[block], alone[block] = _split(design, values, total[block])
    shares = np.full_like(squares, np.nan)
    np.divide(squares, total[:, None], out=shares, where=total[:, None] > 0)
    np.divide(alone, total, out=alone, where=total > 0)
    alone[total == 0] = np.nan

    freedom = design.degrees_of_freedom
    label_p = _f_test(squares[:, 0], freedom[0], squares[:, 1], freedom[1])
    domain_p = np.full(k, np.nan)
    if domain is not None:
        domain_p = _f_test(squares[:, 2], freedom[2], squares[:, 3], freedom[3])
    return VarianceDecomposition(
        dimension=dimensions,
        sources=design.sources,
        shares=shares,
        chance=freedom / (n - 1),
        degrees_of_freedom=freedom,
        domain_alone=alone,
        label_p_value=label_p,
        domain_p_value=domain_p,
        coefficient=_beside(coefficient, dimensions, d, "coefficient"),
        selection_frequency=_beside(selection_frequency, dimensions, d, "selection_frequency"),
        n_patches=n,
        n_patients=design.n_patients,
        notes=_notes(design, np.asarray(label), np.asarray(groups), int(np.sum(total == 0))),
    )


@dataclasses.dataclass(frozen=True)
class _Design:
    """Group indicators (scaled by ``n_g^-1/2``, so that squared sums are sums of squares) and the domain's contrast."""

    label: csr_array
    patient: csr_array
    domain: csr_array | None
    cell: csr_array | None
    contrast: np.ndarray | None
    sources: tuple[str, ...]
    degrees_of_freedom: np.ndarray
    n_patients: int


def _design(label: np.ndarray, groups: np.ndarray, domain: np.ndarray | None) -> _Design:
    n = len(label)
    label_code, patient_code = _codes(label), _codes(label, groups)
    n_labels, n_patients = label_code.max() + 1, patient_code.max() + 1
    if domain is None:
        freedom = [n_labels - 1, n_patients - n_labels, n - n_patients]
        sources: tuple[str, ...] = ("label", "patient", "residual")
        cell = by_domain = contrast = None
    else:
        domain_code = _codes(domain)
        cell_code = _codes(patient_code, domain_code)
        n_cells = cell_code.max() + 1
        cell, by_domain = _indicator(cell_code), _indicator(domain_code)
        contrast = _contrast(domain_code, patient_code)
        rank = contrast.shape[1]
        freedom = [n_labels - 1, n_patients - n_labels, rank, n_cells - n_patients - rank, n - n_cells]
        sources = ("label", "patient", "domain", "domain_by_patient", "residual")
    return _Design(
        label=_indicator(label_code),
        patient=_indicator(patient_code),
        domain=by_domain,
        cell=cell,
        contrast=contrast,
        sources=sources,
        degrees_of_freedom=np.array(freedom, dtype=np.float64),
        n_patients=len(np.unique(groups)),
    )


def _split(design: _Design, values: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return sums of squares (k, n_sources) of centred values, and the domain's own (k,)."""

    def between(indicator: csr_array) -> np.ndarray:
        return np.square(indicator @ values).sum(axis=0)

    label, patient = between(design.label), between(design.patient)
    if design.cell is None or design.contrast is None or design.domain is None:
        parts, alone = [label, patient - label, total - patient], np.full(len(total), np.nan)
    else:
        cell, alone = between(design.cell), between(design.domain)
        domain = np.square(design.contrast.T @ values).sum(axis=0)
        parts = [label, patient - label, domain, cell - patient - domain, total - cell]
    return np.maximum(np.column_stack(parts), 0.0), alone


def _codes(*columns: np.ndarray) -> np.ndarray:
    """Return one integer a combination of values that occurs."""
    codes = [np.unique(column, return_inverse=True)[1].ravel() for column in columns]
    return np.unique(np.column_stack(codes), axis=0, return_inverse=True)[1].ravel()


def _indicator(code: np.ndarray) -> csr_array:
    from scipy.sparse import csr_array

    weight = 1 / np.sqrt(np.bincount(code)[code])
    return csr_array((weight, (code, np.arange(len(code)))))


def _contrast(domain: np.ndarray, patient: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis (n, rank) of what the domains add to the patients."""
    dummies = (domain[:, None] == np.arange(domain.max() + 1)).astype(np.float64)
    within = dummies - (_indicator(patient).T @ (_indicator(patient) @ dummies))
    left, singular, _ = np.linalg.svd(within, full_matrices=False)
    return left[:, singular > 1e-9 * np.sqrt(len(domain))]


def _f_test(effect: np.ndarray, effect_df: float, error: np.ndarray, error_df: float) -> np.ndarray:
    from scipy.stats import f

    p = np.full(len(effect), np.nan)
    if effect_df < 1 or error_df < 1:
        return p
    usable = error > 0
    p[usable] = f.sf(effect[usable] / effect_df / (error[usable] / error_df), effect_df, error_df)
    return p


def _check(X: np.ndarray, label: np.ndarray, groups: np.ndarray, domain: np.ndarray | None) -> tuple[int, int]:
    if X.ndim != 2:
        raise InputError("embeddings must be a matrix", f"shape {X.shape}")
    n, d = X.shape
    for name, column in (("label", label), ("groups", groups), ("domain", domain)):
        if column is not None and np.shape(column) != (n,):
            raise InputError(f"{name} must have one value for each of {n} patches", f"shape {np.shape(column)}")
    if len(np.unique(groups)) < 2:
        raise InputError("variance shares need at least two patients", len(np.unique(groups)))
    return n, d


def _beside(values: np.ndarray | None, dimensions: np.ndarray, d: int, name: str) -> np.ndarray:
    if values is None:
        return np.full(len(dimensions), np.nan)
    values = np.asarray(values, dtype=np.float64)
    if values.shape == (len(dimensions),):
        return values
    if values.shape == (d,):
        return values[dimensions]
    raise InputError(f"{name} must have {len(dimensions)} values or {d}", f"shape {values.shape}")


def _notes(design: _Design, label: np.ndarray, groups: np.ndarray, n_constant: int) -> tuple[str, ...]:
    notes = []
    if n_constant:
        notes.append(f"{n_constant} dimensions are constant and have no shares")
    crossing = len(np.unique(_codes(label, groups))) - design.n_patients
    if crossing:
        notes.append(f"{crossing} patients have patches of more than one label and count once for each")
    freedom = dict(zip(design.sources, design.degrees_of_freedom, strict=True))
    if freedom["label"] and freedom["patient"] < 1:
        notes.append("Each label has one patient: label and patient cannot be told apart")
    if design.domain is not None and freedom["domain"] < 1:
        notes.append("Each patient has one domain: domain and patient cannot be told apart")
    return tuple(notes)
