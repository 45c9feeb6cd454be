"""Virtual breast tissue drawn in microns and photographed as BreaKHis was: data with a known truth."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
