"""One function per user task; the command line and ``import featkit`` offer the same ones."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
