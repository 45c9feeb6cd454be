"""Embeddings on disk: Zarr v3 stores in AnnData's layout, written shard by shard and opened only when sealed."""

from featkit.core.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "EmbeddingStore": "featkit.store.store",
        "open_store": "featkit.store.store",
        "StoreWriter": "featkit.store.writer",
        "write_store": "featkit.store.writer",
        "store_info": "featkit.store.inspection",
        "verify_store": "featkit.store.inspection",
        "import_table": "featkit.store.tables",
        "same_encoder": "featkit.store.comparable",
        "require_comparable": "featkit.store.comparable",
    },
)
