"""Pixels to embeddings: encoders, their transforms and streaming extraction (torch, timm; the extra ``[torch]``)."""

from featkit.core.lazy import attach

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
