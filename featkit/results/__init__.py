"""Result types: frozen dataclasses with ``to_dict``, ``from_dict``, ``save``, ``load`` and ``frame``."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
