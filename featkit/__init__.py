"""featkit: embedding-first analysis of frozen features for computational pathology.

Every command of the shell is a function here with the same name and the same parameters::

    import featkit

    store = featkit.open("uni.zarr")
    found = featkit.signatures(store, fold="100X")
    found.frame()
"""

from featkit.core.lazy import attach

__version__ = "0.1.0"

_exports = dict.fromkeys(
    ("init", "split", "audit", "train", "extract", "signatures", "evaluate", "compare", "probe", "report", "demo"),
    "featkit.workflows",
) | {
    "store_info": "featkit.workflows",
    "store_verify": "featkit.workflows",
    "store_import": "featkit.workflows",
    "open": "featkit.workflows._store",
    "load_result": "featkit.core.results",
}

__getattr__, __dir__, __all__ = attach(__name__, _exports)
