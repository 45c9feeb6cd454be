"""Sparse models of embeddings: certified L1-logistic paths, stability selection, signatures."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
