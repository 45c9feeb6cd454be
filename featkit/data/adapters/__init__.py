"""Adapters: what lies on disk, read into a `Manifest`; each is called with a path and its own options."""

from featkit.core.registry import Registry

ADAPTERS = Registry(
    "adapter",
    {
        "breakhis": "featkit.data.adapters.breakhis:read_breakhis",
        "folder": "featkit.data.adapters.folder:read_folder",
        "table": "featkit.data.adapters.table:read_table",
    },
    entry_points="featkit.adapters",
)

__all__ = ["ADAPTERS"]
