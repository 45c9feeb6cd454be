"""Pixels to embeddings: encoders, their transforms and streaming extraction (torch, timm; the extra ``[torch]``)."""

import os

from featkit.core.lazy import attach

# OpenMP's threads spin while they wait for each other. Where anything else runs (our own reading threads, a shared
# machine), that slows small networks several times over; sleeping costs little elsewhere. Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "ENCODERS": "featkit.encoders.registry",
        "Encoder": "featkit.encoders.encoder",
        "Transform": "featkit.encoders.transform",
        "embed_patches": "featkit.encoders.extract",
        "load_encoder": "featkit.encoders.load",
        "read_patches": "featkit.encoders.read",
        "restore_encoder": "featkit.encoders.saved",
        "save_encoder": "featkit.encoders.saved",
    },
)
