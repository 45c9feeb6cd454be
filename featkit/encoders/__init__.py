"""Pixels to embeddings: encoders, their transforms and streaming extraction (torch, timm; the extra ``[torch]``)."""

import os

from lazy_loader import attach_stub

# OpenMP's threads spin while they wait for each other. Where anything else runs (our own reading threads, a shared
# machine), that slows small networks several times over; sleeping costs little elsewhere. Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
