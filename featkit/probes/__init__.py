"""Probes: what small models can read from a frozen embedding, next to chance and to relabelled patients."""

from featkit.core.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "PROBES": "featkit.probes.registry",
        "probe_column": "featkit.probes.column",
        "probe_domain": "featkit.probes.domain",
        "probe_patient": "featkit.probes.patient",
    },
)
