"""Who is it: known patients looked for at a magnification none of them was known at, under any relabelling.

Patients and domains make cells: the patches of one patient at one domain. Ridge scores and nearest neighbours are
computed once, cell by cell; under a relabelling, which gives whole cells to other patients, what a patient scores is
the sum over the cells that then are theirs. The null is therefore exact and needs no refit.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from featkit.probes.ridge import RidgeDesign

METRICS = {"top1": 1, "top5": 5, "retrieval": 0}
"""The metrics, and how many guesses count in those that count guesses."""

_BLOCK = 512


@dataclasses.dataclass(frozen=True)
class Search:
    """One domain searched for the patients known from the others.

    Parameters
    ----------
    here : np.ndarray of int, shape (m,)
        The patients that occur here and elsewhere, sorted.
    domain : int
        The domain that is searched.
    others : np.ndarray of int, shape (s,)
        The domains from which they are known.
    who : np.ndarray of int, shape (t,)
        Position in ``here`` of the patient of each patch here.
    scores : np.ndarray of shape (t, m, s)
        Ridge score of each cell for each patch; 0 where a patient is not at a domain.
    near : np.ndarray of shape (m, m, s)
        Share of a patch's nearest neighbours in each cell, averaged over the patient's patches here.
    n_known : np.ndarray of int, shape (m,)
        Patches of each patient at the other domains.
    """

    here: np.ndarray
    domain: int
    others: np.ndarray
    who: np.ndarray
    scores: np.ndarray
    near: np.ndarray
    n_known: np.ndarray

    def found(self, taken_for: np.ndarray) -> dict[str, np.ndarray]:
        """Return each metric (m,) per patient here, averaged over their patches.

        Parameters
        ----------
        taken_for : np.ndarray of int, shape (n_domains, n_patients)
            The patient that each patient is taken for at each domain: at each, a permutation among patients with the
            same domains. The identity gives what was observed.
        """
        known_as = np.argsort(taken_for, axis=1)
        cells = np.searchsorted(self.here, known_as[self.others][:, self.here])
        own = np.searchsorted(self.here, taken_for[self.domain, self.here])
        s = np.arange(len(self.others))
        scores = self.scores[:, cells.T, s].sum(axis=2)
        mine = np.take_along_axis(scores, own[self.who][:, None], axis=1)
        n_better, n_equal = (scores > mine).sum(axis=1), (scores == mine).sum(axis=1)
        n_each = np.bincount(self.who, minlength=len(self.here))
        found = {}
        for name, k in METRICS.items():
            if k:  # ties are broken at random: the expected share of hits
                hits = np.clip((k - n_better) / n_equal, 0, 1)
                found[name] = np.bincount(self.who, weights=hits, minlength=len(self.here)) / n_each
            else:
                found[name] = self.near[np.arange(len(own))[:, None], cells.T[own], s].sum(axis=1)
        return found


def standardised_within(X: np.ndarray, domain: np.ndarray) -> np.ndarray:
    """Return columns with mean 0 and deviation 1 inside each domain; constant columns become 0."""
    Z = np.empty(X.shape)
    for k in np.unique(domain):
        rows = domain == k
        part = X[rows].astype(np.float64)
        mean = part.mean(axis=0)
        part -= mean
        deviation = part.std(axis=0)
        Z[rows] = np.divide(part, deviation, out=np.zeros_like(part), where=deviation > 1e-7 * (1 + np.abs(mean)))
    return Z


def search(Z: np.ndarray, patient: np.ndarray, domain: np.ndarray, held_out: int, n_neighbors: int) -> Search:
    """Prepare the search of one domain.

    Parameters
    ----------
    Z : np.ndarray of shape (n, d)
        Standardised embeddings.
    patient, domain : np.ndarray of int, shape (n,)
        Who and where.
    held_out : int
        The domain that is searched.
    n_neighbors : int
        Neighbours of a patch in the retrieval.
    """
    is_here = domain == held_out
    here = np.intersect1d(patient[is_here], patient[~is_here])
    known = np.flatnonzero(~is_here & np.isin(patient, here))
    sought = np.flatnonzero(is_here & np.isin(patient, here))
    others = np.unique(domain[known])
    who, n_cells = np.searchsorted(here, patient[sought]), len(here) * len(others)
    cell = np.searchsorted(here, patient[known]) * len(others) + np.searchsorted(others, domain[known])
    size = np.bincount(cell, minlength=n_cells)
    design = RidgeDesign(Z[known], Z[sought], weights=1 / size[cell])
    scores = design.predict((cell[:, None] == np.arange(n_cells)).astype(np.float64))
    shares = _neighbour_shares(Z[sought], Z[known], cell, n_cells, n_neighbors)
    near = np.zeros((len(here), n_cells))
    np.add.at(near, who, shares)
    near /= np.bincount(who)[:, None]
    shape = (-1, len(here), len(others))
    n_known = size.reshape(len(here), len(others)).sum(axis=1)
    return Search(here, held_out, others, who, scores.reshape(shape), near.reshape(shape), n_known)


def _neighbour_shares(A: np.ndarray, B: np.ndarray, cell: np.ndarray, n_cells: int, n_neighbors: int) -> np.ndarray:
    """Return for each row of A the share of its nearest rows of B (by cosine) in each cell."""
    k = min(n_neighbors, len(B))
    B = _unit(B).T
    shares = np.zeros((len(A), n_cells))
    for first in range(0, len(A), _BLOCK):
        some = slice(first, first + _BLOCK)
        nearest = np.argpartition(-(_unit(A[some]) @ B), k - 1, axis=1)[:, :k]
        np.add.at(shares[some], (np.arange(len(nearest))[:, None], cell[nearest]), 1 / k)
    return shares


def _unit(A: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(A, axis=1, keepdims=True)
    return A / np.where(length > 0, length, 1)
