"""featkit: embedding-first analysis of frozen features for computational pathology.

Every command of the shell is a function here with the same name and the same parameters::

    import featkit

    store = featkit.open_store("uni.zarr")
    found = featkit.signatures(store, runs=featkit.RunFilter(fold="100X"))
    found.frame()
"""

from lazy_loader import attach_stub

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
