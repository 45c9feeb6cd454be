"""Probes: what small models can read from a frozen embedding, next to chance and to relabelled patients."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
