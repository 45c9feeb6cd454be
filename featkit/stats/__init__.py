"""Statistics floor: pure functions on arrays, from discrimination and calibration to overlap and comparison."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
