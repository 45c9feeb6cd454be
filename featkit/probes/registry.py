"""The probes by name."""

from __future__ import annotations

from collections.abc import Callable

from featkit.core.registry import Registry
from featkit.results.probe import ProbeResult

PROBES = Registry(
    "probe",
    {
        "column": "featkit.probes.column:probe_column",
        "magnification": "featkit.probes.column:probe_column",
        "patient": "featkit.probes.patient:probe_patient",
    },
    entry_points="featkit.probes",
)
"""Each is called as ``probe(rows, options, resampling, key) -> ProbeResult``."""


def probe_of(target: str) -> Callable[..., ProbeResult]:
    """Return the probe of a target: the one of that name, else the one that reads any column.

    Parameters
    ----------
    target : str
        "patient", the name of another package's probe, or the name of a column ("magnification", "site").

    Returns
    -------
    callable
        ``probe(rows, options, resampling, key) -> ProbeResult``; ``options.column`` names the column.

    Examples
    --------
    >>> probe_of("scanner").__name__, probe_of("patient").__name__
    ('probe_column', 'probe_patient')
    """
    found: Callable[..., ProbeResult] = PROBES[target if target in PROBES else "column"]
    return found
