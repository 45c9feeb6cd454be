"""Embeddings on disk: Zarr v3 stores in AnnData's layout, written shard by shard and opened only when sealed."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
