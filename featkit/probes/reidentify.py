"""Identify patients at a domain from their patches at the other domains, under any relabelling.

Patients and domains make cells: the patches of one patient at one domain. Ridge scores and nearest neighbours are
computed once, cell by cell; under a relabelling, which gives whole cells to other patients, what a patient scores is
the sum over the cells that then are theirs. The null is therefore exact and needs no refit.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from featkit.probes.ridge import CellRidge, Rows, blocks_of

METRICS = {"top1": 1, "top5": 5, "retrieval": 0}
"""The metrics, and how many guesses count in those that count guesses."""


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


def standardised_within(X: np.ndarray, domain: np.ndarray) -> Rows:
    """Return what gives rows with mean 0 and deviation 1 inside each domain; constant columns become 0.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Embeddings; read in blocks, never copied whole.
    domain : ndarray of int, shape (n,)
        Domain of each row.

    Returns
    -------
    callable
        ``rows -> (t, d)`` float64.
    """
    n_domains = int(domain.max()) + 1
    mean, factor = np.zeros((n_domains, X.shape[1])), np.zeros((n_domains, X.shape[1]))
    for k in np.unique(domain):
        rows = np.flatnonzero(domain == k)
        blocks = blocks_of(rows)
        mean[k] = sum(X[some].sum(axis=0, dtype=np.float64) for some in blocks) / len(rows)
        deviation = np.sqrt(sum(np.square(X[some] - mean[k]).sum(axis=0) for some in blocks) / len(rows))
        varies = deviation > 1e-7 * (1 + np.abs(mean[k]))
        factor[k] = np.divide(1, deviation, out=np.zeros_like(deviation), where=varies)
    return lambda rows: (X[rows] - mean[domain[rows]]) * factor[domain[rows]]


def search(Z: Rows, patient: np.ndarray, domain: np.ndarray, held_out: int, n_neighbors: int) -> Search:
    """Prepare the search of one domain.

    Parameters
    ----------
    Z : callable
        ``rows -> (t, d)``: standardised embeddings.
    patient, domain : ndarray of int, shape (n,)
        Patient and domain of each row.
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
    present, place = np.unique(cell, return_inverse=True)  # a patient may be missing at one of the others
    ridge = CellRidge(lambda rows: Z(known[rows]), place)
    scores, near = np.zeros((len(sought), n_cells)), np.zeros((len(here), n_cells))
    for some in blocks_of(np.arange(len(sought))):
        values = Z(sought[some])
        scores[some[:, None], present] = ridge.predict(values)
        np.add.at(near, who[some], _neighbour_shares(values, Z, known, cell, n_cells, n_neighbors))
    near /= np.bincount(who)[:, None]
    shape = (-1, len(here), len(others))
    n_known = size.reshape(len(here), len(others)).sum(axis=1)
    return Search(here, held_out, others, who, scores.reshape(shape), near.reshape(shape), n_known)


def _neighbour_shares(
    A: np.ndarray, Z: Rows, known: np.ndarray, cell: np.ndarray, n_cells: int, n_neighbors: int
) -> np.ndarray:
    """Return for each row of A the share of its nearest known rows (by cosine) in each cell (t, n_cells)."""
    k, A = min(n_neighbors, len(known)), _unit(A)
    likeness = np.concatenate([A @ _unit(Z(some)).T for some in blocks_of(known)], axis=1)
    nearest = np.argpartition(-likeness, k - 1, axis=1)[:, :k]
    shares = np.zeros((len(A), n_cells))
    np.add.at(shares, (np.arange(len(A))[:, None], cell[nearest]), 1 / k)
    return shares


def _unit(A: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(A, axis=1, keepdims=True)
    return (A / np.where(length > 0, length, 1)).astype(np.float32)
