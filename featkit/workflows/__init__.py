"""One function per user task; the command line and ``import featkit`` offer the same ones."""

from featkit.core.lazy import attach

WORKFLOWS = {
    "init": "featkit.workflows._init",
    "split": "featkit.workflows._split",
    "audit": "featkit.workflows._audit",
    "train": "featkit.workflows._train",
    "extract": "featkit.workflows._extract",
    "signatures": "featkit.workflows._signatures",
    "evaluate": "featkit.workflows._evaluate",
    "compare": "featkit.workflows._compare",
    "probe": "featkit.workflows._probe",
    "report": "featkit.workflows._report",
    "demo": "featkit.workflows._demo",
    "store_info": "featkit.workflows._store",
    "store_verify": "featkit.workflows._store",
    "store_import": "featkit.workflows._store",
}

__getattr__, __dir__, __all__ = attach(__name__, WORKFLOWS)
