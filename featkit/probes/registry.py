"""The probes by name."""

from featkit.core.registry import Registry

PROBES = Registry(
    "probe",
    {
        "magnification": "featkit.probes.domain:probe_domain",
        "patient": "featkit.probes.patient:probe_patient",
    },
)
"""Each is called as ``probe(X, domain, groups, *, label=None, seed=0, n_permutations=..., ...) -> ProbeResult``."""
