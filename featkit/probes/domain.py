"""The magnification, or another domain, read from the embeddings of new patients."""

from __future__ import annotations

from typing import Any

from featkit.probes.column import probe_column
from featkit.results.probe import ProbeResult


def probe_domain(X: Any, domain: Any, groups: Any, *, target: str = "magnification", **options: Any) -> ProbeResult:
    """Probe embeddings for their domain, on patients the probe was not trained on.

    Which question is asked depends on the rows that are passed: those of the training magnifications (what gradient
    reversal works against), those of all magnifications, or all with ``domain`` reduced to held-out or not (whether
    the shift can be seen). Say which in ``regime``.

    Parameters
    ----------
    X : array of shape (n, d)
        Embeddings.
    domain : array of shape (n,)
        Magnification of each patch.
    groups : array of shape (n,)
        Patient of each patch.
    target : str
        The domain column's name.
    **options
        ``label``, ``within``, ``model``, ``n_splits``, ``n_permutations``, ``n_draws``, ``level``, ``seed``,
        ``regime`` and ``store_id`` of `probe_column`.

    Returns
    -------
    ProbeResult

    Raises
    ------
    InputError
        See `probe_column`.
    """
    return probe_column(X, domain, groups, target=target, **options)
